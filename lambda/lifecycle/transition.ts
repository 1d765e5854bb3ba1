// What is made of one finding before it is settled whether people are told.

import type { Finding } from '../model/finding.ts';
import type { AuditState, FindingRecord, LifecyclePolicy, Reason } from '../model/lifecycle.ts';
import type { Mute } from '../model/mute.ts';
import type { Severity } from '../model/severity.ts';
import type { ConfiguredMute } from './mutes.ts';

/** What every judgement of one run goes by. */
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
  /** Whether people are to be told, as long as no reminder comes of it. */
  readonly notify: boolean;
  /** What to remember, but for the message that is about to go out. */
  readonly record: FindingRecord;
  readonly lastNotifiedSeverity?: Severity | undefined;
  readonly mute?: Mute | undefined;
  /** Whether a reminder may come of it: open, told of, loud enough, not muted, and no older than what is remembered. */
  readonly isRepeatable: boolean;
}

/**
 * The last message that still holds. Where a run said `resolved` while another, at the same time, still saw the finding,
 * the record is open and people believe it gone: they have to be told.
 */
export function lastActiveNotification({ lastNotified }: FindingRecord): FindingRecord['lastNotified'] {
  return lastNotified?.reason === 'resolved' ? undefined : lastNotified;
}
