// Defines an observer: one more source of facts for a snapshot, besides the audit itself.

import type { Endpoint } from '../../model/endpoint.ts';
import type { Observed } from '../../model/observed.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { Target } from '../../model/target.ts';
import type { Redaction } from '../secrets/redaction.ts';
import type { Trust } from './trust.ts';
import type { VerifiedSession, VerifiedSessionOptions } from './verified-session.ts';

/** A target that could be connected to, with the login of its audit. */
export interface ReachableTarget {
  readonly endpoint: Endpoint;
  readonly role: string;
  readonly database: string;
  readonly trust: Trust;
}

/**
 * Opens a further session as the audit opened its own: the same credentials, trust, policy and redaction.
 *
 * @throws AuditFailure, IdentityError
 */
export type SessionOpener = (
  options: Pick<VerifiedSessionOptions, 'applicationName' | 'boundsEachAnswer' | 'signal'>,
) => Promise<VerifiedSession>;

/** A target whose audit has ended, after TCP to it was open. */
export interface AuditedTarget extends ReachableTarget {
  readonly target: Target;
  /** Purges the passwords that were tried, for what an observer gives to others than the snapshot. */
  readonly redaction: Redaction;
  /** Unknown where the login of the audit did not succeed. */
  readonly openSession: Observed<SessionOpener>;
}

/** The facts that come from observers. */
export type ObserverFacts = Pick<Snapshot, 'probe' | 'connectionLog' | 'sampled'>;

export interface ObserverContext extends AuditedTarget {
  /** Aborts when the observer's own time is up, or the target's. */
  readonly signal: AbortSignal;
  /** Milliseconds until then, unless the run ends before. */
  readonly timeLeftMs: number;
}

/** An observer costs no more than its own facts, whatever it does: they are unknown then, with the reason. */
export interface Observer {
  /** As it stands in a reason, e.g. `the wire probe`. */
  readonly name: string;
  /** The facts it brings. No other observer brings them. */
  readonly facts: readonly (keyof ObserverFacts)[];
  /** Milliseconds it may take; the target's own time applies besides. */
  readonly timeoutMs: number;
  readonly isWanted: (target: Target) => boolean;
  readonly observe: (context: ObserverContext) => Promise<ObserverFacts>;
}
