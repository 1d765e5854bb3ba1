// Makes the transition of an open finding that this run did not observe: resolved, or carried over. Unknown never
// resolves.

import type { Outcome } from '../model/finding.ts';
import type { FindingRecord } from '../model/lifecycle.ts';
import type { Observed } from '../model/observed.ts';
import { isAtLeast } from '../model/severity.ts';
import { HOUR_MS, later, msBetween } from '../model/time.ts';
import { activeMute } from './mutes.ts';
import { lastActiveNotification, type Transition, type TransitionContext } from './transition.ts';

/** A scan of a target, complete or partial, newer than every earlier one. */
export interface Scan {
  readonly takenAt: string;
  /** By check. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
}

/** The targets and checks of the run, and its scans. */
export interface Scope {
  /** Names of every target that there is; unknown where a source of targets failed. */
  readonly targets: Observed<ReadonlySet<string>>;
  /** Every check there is, and whether its findings come and go. */
  readonly transientByCheck: ReadonlyMap<string, boolean>;
  /** By target. A target that was not audited, or whose snapshot is older than an earlier one, has none. */
  readonly scans: ReadonlyMap<string, Scan>;
}

/**
 * Whether the record may change: it is open, or it is resolved while its last notification says that it is open,
 * because two runs at the same time did not know of each other.
 */
export function needsTransition(record: FindingRecord): boolean {
  return record.status === 'open' || lastActiveNotification(record) !== undefined;
}

export function unobservedTransition(record: FindingRecord, scope: Scope, context: TransitionContext): Transition {
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
    // A receiver that was notified of the finding is notified of its resolution.
    notify: mute === undefined && message !== undefined && isAtLeast(message.severity, policy.minSeverity),
    // A resolution without a notification also ends the notification before it.
    record: { ...(message === undefined ? record : unnotified), status: 'resolved', resolved },
  };
}

/** Dated by the snapshot that shows it gone, so that a later sighting counts, whichever run saves first. */
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
