// Defines an observer: one more source of facts for a snapshot, besides the audit itself.

import type { Endpoint } from '../../model/endpoint.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { Target } from '../../model/target.ts';
import type { Trust } from './trust.ts';

/** A target that could be connected to, with the login of its audit. */
export interface ReachableTarget {
  readonly endpoint: Endpoint;
  readonly role: string;
  readonly database: string;
  readonly trust: Trust;
}

/** The facts that come from observers. */
export type ObserverFacts = Pick<Snapshot, 'probe' | 'connectionLog' | 'sampled'>;

export interface ObserverContext extends ReachableTarget {
  /** Aborts when the observer's own time is up, or the target's. */
  readonly signal: AbortSignal;
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
