// Lists the clients that have connected insecurely, by login: what to migrate before TLS is enforced.

import type { AuditState, FindingRecord } from '../model/lifecycle.ts';
import { compareSeverity, type Severity, worse } from '../model/severity.ts';
import { compareText } from '../model/text-order.ts';
import { compareMoments, earlier, later, msBetween } from '../model/time.ts';
import { trustedState } from './clock-skew.ts';

/** The logins with one role to one database by one application, with all their findings. */
export interface HistoryRow {
  readonly target: string;
  readonly role?: string | undefined;
  readonly database?: string | undefined;
  readonly application?: string | undefined;
  /** Ids, sorted. */
  readonly checks: readonly string[];
  /** Addresses or networks, as each check last found them; sorted. */
  readonly clients: readonly string[];
  /** ISO 8601, UTC; the first may be before `since`. */
  readonly firstSeen: string;
  readonly lastSeen: string;
  /** `open` while any of the findings is. */
  readonly status: FindingRecord['status'];
  /** The highest of the findings. */
  readonly severity: Severity;
}

export interface HistoryOptions {
  /** ISO 8601: findings that were last seen before are left out. */
  readonly since: string;
  /** ISO 8601: findings that were first seen after are left out. */
  readonly now: string;
  /** Ids of the checks about sessions. */
  readonly checks: readonly string[];
}

/**
 * Worst first, then the most recent first. Resolved findings are included: the client has connected, and may do so
 * again.
 */
export function history(state: AuditState, { since, now, checks }: HistoryOptions): readonly HistoryRow[] {
  const wanted = new Set(checks);
  const rows = new Map<string, HistoryRow>();
  for (const record of trustedState(state, now).state.findings.values()) {
    const { finding, firstSeen, lastSeen } = record;
    if (!wanted.has(finding.check) || msBetween(since, lastSeen) < 0 || msBetween(now, firstSeen) > 0) continue;
    const row = rowOf(record);
    const who = JSON.stringify([row.target, row.role ?? null, row.database ?? null, row.application ?? null]);
    const other = rows.get(who);
    rows.set(who, other === undefined ? row : combine(other, row));
  }
  return [...rows.values()].sort(compareRows);
}

function rowOf({ finding, firstSeen, lastSeen, status }: FindingRecord): HistoryRow {
  const { target, role, database, application, check, clients = [], severity } = finding;
  return {
    target,
    ...(role === undefined ? {} : { role }),
    ...(database === undefined ? {} : { database }),
    ...(application === undefined ? {} : { application }),
    checks: [check],
    clients: union(clients, []),
    firstSeen,
    lastSeen,
    status,
    severity,
  };
}

function combine(a: HistoryRow, b: HistoryRow): HistoryRow {
  return {
    ...a,
    checks: union(a.checks, b.checks),
    clients: union(a.clients, b.clients),
    firstSeen: earlier(a.firstSeen, b.firstSeen),
    lastSeen: later(a.lastSeen, b.lastSeen),
    status: a.status === 'open' ? 'open' : b.status,
    severity: worse(a.severity, b.severity),
  };
}

function union(a: readonly string[], b: readonly string[]): readonly string[] {
  return [...new Set([...a, ...b])].sort();
}

function compareRows(a: HistoryRow, b: HistoryRow): number {
  return (
    compareSeverity(b.severity, a.severity) ||
    compareMoments(b.lastSeen, a.lastSeen) ||
    compareText(a.target, b.target) ||
    compareText(a.role ?? '', b.role ?? '') ||
    compareText(a.database ?? '', b.database ?? '') ||
    compareText(a.application ?? '', b.application ?? '')
  );
}
