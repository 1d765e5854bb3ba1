// Where the auditor remembers what it has told, behind one port: a table in DynamoDB, or a file for the command line.

import type { AuditState } from '../../model/lifecycle.ts';

/** State could not be read, or not be saved. The message says what was tried, and what to do. */
export class StateError extends Error {
  override readonly name = 'StateError';
  /** Whether the state is there and another run has the turn to decide with it. */
  readonly isHeld: boolean;

  constructor(message: string, { isHeld = false, ...options }: ErrorOptions & { readonly isHeld?: boolean } = {}) {
    super(message, options);
    this.isHeld = isHeld;
  }
}

/** What is remembered for one audience. */
export interface StateStore {
  /** For people: `DynamoDB table pg-tls-auditor-state`, `file state.json`. */
  readonly name: string;
  /**
   * What is remembered, without taking a turn.
   *
   * @throws StateError
   */
  read(): Promise<AuditState>;
  /**
   * Waits until no other run is deciding, and reads what is remembered. One run after the other decides, publishes and
   * saves, so that none tells again what another has just told.
   *
   * @throws StateError when the turn does not come before the signal ends
   */
  acquire(signal: AbortSignal): Promise<StateLease>;
}

/** One run's turn. Disposing of it lets the next one have theirs; a run that dies loses it after a minute. */
export interface StateLease extends AsyncDisposable {
  readonly state: AuditState;
  /**
   * Saves what changed against `state`, whole: a record that `next` no longer holds is deleted. Safe to repeat. Where another run has changed the same record meanwhile, because
   * this one's turn ran out, both are kept as `mergeState` says.
   *
   * @throws StateError
   */
  save(next: AuditState): Promise<void>;
}
