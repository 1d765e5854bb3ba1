// Divides the targets of a run into ranges: the first batches, and smaller ones for what came back without a result.

/** A part of the targets of one worker: from the first one, counted from 0, to before the last one. */
export interface Range {
  readonly worker: string;
  readonly from: number;
  readonly to: number;
}

/** The targets that a worker has in all. */
export interface Share {
  readonly worker: string;
  readonly count: number;
}

/** Each round of repairs has batches that are so many times smaller than those of the round before. */
const SMALLER = 10;

/** Bytes of batches in a state of the machine. Step Functions takes 256 KiB, which the state's other values share. */
const MOST_BYTES = 240 * 1024;

/** Batches of one round of repairs: where more fail, it is not single databases that stop their workers. */
const MOST_REPAIRS = 1_000;

/** All targets, in batches of at most `size`. */
export function batchesOf(shares: readonly Share[], size: number): readonly Range[] {
  return shares.flatMap(({ worker, count }) => split({ worker, from: 0, to: count }, size));
}

/**
 * The size of the first batches: as asked for, or larger where a state of the machine could not carry so many.
 *
 * @throws RangeError where the largest does not fit either
 */
export function sizeOfBatches(shares: readonly Share[], wanted: number, largest: number): number {
  for (let size = wanted; size <= largest; size += 1) {
    if (bytesOf(shares, size) <= MOST_BYTES) return size;
  }
  const targets = shares.reduce((sum, { count }) => sum + count, 0);
  throw new RangeError(
    `${targets} targets make more batches of ${largest} than a state of the machine holds (${MOST_BYTES} bytes): share ` +
      'the targets out among several auditors',
  );
}

/** Bytes of the batches as JSON, at most. */
function bytesOf(shares: readonly Share[], size: number): number {
  return shares.reduce((sum, { worker, count }) => {
    const longest = JSON.stringify({ worker, from: count, to: count } satisfies Range);
    return sum + Math.ceil(count / size) * (Buffer.byteLength(longest) + 1);
  }, 2);
}

/**
 * The batches of the next round: of every target that no range covers, smaller than the last round's.
 *
 * @param covered ranges that came back with a result
 * @param lastSize of the batches that were tried last
 * @returns no batches where nothing is missing, or nothing smaller can be tried
 */
export function repairBatches(
  shares: readonly Share[],
  covered: readonly Range[],
  lastSize: number,
): { readonly size: number; readonly batches: readonly Range[] } {
  const missing = missingRanges(shares, covered);
  const count = missing.reduce((sum, { from, to }) => sum + to - from, 0);
  const smallest = Math.max(Math.ceil(lastSize / SMALLER), Math.ceil(count / MOST_REPAIRS), 1);
  for (let size = smallest; size < lastSize && count > 0; size += 1) {
    const batches = missing.reduce((sum, { from, to }) => sum + Math.ceil((to - from) / size), 0);
    if (batches <= MOST_REPAIRS) return { size, batches: missing.flatMap((range) => split(range, size)) };
  }
  return { size: lastSize, batches: [] };
}

/** What none of the ranges covers, in order. */
export function missingRanges(shares: readonly Share[], covered: readonly Range[]): readonly Range[] {
  const byWorker = Map.groupBy(covered, ({ worker }) => worker);
  return shares.flatMap(({ worker, count }) => {
    const missing: Range[] = [];
    let next = 0;
    for (const { from, to } of (byWorker.get(worker) ?? []).toSorted((a, b) => a.from - b.from)) {
      if (from > next) missing.push({ worker, from: next, to: Math.min(from, count) });
      next = Math.max(next, to);
    }
    if (next < count) missing.push({ worker, from: next, to: count });
    return missing;
  });
}

function split({ worker, from, to }: Range, size: number): readonly Range[] {
  return Array.from({ length: Math.ceil((to - from) / size) }, (_, index) => {
    const start = from + index * size;
    return { worker, from: start, to: Math.min(start + size, to) };
  });
}
