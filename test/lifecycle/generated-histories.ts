// A small world for properties: databases whose findings come and go, mutes too, and runs that look at them.

import fc from 'fast-check';
import type { DecideInput } from '../../lambda/lifecycle/decide.ts';
import type { Finding, Outcome } from '../../lambda/model/finding.ts';
import type { LifecyclePolicy, TargetObservation } from '../../lambda/model/lifecycle.ts';
import type { Mute } from '../../lambda/model/mute.ts';
import { known } from '../../lambda/model/observed.ts';
import { isAtLeast, type Severity } from '../../lambda/model/severity.ts';

const TARGETS = ['billing', 'orders'];
const CATALOGUE = [
  { id: 'plaintext-session', transient: true },
  { id: 'plaintext-allowed', transient: false },
];
const ROLES = ['app', 'etl'];

const WORLD_POLICY: LifecyclePolicy = { resolveAfterHours: 24, repeatIntervalHours: 24, minSeverity: 'medium' };

/** What one check says of one target: an outcome, and of each role how serious its finding is, if there is one. */
interface CheckState {
  readonly status: 'seen' | 'partial' | 'not-applicable' | 'unknown' | 'error';
  readonly severities: readonly (Severity | undefined)[];
}

/** One run as it was drawn. */
export interface Step {
  /** Hours since the run before. */
  readonly gap: number;
  /** By target and check; undefined: the target is not in this run. */
  readonly scans: readonly (readonly CheckState[] | undefined)[];
  /** Which of the mutes are configured, of which some end after a while. */
  readonly mutes: readonly boolean[];
  /** Seldom, a target or check is not there any more. */
  readonly targets: readonly string[];
  readonly checks: readonly string[];
}

const severity = fc.oneof(
  { weight: 2, arbitrary: fc.constant(undefined) },
  { weight: 3, arbitrary: fc.constantFrom<Severity>('low', 'medium', 'high', 'critical') },
);

const checkState: fc.Arbitrary<CheckState> = fc.record({
  status: fc.oneof(
    { weight: 8, arbitrary: fc.constant<CheckState['status']>('seen') },
    { weight: 3, arbitrary: fc.constantFrom<CheckState['status']>('partial', 'not-applicable', 'unknown', 'error') },
  ),
  severities: fc.tuple(severity, severity),
});

const mostly = <T>(usual: T, others: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 8, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) });

const CHECK_IDS = CATALOGUE.map(({ id }) => id);

const step: fc.Arbitrary<Step> = fc.record({
  gap: fc.constantFrom(0.25, 1, 6, 12, 23.6, 24, 30),
  scans: fc.array(
    mostly<readonly CheckState[] | undefined>([], [undefined]).chain((seen) =>
      seen === undefined ? fc.constant(undefined) : fc.tuple(checkState, checkState),
    ),
    { minLength: 2, maxLength: 2 },
  ),
  mutes: fc.tuple(
    ...[0, 1, 2].map(() =>
      fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { arbitrary: fc.boolean(), weight: 2 }),
    ),
  ),
  targets: mostly(TARGETS, [['billing'], ['orders']]),
  checks: mostly(CHECK_IDS, [['plaintext-session'], ['plaintext-allowed']]),
});

export const steps = (minLength: number, maxLength: number): fc.Arbitrary<readonly Step[]> =>
  fc.array(step, { minLength, maxLength });

/** What a run is given, but for what it remembers. */
export type Given = Omit<DecideInput, 'previous'>;

const START = Date.parse('2026-03-01T00:00:00.000Z');
const HOUR = 3_600_000;
/** What a run takes from its looks to its decision. */
const RUN_SECONDS = 20;

const iso = (ms: number): string => new Date(ms).toISOString();

/** The mutes of this world; each of them is in some configurations and not in others. */
const MUTES: readonly Mute[] = [
  { match: { role: 'app' }, reason: 'known', owner: 'shop', expires: iso(START + 60 * HOUR) },
  { match: { target: 'orders' }, reason: 'known', owner: 'shop', expires: iso(START + 120 * HOUR) },
  { match: { check: 'plaintext-allowed' }, reason: 'known', owner: 'shop', expires: iso(START + 10_000 * HOUR) },
];

/** Whether one of this world's mutes silences the finding: said once more, apart from the code that is tested. */
export function isMuted({ mutes, now }: Given, { role, target, check }: Finding): boolean {
  return mutes.some(
    ({ match, expires }) =>
      now < expires &&
      (match.role === undefined || match.role === role) &&
      (match.target === undefined || match.target === target) &&
      (match.check === undefined || match.check === check),
  );
}

export const isAboveThreshold = ({ severity }: Finding): boolean => isAtLeast(severity, WORLD_POLICY.minSeverity);

/** The runs that the steps make, one after the other. */
export function runsOf(drawn: readonly Step[], policy: LifecyclePolicy = WORLD_POLICY): readonly Given[] {
  let at = START;
  return drawn.map((each) => {
    at += each.gap * HOUR;
    return {
      now: iso(at + RUN_SECONDS * 1000),
      observed: TARGETS.flatMap((target, index) => {
        const checks = each.scans[index];
        // Each a second after the other, as pools take them.
        return checks === undefined || !each.targets.includes(target)
          ? []
          : [observation(target, iso(at + index * 1000), each, checks)];
      }),
      catalogue: CATALOGUE.filter(({ id }) => each.checks.includes(id)),
      targets: known(each.targets),
      policy,
      mutes: MUTES.filter((_, index) => each.mutes[index]),
    };
  });
}

function observation(
  target: string,
  takenAt: string,
  { checks: present }: Step,
  states: readonly CheckState[],
): TargetObservation {
  const scanned = CATALOGUE.map(({ id: check }, index) => ({ check, state: states[index] })).filter(({ check }) =>
    present.includes(check),
  );
  const found = scanned.map(({ check, state }) => ({
    check,
    state,
    findings:
      state === undefined || (state.status !== 'seen' && state.status !== 'partial')
        ? []
        : ROLES.flatMap((role, index) => {
            const severity = state.severities[index];
            return severity === undefined ? [] : [findingOf(target, check, role, severity)];
          }),
  }));
  return {
    target,
    takenAt,
    outcomes: found.map(({ check, state, findings }) => ({ check, outcome: outcomeOf(state, findings) })),
    findings: found.flatMap(({ findings }) => findings),
  };
}

function findingOf(target: string, check: string, role: string, severity: Severity): Finding {
  return {
    fingerprint: `${target} ${check} ${role}`,
    check,
    severity,
    target,
    title: check,
    role,
    clients: ['10.1.2.3'],
    evidence: {},
    remedy: 'sslmode=verify-full',
  };
}

function outcomeOf(state: CheckState | undefined, findings: readonly Finding[]): Outcome {
  switch (state?.status) {
    case 'seen':
      return findings.length > 0 ? { status: 'fail', problems: findings } : { status: 'pass' };
    case 'partial':
      return findings.length > 0
        ? { status: 'fail', problems: findings, incomplete: 'some are hidden' }
        : { status: 'unknown', reason: 'some are hidden' };
    case 'not-applicable':
      return { status: 'not-applicable', reason: 'no TLS at all' };
    case 'error':
      return { status: 'error', reason: 'the check crashed' };
    default:
      return { status: 'unknown', reason: 'timed out' };
  }
}
