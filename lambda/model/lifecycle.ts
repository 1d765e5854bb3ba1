// The life of a finding from run to run: what is remembered of it, and what it is now compared with before.

import type { Finding, Outcome } from './finding.ts';
import type { Mute } from './mute.ts';
import type { Severity } from './severity.ts';

/**
 * What a finding is now:
 *
 * - `new`: there, and nobody has been told of it in this episode
 * - `escalated`: of a higher severity than people were told
 * - `mute-expired`: there, and what muted it mutes it no more
 * - `reminder`: still there, and told of last a while ago
 * - `resolved`: gone, or no longer looked for
 * - `ongoing`: still open, and nothing to tell
 * - `muted`: there, and not to be told
 * - `observed`: there, in a run that knows of no earlier ones because no state is configured
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
 * Why an open finding is over: a complete look found it `gone`; its check does not apply any more; the catalogue has no
 * such check, or the configuration no such target, any more.
 */
export const RESOLUTIONS = ['gone', 'not-applicable', 'check-removed', 'target-removed'] as const;
export type Resolution = (typeof RESOLUTIONS)[number];

/** What is remembered of a finding. Times are ISO 8601, UTC. */
export interface FindingRecord {
  /** As it was last seen. */
  readonly finding: Finding;
  readonly status: 'open' | 'resolved';
  /** Ever. */
  readonly firstSeen: string;
  /** When the present episode began: later than `firstSeen` where it was resolved in between. */
  readonly openedAt: string;
  readonly lastSeen: string;
  /**
   * The last message about this episode; undefined when nobody was told. Of an open record, `resolved` is the message of
   * the episode before.
   */
  readonly lastNotified?: { readonly at: string; readonly severity: Severity; readonly reason: Reason } | undefined;
  /** The mute that silenced it when it was last seen. */
  readonly mute?: Mute | undefined;
  readonly resolved?:
    | { readonly at: string; readonly resolution: Resolution; readonly detail?: string | undefined }
    | undefined;
}

/** What is remembered of a target: its newest snapshot. A run that is overtaken by another looks at older ones. */
export interface TargetRecord {
  readonly name: string;
  readonly takenAt: string;
}

/** What is remembered of a mute. */
export interface MuteRecord {
  /** By what it matches: a new reason or end does not make it another one. */
  readonly key: string;
  readonly firstSeen: string;
  readonly lastMatched?: string | undefined;
  /** When people were told that it matches nothing. */
  readonly unusedNotifiedAt?: string | undefined;
}

/** All that is remembered, each by its fingerprint, name or key. */
export interface AuditState {
  readonly findings: ReadonlyMap<string, FindingRecord>;
  readonly targets: ReadonlyMap<string, TargetRecord>;
  readonly mutes: ReadonlyMap<string, MuteRecord>;
}

export const EMPTY_STATE: AuditState = { findings: new Map(), targets: new Map(), mutes: new Map() };

/** When people are told again, and when a thing counts as gone. */
export interface LifecyclePolicy {
  /** Hours without a sighting after which a session's finding is gone: pooled and nightly clients come and go. */
  readonly resolveAfterHours: number;
  /** Hours after the last message about an open finding; undefined: never reminded. */
  readonly repeatIntervalHours?: number | undefined;
  /** The lowest severity that any audience is told of. */
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
  /** Whether people are to be told. */
  readonly notify: boolean;
  /** Times are ISO 8601, UTC; undefined without state. */
  readonly firstSeen?: string | undefined;
  readonly openedAt?: string | undefined;
  readonly lastSeen?: string | undefined;
  /** The severity that people were told before. */
  readonly lastNotifiedSeverity?: Severity | undefined;
  /** Of a resolved one. */
  readonly resolution?: Resolution | undefined;
  readonly detail?: string | undefined;
  /** The mute that silences it, or that did until now. */
  readonly mute?: Mute | undefined;
}

/** What a mute of the configuration did in this run. */
export interface MuteUse {
  readonly mute: Mute;
  readonly key: string;
  readonly expired: boolean;
  /** How many findings it silenced in this run. */
  readonly matched: number;
  /** ISO 8601, UTC: since when it matches nothing, where that is 30 days or more. */
  readonly unusedSince?: string | undefined;
  /** Whether people are to be told that it matches nothing. */
  readonly notifyUnused: boolean;
}

export interface Decision {
  /** Every finding of the run, and every one that is remembered as open or was resolved by this run. */
  readonly findings: readonly Decided[];
  readonly mutes: readonly MuteUse[];
  /** What to remember once people have been told; undefined without state. */
  readonly next?: AuditState | undefined;
  /** What to remember where the message reached no one: the same, and the next run tells it all again. */
  readonly unnotified?: AuditState | undefined;
  /** ISO 8601, UTC: the latest remembered time in the future, where some are. They count as now. */
  readonly clockAheadUntil?: string | undefined;
}
