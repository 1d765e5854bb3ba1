// What a worker may speak of: its own targets, as the plan gives them, while the run lasted.

import { isDeepStrictEqual } from 'node:util';
import type { Snapshot } from '../model/snapshot.ts';
import type { Target } from '../model/target.ts';
import type { Plan } from './documents.ts';

/** Milliseconds that the clocks of two functions may differ. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** Milliseconds since 1970. */
export interface RunTime {
  readonly from: number;
  readonly to: number;
}

/** @param now ISO 8601, UTC */
export function runTime({ startedAt }: Plan, now: string): RunTime {
  return { from: Date.parse(startedAt) - CLOCK_SKEW_MS, to: Date.parse(now) + CLOCK_SKEW_MS };
}

/**
 * Whether all moments are of the run. An older result is one of an earlier run; a later one would stand in what is kept
 * as a time that is yet to come.
 *
 * @param moments ISO 8601
 */
export function isWithin({ from, to }: RunTime, moments: readonly string[]): boolean {
  return moments.map((moment) => Date.parse(moment)).every((moment) => from <= moment && moment <= to);
}

/** Whether the results are those of the targets, one for each; null where there is nothing to say of one. */
export function areOfTargets(targets: readonly Target[], results: readonly (Snapshot | null)[]): boolean {
  return (
    results.length === targets.length &&
    targets.every((target, index) => {
      const result = results[index] ?? null;
      return result === null || isOfTarget(target, result.target);
    })
  );
}

/** Whether a result is of the target of the plan: under its name, place and labels. */
function isOfTarget({ name, labels, kind, host, port }: Target, of: Snapshot['target']): boolean {
  return (
    of.name === name &&
    of.kind === kind &&
    (host === undefined || of.host === host) &&
    (port === undefined || of.port === port) &&
    of.fromOption !== true &&
    isDeepStrictEqual({ ...of.labels }, { ...labels })
  );
}
