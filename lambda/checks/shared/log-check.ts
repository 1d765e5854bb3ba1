// Evaluates a connection log for a check, and never passes where the log may not show every login.

import { seenBetween } from '../../analysis/sessions/login-evidence.ts';
import type { ConnectionLogFacts } from '../../model/connection-log.ts';
import type { Evidence, Outcome, Problem } from '../../model/finding.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { logGapReason } from './log-gaps.ts';

export const NO_LOG: Outcome = {
  status: 'not-applicable',
  reason: 'no connection log is configured for the target ("logs")',
};

/** The outcome for a target with a connection log; not applicable where it has none. */
export function withLog(snapshot: Snapshot, problemsIn: (log: ConnectionLogFacts) => readonly Problem[]): Outcome {
  const { connectionLog } = snapshot;
  if (connectionLog === undefined) return NO_LOG;
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
export function seenEvidence(rows: Parameters<typeof seenBetween>[0]): Evidence {
  const seen = seenBetween(rows);
  return seen === undefined ? {} : { firstSeen: seen.first, lastSeen: seen.last };
}
