// Audits all targets with bounded concurrency and a deadline for each, and evaluates their snapshots.

import pMap from 'p-map';
import { evaluate } from './checks/evaluate.ts';
import { evaluateFleet } from './checks/evaluate-fleet.ts';
import type { Collector } from './collect/attempts.ts';
import { notStarted, takeSnapshot } from './collect/snapshot.ts';
import type { Config } from './config/index.ts';
import { AuditFailure, type Failure } from './model/failure.ts';
import type { Run } from './model/run.ts';
import type { Snapshot } from './model/snapshot.ts';

export interface AuditOptions {
  readonly collector: Collector;
  /** Aborts when the run is out of time: targets that are not audited by then are reported as not audited. */
  readonly deadline: AbortSignal;
  /**
   * Whether these are all configured targets; otherwise fleet checks can't conclude that a replica has no target.
   * @default false
   */
  readonly coversAllTargets?: boolean;
  /** Targets that are not tried, by name, and why. @default none */
  readonly untried?: ReadonlyMap<string, Failure>;
  /** Called when the turn of a target comes for which there is time. */
  readonly onTurn?: () => void;
  /** Called after each target, in the order in which they finish, before any check runs. */
  readonly onTarget?: (progress: {
    readonly snapshot: Snapshot;
    readonly done: number;
    readonly total: number;
  }) => void;
}

/** Audits every given target. A target never makes it throw: the target's snapshot says what went wrong. */
export async function auditTargets(
  { targets, concurrency, policy }: Pick<Config, 'targets' | 'concurrency' | 'policy'>,
  { collector, deadline, coversAllTargets = false, untried, onTurn, onTarget }: AuditOptions,
): Promise<Run> {
  const startedAt = collector.clock().toISOString();
  let done = 0;
  const snapshots = await pMap(
    targets,
    async (target): Promise<Snapshot> => {
      const failure = untried?.get(target.name);
      const end = failure === undefined ? deadline : AbortSignal.abort(new AuditFailure(failure));
      if (!end.aborted) onTurn?.();
      const snapshot = end.aborted
        ? notStarted(target, collector, end)
        : await takeSnapshot(target, collector, deadline);
      done += 1;
      onTarget?.({ snapshot, done, total: targets.length });
      return snapshot;
    },
    { concurrency },
  );
  const evaluated = snapshots.map((snapshot) => ({ snapshot, ...evaluate(snapshot, policy) }));
  const audited = evaluateFleet(evaluated, policy, { coversAllTargets });
  return { startedAt, finishedAt: collector.clock().toISOString(), policy, audited };
}
