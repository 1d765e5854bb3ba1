// Evaluates a connection log for a check, and never passes where the log may not show every login.

import type { ConnectionLogFacts } from '../../model/connection-log.ts';
import type { Outcome, Problem } from '../../model/finding.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { logGapReason } from './log-gaps.ts';

/** The outcome for a target with a connection log; not applicable where it has none. */
export function withLog(snapshot: Snapshot, problemsIn: (log: ConnectionLogFacts) => readonly Problem[]): Outcome {
  const { connectionLog } = snapshot;
  if (connectionLog === undefined) {
    return { status: 'not-applicable', reason: 'no connection log is configured for the target ("logs")' };
  }
  const incomplete = logGapReason(snapshot);
  const problems = connectionLog.known ? problemsIn(connectionLog.value) : [];
  if (problems.length > 0) return { status: 'fail', problems, ...(incomplete === undefined ? {} : { incomplete }) };
  return incomplete === undefined ? { status: 'pass' } : { status: 'unknown', reason: incomplete };
}

/**
 * Groups rows, at most so many: the groups with most are kept apart, and the rest is one. What groups rows of failures
 * is chosen by clients that nothing verified, and each group becomes a finding that is remembered.
 */
export function cappedGroups<Row extends { readonly count: number }>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  most: number,
): { readonly groups: readonly (readonly [string, readonly Row[]])[]; readonly rest: readonly Row[] } {
  const sorted = [...Map.groupBy(rows, keyOf)].toSorted(([, a], [, b]) => totalOf(b) - totalOf(a));
  return { groups: sorted.slice(0, most), rest: sorted.slice(most).flatMap(([, group]) => group) };
}

export function totalOf(rows: readonly { readonly count: number }[]): number {
  return rows.reduce((sum, { count }) => sum + count, 0);
}

/** When logins were first and last seen, as evidence. */
export function seenBetween(
  rows: readonly { readonly first: number | undefined; readonly last: number | undefined }[],
): { readonly firstSeen?: string; readonly lastSeen?: string } {
  const firsts = rows.flatMap(({ first }) => first ?? []);
  const lasts = rows.flatMap(({ last }) => last ?? []);
  if (firsts.length === 0 || lasts.length === 0) return {};
  const iso = (moment: number): string => new Date(moment).toISOString();
  return { firstSeen: iso(Math.min(...firsts)), lastSeen: iso(Math.max(...lasts)) };
}
