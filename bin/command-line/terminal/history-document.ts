// What `history --format json` prints, and what its table is made from. Names are safe to show.

import type { HistoryRow } from '../../../lambda/lifecycle/history.ts';

/** Times are ISO 8601, UTC. */
export interface HistoryDocument {
  readonly schemaVersion: 1;
  /** For people: which state it is. */
  readonly state: string;
  readonly days: number;
  readonly since: string;
  readonly until: string;
  /** The oldest time in the state. Runs may have been recorded before it: what they saw is resolved and was deleted. */
  readonly recordedSince: string;
  readonly targets: readonly { readonly name: string; readonly lastAudited: string }[];
  /** Worst first, of those the most recent first. */
  readonly clients: readonly HistoryRow[];
  /** What could not be verified: an empty list of clients says nothing about these. */
  readonly notSeen: readonly HistoryGap[];
}

export interface HistoryGap {
  readonly target: string;
  readonly since: string;
  readonly reason: string;
}
