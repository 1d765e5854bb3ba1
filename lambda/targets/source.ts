// A source of targets: lists the PostgreSQL servers that an audit covers.

import type { Config } from '../config/index.ts';
import type { Observed } from '../model/observed.ts';
import type { Target } from '../model/target.ts';

/**
 * Lists the targets of one source, each name once.
 *
 * @param signal aborts when the list is no longer wanted: after 30 seconds, or when the run has no time left
 * @returns unknown with a reason where the source failed. An empty list says that there are no targets, and the
 * findings of all that were there before are then resolved
 */
export type TargetSource = (signal: AbortSignal) => Promise<Observed<readonly Target[]>>;

/** Makes a source from the configuration. */
export type TargetSourceFactory = (config: Config) => TargetSource;
