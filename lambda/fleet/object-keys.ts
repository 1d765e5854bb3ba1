// Names the objects of a run in the evidence bucket: the plan, and for each worker its targets and parts.
//
// What a worker reads and writes is under a prefix of its own, so that its role can be confined to it.

import type { Range } from './ranges.ts';

/** Only Plan writes it; only Repair and Digest read it. */
export function planKey(run: string): string {
  return `plans/${run}.json.gz`;
}

/** The targets of one worker. Only Plan writes it; only this worker reads it. */
export function sliceKey(run: string, worker: string): string {
  return `runs/${worker}/${run}/targets.json.gz`;
}

/** Where a worker writes its parts. */
export function partsPrefix(run: string, worker: string): string {
  return `runs/${worker}/${run}/parts/`;
}

export function partKey(run: string, { worker, from, to }: Range): string {
  return `${partsPrefix(run, worker)}${from}-${to}.json.gz`;
}

/** What a worker saw of the clients of a range: where its parts are, and no part. */
export function clientsKey(run: string, { worker, from, to }: Range): string {
  return `${partsPrefix(run, worker)}clients/${from}-${to}.json.gz`;
}

/** The range of a part by its key; undefined where the worker can't have written it. */
export function rangeOfPart(
  key: string,
  run: string,
  { worker, count }: { readonly worker: string; readonly count: number },
): Range | undefined {
  const prefix = partsPrefix(run, worker);
  const [, first, last] =
    (key.startsWith(prefix) && /^(\d{1,7})-(\d{1,7})\.json\.gz$/.exec(key.slice(prefix.length))) || [];
  const range = { worker, from: Number(first), to: Number(last) };
  return range.from < range.to && range.to <= count && partKey(run, range) === key ? range : undefined;
}
