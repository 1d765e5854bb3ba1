// What the scenario lab counts as found: a comparison that is always content would make every row green.

import { describe, expect, test } from 'vitest';
import type { ReportFinding } from '../../lambda/report/schema.ts';
import { difference, type Result } from './lab.ts';
import type { Expected, Scenario } from './scenario.ts';

const FOUND = {
  check: 'plaintext-allowed',
  severity: 'medium',
  role: 'app',
  evidence: { rule: 'host all all all scram-sha-256', at: 'line 4 of pg_hba.conf', count: 2 },
  remedy: 'Replace line 4 by:\nhostssl all all all scram-sha-256',
} as unknown as ReportFinding;

function compare(finds: readonly Expected[], findings: readonly ReportFinding[] = [FOUND]) {
  const row: Scenario = { name: 'a row', evaluates: ['plaintext-allowed'], finds, verdict: 'findings' };
  const result: Result = { findings, unknown: new Map(), verdict: 'findings' };
  return difference(row, result);
}

const EXPECTED: Expected = { check: 'plaintext-allowed', severity: 'medium' };

describe('an expected finding', () => {
  test.each<[string, Partial<Expected>]>([
    ['no more', {}],
    ['evidence as it is', { evidence: { rule: 'host all all all scram-sha-256', count: 2 } }],
    ['evidence that a pattern matches', { evidence: { at: /line 4\b/, count: /^2$/ } }],
    ['a remedy that a pattern matches', { remedy: /^hostssl all/m }],
  ])('is there by %s', (_what, details) => {
    expect(compare([{ ...EXPECTED, ...details }])).toMatchObject({ missing: [], unexpected: [] });
  });

  test.each<[string, Partial<Expected>]>([
    ['severity', { severity: 'low' }],
    ['role', { role: 'billing' }],
    ['evidence', { evidence: { rule: 'host all' } }],
    ['evidence by its pattern', { evidence: { at: /line 5\b/ } }],
    ['evidence that is not there, whatever the pattern', { evidence: { elsewhere: /./ } }],
    ['remedy by its pattern', { remedy: /pg_reload_conf/ }],
  ])('is missing where it has another %s, and what was found is unexpected', (_what, details) => {
    const { missing, unexpected } = compare([{ ...EXPECTED, ...details }]);
    expect(missing).toHaveLength(1);
    expect(unexpected).toHaveLength(1);
  });

  test('stands for one finding only', () => {
    expect(compare([EXPECTED], [FOUND, FOUND]).unexpected).toHaveLength(1);
    expect(compare([EXPECTED, EXPECTED]).missing).toHaveLength(1);
  });
});
