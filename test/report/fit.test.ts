import fc from 'fast-check';
import { expect, test } from 'vitest';
import { largestThatFits } from '../../lambda/report/fit.ts';

const repeat = (items: number): string => 'x'.repeat(items);

test('the largest number of items that fits is found, with few renderings', () => {
  fc.assert(
    fc.property(fc.nat(5_000), fc.nat(5_000), (count, limit) => {
      let renderings = 0;
      const text = largestThatFits(
        count,
        (items) => {
          renderings += 1;
          return repeat(items);
        },
        ({ length }) => length <= limit,
      );
      expect(text).toHaveLength(Math.min(count, limit));
      expect(renderings).toBeLessThan(16);
    }),
  );
});

test('all items are shown when all fit, though one fewer would not: nothing is left out, so nothing says so', () => {
  const render = (items: number): string => (items === 3 ? 'abc' : `${repeat(items)} and more`);
  expect(largestThatFits(3, render, ({ length }) => length <= 3)).toBe('abc');
});

test('where not even one item fits the rendering has none', () => {
  expect(largestThatFits(3, repeat, ({ length }) => length === 0)).toBe('');
});
