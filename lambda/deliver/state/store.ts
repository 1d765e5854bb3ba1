// The port of a state store, which keeps what a receiver was notified of: a DynamoDB table, or a file.

import type { AuditState } from '../../model/lifecycle.ts';

/** The state could not be read or saved. The message says what was tried, and what to do. */
export class StateError extends Error {
  override readonly name = 'StateError';
  /** Whether another run holds the lease. */
  readonly isHeld: boolean;

  constructor(message: string, { isHeld = false, ...options }: ErrorOptions & { readonly isHeld?: boolean } = {}) {
    super(message, options);
    this.isHeld = isHeld;
  }
}

/** The state of one receiver. */
export interface StateStore {
  /** As messages name it: `DynamoDB table pg-tls-auditor-state`, `file state.json`. */
  readonly name: string;
  /**
   * Reads the state without a lease.
   *
   * @throws StateError
   */
  read(): Promise<AuditState>;
  /**
   * Waits for the lease, and reads the state. One run after the other decides, publishes and saves, so that no run
   * repeats a notification that another run has just published.
   *
   * @throws StateError when the lease is not free before the signal ends
   */
  acquire(signal: AbortSignal): Promise<StateLease>;
}

/** The lease that one run holds. Disposing of it releases it; the lease of a run that died expires after a minute. */
export interface StateLease extends AsyncDisposable {
  readonly state: AuditState;
  /**
   * Saves every change against `state`; a record that `next` no longer holds is deleted. Safe to repeat. Where this run
   * lost the lease and another run changed the same record, both are merged as `mergeState` does.
   *
   * @throws StateError
   */
  save(next: AuditState): Promise<void>;
}
