// Defines what a run keeps of discovery for the next one: since when what matches nothing, and what came and went.

import * as z from 'zod';

/** ISO 8601, UTC, by a name. */
const moments = z
  .record(z.string().max(300), z.iso.datetime())
  .refine((entries) => Object.keys(entries).length <= 20_000);

export const discoveryMemorySchema = z.strictObject({
  /** By the key of what matches nothing: since when it does so in each run. */
  unmatchedSince: moments,
  /** By the name of a target that comes and goes by itself: when it was there last. */
  elasticSeen: moments,
});

export type DiscoveryMemory = Readonly<z.infer<typeof discoveryMemorySchema>>;

/** One for each auditor. */
export interface DiscoveryMemoryStore {
  /** @returns undefined where nothing is kept @throws Error where it can't be read */
  read(): Promise<DiscoveryMemory | undefined>;
  /** @throws Error where it can't be saved */
  save(memory: DiscoveryMemory): Promise<void>;
}
