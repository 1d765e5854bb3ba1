// Findings that have much in common, told together: what they share is said once.

import type { Severity } from '../model/severity.ts';
import { countBySeverity } from './digest.ts';
import { placeOf } from './order.ts';
import type { ReportFinding } from './schema.ts';
import { countsText } from './wording.ts';

interface OfFinding {
  readonly finding: ReportFinding;
}

/** Notices that say the same: one severity, one check, one remedy; or rules of one file, with what each remedy adds. */
export interface NoticeGroup<Notice extends OfFinding> {
  readonly severity: Severity;
  readonly check: string;
  /** Refers back where a group of another severity has told it before. */
  readonly remedy: string;
  /** Whether the remedy is but a reference to one above. */
  readonly toldAbove: boolean;
  /** The title all of them share, if they do. */
  readonly title: string | undefined;
  readonly notices: readonly Notice[];
}

interface Draft<Notice> {
  readonly severity: Severity;
  readonly check: string;
  readonly remedy: string;
  readonly notices: readonly Notice[];
}

/**
 * Groups notices, so that what many have in common is told once; in the order in which they come.
 */
export function groupNotices<Notice extends OfFinding>(notices: readonly Notice[]): NoticeGroup<Notice>[] {
  const same = Map.groupBy(notices, ({ finding: { severity, check, remedy } }) =>
    JSON.stringify([severity, check, remedy]),
  );
  const drafts = [...same.values()].flatMap((group): Draft<Notice>[] => {
    const [first] = group;
    if (first === undefined) return [];
    const { severity, check, remedy } = first.finding;
    return [{ severity, check, remedy, notices: group }];
  });
  const told = new Set<string>();
  return withRulesTogether(drafts).map((group) => {
    const titles = new Set(group.notices.map(({ finding }) => finding.title));
    const howTo = JSON.stringify([group.check, group.remedy]);
    const toldAbove = told.has(howTo);
    const remedy = toldAbove ? `As for ${group.check} above.` : group.remedy;
    told.add(howTo);
    return { ...group, remedy, toldAbove, title: titles.size === 1 ? group.notices[0]?.finding.title : undefined };
  });
}

/** Rules of one file that one check finds fault with are one group: what their remedies share is said once. */
function withRulesTogether<Notice extends OfFinding>(drafts: readonly Draft<Notice>[]): Draft<Notice>[] {
  const byFile = Map.groupBy(drafts, (draft) => {
    const [first] = draft.notices;
    const file = first === undefined ? undefined : placeOf(first.finding)?.file;
    const isOfOneTarget = new Set(draft.notices.map(({ finding }) => finding.target)).size === 1;
    if (file === undefined || !isOfOneTarget) return draft;
    return JSON.stringify([draft.severity, draft.check, first?.finding.target, file]);
  });
  return [...byFile.values()].flatMap((group) => {
    const [first] = group;
    const remedy = oneRemedy(group.map((draft) => draft.remedy));
    if (first === undefined || remedy === undefined) return group;
    return [{ ...first, remedy, notices: group.flatMap((draft) => draft.notices) }];
  });
}

/** The lines that all begin with, those of each by itself, and the lines that all end with; undefined without these. */
function oneRemedy(remedies: readonly string[]): string | undefined {
  const all = remedies.map((remedy) => remedy.split('\n'));
  const [first = []] = all;
  const shortest = Math.min(...all.map((lines) => lines.length));
  const isShared = (offset: (lines: readonly string[]) => string | undefined): boolean =>
    all.every((lines) => offset(lines) === offset(first));
  let start = 0;
  while (start < shortest && isShared((lines) => lines[start])) start += 1;
  let end = 0;
  while (end < shortest - start && isShared((lines) => lines.at(-1 - end))) end += 1;
  // A line that announces the next one stays with it.
  const announces = (line: string | undefined): boolean => line?.endsWith(':') ?? false;
  while (start > 0 && announces(first[start - 1])) start -= 1;
  while (end > 0 && all.some((lines) => announces(lines.at(-1 - end)))) end -= 1;
  if (start + end === 0) return undefined;
  const own = all.flatMap((lines) => lines.slice(start, lines.length - end));
  return [...first.slice(0, start), ...own, ...first.slice(first.length - end)].join('\n');
}

/** What of a digest a message shows: whole findings from the top, the resolved ones after the others. */
export interface Shown<Notice, Resolved> {
  readonly notices: readonly Notice[];
  readonly resolved: readonly Resolved[];
  /** `12 more findings left out: 10 high, 2 medium`, `3 resolved left out`; undefined when nothing is. */
  readonly leftOut: string | undefined;
}

/** The first `most` of a digest's findings. */
export function firstOf<Notice extends OfFinding, Resolved>(
  { notices, resolved }: { readonly notices: readonly Notice[]; readonly resolved: readonly Resolved[] },
  most: number,
): Shown<Notice, Resolved> {
  const shown = { notices: notices.slice(0, most), resolved: resolved.slice(0, Math.max(0, most - notices.length)) };
  const more = leftOut(notices.slice(shown.notices.length));
  const resolvedMore = resolved.length - shown.resolved.length;
  const parts = [
    ...(more === undefined ? [] : [more]),
    ...(resolvedMore > 0 ? [`${resolvedMore} resolved left out`] : []),
  ];
  return { ...shown, leftOut: parts.length === 0 ? undefined : parts.join('; ') };
}

function leftOut(rest: readonly OfFinding[]): string | undefined {
  if (rest.length === 0) return undefined;
  const counts = countsText(countBySeverity(rest.map(({ finding }) => finding)));
  return `${rest.length} more ${rest.length === 1 ? 'finding' : 'findings'} left out: ${counts}`;
}
