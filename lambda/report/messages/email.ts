// Renders the email of a digest as plain text.

import { auditSummary, coverageSentences } from '../coverage.ts';
import type { Digest, DigestEntry } from '../digest.ts';
import { type EntryGroup, firstOf, groupEntries, inTurns } from '../groups.ts';
import { reasonsText } from '../headline.ts';
import {
  historyLines,
  label,
  muteAgreement,
  muteMatch,
  nextSteps,
  notListed,
  resolutionLines,
  resolvedTitle,
  routeLine,
  stateLines,
} from '../lifecycle-text.ts';
import type { ResolvedFinding } from '../schema.ts';
import {
  countsText,
  displayTime,
  evidenceLines,
  howMany,
  list,
  loopbackNote,
  PLAIN,
  plural,
  remedyLines,
  title,
  who,
} from '../text.ts';
import { wrap } from './wrap.ts';

/** Characters a line: what mail clients show without breaking it again (RFC 3676 asks for 78 at most). */
const WIDTH = 72;

const RULE = '='.repeat(24);

/**
 * The email of a digest: how many findings and where, what could not be observed, the findings, worst first, each group
 * with how to fix it, what is resolved, which run this was and what to do next.
 *
 * @param maxFindings - Whole findings from the top, the resolved ones last; the rest is counted. All by default.
 */
export function renderEmail(digest: Digest, maxFindings: number = findingsOf(digest)): string {
  return emailRenderer(digest).render(maxFindings);
}

/** How many findings an email of the digest has when none is left out. */
function findingsOf({ active, resolved }: Digest): number {
  return active.length + resolved.length;
}

export interface EmailRenderer {
  /** See `renderEmail`. */
  readonly render: (maxFindings: number) => string;
  /**
   * A number of findings that the email fits into so many characters with, or takes too many: from there on, only the
   * latter.
   */
  readonly most: (characters: number) => number;
}

/** The same, to try how many findings fit: each finding is put into words once, and none that can't be among them. */
export function emailRenderer(digest: Digest): EmailRenderer {
  const known = new Map<DigestEntry | ResolvedFinding, readonly string[]>();
  const once = <One extends DigestEntry | ResolvedFinding>(notify: (one: One) => readonly string[]) => {
    return (one: One): readonly string[] => {
      const words = known.get(one) ?? notify(one);
      known.set(one, words);
      return words;
    };
  };
  const texts: EntryTexts = { entry: once(facts), resolved: once(resolvedLines) };
  return {
    render: (maxFindings) => render(digest, maxFindings, texts),
    most: (characters) => {
      let left = characters;
      let most = 0;
      for (const words of inWords(digest, texts)) {
        if (left < 0) break;
        left -= words.reduce((sum, line) => sum + line.length + 1, 0);
        most += 1;
      }
      return most;
    },
  };
}

/** What each finding takes at least, in the order in which they find room. */
function* inWords({ active, resolved }: Digest, texts: EntryTexts): Generator<readonly string[]> {
  for (const entry of inTurns(active)) yield texts.entry(entry);
  for (const finding of resolved) yield texts.resolved(finding);
}

interface EntryTexts {
  readonly entry: (entry: DigestEntry) => readonly string[];
  readonly resolved: (finding: ResolvedFinding) => readonly string[];
}

function render(digest: Digest, maxFindings: number, texts: EntryTexts): string {
  const shown = firstOf(digest, maxFindings);
  const paragraphs = [
    wrap(openingLine(digest), WIDTH),
    ...digest.warnings.map((warning) => wrap(warning, WIDTH)),
    ...coverageSentences(digest.targetsByVerdict, PLAIN).map((sentence) => wrap(sentence, WIDTH)),
    ...groupEntries(shown.active).flatMap((group) => renderGroup(group, texts)),
    ...(shown.resolved.length > 0 ? [[RULE, 'RESOLVED'], ...shown.resolved.map(texts.resolved)] : []),
    ...(shown.leftOut === undefined
      ? []
      : [wrap(`${shown.leftOut}. Run "npx pg-tls-auditor audit" to see everything that is open.`, WIDTH)]),
    ...unusedMutes(digest),
    ...aboutTheRun(digest),
  ];
  return `${paragraphs.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/** `4 findings on orders and crm: 1 critical, 3 high (3 new, 1 worse). 1 finding resolved on billing.` */
function openingLine({ active, resolved, unusedMutes: mutes, countBySeverity }: Digest): string {
  const on = (names: readonly string[]): string => `on ${list([...new Set(names)].map(PLAIN.target))}`;
  const allNew = active.every(({ reason }) => reason === 'new');
  const reasons = allNew ? '' : reasonsText(active);
  const counts = countsText(countBySeverity) + (reasons === '' ? '' : ` (${reasons})`);
  const targets = active.map(({ finding }) => finding.target);
  const over = on(resolved.map(({ target }) => target));
  const sentences = [
    active.length > 0
      ? `${plural(active.length, allNew ? 'new finding' : 'finding')} ${on(targets)}: ${counts}.`
      : 'No new finding.',
    ...(resolved.length > 0 ? [`${plural(resolved.length, 'finding')} resolved ${over}.`] : []),
    ...(mutes.length > 0 ? [unusedMutesText(mutes.length)] : []),
  ];
  return sentences.join(' ');
}

function unusedMutesText(count: number): string {
  return `${plural(count, 'mute')} ${count === 1 ? 'matches' : 'match'} no finding.`;
}

function renderGroup(group: EntryGroup<DigestEntry>, texts: EntryTexts): string[][] {
  const many = group.entries.length > 1 ? `, ${plural(group.entries.length, 'finding')}` : '';
  const heading = group.title === undefined ? group.check : PLAIN.prose(group.title);
  return [
    [RULE, ...wrap(`${group.severity.toUpperCase()}: ${heading}`, WIDTH), ...wrap(`(${group.check}${many})`, WIDTH)],
    ...group.entries.map((entry) => [
      ...entryHeading(entry),
      ...(group.title === undefined ? wrapDetail(title(entry.finding, PLAIN)) : []),
      ...texts.entry(entry),
    ]),
    ['How to fix:', ...remedyLines(group.remedy).flatMap((line) => wrap(line, WIDTH, '  '))],
  ];
}

/** `- orders: NEW` */
function entryHeading(entry: DigestEntry): string[] {
  const reason = label(entry);
  return wrap(`${PLAIN.target(entry.finding.target)}${reason === undefined ? '' : `: ${reason}`}`, WIDTH, '- ', '  ');
}

function facts(entry: DigestEntry): string[] {
  const { finding } = entry;
  return [
    who(finding, PLAIN),
    howMany(finding, PLAIN),
    ...evidenceLines(finding, PLAIN),
    ...historyLines(entry, PLAIN),
    `fingerprint: ${finding.fingerprint}`,
  ]
    .filter((line) => line !== undefined)
    .flatMap(wrapDetail);
}

function resolvedLines(finding: ResolvedFinding): string[] {
  return [
    ...wrap(`${PLAIN.target(finding.target)}: ${resolvedTitle(finding, PLAIN)}`, WIDTH, '- ', '  '),
    ...[who(finding, PLAIN), ...resolutionLines(finding, PLAIN)]
      .filter((line) => line !== undefined)
      .flatMap(wrapDetail),
  ];
}

function wrapDetail(line: string): string[] {
  return wrap(line, WIDTH, '  ', '    ');
}

function unusedMutes({ unusedMutes: mutes }: Digest): string[][] {
  if (mutes.length === 0) return [];
  return [
    [RULE, 'MUTES THAT MATCH NO FINDING'],
    ...mutes
      .slice(0, MOST_MUTES)
      .map((mute) => [
        ...wrap(muteMatch(mute, PLAIN), WIDTH, '- ', '  '),
        ...wrapDetail(muteAgreement(mute, PLAIN)),
        ...(mute.unusedSince === undefined
          ? []
          : wrapDetail(`has matched nothing since ${displayTime(mute.unusedSince)}`)),
      ]),
    ...(mutes.length > MOST_MUTES ? [[`${mutes.length - MOST_MUTES} more left out.`]] : []),
    wrap(
      'Remove them from the configuration, or correct what they match. A forgotten mute may hide a finding that it was not meant for.',
      WIDTH,
    ),
  ];
}

/** Who can open the link to the page. */
const PAGE_NOTES = {
  console: 'it asks for a login to AWS',
  page: 'for some hours; anyone with this link can read it',
} as const;

function aboutTheRun(digest: Digest): string[][] {
  const note = loopbackNote(digest.loopback);
  const route = routeLine(digest);
  return [
    [RULE, 'ABOUT THIS RUN'],
    [
      `Run of ${displayTime(digest.startedAt)} (${digest.startedAt})`,
      route,
      `Result for ${auditSummary(digest.targetsByVerdict)}.`,
      notListed(digest),
      note,
    ]
      .filter((line) => line !== undefined)
      .flatMap((line) => wrap(line, WIDTH)),
    // A URL that is broken into lines opens nothing.
    ...(digest.page === undefined
      ? []
      : [[`The page of this run (${PAGE_NOTES[digest.page.opens]}):`, digest.page.url]]),
    wrap(digest.state === 'none' ? `${NOT_COMPARED} ${REPEATS}` : stateLines(digest).join(' '), WIDTH),
    whatToDo(digest),
  ];
}

function whatToDo(digest: Digest): string[] {
  const steps = nextSteps(digest, (command) => `"${command}"`);
  if (digest.active.length === 0) return steps.flatMap((step) => wrap(step, WIDTH));
  return ['What to do now:', ...steps.flatMap((step, index) => wrap(step, WIDTH, `${index + 1}. `, '   '))];
}

/** A configuration may have a thousand. */
const MOST_MUTES = 10;
const NOT_COMPARED = 'No state is configured, so runs are not compared.';
const REPEATS = 'This alert is sent after every run until the findings are fixed.';
