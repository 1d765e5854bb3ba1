// Findings that have much in common, told together: what they share is said once.

import type { Severity } from '../model/severity.ts';
import { countBySeverity } from './digest.ts';
import type { ReportFinding } from './schema.ts';
import { countsText } from './wording.ts';

interface OfFinding {
  readonly finding: ReportFinding;
}

/** Notices that say the same: one severity, one check, one remedy. */
export interface NoticeGroup<Notice extends OfFinding> {
  readonly severity: Severity;
  readonly check: string;
  /** Refers back where a group of another severity has told it before. */
  readonly remedy: string;
  /** The title all of them share, if they do. */
  readonly title: string | undefined;
  readonly notices: readonly Notice[];
}

/**
 * Groups notices, so that what many have in common is told once; in the order in which they come.
 */
export function groupNotices<Notice extends OfFinding>(notices: readonly Notice[]): NoticeGroup<Notice>[] {
  const groups = new Map<string, { severity: Severity; check: string; remedy: string; notices: Notice[] }>();
  for (const notice of notices) {
    const { severity, check, remedy } = notice.finding;
    const key = JSON.stringify([severity, check, remedy]);
    const group = groups.get(key) ?? { severity, check, remedy, notices: [] };
    if (group.notices.push(notice) === 1) groups.set(key, group);
  }
  const told = new Set<string>();
  return [...groups.values()].map((group) => {
    const titles = new Set(group.notices.map(({ finding }) => finding.title));
    const howTo = JSON.stringify([group.check, group.remedy]);
    const remedy = told.has(howTo) ? `As for ${group.check} above.` : group.remedy;
    told.add(howTo);
    return { ...group, remedy, title: titles.size === 1 ? group.notices[0]?.finding.title : undefined };
  });
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
