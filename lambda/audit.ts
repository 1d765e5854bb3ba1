// Targets in, snapshots with what the checks make of them out: all of them, at most so many at once, each with its own deadline, none at another's cost.

import pMap from 'p-map';
import { evaluate } from './checks/evaluate.ts';
import { fleetOf } from './checks/fleet.ts';
import { CHECKS } from './checks/registry.ts';
import { type Collector, notStarted, takeSnapshot } from './collect/snapshot.ts';
import type { Config } from './config/index.ts';
import type { Snapshot } from './model/snapshot.ts';
import type { AuditedTarget, Run } from './report/build-report.ts';

export interface AuditOptions {
  readonly collector: Collector;
  /** Ends when the run is out of time: what is not audited by then is reported as not audited. */
  readonly deadline: AbortSignal;
  /** Whether the targets are all there are: else nobody can say which replicas no target audits. @default false */
  readonly coversAllTargets?: boolean;
  /** Called as targets are done, in whatever order that is, before anything is judged. */
  readonly onTarget?: (progress: {
    readonly snapshot: Snapshot;
    readonly done: number;
    readonly total: number;
  }) => void;
}

/** Audits every target of the configuration. Never throws for the sake of a target: its snapshot says what went wrong. */
export async function auditTargets(
  { targets, concurrency, policy }: Pick<Config, 'targets' | 'concurrency' | 'policy'>,
  { collector, deadline, coversAllTargets = false, onTarget }: AuditOptions,
): Promise<Run> {
  const startedAt = collector.clock().toISOString();
  let done = 0;
  const snapshots = await pMap(
    targets,
    async (target): Promise<Snapshot> => {
      const snapshot = deadline.aborted
        ? notStarted(target, collector, deadline)
        : await takeSnapshot(target, collector, deadline);
      done += 1;
      onTarget?.({ snapshot, done, total: targets.length });
      return snapshot;
    },
    { concurrency },
  );
  const fleet = coversAllTargets ? fleetOf(snapshots) : undefined;
  const audited = snapshots.map(
    (snapshot): AuditedTarget => ({ snapshot, ...evaluate(snapshot, policy, CHECKS, fleet) }),
  );
  return { startedAt, finishedAt: collector.clock().toISOString(), policy, audited };
}
