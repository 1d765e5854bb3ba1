// Decides of what a run notifies, and what it saves, from the previous state and the observations of the run.

import type { Finding } from '../model/finding.ts';
import type {
  AuditState,
  Decided,
  Decision,
  FindingRecord,
  LifecyclePolicy,
  MuteRecord,
  MuteUse,
  TargetObservation,
  TargetRecord,
} from '../model/lifecycle.ts';
import type { Mute } from '../model/mute.ts';
import { known, type Observed } from '../model/observed.ts';
import { compareSeverity, isAtLeast } from '../model/severity.ts';
import { compareText } from '../model/text-order.ts';
import { msBetween } from '../model/time.ts';
import { trustedState } from './clock-skew.ts';
import { muteUses, trackMutes } from './mute-use.ts';
import { activeMute, type ConfiguredMute, configuredMutes, expiredMute } from './mutes.ts';
import { observedTransition } from './observed.ts';
import { excessRecords } from './record-limit.ts';
import { withRepeats } from './repeat.ts';
import type { Transition, TransitionContext } from './transition.ts';
import { needsTransition, type Scan, type Scope, unobservedTransition } from './unobserved.ts';

export interface DecideInput {
  /** The saved state; undefined where no state is configured: the run then knows of no earlier run. */
  readonly previous: AuditState | undefined;
  /** ISO 8601, UTC. */
  readonly now: string;
  /** At most one for each target. */
  readonly observed: readonly TargetObservation[];
  /** Every check there is; `transient` where its findings come and go, as sessions do. */
  readonly catalogue: readonly { readonly id: string; readonly transient: boolean }[];
  /**
   * Names of every target that there is, audited by this run or not. Unknown: no finding is resolved because its target
   * is missing.
   */
  readonly targets: Observed<readonly string[]>;
  readonly policy: LifecyclePolicy;
  /** The mutes of the configuration, expired ones included. */
  readonly mutes: readonly Mute[];
}

/**
 * Decides of what the receiver is notified. Save `next` after the notification and not before: a run that dies in
 * between repeats a notification, and none is lost.
 *
 * @example decide({ previous: EMPTY_STATE, now, observed, catalogue, targets: known(['orders']), policy, mutes: []
 * }).findings
 */
export function decide(input: DecideInput): Decision {
  const { now, policy } = input;
  const mutes = configuredMutes(input.mutes, now);
  const observations = observationsOf(input.observed, mutes);
  const observedFindings = observations.map(({ finding }) => finding);
  if (input.previous === undefined) {
    const findings = observedFindings
      .map((finding) => decidedWithoutState(finding, mutes, policy))
      .sort(compareDecided);
    return { findings, mutes: muteUses(mutes, observedFindings) };
  }
  const { state: previous, latest } = trustedState(input.previous, now, input.observed);

  const context: TransitionContext = { previous, now, policy, mutes };
  const scope = scopeOf(input, previous);
  const fingerprints = new Set(observedFindings.map(({ fingerprint }) => fingerprint));
  const unobserved = [...previous.findings.values()].filter(
    (record) => needsTransition(record) && !fingerprints.has(record.finding.fingerprint),
  );
  const transitions = withRepeats(
    [
      ...observations.map(({ finding, takenAt }) => observedTransition(finding, takenAt, context)),
      ...unobserved.map((record) => unobservedTransition(record, scope, context)),
    ],
    policy.repeatIntervalHours,
    now,
  );

  const unobservedFindings = transitions
    .filter((each) => !each.isObserved && each.reason !== 'resolved')
    .map(({ finding }) => finding);
  const { uses, records } = trackMutes(mutes, observedFindings, unobservedFindings, previous.mutes, now);
  const targets = latestScans(previous, input.observed);
  const withRecords = (toRecord: (each: Transition) => FindingRecord): Map<string, FindingRecord> =>
    new Map([...previous.findings, ...transitions.map((each) => [each.finding.fingerprint, toRecord(each)] as const)]);
  const notified = withRecords((each) => recordNotification(each, now));
  const unnotified = withRecords((each) =>
    recordWithoutSubscriber(each, previous.findings.get(each.finding.fingerprint)),
  );
  const excess = excessRecords(notified, fingerprints);
  for (const fingerprint of excess.fingerprints) {
    notified.delete(fingerprint);
    unnotified.delete(fingerprint);
  }
  return {
    findings: transitions.map(decided).sort(compareDecided),
    mutes: uses,
    next: { findings: notified, targets, mutes: records },
    unnotified: { findings: unnotified, targets, mutes: mutesWithoutSubscriber(records, previous.mutes, uses) },
    ...(latest === undefined ? {} : { clockAheadUntil: latest }),
    ...(excess.open.length === 0 ? {} : { droppedRecords: excess.open }),
  };
}

interface Observation {
  readonly finding: Finding;
  readonly takenAt: string;
}

/**
 * One observation for each fingerprint. Two findings of a run with one fingerprint are a defect of a check: an unmuted
 * finding then goes before a muted one, and a worse one before a lesser one.
 */
function observationsOf(
  observed: readonly TargetObservation[],
  mutes: readonly ConfiguredMute[],
): readonly Observation[] {
  const byFingerprint = new Map<string, Observation>();
  const isUnmuted = ({ finding }: Observation): boolean => activeMute(mutes, finding) === undefined;
  for (const { findings, takenAt } of observed) {
    for (const finding of findings) {
      const other = byFingerprint.get(finding.fingerprint);
      const observation = { finding, takenAt };
      const matters =
        other === undefined ||
        Number(isUnmuted(observation)) - Number(isUnmuted(other)) > 0 ||
        (isUnmuted(observation) === isUnmuted(other) && compareSeverity(finding.severity, other.finding.severity) > 0);
      if (matters) byFingerprint.set(finding.fingerprint, observation);
    }
  }
  return [...byFingerprint.values()];
}

function decidedWithoutState(
  finding: Finding,
  mutes: readonly ConfiguredMute[],
  { minSeverity }: LifecyclePolicy,
): Decided {
  const active = activeMute(mutes, finding);
  if (active !== undefined) return { reason: 'muted', finding, isObserved: true, notify: false, mute: active };
  const expired = expiredMute(mutes, finding);
  const notify = isAtLeast(finding.severity, minSeverity);
  return expired === undefined
    ? { reason: 'observed', finding, isObserved: true, notify }
    : { reason: 'mute-expired', finding, isObserved: true, notify, mute: expired };
}

function scopeOf({ targets, catalogue, observed }: DecideInput, previous: AuditState): Scope {
  const fresh = observed.filter(({ target, takenAt }) => isNewer(takenAt, previous.targets.get(target)));
  return {
    targets: targets.known ? known(new Set(targets.value)) : targets,
    transientByCheck: new Map(catalogue.map(({ id, transient }) => [id, transient])),
    scans: new Map(
      fresh.map(({ target, takenAt, outcomes }): [string, Scan] => [
        target,
        { takenAt, outcomes: new Map(outcomes.map(({ check, outcome }) => [check, outcome])) },
      ]),
    ),
  };
}

function latestScans(previous: AuditState, observed: readonly TargetObservation[]): AuditState['targets'] {
  const targets = new Map(previous.targets);
  for (const { target: name, takenAt } of observed) {
    if (isNewer(takenAt, targets.get(name))) targets.set(name, { name, takenAt });
  }
  return targets;
}

/** Two scans of one moment are one scan: a run that is repeated has nothing new to say. */
function isNewer(takenAt: string, known: TargetRecord | undefined): boolean {
  return known === undefined || msBetween(known.takenAt, takenAt) > 0;
}

/** A repeat with a lower severity lowers what counts as notified: a later rise is an escalation again. */
function recordNotification(
  { record, reason, notify, finding, lastNotifiedSeverity }: Transition,
  now: string,
): FindingRecord {
  if (!notify) return record;
  const severity = reason === 'resolved' ? (lastNotifiedSeverity ?? finding.severity) : finding.severity;
  return { ...record, lastNotified: { at: now, severity, reason } };
}

/** The record to save where no subscriber received the notification: the next run finds the same reason to notify. */
function recordWithoutSubscriber(
  { record, reason, notify, mute }: Transition,
  known: FindingRecord | undefined,
): FindingRecord {
  if (!notify) return record;
  if (reason === 'mute-expired' && mute !== undefined) return { ...record, mute };
  return reason === 'resolved' && known?.lastNotified !== undefined
    ? { ...record, lastNotified: known.lastNotified }
    : record;
}

/** The same for notifications about mutes that match nothing. */
function mutesWithoutSubscriber(
  records: ReadonlyMap<string, MuteRecord>,
  known: ReadonlyMap<string, MuteRecord>,
  uses: readonly MuteUse[],
): ReadonlyMap<string, MuteRecord> {
  const kept = new Map(records);
  for (const { key, notifyUnused } of uses) {
    const record = records.get(key);
    if (!notifyUnused || record === undefined) continue;
    const { unusedNotifiedAt: _, ...rest } = record;
    const before = known.get(key)?.unusedNotifiedAt;
    kept.set(key, before === undefined ? rest : { ...rest, unusedNotifiedAt: before });
  }
  return kept;
}

function decided({ reason, finding, isObserved, notify, record, lastNotifiedSeverity, mute }: Transition): Decided {
  const { firstSeen, openedAt, lastSeen, resolved, status } = record;
  return {
    reason,
    finding,
    isObserved,
    notify,
    firstSeen,
    openedAt,
    lastSeen,
    ...(lastNotifiedSeverity === undefined ? {} : { lastNotifiedSeverity }),
    ...(status === 'open' || resolved === undefined ? {} : { resolution: resolved.resolution }),
    ...(status === 'open' || resolved?.detail === undefined ? {} : { detail: resolved.detail }),
    ...(mute === undefined ? {} : { mute }),
  };
}

/** Orders by target, check and fingerprint, so that the order is the same in every run. */
function compareDecided({ finding: a }: Decided, { finding: b }: Decided): number {
  return compareText(a.target, b.target) || compareText(a.check, b.check) || compareText(a.fingerprint, b.fingerprint);
}
