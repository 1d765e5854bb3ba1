// Batches of the targets of a run: every target in exactly one of them, and what is missing in smaller ones.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { partKey, rangeOfPart } from '../../lambda/fleet/object-keys.ts';
import { batchesOf, missingRanges, type Range, repairBatches, sizeOfBatches } from '../../lambda/fleet/ranges.ts';

const shares = fc
  .array(fc.integer({ min: 0, max: 500 }), { maxLength: 4 })
  .map((counts) => counts.map((count, index) => ({ worker: `network-${index}`, count })));

/** Every target by its worker and place, as often as a range holds it. */
function held(ranges: readonly Range[]): readonly string[] {
  return ranges.flatMap(({ worker, from, to }) => Array.from({ length: to - from }, (_, i) => `${worker} ${from + i}`));
}

describe('batches', () => {
  test('hold each target once, in order, and none is larger than asked for', () => {
    fc.assert(
      fc.property(shares, fc.integer({ min: 1, max: 200 }), (all, size) => {
        const batches = batchesOf(all, size);
        expect(held(batches)).toEqual(held(all.map(({ worker, count }) => ({ worker, from: 0, to: count }))));
        for (const { from, to } of batches) expect(to - from).toBeLessThanOrEqual(size);
      }),
    );
  });

  test('of 2,500 ranges fit into a state of the machine; more targets make them larger, up to the largest', () => {
    const many = (count: number) => [{ worker: 'default', count }];
    expect(sizeOfBatches(many(2_500), 1, 1_000)).toBe(1);
    expect(sizeOfBatches(many(250_000), 100, 1_000)).toBe(100);
    const size = sizeOfBatches(many(20_000), 1, 1_000);
    const batches = batchesOf(many(20_000), size);
    expect([size > 1, held(batches).length]).toEqual([true, 20_000]);
    expect(Buffer.byteLength(JSON.stringify(batches))).toBeLessThan(250_000);
    expect(() => sizeOfBatches(many(9_000_000), 1, 1_000)).toThrow(/several auditors/);
  });
});

describe('repairs', () => {
  test('hold exactly what no part covers, in batches that are smaller than the last ones', () => {
    const covered = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.nat(500), fc.nat(100)), { maxLength: 20 });
    fc.assert(
      fc.property(shares, covered, fc.integer({ min: 1, max: 1_000 }), (all, parts, lastSize) => {
        const ranges = parts.flatMap(([index, from, length]) => {
          const share = all[index];
          const to = Math.min(share?.count ?? 0, from + length + 1);
          return share === undefined || from >= to ? [] : [{ worker: share.worker, from, to }];
        });
        const have = new Set(held(ranges));
        const missing = held(all.map(({ worker, count }) => ({ worker, from: 0, to: count }))).filter(
          (one) => !have.has(one),
        );
        expect(held(missingRanges(all, ranges))).toEqual(missing);
        const { size, batches } = repairBatches(all, ranges, lastSize);
        if (batches.length === 0)
          expect([missing.length === 0 || lastSize === 1 || missing.length > 1_000]).toEqual([true]);
        else expect([held(batches), size < lastSize]).toEqual([missing, true]);
      }),
    );
  });

  test('go from a hundred to ten to one, and end', () => {
    const all = [{ worker: 'default', count: 1_000 }];
    const without = (...missing: number[]): Range[] =>
      Array.from({ length: 1_000 }, (_, from) => ({ worker: 'default', from, to: from + 1 })).filter(
        ({ from }) => !missing.includes(from),
      );
    expect(repairBatches(all, without(5, 6), 100)).toEqual({
      size: 10,
      batches: [{ worker: 'default', from: 5, to: 7 }],
    });
    expect(repairBatches(all, without(5, 6), 10).batches).toHaveLength(2);
    expect(repairBatches(all, without(5, 6), 1).batches).toEqual([]);
    expect(repairBatches(all, without(), 100).batches).toEqual([]);
  });

  test('are at most a thousand, where it is not single databases that stop their workers', () => {
    const all = [{ worker: 'default', count: 10_000 }];
    const first = repairBatches(all, [], 100);
    expect([first.size, first.batches.length]).toEqual([10, 1_000]);
    expect(repairBatches(all, [], first.size).batches).toEqual([]);
  });
});

test.each([
  ['5-7', { worker: 'emea', from: 5, to: 7 }],
  ['0-10', { worker: 'emea', from: 0, to: 10 }],
  ['7-5', undefined],
  ['5-5', undefined],
  ['0-11', undefined],
  ['00-5', undefined],
  ['-1-5', undefined],
  ['0-5.json.gz/0-5', undefined],
])('a part named %s is of %j', (name, range) => {
  const share = { worker: 'emea', count: 10 };
  expect(rangeOfPart(`runs/emea/run-1/parts/${name}.json.gz`, 'run-1', share)).toEqual(range);
  expect(rangeOfPart(`runs/emea/run-2/parts/${name}.json.gz`, 'run-1', share)).toBeUndefined();
  expect(rangeOfPart(`runs/prod/run-1/parts/${name}.json.gz`, 'run-1', share)).toBeUndefined();
  if (range !== undefined) expect(partKey('run-1', range)).toBe(`runs/emea/run-1/parts/${name}.json.gz`);
});
