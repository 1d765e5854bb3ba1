// Defines what a run keeps of a configuration from outside of the bundle: the last good one.

export interface KeptConfig {
  /** The document, as its location had it. */
  readonly text: string;
  /** ISO 8601, UTC: when it was read there last. */
  readonly readAt: string;
}

/** One configuration for each location. */
export interface KeptConfigStore {
  /** @returns undefined where none is kept @throws Error where it can't be read */
  read(location: string): Promise<KeptConfig | undefined>;
  /** Changes nothing where one is kept that was read later. @throws Error where it can't be saved */
  save(location: string, kept: KeptConfig): Promise<void>;
}
