// The table of costs adds up, and grows as what it is made of does.

import { describe, expect, test } from 'vitest';
import { COST_LINES, costTable, DEPLOYMENTS, totalCost } from '../../scripts/costs.ts';

describe('the costs of a month', () => {
  test('of each column are the sum of its lines, as printed but for a cent each', () => {
    const [table = ''] = costTable().split('\n\n');
    const columns = table
      .split('\n')
      .slice(2)
      .map((row) =>
        row
          .split('|')
          .slice(2, -1)
          .map((cell) => Number(cell.replaceAll(/[^\d.]/g, ''))),
      );
    const sums = columns.pop() ?? [];
    expect(sums).toHaveLength(DEPLOYMENTS.length);
    for (const [index, sum] of sums.entries()) {
      expect(columns.reduce((total, row) => total + (row[index] ?? Number.NaN), 0)).toBeCloseTo(sum, 1);
      expect(sum).toBeGreaterThan(0);
    }
  });

  test.each(COST_LINES.map(({ what, cost }) => ({ what, cost })))(
    '$what never fall with more databases',
    ({ cost }) => {
      for (const kind of ['function', 'fleet'] as const) {
        expect(cost({ kind, databases: 1_000 })).toBeGreaterThanOrEqual(cost({ kind, databases: 100 }));
      }
    },
  );

  test('of a fleet grow at most in proportion, and are those of children of three transitions', () => {
    const fleet = (databases: number) => ({ kind: 'fleet', databases }) as const;
    expect(totalCost(fleet(10_000)) / totalCost(fleet(1_000))).toBeLessThan(10);
    const transitions = COST_LINES.find(({ what }) => what.startsWith('Step Functions'));
    // 100 children of 3 transitions and 7 of the parent, 2,920 times, at $25 a million.
    expect(transitions?.cost(fleet(10_000))).toBeCloseTo((307 * 2_920 * 25) / 1e6, 6);
    expect(transitions?.cost({ kind: 'function', databases: 1_000 })).toBe(0);
  });
});
