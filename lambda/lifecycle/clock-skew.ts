// Corrects a state with times in the future: the clock of an earlier run was ahead, or the clock of this run is behind.

import type { AuditState, FindingRecord, MuteRecord, TargetObservation, TargetRecord } from '../model/lifecycle.ts';
import { earlier, msBetween } from '../model/time.ts';

/**
 * Milliseconds that a saved time may be ahead: as long as a run of the function may take. A run that waited for another
 * run decides with the state that the other one has just saved, and both clocks are right.
 */
export const CLOCK_SKEW_MS = 15 * 60_000;

export interface TrustedState {
  /** The state without times in the future. A record without such a time is the same object as before. */
  readonly state: AuditState;
  /** The latest of the times in the future. ISO 8601, UTC. */
  readonly latest?: string | undefined;
}

/**
 * The state as a run may use it. Of a time in the future it is only known that it was before now. Such a time counts as
 * now; the time of an observation counts as just before this run's scan, so that this scan decides. The next save
 * stores the corrected times.
 *
 * @param now - ISO 8601, UTC.
 * @param observed - The scans of this run; none for a run that only reads.
 */
export function trustedState(
  state: AuditState,
  now: string,
  observed: readonly Pick<TargetObservation, 'target' | 'takenAt'>[] = [],
): TrustedState {
  const scannedAt = new Map(observed.map(({ target, takenAt }) => [target, takenAt]));
  const beforeScan = (target: string): string => justBefore(earlier(scannedAt.get(target) ?? now, now));
  const found: string[] = [];
  const isAhead = (time: string | undefined): boolean => {
    const ahead = time !== undefined && msBetween(now, time) > CLOCK_SKEW_MS;
    if (ahead) found.push(time);
    return ahead;
  };
  const findings = mapChanged(state.findings, (record) => trustedFinding(record, beforeScan, now, isAhead));
  const targets = mapChanged(state.targets, (record) => trustedTarget(record, beforeScan, isAhead));
  const mutes = mapChanged(state.mutes, (record) => trustedMute(record, now, isAhead));
  const latest = found.reduce<string | undefined>(
    (last, time) => (last === undefined || msBetween(last, time) > 0 ? time : last),
    undefined,
  );
  return latest === undefined ? { state } : { state: { findings, targets, mutes }, latest };
}

type IsAhead = (time: string | undefined) => boolean;

function trustedFinding(
  record: FindingRecord,
  beforeScan: (target: string) => string,
  now: string,
  isAhead: IsAhead,
): FindingRecord {
  const { firstSeen, openedAt, lastSeen, lastNotified, resolved } = record;
  const times = [firstSeen, openedAt, lastSeen, lastNotified?.at, resolved?.at].map(isAhead);
  if (!times.includes(true)) return record;
  const observedAt = beforeScan(record.finding.target);
  const trusted = (time: string): string => (isAhead(time) ? observedAt : time);
  return {
    ...record,
    firstSeen: trusted(firstSeen),
    openedAt: trusted(openedAt),
    lastSeen: trusted(lastSeen),
    ...(lastNotified === undefined
      ? {}
      : { lastNotified: isAhead(lastNotified.at) ? { ...lastNotified, at: now } : lastNotified }),
    ...(resolved === undefined ? {} : { resolved: { ...resolved, at: trusted(resolved.at) } }),
  };
}

function trustedTarget(record: TargetRecord, beforeScan: (target: string) => string, isAhead: IsAhead): TargetRecord {
  return isAhead(record.takenAt) ? { ...record, takenAt: beforeScan(record.name) } : record;
}

function trustedMute(record: MuteRecord, now: string, isAhead: IsAhead): MuteRecord {
  const { firstSeen, lastMatched, unusedNotifiedAt } = record;
  const trusted = (time: string): string => (isAhead(time) ? now : time);
  return {
    ...record,
    firstSeen: trusted(firstSeen),
    ...(lastMatched === undefined ? {} : { lastMatched: trusted(lastMatched) }),
    ...(unusedNotifiedAt === undefined ? {} : { unusedNotifiedAt: trusted(unusedNotifiedAt) }),
  };
}

function mapChanged<T>(map: ReadonlyMap<string, T>, change: (value: T) => T): ReadonlyMap<string, T> {
  return new Map([...map].map(([key, value]) => [key, change(value)]));
}

function justBefore(time: string): string {
  return new Date(Date.parse(time) - 1).toISOString();
}
