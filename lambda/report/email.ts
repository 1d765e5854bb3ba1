// The email: plain text for someone who reads it on a phone at night.

import type { Digest, Notice } from './digest.ts';
import {
  blindSpots,
  countsText,
  displayTime,
  evidenceLines,
  groupNotices,
  howMany,
  leftOut,
  list,
  lookedAt,
  loopbackNote,
  type NoticeGroup,
  PLAIN,
  plural,
  remedyLines,
  title,
  who,
} from './wording.ts';
import { wrap } from './wrap.ts';

/** Characters a line: what mail clients show without breaking it again (RFC 3676 asks for 78 at most). */
const WIDTH = 72;

/**
 * The email of a digest: what could not be seen, then the findings, worst first, each group with how to fix it, then
 * which run this was and what to do next.
 *
 * @param maxFindings - Whole findings from the top; how many are left out is told. All by default.
 */
export function renderEmail(digest: Digest, maxFindings: number = digest.notices.length): string {
  return emailRenderer(digest)(maxFindings);
}

/** The same for whoever tries how many findings fit: what is told of each is put into words once. */
export function emailRenderer(digest: Digest): (maxFindings: number) => string {
  const told = new Map<Notice, readonly string[]>();
  const tell = (notice: Notice): readonly string[] => {
    const known = told.get(notice) ?? facts(notice);
    told.set(notice, known);
    return known;
  };
  return (maxFindings) => render(digest, maxFindings, tell);
}

type Tell = (notice: Notice) => readonly string[];

function render(digest: Digest, maxFindings: number, tell: Tell): string {
  const { notices } = digest;
  const shown = notices.slice(0, maxFindings);
  const omitted = leftOut(notices, shown.length);
  const paragraphs = [
    wrap(
      `${plural(notices.length, 'finding')} (${countsText(digest.countBySeverity)}) on ${list(digest.targets.map(PLAIN.target))}.`,
      WIDTH,
    ),
    ...blindSpots(digest.targetsByVerdict, PLAIN).map((sentence) => wrap(sentence, WIDTH)),
    ...groupNotices(shown).flatMap((group) => renderGroup(group, tell)),
    ...(omitted === undefined ? [] : [wrap(`${omitted}. Run the audit by hand to see them all.`, WIDTH)]),
    ...aboutTheRun(digest),
  ];
  return `${paragraphs.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function renderGroup(group: NoticeGroup, tell: Tell): string[][] {
  const many = group.notices.length > 1 ? `, ${plural(group.notices.length, 'finding')}` : '';
  const heading = group.title === undefined ? group.check : PLAIN.prose(group.title);
  return [
    [
      '='.repeat(24),
      ...wrap(`${group.severity.toUpperCase()}: ${heading}`, WIDTH),
      ...wrap(`(${group.check}${many})`, WIDTH),
    ],
    ...group.notices.map((notice) => [
      `- ${PLAIN.target(notice.finding.target)}`,
      ...(group.title === undefined ? wrapDetail(title(notice.finding, PLAIN)) : []),
      ...tell(notice),
    ]),
    ['How to fix:', ...remedyLines(group.remedy).flatMap((line) => wrap(line, WIDTH, '  '))],
  ];
}

function facts({ finding }: Notice): string[] {
  return [who(finding, PLAIN), howMany(finding), ...evidenceLines(finding, PLAIN)]
    .filter((line) => line !== undefined)
    .flatMap(wrapDetail);
}

function wrapDetail(line: string): string[] {
  return wrap(line, WIDTH, '  ', '    ');
}

function aboutTheRun(digest: Digest): string[][] {
  const note = loopbackNote(digest.loopback);
  const below =
    digest.belowThreshold > 0
      ? [`${plural(digest.belowThreshold, 'finding')} below ${digest.minSeverity} not listed (alerts.minSeverity).`]
      : [];
  return [
    ['='.repeat(24), 'ABOUT THIS RUN'],
    [
      `Run of ${displayTime(digest.startedAt)} (${digest.startedAt})`,
      `Looked at ${lookedAt(digest.targetsByVerdict)}.`,
      ...below,
      ...(note === undefined ? [] : [note]),
    ].flatMap((line) => wrap(line, WIDTH)),
    wrap(`${STANDS_ALONE} ${REPEATS}`, WIDTH),
    [
      'What to do now:',
      ...wrap('Fix from the top; each group says how.', WIDTH, '1. ', '   '),
      ...wrap(
        'Check at once with "pg-tls-auditor audit --target NAME", or wait for the next run.',
        WIDTH,
        '2. ',
        '   ',
      ),
    ],
  ];
}

const STANDS_ALONE = 'No state is configured: every run stands alone.';
const REPEATS = 'This alert repeats with every run while a problem lasts, and stops when it is gone.';
