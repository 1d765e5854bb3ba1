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

describe('a remedy of which one above has the end', () => {
  const SHARED = ['Then look.', 'In Java:', 'sslmode=verify-full', 'It verifies the server.'];
  const session = (role: string, ...own: readonly string[]) =>
    finding({ role, fingerprint: role.padEnd(16, '0'), remedy: [...own, ...SHARED].join('\n') });

  test('says what is its own, and where to go on', () => {
    const [first, second, third] = groupsOf(session('a', 'Psql: one.'), session('b', 'Java: two.'), session('c'));
    expect(first).toMatchObject({ remedy: ['Psql: one.', ...SHARED].join('\n'), statedAbove: false });
    const goOn = 's for plaintext-session above. Begin at "Then look.".';
    expect(second).toMatchObject({ remedy: `Java: two.\nThen a${goOn}`, statedAbove: false });
    expect(third).toMatchObject({ remedy: `A${goOn}`, statedAbove: true });
  });

  test('needs no place to begin at where it is the whole of that one', () => {
    const [, second] = groupsOf(session('a'), session('b', 'Java: two.'));
    expect(second?.remedy).toBe('Java: two.\nThen as for plaintext-session above.');
  });

  test('is whole where few lines are shared, or the one above is of another check', () => {
    const few = finding({ role: 'b', remedy: ['Another way.', ...SHARED.slice(1)].join('\n') });
    expect(groupsOf(session('a'), few)[1]?.remedy).toBe(few.remedy);
    const other = { ...session('b', 'Java: two.'), check: 'tls-fallback' };
    expect(groupsOf(session('a', 'Psql: one.'), other)[1]?.remedy).toBe(other.remedy);
  });
});

test('thousands of remedies that all differ take no time that grows with their square', () => {
  const remedy = (index: number): string => `Set this for ${index}:\n${`ALTER SYSTEM SET x = ${index};\n`.repeat(60)}`;
  const findings = Array.from({ length: 8_000 }, (_, index) =>
    finding({ fingerprint: index.toString(16).padStart(16, '0'), target: `db-${index}`, remedy: remedy(index) }),
  );
  const begun = performance.now();
  expect(groupEntries(findings.map((each) => ({ finding: each })))).toHaveLength(8_000);
  expect(performance.now() - begun).toBeLessThan(5_000);
});
