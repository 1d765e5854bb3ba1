// Renders the text of a chat card: the worst findings, as many as people read in a chat.

import { auditSummary, coverageSentences } from '../coverage.ts';
import type { Digest, DigestEntry } from '../digest.ts';
import { largestThatFits } from '../fit.ts';
import { type EntryGroup, firstOf, groupEntries } from '../groups.ts';
import {
  historyLines,
  label,
  muteAgreement,
  muteMatch,
  notListed,
  resolutionLines,
  resolvedTitle,
  routeLine,
  stateLines,
} from '../lifecycle-text.ts';
import type { ResolvedFinding } from '../schema.ts';
import { displayTime, evidenceLines, howMany, loopbackNote, plural, remedyLines, title, who } from '../text.ts';
import { CHAT, chatProse, code, SYMBOLS } from './chat-style.ts';

/** What Slack holds in one block of text: a longer card is folded or split, and people stop reading. */
const COMFORTABLE_LENGTH = 3_000;
const MOST_FINDINGS = 20;
/** A configuration may have a thousand. */
const MOST_MUTES = 5;

/**
 * As many whole findings from the top as fit; the rest is counted.
 *
 * @param maxLength - UTF-16 code units, at most: what the service accepts.
 */
export function cardDescription(digest: Digest, maxLength: number): string {
  const all = digest.active.length + digest.resolved.length;
  return largestThatFits(
    Math.min(all, MOST_FINDINGS),
    (findings) => description(digest, findings),
    // One finding with a long text may take all the room there is.
    (text, findings) => text.length <= (findings > 1 ? COMFORTABLE_LENGTH : maxLength),
  );
}

function description(digest: Digest, findings: number): string {
  const shown = firstOf(digest, findings);
  const paragraphs = [
    ...digest.warnings.map((warning) => `⚠️ ${chatProse(warning)}`),
    ...coverageSentences(digest.targetsByVerdict, CHAT).map((sentence) => `⚠️ ${sentence}`),
    ...groupEntries(shown.active).map(renderGroup),
    ...(shown.resolved.length > 0 ? [['✅ *RESOLVED*', ...shown.resolved.map(renderResolved)].join('\n')] : []),
    ...(shown.leftOut === undefined ? [] : [`*${shown.leftOut}.* The email lists more.`]),
    ...unusedMutes(digest),
    aboutTheRun(digest),
  ];
  return paragraphs.join('\n\n');
}

function renderGroup(group: EntryGroup<DigestEntry>): string {
  const heading = group.title === undefined ? group.check : CHAT.prose(group.title);
  const many = group.entries.length > 1 ? `, ${plural(group.entries.length, 'finding')}` : '';
  return [
    `${SYMBOLS[group.severity]} *${group.severity.toUpperCase()}: ${heading}* (${code(group.check)}${many})`,
    ...group.entries.map((entry) => renderEntry(entry, group.title === undefined)),
    `*How to fix:* ${remedyLines(group.remedy).map(chatProse).join('\n')}`,
  ].join('\n');
}

function renderEntry(entry: DigestEntry, withTitle: boolean): string {
  const { finding } = entry;
  const facts = [
    withTitle ? title(finding, CHAT) : undefined,
    who(finding, CHAT),
    howMany(finding, CHAT),
    ...evidenceLines(finding, CHAT),
    ...historyLines(entry, CHAT),
    `fingerprint ${code(finding.fingerprint)}`,
  ];
  const reason = label(entry);
  return bullet((reason === undefined ? '' : `*${reason}* `) + CHAT.target(finding.target), facts);
}

function renderResolved(finding: ResolvedFinding): string {
  return bullet(CHAT.target(finding.target), [
    resolvedTitle(finding, CHAT),
    who(finding, CHAT),
    ...resolutionLines(finding, CHAT),
  ]);
}

function bullet(what: string, facts: readonly (string | undefined)[]): string {
  return `• ${what}: ${facts.filter((fact) => fact !== undefined).join('; ')}`;
}

function unusedMutes({ unusedMutes: mutes }: Digest): string[] {
  if (mutes.length === 0) return [];
  const shown = mutes.slice(0, MOST_MUTES).map((mute) => {
    const since = mute.unusedSince === undefined ? '' : `; has matched nothing since ${displayTime(mute.unusedSince)}`;
    return `• ${muteMatch(mute, CHAT)}: ${muteAgreement(mute, CHAT)}${since}`;
  });
  const more = mutes.length > MOST_MUTES ? [`*${mutes.length - MOST_MUTES} more left out.*`] : [];
  const whatToDo = 'Remove them from the configuration, or correct what they match.';
  return [['🔕 *MUTES THAT MATCH NO FINDING*', ...shown, ...more, whatToDo].join('\n')];
}

function aboutTheRun(digest: Digest): string {
  const ours = [routeLine(digest), notListed(digest), loopbackNote(digest.loopback)];
  return [
    `Result for ${auditSummary(digest.targetsByVerdict)}. Run of ${displayTime(digest.startedAt)}.`,
    ...ours.filter((line) => line !== undefined).map(chatProse),
    ...(digest.page === undefined ? [] : [`Page of the run: ${digest.page.url.replaceAll('&', '&amp;')}`]),
    ...(digest.state === 'none' ? [NOT_COMPARED] : stateLines(digest)),
  ].join('\n');
}

const NOT_COMPARED =
  'No state is configured, so runs are not compared, and this alert is sent after every run until the findings are fixed.';
