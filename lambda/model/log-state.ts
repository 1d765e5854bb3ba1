// Defines the port of what is remembered of the connection logs of targets from run to run.

/** One record for each target. */
export interface LogStateStore {
  /** @throws StateError */
  read(target: string): Promise<StoredLogState>;
  /**
   * Saves unless another run has saved since `read`: what that one has read, this one has read as well.
   *
   * @param state JSON, of at most 300 KB
   * @returns whether it was saved
   * @throws StateError
   */
  save(target: string, state: unknown, version: number): Promise<boolean>;
}

export interface StoredLogState {
  /** From outside: to be checked. Undefined where nothing is remembered. */
  readonly state: unknown;
  /** Counts the saves; 0 where nothing is remembered. */
  readonly version: number;
}
