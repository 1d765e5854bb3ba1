// An open finding that this run did not see: gone, or only not looked for. What was not observed is never resolved.

import type { Outcome } from '../model/finding.ts';
import type { FindingRecord } from '../model/lifecycle.ts';
import type { Observed } from '../model/observed.ts';
import { isAtLeast } from '../model/severity.ts';
import { HOUR_MS, later, msBetween } from '../model/time.ts';
import { activeMute } from './mutes.ts';
import { lastActiveNotification, type Transition, type TransitionContext } from './transition.ts';

/** A complete or partial look at a target, newer than every one before. */
export interface Scan {
  readonly takenAt: string;
  /** By check. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
}

/** What the run could look for, and what it saw. */
export interface Scope {
  /** Names of every target that there is; unknown where a source of targets failed. */
  readonly targets: Observed<ReadonlySet<string>>;
  /** Every check there is, and whether what it finds comes and goes. */
  readonly transientByCheck: ReadonlyMap<string, boolean>;
  /** By target. One that was not looked at, or at an older moment than before, has none. */
  readonly scans: ReadonlyMap<string, Scan>;
}

/**
 * Whether there is something to judge: it is open, or people were told of it by a run that did not know of another, which
 * found it gone at the same time.
 */
export function needsTransition(record: FindingRecord): boolean {
  return record.status === 'open' || lastActiveNotification(record) !== undefined;
}

export function transitionOfUnobserved(record: FindingRecord, scope: Scope, context: TransitionContext): Transition {
  const { policy, mutes } = context;
  const { lastNotified, ...unnotified } = record;
  const { finding } = record;
  const mute = activeMute(mutes, finding);
  const message = lastActiveNotification(record);
  const common = { finding, isObserved: false, lastNotifiedSeverity: message?.severity, mute, isRepeatable: false };
  const resolved = record.status === 'resolved' ? record.resolved : resolutionOf(record, scope, context);
  if (resolved === undefined) return { ...common, reason: 'ongoing', notify: false, record };
  return {
    ...common,
    reason: 'resolved',
    // Who was told of it is told that it is over.
    notify: mute === undefined && message !== undefined && isAtLeast(message.severity, policy.minSeverity),
    // What is over in silence leaves no message standing.
    record: { ...(message === undefined ? record : unnotified), status: 'resolved', resolved },
  };
}

/** As of the snapshot that shows it gone, so that a sighting in a later one counts, whichever run is saved first. */
function resolutionOf(
  { finding: { target, check }, lastSeen }: FindingRecord,
  { targets, transientByCheck, scans }: Scope,
  { now, policy }: TransitionContext,
): FindingRecord['resolved'] {
  if (targets.known && !targets.value.has(target)) return { at: later(now, lastSeen), resolution: 'target-removed' };
  const isTransient = transientByCheck.get(check);
  if (isTransient === undefined) return { at: later(now, lastSeen), resolution: 'check-removed' };
  const scan = scans.get(target);
  const outcome = scan?.outcomes.get(check);
  if (scan === undefined || outcome === undefined || msBetween(lastSeen, scan.takenAt) <= 0) return undefined;
  const at = scan.takenAt;
  const isResolveTimeOver = msBetween(lastSeen, now) >= policy.resolveAfterHours * HOUR_MS;
  switch (outcome.status) {
    case 'unknown':
    case 'error':
      return undefined;
    case 'not-applicable':
      return isResolveTimeOver ? { at, resolution: 'not-applicable', detail: outcome.reason } : undefined;
    case 'fail':
      if (outcome.incomplete !== undefined) return undefined;
      return isResolveTimeOver || !isTransient ? { at, resolution: 'gone' } : undefined;
    case 'pass':
      return isResolveTimeOver || !isTransient ? { at, resolution: 'gone' } : undefined;
  }
}
