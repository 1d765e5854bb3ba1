// Defines what state records of findings, targets and mutes, and what a run decides about them.

import type { Finding, Outcome } from './finding.ts';
import type { Mute } from './mute.ts';
import type { Severity } from './severity.ts';

/**
 * What a finding is now, compared with the recorded state:
 *
 * - `new`: open, and no message of this episode has been sent
 * - `escalated`: of a higher severity than the last message gave
 * - `mute-expired`: open, and the mute that matched it has ended
 * - `reminder`: still open, and the repeat interval has passed since the last message
 * - `resolved`: gone, or no longer checked
 * - `ongoing`: still open, and nothing to notify of
 * - `muted`: open, and a mute suppresses it
 * - `observed`: there, in a run without state, which knows of no earlier runs
 */
export const REASONS = [
  'new',
  'escalated',
  'mute-expired',
  'reminder',
  'resolved',
  'ongoing',
  'muted',
  'observed',
] as const;
export type Reason = (typeof REASONS)[number];

/**
 * Why an open finding is over: a complete observation found it `gone`; its check does not apply any more; the catalogue
 * has no such check, or the configuration no such target, any more.
 */
export const RESOLUTIONS = ['gone', 'not-applicable', 'check-removed', 'target-removed'] as const;
export type Resolution = (typeof RESOLUTIONS)[number];

/** The record of a finding. Times are ISO 8601, UTC. */
export interface FindingRecord {
  /** As it was last seen. */
  readonly finding: Finding;
  readonly status: 'open' | 'resolved';
  /** In the first of all its episodes. */
  readonly firstSeen: string;
  /** When the present episode began: later than `firstSeen` where it was resolved in between. */
  readonly openedAt: string;
  readonly lastSeen: string;
  /**
   * The last message about this episode; undefined when none was sent. Of an open record, `resolved` is the message of
   * the episode before.
   */
  readonly lastNotified?: { readonly at: string; readonly severity: Severity; readonly reason: Reason } | undefined;
  /** The mute that suppressed it when it was last seen. */
  readonly mute?: Mute | undefined;
  readonly resolved?:
    | { readonly at: string; readonly resolution: Resolution; readonly detail?: string | undefined }
    | undefined;
}

/** The record of a target: its newest snapshot. A run that another one overtook has an older snapshot. */
export interface TargetRecord {
  readonly name: string;
  readonly takenAt: string;
}

/** The record of a mute. */
export interface MuteRecord {
  /** Made of what it matches: with a new reason or end it is still the same mute. */
  readonly key: string;
  readonly firstSeen: string;
  readonly lastMatched?: string | undefined;
  /** When a message said that it matches nothing. */
  readonly unusedNotifiedAt?: string | undefined;
}

/** All records: findings by fingerprint, targets by name, mutes by key. */
export interface AuditState {
  readonly findings: ReadonlyMap<string, FindingRecord>;
  readonly targets: ReadonlyMap<string, TargetRecord>;
  readonly mutes: ReadonlyMap<string, MuteRecord>;
}

export const EMPTY_STATE: AuditState = { findings: new Map(), targets: new Map(), mutes: new Map() };

/** When a message is repeated, and when a finding counts as gone. */
export interface LifecyclePolicy {
  /** Hours without a sighting after which a session's finding is gone: pooled and nightly clients come and go. */
  readonly resolveAfterHours: number;
  /** Hours after the last message about an open finding; undefined: never reminded. */
  readonly repeatIntervalHours?: number | undefined;
  /** The lowest severity that any audience receives. */
  readonly minSeverity: Severity;
}

/** What this run saw of one target. */
export interface TargetObservation {
  readonly target: string;
  /** ISO 8601, UTC: of its snapshot. */
  readonly takenAt: string;
  readonly outcomes: readonly { readonly check: string; readonly outcome: Outcome }[];
  readonly findings: readonly Finding[];
}

/** One finding with what is to be done about it. */
export interface Decided {
  readonly reason: Reason;
  /** As seen now; as last seen where it was not seen in this run. */
  readonly finding: Finding;
  /** Whether this run saw it. */
  readonly isObserved: boolean;
  /** Whether a message is to be sent about it. */
  readonly notify: boolean;
  /** Times are ISO 8601, UTC; undefined without state. */
  readonly firstSeen?: string | undefined;
  readonly openedAt?: string | undefined;
  readonly lastSeen?: string | undefined;
  /** The severity that the last message gave. */
  readonly lastNotifiedSeverity?: Severity | undefined;
  /** Of a resolved one. */
  readonly resolution?: Resolution | undefined;
  readonly detail?: string | undefined;
  /** The mute that suppresses it, or that did until now. */
  readonly mute?: Mute | undefined;
}

/** What a mute of the configuration did in this run. */
export interface MuteUse {
  readonly mute: Mute;
  readonly key: string;
  readonly expired: boolean;
  /** How many findings it suppressed in this run. */
  readonly matched: number;
  /** ISO 8601, UTC: since when it matches nothing, where that is 30 days or more. */
  readonly unusedSince?: string | undefined;
  /** Whether a message is to say that it matches nothing. */
  readonly notifyUnused: boolean;
}

/** Open findings of a target that are recorded no longer, because there are too many. */
export interface DroppedRecords {
  readonly target: string;
  readonly open: number;
}

export interface Decision {
  /** Every finding of the run, and every one that is recorded as open or was resolved by this run. */
  readonly findings: readonly Decided[];
  readonly mutes: readonly MuteUse[];
  /** What to store once the messages are delivered; undefined without state. */
  readonly next?: AuditState | undefined;
  /**
   * What to store where no message was delivered: the same without the notifications, so that the next run sends them.
   */
  readonly unnotified?: AuditState | undefined;
  /** ISO 8601, UTC: the latest recorded time in the future, where some are. They count as now. */
  readonly clockAheadUntil?: string | undefined;
  /** Which targets lost open findings that this run did not observe; undefined: none. */
  readonly droppedRecords?: readonly DroppedRecords[] | undefined;
}
