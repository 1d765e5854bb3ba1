// The state transition of one finding, before notification is decided.

import type { Finding } from '../model/finding.ts';
import type { AuditState, FindingRecord, LifecyclePolicy, Reason } from '../model/lifecycle.ts';
import type { Mute } from '../model/mute.ts';
import type { Severity } from '../model/severity.ts';
import type { ConfiguredMute } from './mutes.ts';

/** The input that all transitions of a run share. */
export interface TransitionContext {
  readonly previous: AuditState;
  /** ISO 8601, UTC. */
  readonly now: string;
  readonly policy: LifecyclePolicy;
  readonly mutes: readonly ConfiguredMute[];
}

export interface Transition {
  readonly reason: Reason;
  readonly finding: Finding;
  readonly isObserved: boolean;
  /** Whether the receiver is notified; `withRepeats` may still change it. */
  readonly notify: boolean;
  /** The record to save, without the notification that is about to go out. */
  readonly record: FindingRecord;
  readonly lastNotifiedSeverity?: Severity | undefined;
  readonly mute?: Mute | undefined;
  /** Whether it may become a repeat: open, notified, above the threshold, not muted, and not older than the record. */
  readonly isRepeatable: boolean;
}

/**
 * The last notification that still holds. A run may have notified `resolved` while another run, at the same time, still
 * observed the finding: the record is then open, and the receiver must be notified again.
 */
export function lastActiveNotification({ lastNotified }: FindingRecord): FindingRecord['lastNotified'] {
  return lastNotified?.reason === 'resolved' ? undefined : lastNotified;
}
