// Reads an object that a worker wrote, within what the worker may still have Digest read.

import { unpackText } from './documents.ts';
import type { Range } from './ranges.ts';
import type { RunObjects } from './run-objects.ts';
import type { WorkerBudget } from './worker-budget.ts';

interface WorkerObject {
  readonly key: string;
  readonly range: Range;
  /** What it is, for messages. @default the part */
  readonly what?: string;
}

/** @throws RunObjectError, DocumentError */
export async function readWithin(
  budget: WorkerBudget,
  { key, range, what: given }: WorkerObject,
  objects: RunObjects,
): Promise<string> {
  const { bytes: most, what } = budget.left(range);
  const body = await objects.get(key, most);
  const text = await unpackText(given ?? what, body, most).catch((error: unknown) => {
    // What turns out to be too large has cost as much.
    budget.take(range, { bytes: most });
    throw error;
  });
  budget.take(range, { bytes: Buffer.byteLength(text) });
  return text;
}
