// A source of targets: lists the PostgreSQL servers that an audit covers.

import type { Config } from '../../config/index.ts';
import type { CloudListing } from '../../model/cloud.ts';
import type { DiscoveryMemoryStore } from '../../model/discovery-memory.ts';
import type { InventoryStore } from '../../model/inventory.ts';
import type { ListedReplicas } from '../../model/listed-replicas.ts';
import type { Observed } from '../../model/observed.ts';
import type { NamedTarget, Target } from '../../model/target.ts';
import type { Clock } from '../../model/time.ts';

/** A database that a source saw, and whether it is audited. Every text may be shown as it is. */
export interface Choice {
  readonly name: string;
  /** Null where it is not known, or there is none yet. */
  readonly host: string | null;
  readonly port: number | null;
  readonly region: string | null;
  readonly account: string | null;
  readonly taken: boolean;
  /** Why it was taken or left out, as a sentence without its period. */
  readonly reason: string;
}

/** Something of the configuration that matches nothing. With discovery this may be so for a while. */
export interface Unmatched {
  /** The same for the same thing in each run. */
  readonly key: string;
  /** A sentence without its period. */
  readonly message: string;
}

/** What a source found. Sentences have no final period, and may be shown as they are. */
export interface Listing {
  /** To audit, each name once. */
  readonly targets: readonly Target[];
  /** Exist, and can't be audited now, such as a database that is stopped: their findings stay open. */
  readonly dormant: readonly NamedTarget[];
  /** Why there may be more targets; none: these are all. */
  readonly gaps: readonly string[];
  /** What else is not as the configuration means it. */
  readonly warnings: readonly string[];
  /** What matches nothing, such as a tag that no database has. @default nothing */
  readonly unmatched?: readonly Unmatched[];
  /** What the source knows without a login. */
  readonly cloud: CloudListing;
  readonly choices: readonly Choice[];
  /** Names of targets that come and go by themselves, such as readers by auto scaling. @default none */
  readonly elastic?: readonly string[];
  /** Whether its targets give way to those of other sources with the same name or endpoint. @default false */
  readonly givesWay?: boolean;
  /** @default nothing is known of replicas */
  readonly replicas?: ListedReplicas;
}

/** What a source has besides the configuration. */
export interface SourceContext {
  /** The folder that paths in the configuration are relative to. */
  readonly folder: string;
  readonly clock: Clock;
  /** Keeps what was found, for the runs in which it can't be listed. Undefined: nothing is kept. */
  readonly inventory?: InventoryStore | undefined;
  /** Keeps since when what matches nothing. Undefined: it is reported at once. */
  readonly memory?: DiscoveryMemoryStore | undefined;
  /** Names of targets that came and went by themselves, and are expected again. @default none */
  readonly expected?: readonly string[];
}

/**
 * Lists the targets of one source, each name once.
 *
 * @param signal aborts when the list is no longer wanted: after 30 seconds, or when the run has no time left
 * @returns unknown with a reason where the source failed, or a listing with gaps where a part of it did. An empty list
 * without a gap says that there are no targets, and the findings of all that were there before are then resolved
 */
export type TargetSource = (signal: AbortSignal) => Promise<Observed<readonly Target[]> | Listing>;

/** Makes a source from the configuration. */
export type TargetSourceFactory = (config: Config, context: SourceContext) => TargetSource;
