// Targets in, report out: all of them, at most so many at once, each with its own deadline, none at another's cost.

import pMap from 'p-map';
import { evaluate } from './checks/evaluate.ts';
import { type Collector, notStarted, takeSnapshot } from './collect/snapshot.ts';
import type { Config } from './config.ts';
import { type AuditedTarget, buildReport } from './report/build-report.ts';
import type { Report } from './report/schema.ts';

export interface AuditOptions {
  readonly collector: Collector;
  /** Ends when the run is out of time: what is not audited by then is reported as not audited. */
  readonly deadline: AbortSignal;
  /** Called as targets are done, in whatever order that is. */
  readonly onTarget?: (progress: {
    readonly audited: AuditedTarget;
    readonly done: number;
    readonly total: number;
  }) => void;
}

/** Audits every target of the configuration. Never throws for the sake of a target: the report says what went wrong. */
export async function auditTargets(
  { targets, concurrency, policy }: Pick<Config, 'targets' | 'concurrency' | 'policy'>,
  { collector, deadline, onTarget }: AuditOptions,
): Promise<Report> {
  const startedAt = new Date().toISOString();
  let done = 0;
  const audited = await pMap(
    targets,
    async (target): Promise<AuditedTarget> => {
      const snapshot = deadline.aborted
        ? notStarted(target, deadline)
        : await takeSnapshot(target, collector, deadline);
      const result = { snapshot, ...evaluate(snapshot, policy) };
      done += 1;
      onTarget?.({ audited: result, done, total: targets.length });
      return result;
    },
    { concurrency },
  );
  return buildReport({ startedAt, finishedAt: new Date().toISOString(), policy, audited });
}
