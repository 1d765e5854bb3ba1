// Rules of one pg_hba.conf that one check finds fault with: in the order of the file, and what to do said once.

import { describe, expect, test } from 'vitest';
import { groupEntries } from '../../lambda/report/groups.ts';
import { compareFindings } from '../../lambda/report/order.ts';
import type { ReportFinding } from '../../lambda/report/schema.ts';
import { finding } from './builders.ts';

const FILE = '/etc/postgresql/pg_hba.conf';

function rule(line: number, overrides: Partial<ReportFinding> & { readonly file?: string } = {}): ReportFinding {
  const { file = FILE, ...others } = overrides;
  return finding({
    check: 'plaintext-allowed',
    severity: 'medium',
    title: 'pg_hba.conf accepts unencrypted connections from the network',
    role: undefined,
    database: undefined,
    application: undefined,
    evidence: { rule: 'host all all all md5', at: `line ${line} of ${file}` },
    remedy: `First do this.\nReplace line ${line} of ${file} by:\nhostssl all all all scram-sha-256\nThen SELECT pg_reload_conf();`,
    ...others,
  });
}

const groupsOf = (...findings: readonly ReportFinding[]) =>
  groupEntries(findings.toSorted(compareFindings).map((one) => ({ finding: one })));

describe('findings about rules', () => {
  test('come by file and line, whatever their fingerprints', () => {
    const sorted = [rule(100), rule(9), rule(12), rule(3, { file: '/z' })].toSorted(compareFindings);
    expect(sorted.map(({ evidence }) => evidence.at)).toEqual([
      `line 9 of ${FILE}`,
      `line 12 of ${FILE}`,
      `line 100 of ${FILE}`,
      'line 3 of /z',
    ]);
  });

  test('of one file are one group, whose remedy says once what is the same', () => {
    const [group, ...others] = groupsOf(rule(12), rule(9));
    expect(others).toEqual([]);
    expect(group?.entries).toHaveLength(2);
    expect(group?.remedy).toBe(`First do this.
Replace line 9 of ${FILE} by:
hostssl all all all scram-sha-256
Replace line 12 of ${FILE} by:
hostssl all all all scram-sha-256
Then SELECT pg_reload_conf();`);
  });

  test.each<[string, Partial<ReportFinding> & { readonly file?: string }]>([
    ['another file', { file: '/other' }],
    ['another severity', { severity: 'critical' }],
    ['another target', { target: 'billing' }],
    ['another check', { check: 'weak-password-authentication' }],
    ['a remedy that has nothing in common', { remedy: 'Ask the provider.' }],
    ['no place', { evidence: {} }],
  ])('stay apart: %s', (_what, other) => {
    expect(groupsOf(rule(9), rule(12, other))).toHaveLength(2);
  });

  test('lose no line of any remedy', () => {
    const rules = [1, 2, 3, 4].map((line) => rule(line));
    const lines = new Set(groupsOf(...rules).flatMap(({ remedy }) => remedy.split('\n')));
    for (const { remedy } of rules) for (const line of remedy.split('\n')) expect(lines).toContain(line);
  });
});
