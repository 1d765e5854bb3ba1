// Plans a run of the fleet: lists the targets, writes the plan, and hands out the first batches.

import { parseEvent, type RunRequest } from '../event.ts';
import type { RunContext } from '../run-context.ts';
import { type RunTargets, targetsOfRun } from '../run-targets.ts';
import type { TargetSourceFactory } from '../targets/index.ts';
import { assign } from './assignment.ts';
import { MOST_BYTES, newPlan, type Plan, pack, sharesOf, slicesOf, unpackPlan } from './documents.ts';
import type { PlanInput } from './messages.ts';
import { planKey, sliceKey } from './object-keys.ts';
import { batchesOf, type Range, sizeOfBatches } from './ranges.ts';
import type { RunObjects } from './run-objects.ts';

/** What the machine goes on with. */
export interface Batches {
  readonly run: string;
  /** Targets in a batch at most. */
  readonly size: number;
  readonly batches: readonly Range[];
}

/** The largest batch that the configuration allows. */
const LARGEST_BATCH = 1_000;

/** Milliseconds after which the last worker, and then Digest, must have ended: the machine's time without them. */
const END_OF_RUN_MS = 20 * 60_000;

/**
 * Writes the plan, then each worker's slice of it. A repetition goes on with the plan that there is: workers may have
 * read it.
 *
 * @throws EventError for an event that it does not understand; RunObjectError; RangeError for more targets than fit
 */
export async function planRun(
  { run, startedAt, workers, event }: PlanInput,
  context: RunContext,
  objects: RunObjects,
  sources: readonly TargetSourceFactory[],
): Promise<Batches> {
  const request = parseEvent(event);
  const targets = await targetsOfRun(context, sources, request);
  const made = planOf({ run, startedAt, workers, request, targets }, context);
  const stored = await objects.put(planKey(run), await pack(made));
  const plan = stored ? made : await unpackPlan(await objects.get(planKey(run), MOST_BYTES));
  for (const slice of slicesOf(plan)) await objects.put(sliceKey(run, slice.worker), await pack(slice));
  return { run, size: plan.batch, batches: batchesOf(sharesOf(plan), plan.batch) };
}

interface Planned {
  readonly run: string;
  readonly startedAt: string;
  readonly workers: readonly string[];
  readonly request: RunRequest;
  readonly targets: RunTargets;
}

function planOf(
  { run, startedAt, workers, request, targets: { list, targets, coversAllTargets } }: Planned,
  { config }: RunContext,
): Plan {
  const { policy, concurrency, deployment } = config;
  const { slices, unassigned } = assign(targets, workers, config);
  const { batch = LARGEST_BATCH, timeoutMinutes = 60 } = deployment.fleet ?? {};
  const shares = slices.map((slice) => ({ worker: slice.worker, count: slice.targets.length }));
  const end = Date.parse(startedAt) + timeoutMinutes * 60_000 - END_OF_RUN_MS - deployment.timeoutMinutes * 60_000;
  return newPlan({
    run,
    startedAt,
    auditUntil: new Date(end).toISOString(),
    batch: sizeOfBatches(shares, batch, LARGEST_BATCH),
    policy,
    concurrency,
    request: { ...request, targets: request.targets === undefined ? undefined : [...request.targets] },
    coversAllTargets,
    slices,
    unassigned,
    list: {
      // Targets of the list have everything that an audit needs; people are notified of names and labels.
      all: list.all.known
        ? { known: true, value: list.all.value.map(({ name, labels }) => ({ name, labels })) }
        : list.all,
      warnings: [...list.warnings],
      cloud: list.cloud,
      replicas: [...list.replicas].map(([host, unlisted]) => [host, [...unlisted]]),
    },
  });
}
