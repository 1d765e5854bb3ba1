// What a run has to tell, and what to remember once it is told: previous state and observations in, decision out.

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
import { compareSeverity, isAtLeast } from '../model/severity.ts';
import { compareText } from '../model/text-order.ts';
import { msBetween } from '../model/time.ts';
import { trustedState } from './clock-skew.ts';
import { muteUses, trackMutes } from './mute-use.ts';
import { activeMute, type ConfiguredMute, configuredMutes, expiredMute } from './mutes.ts';
import { judgeSeen } from './observed.ts';
import { withReminders } from './repeat.ts';
import type { Circumstances, Judged } from './transition.ts';
import { isUnfinished, judgeAbsent, type Look, type Scope } from './unobserved.ts';

export interface DecideInput {
  /** What is remembered; undefined where no state is configured, and every run stands alone. */
  readonly previous: AuditState | undefined;
  /** ISO 8601, UTC. */
  readonly now: string;
  /** At most one for each target. */
  readonly observed: readonly TargetObservation[];
  /** Every check there is; `transient` where what it finds comes and goes, as sessions do. */
  readonly catalogue: readonly { readonly id: string; readonly transient: boolean }[];
  /** Names of every configured target, whether this run looked at it or not. */
  readonly targets: readonly string[];
  readonly policy: LifecyclePolicy;
  /** Of the configuration, those that have ended included. */
  readonly mutes: readonly Mute[];
}

/**
 * Decides what people are told. `next` is to be saved after they were told and not before: a run that dies in between
 * tells again, and none is lost.
 *
 * @example decide({ previous: EMPTY_STATE, now, observed, catalogue, targets: ['orders'], policy, mutes: [] }).findings
 */
export function decide(input: DecideInput): Decision {
  const { now, policy } = input;
  const mutes = configuredMutes(input.mutes, now);
  const sightings = sightingsOf(input.observed, mutes);
  const seen = sightings.map(({ finding }) => finding);
  if (input.previous === undefined) {
    const findings = seen.map((finding) => standsAlone(finding, mutes, policy)).sort(compareDecided);
    return { findings, mutes: muteUses(mutes, seen) };
  }
  const { state: previous, latest } = trustedState(input.previous, now, input.observed);

  const circumstances: Circumstances = { previous, now, policy, mutes };
  const scope = scopeOf(input, previous);
  const fingerprints = new Set(seen.map(({ fingerprint }) => fingerprint));
  const absent = [...previous.findings.values()].filter(
    (record) => isUnfinished(record) && !fingerprints.has(record.finding.fingerprint),
  );
  const judged = withReminders(
    [
      ...sightings.map(({ finding, takenAt }) => judgeSeen(finding, takenAt, circumstances)),
      ...absent.map((record) => judgeAbsent(record, scope, circumstances)),
    ],
    policy.reminderHours,
    now,
  );

  const remembered = judged.filter((each) => !each.seen && each.reason !== 'resolved').map(({ finding }) => finding);
  const { uses, records } = trackMutes(mutes, seen, remembered, previous.mutes, now);
  const targets = newestLooks(previous, input.observed);
  const findings = (remember: (each: Judged) => FindingRecord): AuditState['findings'] =>
    new Map([...previous.findings, ...judged.map((each) => [each.finding.fingerprint, remember(each)] as const)]);
  return {
    findings: judged.map(decided).sort(compareDecided),
    mutes: uses,
    next: { findings: findings((each) => onceTold(each, now)), targets, mutes: records },
    untold: {
      findings: findings((each) => stillToTell(each, previous.findings.get(each.finding.fingerprint))),
      targets,
      mutes: withoutNotices(records, previous.mutes, uses),
    },
    ...(latest === undefined ? {} : { clockAheadUntil: latest }),
  };
}

interface Sighting {
  readonly finding: Finding;
  readonly takenAt: string;
}

/**
 * One for each fingerprint. Should two findings of a run share one, which no check intends, then that is told which
 * matters more: what no mute hides, and of that the worse.
 */
function sightingsOf(observed: readonly TargetObservation[], mutes: readonly ConfiguredMute[]): readonly Sighting[] {
  const byFingerprint = new Map<string, Sighting>();
  const isHeard = ({ finding }: Sighting): boolean => activeMute(mutes, finding) === undefined;
  for (const { findings, takenAt } of observed) {
    for (const finding of findings) {
      const other = byFingerprint.get(finding.fingerprint);
      const sighting = { finding, takenAt };
      const matters =
        other === undefined ||
        Number(isHeard(sighting)) - Number(isHeard(other)) > 0 ||
        (isHeard(sighting) === isHeard(other) && compareSeverity(finding.severity, other.finding.severity) > 0);
      if (matters) byFingerprint.set(finding.fingerprint, sighting);
    }
  }
  return [...byFingerprint.values()];
}

function standsAlone(finding: Finding, mutes: readonly ConfiguredMute[], { minSeverity }: LifecyclePolicy): Decided {
  const active = activeMute(mutes, finding);
  if (active !== undefined) return { reason: 'muted', finding, seen: true, notify: false, mute: active };
  const expired = expiredMute(mutes, finding);
  const notify = isAtLeast(finding.severity, minSeverity);
  return expired === undefined
    ? { reason: 'observed', finding, seen: true, notify }
    : { reason: 'mute-expired', finding, seen: true, notify, mute: expired };
}

function scopeOf({ targets, catalogue, observed }: DecideInput, previous: AuditState): Scope {
  const fresh = observed.filter(({ target, takenAt }) => isNewer(takenAt, previous.targets.get(target)));
  return {
    targets: new Set(targets),
    transientByCheck: new Map(catalogue.map(({ id, transient }) => [id, transient])),
    looks: new Map(
      fresh.map(({ target, takenAt, outcomes }): [string, Look] => [
        target,
        { takenAt, outcomes: new Map(outcomes.map(({ check, outcome }) => [check, outcome])) },
      ]),
    ),
  };
}

function newestLooks(previous: AuditState, observed: readonly TargetObservation[]): AuditState['targets'] {
  const targets = new Map(previous.targets);
  for (const { target: name, takenAt } of observed) {
    if (isNewer(takenAt, targets.get(name))) targets.set(name, { name, takenAt });
  }
  return targets;
}

/** Two looks of one moment are one: a run that is repeated has nothing new to say. */
function isNewer(takenAt: string, known: TargetRecord | undefined): boolean {
  return known === undefined || msBetween(known.takenAt, takenAt) > 0;
}

/** A reminder of a finding that has become less serious speaks of less: what is worse than that escalates again. */
function onceTold({ record, reason, notify, finding, toldSeverity }: Judged, now: string): FindingRecord {
  if (!notify) return record;
  const severity = reason === 'resolved' ? (toldSeverity ?? finding.severity) : finding.severity;
  return { ...record, told: { at: now, severity, reason } };
}

/** What was to be told and reached no one: the next run finds the same reason to tell it. */
function stillToTell({ record, reason, notify, mute }: Judged, known: FindingRecord | undefined): FindingRecord {
  if (!notify) return record;
  if (reason === 'mute-expired' && mute !== undefined) return { ...record, mute };
  return reason === 'resolved' && known?.told !== undefined ? { ...record, told: known.told } : record;
}

/** The same of mutes that match nothing. */
function withoutNotices(
  records: ReadonlyMap<string, MuteRecord>,
  known: ReadonlyMap<string, MuteRecord>,
  uses: readonly MuteUse[],
): ReadonlyMap<string, MuteRecord> {
  const kept = new Map(records);
  for (const { key, notifyUnused } of uses) {
    const record = records.get(key);
    if (!notifyUnused || record === undefined) continue;
    const { toldUnused: _, ...rest } = record;
    const before = known.get(key)?.toldUnused;
    kept.set(key, before === undefined ? rest : { ...rest, toldUnused: before });
  }
  return kept;
}

function decided({ reason, finding, seen, notify, record, toldSeverity, mute }: Judged): Decided {
  const { firstSeen, openedAt, lastSeen, resolved, status } = record;
  return {
    reason,
    finding,
    seen,
    notify,
    firstSeen,
    openedAt,
    lastSeen,
    ...(toldSeverity === undefined ? {} : { toldSeverity }),
    ...(status === 'open' || resolved === undefined ? {} : { resolution: resolved.resolution }),
    ...(status === 'open' || resolved?.detail === undefined ? {} : { detail: resolved.detail }),
    ...(mute === undefined ? {} : { mute }),
  };
}

/** By target, check and fingerprint: the same from run to run. */
function compareDecided({ finding: a }: Decided, { finding: b }: Decided): number {
  return compareText(a.target, b.target) || compareText(a.check, b.check) || compareText(a.fingerprint, b.fingerprint);
}
