import { describe, expect, it } from 'vitest';
import { buildDigest } from '../../lambda/report/digest.ts';
import { badNight, finding, healthyReport } from './builders.ts';

describe('buildDigest', () => {
  it('has nothing to tell of a run without findings', () => {
    expect(buildDigest(healthyReport(), { minSeverity: 'info' })).toBeUndefined();
  });

  it('has nothing to tell when every finding is below the threshold', () => {
    const report = healthyReport({ findings: [finding({ severity: 'low' })] });
    expect(buildDigest(report, { minSeverity: 'medium' })).toBeUndefined();
  });

  it('tells findings at the threshold and counts those below', () => {
    const report = healthyReport({ findings: [finding({ severity: 'low' }), finding({ severity: 'medium' })] });
    const digest = buildDigest(report, { minSeverity: 'medium' });
    expect(digest?.notices.map((notice) => notice.finding.severity)).toEqual(['medium']);
    expect(digest?.belowThreshold).toBe(1);
    expect(digest?.countBySeverity).toEqual({ info: 0, low: 0, medium: 1, high: 0, critical: 0 });
  });

  it('puts the worst first, then orders by target and check, whatever order they come in', () => {
    const findings = [
      finding({ severity: 'low', target: 'a' }),
      finding({ severity: 'high', target: 'b', check: 'z' }),
      finding({ severity: 'high', target: 'b', check: 'y' }),
      finding({ severity: 'critical', target: 'c' }),
      finding({ severity: 'high', target: 'a', check: 'z' }),
    ];
    const order = (of: typeof findings) =>
      buildDigest(healthyReport({ findings: of }), { minSeverity: 'info' })?.notices.map(
        ({ finding: { severity, target, check } }) => `${severity} ${target} ${check}`,
      );
    expect(order(findings)).toEqual([
      'critical c plaintext-session',
      'high a z',
      'high b y',
      'high b z',
      'low a plaintext-session',
    ]);
    expect(order(findings.toReversed())).toEqual(order(findings));
  });

  it('names every target by its verdict, with the cause where it was not audited', () => {
    const digest = buildDigest(badNight(), { minSeverity: 'low' });
    expect(digest?.targetsByVerdict).toEqual({
      clean: [{ name: 'billing', cause: undefined }],
      findings: [{ name: 'orders', cause: undefined }],
      unknown: [{ name: 'crm', cause: undefined }],
      'not-audited': [{ name: 'ledger', cause: 'certificate-expired' }],
    });
    expect(digest?.targets).toEqual(['ledger', 'orders', 'crm']);
  });

  it('leaves the report as it was', () => {
    const report = badNight();
    const before = structuredClone(report);
    buildDigest(report, { minSeverity: 'info' });
    expect(report).toEqual(before);
  });
});
