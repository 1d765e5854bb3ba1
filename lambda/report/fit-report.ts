// Fits a report into a size: whole entries are left out and counted, never cut in half.

import { cachedBy } from '../model/cached-by.ts';
import { itemsThatFit } from './fit.ts';
import { inTurns } from './groups.ts';
import type { Report, ReportFinding, ReportTarget } from './schema.ts';

type Section = 'findings' | 'targets' | 'resolved' | 'carriedOver' | 'mutes';

/**
 * The share of the room that each section has when not everything fits, and the key that counts what is left out. Room
 * that one section does not need goes to the others, in this order.
 */
const SECTIONS: readonly {
  readonly name: Section;
  readonly share: number;
  readonly omitted: 'omittedFindings' | 'omittedTargets' | 'omittedResolved' | 'omittedCarriedOver' | 'omittedMutes';
}[] = [
  { name: 'findings', share: 4 / 10, omitted: 'omittedFindings' },
  { name: 'targets', share: 3 / 10, omitted: 'omittedTargets' },
  { name: 'resolved', share: 2 / 10, omitted: 'omittedResolved' },
  { name: 'carriedOver', share: 1 / 20, omitted: 'omittedCarriedOver' },
  { name: 'mutes', share: 1 / 20, omitted: 'omittedMutes' },
];

const VERDICT_ORDER = ['not-audited', 'unknown', 'findings', 'clean'] as const;

/** Findings that this run does not send are left out first. */
const NOT_SENT: ReadonlySet<string | undefined> = new Set(['ongoing', 'muted']);

/**
 * The report itself when its JSON takes at most `bytes`, else one without the last findings and the healthiest targets,
 * counted in `omittedFindings`, `omittedTargets` and so on.
 *
 * @param bytesOf - What a piece of JSON takes where it goes: more than its length when it is quoted in other JSON.
 */
export function fitReport(report: Report, bytes: number, bytesOf: (json: string) => number): Report {
  // Each entry is tried up to three times.
  const entryBytes = cachedBy((entry: object) => bytesOf(JSON.stringify(entry)));
  if (fits(report, bytes, { bytesOf, entryBytes })) return report;
  const ordered = { ...report, ...keptFirst(report) };
  const sections = SECTIONS.filter(({ name }) => ordered[name] !== undefined);
  const none = sections.map((section) => ({ ...section, items: [] as readonly object[] }));
  const room = bytes - bytesOf(JSON.stringify(withOnly(ordered, none)));
  const least = sections.map((section) => ({
    ...section,
    ...itemsThatFit<object>(ordered[section.name] ?? [], room * section.share, entryBytes),
  }));
  let left = room - least.reduce((sum, section) => sum + section.bytes, 0);
  const most = least.map((section) => {
    const more = itemsThatFit<object>(ordered[section.name] ?? [], section.bytes + left, entryBytes);
    left -= more.bytes - section.bytes;
    return { ...section, ...more };
  });
  return withOnly(ordered, most, report);
}

/** The order in which entries find room. */
function keptFirst({ targets, findings }: Report): Pick<Report, 'targets' | 'findings'> {
  return {
    targets: targets.toSorted((a, b) => verdictRank(a) - verdictRank(b)),
    findings: [false, true].flatMap((notSent) =>
      inTurns(findings.filter((one) => isNotSent(one) === notSent).map((finding) => ({ finding }))).map(
        ({ finding }) => finding,
      ),
    ),
  };
}

/** @param whole - The report whose order the findings keep, whichever of them found room first. */
function withOnly(
  report: Report,
  sections: readonly (Omit<(typeof SECTIONS)[number], 'share'> & { readonly items: readonly unknown[] })[],
  whole?: Report,
): Report {
  const parts = Object.fromEntries(
    sections.flatMap(({ name, omitted, items }) => [
      [name, items],
      [omitted, (report[name]?.length ?? 0) - items.length],
    ]),
  ) as Partial<Report>;
  const kept = new Set(parts.findings);
  return {
    ...report,
    ...parts,
    ...(whole === undefined ? {} : { findings: whole.findings.filter((finding) => kept.has(finding)) }),
  };
}

function isNotSent({ lifecycle }: ReportFinding): boolean {
  return NOT_SENT.has(lifecycle?.reason);
}

/** Adds up the parts until there is no room: the whole of a large report in one text is many times what may leave. */
function fits(
  report: Report,
  bytes: number,
  {
    bytesOf,
    entryBytes,
  }: { readonly bytesOf: (json: string) => number; readonly entryBytes: (entry: object) => number },
): boolean {
  const sections = SECTIONS.filter(({ name }) => report[name] !== undefined);
  const frame = { ...report, ...Object.fromEntries(sections.map(({ name }) => [name, []])) };
  let left = bytes - bytesOf(JSON.stringify(frame));
  return sections.every(({ name }) => {
    const all = report[name] ?? [];
    const { items, bytes: taken } = itemsThatFit<object>(all, left, entryBytes);
    left -= taken;
    return items.length === all.length;
  });
}

function verdictRank(target: ReportTarget): number {
  return VERDICT_ORDER.indexOf(target.verdict);
}
