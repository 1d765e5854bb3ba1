// Audits all targets with bounded concurrency and a deadline for each, and evaluates their snapshots.

import pMap from 'p-map';
import { listedSnapshots, withCloudFacts } from './analysis/provider/cloud-facts.ts';
import { evaluate } from './checks/evaluate.ts';
import { evaluateFleet } from './checks/evaluate-fleet.ts';
import { evaluateListed } from './checks/evaluate-listed.ts';
import type { Collector } from './collect/attempts.ts';
import { notStarted, takeSnapshot } from './collect/snapshot.ts';
import type { Config } from './config/index.ts';
import { type CloudListing, NO_CLOUD } from './model/cloud.ts';
import { AuditFailure, type Failure } from './model/failure.ts';
import type { ListedReplicas } from './model/listed-replicas.ts';
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
  /** What discovery knows without a login. @default nothing */
  readonly cloud?: CloudListing;
  /** Whether what discovery lists and no audit covers is evaluated too, without a login. @default true */
  readonly includesListed?: boolean;
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

type AuditedTargets = Pick<Config, 'targets' | 'concurrency' | 'policy'> & {
  /** What discovery knows of them. @default nothing */
  readonly replicas?: ListedReplicas;
};

/** Audits every given target. A target never makes it throw: the target's snapshot says what went wrong. */
export async function auditTargets(
  { targets, concurrency, policy, replicas }: AuditedTargets,
  {
    collector,
    deadline,
    coversAllTargets = false,
    cloud = NO_CLOUD,
    includesListed = true,
    untried,
    onTurn,
    onTarget,
  }: AuditOptions,
): Promise<Run> {
  const startedAt = collector.clock().toISOString();
  let begun = 0;
  let done = 0;
  const closing: Promise<void>[] = [];
  const snapshots = await pMap(
    targets,
    async (target): Promise<Snapshot> => {
      const failure = untried?.get(target.name);
      const end = failure === undefined ? deadline : AbortSignal.abort(new AuditFailure(failure));
      begun += 1;
      if (!end.aborted) onTurn?.();
      const { snapshot, closed } = end.aborted
        ? { snapshot: notStarted(target, collector, end), closed: Promise.resolve() }
        : await takeSnapshot(target, collector, deadline);
      done += 1;
      onTarget?.({ snapshot, done, total: targets.length });
      // Another target takes the place once the connection is closed. The last ones are closed while checks run.
      if (begun < targets.length) await closed;
      else closing.push(closed);
      return snapshot;
    },
    { concurrency },
  );
  const evaluated = snapshots
    .map(withCloudFacts(cloud))
    .map((snapshot) => ({ snapshot, ...evaluate(snapshot, policy) }));
  const audited = evaluateFleet(evaluated, policy, { coversAllTargets, replicas });
  const listed = includesListed ? evaluateListed(listedSnapshots(cloud, startedAt), policy) : [];
  await Promise.all(closing);
  const finishedAt = collector.clock().toISOString();
  return { startedAt, finishedAt, policy, audited, ...(listed.length === 0 ? {} : { listed }) };
}
