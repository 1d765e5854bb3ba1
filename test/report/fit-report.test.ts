// A report that must not be larger than something: whole parts go, counted; nothing is cut in half.

import { describe, expect, test } from 'vitest';
import { fitReport } from '../../lambda/report/fit-report.ts';
import { reportSchema } from '../../lambda/report/schema.ts';
import { finding, healthyReport, healthyTarget, notAuditedTarget } from './builders.ts';

const size = (json: string): number => Buffer.byteLength(json);

const large = healthyReport({
  targets: [
    ...Array.from({ length: 200 }, (_, i) => healthyTarget({ name: `clean-${i}` })),
    notAuditedTarget('dark'),
    healthyTarget({ name: 'blind', verdict: 'unknown' }),
  ],
  findings: Array.from({ length: 300 }, (_, i) => finding({ application: `app-${i}` })),
});

describe('a report that is to fit', () => {
  test('is itself when it does', () => {
    expect(fitReport(large, size(JSON.stringify(large)), size)).toBe(large);
  });

  test.each([200_000, 50_000, 5_000])('within %i bytes does, and counts what is left out', (bytes) => {
    const fitted = fitReport(large, bytes, size);
    expect(size(JSON.stringify(fitted))).toBeLessThanOrEqual(bytes);
    expect(reportSchema.parse(fitted)).toEqual(fitted);
    expect(fitted.targets.length + (fitted.omittedTargets ?? 0)).toBe(202);
    expect(fitted.findings).toEqual(large.findings.slice(0, fitted.findings.length));
    expect(fitted.findings.length + (fitted.omittedFindings ?? 0)).toBe(300);
  });

  test('keeps the targets that nobody could look at longest', () => {
    const [first, second] = fitReport(large, 20_000, size).targets;
    expect([first?.name, second?.name]).toEqual(['dark', 'blind']);
  });
});
