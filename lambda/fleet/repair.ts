// Hands out again, in smaller batches, the targets of which no worker has written a part.

import type { RunContext } from '../run-context.ts';
import { MOST_BYTES, sharesOf, unpackPlan } from './documents.ts';
import type { RepairInput } from './messages.ts';
import { planKey } from './object-keys.ts';
import { writtenRanges } from './parts.ts';
import type { Batches } from './plan.ts';
import { repairBatches } from './ranges.ts';
import type { RunObjects } from './run-objects.ts';

/**
 * A database that stops its worker then costs itself only.
 *
 * @returns no batches where every target has a result, every missing one was tried by itself, or the time is up
 * @throws RunObjectError, DocumentError
 */
export async function repairRun(
  { run, size }: RepairInput,
  { clock, services }: Pick<RunContext, 'clock' | 'services'>,
  objects: RunObjects,
): Promise<Batches> {
  const plan = await unpackPlan(await objects.get(planKey(run), MOST_BYTES));
  if (clock().toISOString() > plan.auditUntil) return { run, size, batches: [] };
  const next = repairBatches(sharesOf(plan), await writtenRanges(plan, objects), size);
  if (next.batches.length > 0) services.logger.warn('batches came back without a part', { run, ...next });
  return { run, ...next };
}
