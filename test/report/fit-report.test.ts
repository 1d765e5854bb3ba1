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

  test('keeps the targets that were not audited longest', () => {
    const [first, second] = fitReport(large, 20_000, size).targets;
    expect([first?.name, second?.name]).toEqual(['dark', 'blind']);
  });

  const life = { reason: 'ongoing' } as const;
  const remembering = {
    ...large,
    state: 'kept' as const,
    findings: Array.from({ length: 300 }, (_, i) =>
      finding({ application: `app-${i}`, lifecycle: i === 299 ? { reason: 'new' } : life }),
    ),
    carriedOver: Array.from({ length: 300 }, (_, i) => finding({ application: `unseen-${i}`, lifecycle: life })),
    resolved: Array.from({ length: 300 }, (_, i) => ({
      ...finding({ application: `gone-${i}` }),
      resolution: 'gone' as const,
    })),
    mutes: Array.from({ length: 1_000 }, (_, i) => ({
      match: { role: `role-${i}` },
      reason: 'r'.repeat(500),
      owner: 'o'.repeat(200),
      expires: '2027-01-01T00:00:00Z',
      expired: false,
      matched: 0,
    })),
  };

  test.each([900_000, 200_000, 50_000, 5_000])('within %i bytes does with a past, too', (bytes) => {
    const fitted = fitReport(remembering, bytes, size);
    expect(size(JSON.stringify(fitted))).toBeLessThanOrEqual(bytes);
    expect(reportSchema.parse(fitted)).toEqual(fitted);
    const { carriedOver, resolved, mutes } = fitted;
    expect(fitted.findings.length + (fitted.omittedFindings ?? 0)).toBe(300);
    expect((carriedOver?.length ?? 0) + (fitted.omittedCarriedOver ?? 0)).toBe(300);
    expect((resolved?.length ?? 0) + (fitted.omittedResolved ?? 0)).toBe(300);
    expect((mutes?.length ?? 0) + (fitted.omittedMutes ?? 0)).toBe(1_000);
  });

  test('gives what one part does not need to the others', () => {
    const few = { ...remembering, targets: large.targets.slice(0, 1), findings: [], carriedOver: [], mutes: [] };
    const fitted = fitReport(few, 60_000, size);
    expect(size(JSON.stringify(fitted.resolved))).toBeGreaterThan(55_000);
  });

  test('keeps what is news before what was told before, in the order of the report', () => {
    const { findings } = fitReport(remembering, 20_000, size);
    expect(findings.length).toBeGreaterThan(2);
    expect(findings.at(-1)?.application).toBe('app-299');
    expect(findings[0]?.application).toBe('app-0');
  });

  test('says nothing of parts that it never had', () => {
    const keys = Object.keys(fitReport(large, 50_000, size)).filter((key) => key.startsWith('omitted'));
    expect(keys.sort()).toEqual(['omittedFindings', 'omittedTargets']);
  });
});
