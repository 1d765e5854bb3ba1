// Runs to decide on: a healthy one in which one thing is changed.

import { type DecideInput, decide } from '../../lambda/lifecycle/decide.ts';
import type { Finding, Outcome } from '../../lambda/model/finding.ts';
import {
  type AuditState,
  type Decided,
  EMPTY_STATE,
  type FindingRecord,
  type LifecyclePolicy,
  type MuteRecord,
  type TargetObservation,
} from '../../lambda/model/lifecycle.ts';
import type { Mute, MuteMatch } from '../../lambda/model/mute.ts';
import { known } from '../../lambda/model/observed.ts';

/** When every run of these tests decides. */
export const NOW = '2026-03-10T12:00:00.000Z';

/** A second, in hours: boundaries are tested to it. */
export const SECOND = 1 / 3600;

/** ISO 8601: so many hours before the run. */
export function ago(hours: number): string {
  return new Date(Date.parse(NOW) - Math.round(hours * 3_600_000)).toISOString();
}

/** Of sessions, which come and go. */
export const TRANSIENT = 'plaintext-session';
/** Of a setting, which is there until someone changes it. */
export const LASTING = 'plaintext-allowed';

export const CATALOGUE = [
  { id: TRANSIENT, transient: true },
  { id: LASTING, transient: false },
];

export const POLICY: LifecyclePolicy = { resolveAfterHours: 24, repeatIntervalHours: 24, minSeverity: 'medium' };

export function finding(changes: Partial<Finding> = {}): Finding {
  return {
    fingerprint: '00000000000000aa',
    check: TRANSIENT,
    severity: 'high',
    target: 'orders',
    title: 'Plaintext',
    role: 'app',
    database: 'shop',
    application: 'worker-#',
    clients: ['10.1.2.3'],
    count: 2,
    evidence: {},
    remedy: 'sslmode=verify-full',
    ...changes,
  };
}

/** Open, seen an hour ago, told two hours ago when it was new. */
export function record(changes: Partial<FindingRecord> = {}): FindingRecord {
  return {
    finding: finding(),
    status: 'open',
    firstSeen: ago(2),
    openedAt: ago(2),
    lastSeen: ago(1),
    lastNotified: { at: ago(2), severity: 'high', reason: 'new' },
    ...changes,
  };
}

export function mute(match: MuteMatch, changes: Partial<Mute> = {}): Mute {
  return { match, reason: 'moves in May', owner: 'shop team', expires: ago(-SECOND), ...changes };
}

export interface StateChanges {
  readonly records?: readonly FindingRecord[];
  /** When the target was last looked at; undefined: never. */
  readonly scannedAt?: string | undefined;
  readonly mutes?: readonly MuteRecord[];
}

export function state({ records = [], scannedAt, mutes = [] }: StateChanges = {}): AuditState {
  return {
    findings: new Map(records.map((each) => [each.finding.fingerprint, each])),
    targets:
      scannedAt === undefined ? EMPTY_STATE.targets : new Map([['orders', { name: 'orders', takenAt: scannedAt }]]),
    mutes: new Map(mutes.map((each) => [each.key, each])),
  };
}

/** A look at `orders`, now: every check passes but those that have findings, and those that are given. */
export function scan(findings: readonly Finding[], changes: Partial<TargetObservation> = {}): TargetObservation {
  const failed = new Set(findings.map(({ check }) => check));
  return {
    target: 'orders',
    takenAt: NOW,
    outcomes: CATALOGUE.map(({ id }) => ({
      check: id,
      outcome: failed.has(id) ? { status: 'fail', problems: [] } : { status: 'pass' },
    })),
    findings,
    ...changes,
  };
}

/** A look at `orders` that finds nothing, with this outcome for every check. */
export function scanWith(outcome: Outcome, takenAt = NOW): TargetObservation {
  return scan([], { takenAt, outcomes: CATALOGUE.map(({ id }) => ({ check: id, outcome })) });
}

export function input(changes: Partial<DecideInput> = {}): DecideInput {
  return {
    previous: EMPTY_STATE,
    now: NOW,
    observed: [],
    catalogue: CATALOGUE,
    targets: known(['orders']),
    policy: POLICY,
    mutes: [],
    ...changes,
  };
}

/** What is decided of the one finding there is, with what is remembered of it then. */
export function decideOne(changes: Partial<DecideInput>): Decided & { readonly next: FindingRecord | undefined } {
  const decision = decide(input(changes));
  const [only, ...others] = decision.findings;
  if (only === undefined || others.length > 0) throw new Error(`${decision.findings.length} findings, not 1`);
  return { ...only, next: decision.next?.findings.get(only.finding.fingerprint) };
}
