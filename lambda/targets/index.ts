// Registers the sources of targets, and lists the targets of all of them.

import type { Config } from '../config/index.ts';
import { known, type Observed, unknown } from '../model/observed.ts';
import type { Target } from '../model/target.ts';
import { configuredTargets } from './configured.ts';
import type { TargetSource, TargetSourceFactory } from './source.ts';

export type { TargetSourceFactory } from './source.ts';

/** Every source. Of two targets with one name, the first source's is audited, and the list counts as incomplete. */
export const TARGET_SOURCES: readonly TargetSourceFactory[] = [configuredTargets];

/** Milliseconds that a source may take: the audit needs the rest of the run. */
const SOURCE_TIMEOUT_MS = 30_000;

export interface TargetList {
  /** The targets of the sources that answered. */
  readonly found: readonly Target[];
  /**
   * The same, where every source answered; else why there may be more. A target that is missing from an incomplete list
   * is not a target that was removed.
   */
  readonly all: Observed<readonly Target[]>;
}

/**
 * Lists the targets of all sources. Never rejects: a source that fails makes the list incomplete.
 *
 * @param signal ends the wait for the sources, which is 30 seconds at most
 */
export async function listTargets(
  sources: readonly TargetSourceFactory[],
  config: Config,
  signal?: AbortSignal,
): Promise<TargetList> {
  const timeout = AbortSignal.timeout(SOURCE_TIMEOUT_MS);
  const limit = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
  const lists = await Promise.all(sources.map((source) => listOf(source(config), limit)));
  const found = new Map<string, Target>();
  const failures: string[] = [];
  for (const list of lists) {
    if (!list.known) failures.push(list.reason);
    for (const target of list.known ? list.value : []) {
      if (found.has(target.name)) failures.push(`two sources name a target "${target.name}"`);
      else found.set(target.name, target);
    }
  }
  const targets = [...found.values()];
  return { found: targets, all: failures.length === 0 ? known(targets) : unknown(failures.join('; ')) };
}

async function listOf(source: TargetSource, signal: AbortSignal): Promise<Observed<readonly Target[]>> {
  try {
    return await Promise.race([source(signal), rejectAtEnd(signal)]);
  } catch (error) {
    // An unforeseen message may hold a secret: only the name of the error is shown.
    const name = error instanceof Error ? error.name : 'unknown error';
    return unknown(
      signal.aborted ? 'a source of targets did not answer in time' : `a source of targets failed (${name})`,
    );
  }
}

/** Rejects once the signal ends: not every source heeds it. */
async function rejectAtEnd(signal: AbortSignal): Promise<never> {
  return await new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
