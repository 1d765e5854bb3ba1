// What sizes cost, on honest servers too: time in proportion to what there is, and memory that a function has.

import { execFileSync } from 'node:child_process';
import { describe, expect, test, vi } from 'vitest';
import { renderTable } from '../bin/command-line/terminal/table.ts';
import { processorTime } from '../lab/processor-time.ts';
import {
  certificate,
  hbaFacts,
  healthyPooler,
  healthySnapshot,
  NOW,
  POLICY,
  plaintextSession,
  poolerSession,
  poolerSettings,
} from '../lab/snapshots.ts';
import { readCipherList } from '../lambda/analysis/openssl-ciphers/cipher-list.ts';
import { acceptance } from '../lambda/analysis/pg-hba/acceptance.ts';
import { evaluate } from '../lambda/checks/evaluate.ts';
import { readDatabases, readSessions as readPoolerSessions } from '../lambda/collect/pgbouncer/rows.ts';
import { catalogueQuery } from '../lambda/collect/postgres/catalogue-query.ts';
import { readSessions } from '../lambda/collect/postgres/session-query.ts';
import { recordsOf } from '../lambda/deliver/state/records.ts';
import { decide } from '../lambda/lifecycle/decide.ts';
import { EMPTY_STATE } from '../lambda/model/lifecycle.ts';
import { known } from '../lambda/model/observed.ts';
import type { Snapshot } from '../lambda/model/snapshot.ts';
import { buildReport } from '../lambda/report/build-report.ts';
import { wholeText } from '../lambda/report/exports/chunks.ts';
import { renderMarkdown } from '../lambda/report/exports/markdown.ts';
import { MESSAGE_BYTES, renderAlert } from '../lambda/report/messages/sns-message.ts';
import type { Report } from '../lambda/report/schema.ts';
import { digestOf, finding, healthyReport, healthyTarget } from './report/builders.ts';

// What takes seconds here may take minutes on a machine that does much else.
vi.setConfig({ testTimeout: 240_000 });

/** Milliseconds of the faster of two. */
const cost = (run: () => unknown): number => processorTime(run, 2);

/** Four times as much may take six times as long, and ten where the machine is busy: squares take sixteen. */
function expectInProportion(few: () => unknown, fourTimes: () => unknown): void {
  expect(cost(fourTimes)).toBeLessThan(10 * Math.max(cost(few), 40));
}

const list = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

/** A name without digits, which would be folded. */
const nameOf = (index: number): string =>
  index.toString(36).replaceAll(/\d/g, (digit) => 'ghijklmnop'[Number(digit)] ?? '');

function reportOf(...snapshots: readonly Snapshot[]): Report {
  const audited = snapshots.map((snapshot) => ({ snapshot, ...evaluate(snapshot, POLICY) }));
  return buildReport({ startedAt: NOW, finishedAt: NOW, policy: POLICY, audited });
}

/** Rows of the catalogue: each role is a member of the next, the last one of the superuser. */
function chain(length: number): readonly string[][][] {
  const oid = (index: number): string => String(16_384 + index);
  return [
    [['10', 'postgres', 't', 't', 't', 't'], ...list(length, (i) => [oid(i), `r${i}`, 't', 'f', 'f', 't'])],
    [...list(length - 1, (i) => [oid(i), oid(i + 1)]), [oid(length - 1), '10']],
    list(20, (i) => [String(i + 1), `r${i}`, 't', '-1', 'f']),
  ];
}

describe('6,000 roles in a chain', () => {
  test('are judged in a quarter of the memory that the function has', () => {
    const module = (path: string): string => JSON.stringify(new URL(`../lambda/${path}`, import.meta.url).href);
    const script = `
      import { catalogueQuery } from ${module('collect/postgres/catalogue-query.ts')};
      import { hbaFacts } from ${module('collect/postgres/hba-queries.ts')};
      import { readSessions } from ${module('collect/postgres/session-query.ts')};
      import { acceptance } from ${module('analysis/pg-hba/acceptance.ts')};
      const list = (length, make) => Array.from({ length }, (_, i) => make(i));
      const catalogue = catalogueQuery.read((${chain})(6_000));
      const rule = (users, databases) => ({ lineNumber: 1, type: 'host', databases, users, address: 'all', method: 'md5', options: [] });
      const rules = [rule(['+r5999'], ['all']), rule(['all'], ['samerole']), rule(['+r10', '+r3000'], ['r1'])];
      const facts = hbaFacts({ rules, faults: [], patterns: [] }, { major: 18, catalogue });
      const accepted = acceptance(facts, 'plaintext');
      const row = (i) => ['1', String(16384 + i), '1', 'x', 'client backend', '10.0.0.1', '1', 'f', null, null, null, null, 'f', '1', 'f'];
      const { visible } = readSessions(Array.from({ length: 6000 }, (_, i) => row(i)), catalogue);
      console.log(accepted.status, visible.filter(({ superuser }) => superuser).length);
    `;
    const out = execFileSync(
      process.execPath,
      ['--max-old-space-size=256', '--no-warnings', '--input-type=module', '-e', script],
      { encoding: 'utf8' },
    );
    expect(out.trim()).toBe('open 6000');
  });
});

describe('rules', () => {
  const [rule] = hbaFacts().rules;
  const facts = (rules: number, roles: number) => () =>
    acceptance(
      hbaFacts({
        rules: list(rules, (i) => ({
          ...rule,
          type: 'host' as const,
          lineNumber: i,
          databases: ['all'],
          users: list(50, (j) => `r${(i * 50 + j) % roles}`),
          address: `10.${i >> 8}.${i & 255}.0`,
          netmask: '255.255.255.0',
          method: i % 2 === 0 ? 'md5' : 'reject',
          options: [],
        })),
        roles: list(roles, (i) => ({
          name: `r${i}`,
          canLogin: true,
          superuser: false,
          replication: false,
          memberOf: [],
        })),
      }),
      'plaintext',
    );

  test('of 2,000 lines with 50 names each, for 2,000 roles, are judged or said to be too many', () => {
    expect(['open', 'unknown']).toContain(facts(2_000, 2_000)().status);
  });

  test('cost in proportion to the roles', () => {
    expectInProportion(facts(200, 500), facts(200, 2_000));
  });
});

test.each(['ALL:', 'a+', '!x:', 'AES+HIGH:', 'zzz:', '@SECLEVEL=9:', '\u202e'])(
  'a megabyte of ssl_ciphers made of %j is not judged, and not called sound',
  (item) => {
    const value = item.repeat(1_048_576 / item.length);
    const list = readCipherList(value);
    expect(list.notUnderstood).toEqual([{ item: expect.any(String), mayRemove: true }]);
    const settings = known({
      values: { ssl: 'on', ssl_ciphers: value, ssl_min_protocol_version: 'TLSv1.2' },
      seesAll: true,
    });
    const { outcomes } = evaluate(healthySnapshot([], { settings }), POLICY);
    const outcome = outcomes.find(({ check }) => check === 'weak-ciphers-allowed')?.outcome;
    expect(outcome).toMatchObject({ status: 'unknown' });
    expect(JSON.stringify(outcome).length).toBeLessThan(1_000);
  },
);

describe('100,000 sessions', () => {
  const rows = (count: number) =>
    list(count, (i) =>
      [
        '1',
        '10',
        '1',
        nameOf(i),
        'client backend',
        `10.0.${(i >> 8) & 255}.${i & 255}`,
        '1',
        'f',
        null,
        null,
        null,
        null,
      ].concat(['f', '1767225600', 'f']),
    );
  const catalogue = catalogueQuery.read(chain(10));
  const different = (count: number) =>
    healthySnapshot(list(count, (i) => plaintextSession({ application: nameOf(i) })));

  test('are read, grouped, judged and reported in proportion', () => {
    const few = rows(10_000);
    const many = rows(40_000);
    expect(readSessions(rows(100_000), catalogue).visible).toHaveLength(100_000);
    expectInProportion(
      () => readSessions(few, catalogue),
      () => readSessions(many, catalogue),
    );
    const [some, all] = [different(2_500), different(10_000)];
    expectInProportion(
      () => reportOf(some),
      () => reportOf(all),
    );
  });

  test('of as many clients fit into a message, and are counted', () => {
    const report = reportOf(different(100_000));
    expect(report.findings.length).toBeGreaterThan(30_000);
    const { message, subject } = renderAlert(digestOf(report), report, 'test');
    expect(Buffer.byteLength(message) + subject.length).toBeLessThan(MESSAGE_BYTES);
    const { findings, omittedFindings = 0 } = JSON.parse(JSON.parse(message).sqs) as Report;
    expect(findings.length).toBeGreaterThan(20);
    expect(findings.length + omittedFindings).toBe(report.findings.length);
  });

  test('are remembered in proportion', () => {
    const stateRecords = (count: number) => {
      const snapshot = different(count);
      const { findings, outcomes } = evaluate(snapshot, POLICY);
      const observed = [{ target: 'orders', takenAt: NOW, findings, outcomes }];
      const catalogue = outcomes.map(({ check }) => ({ id: check, transient: false }));
      const policy = { resolveAfterHours: 24, minSeverity: 'low' } as const;
      return () => {
        const { next } = decide({
          previous: EMPTY_STATE,
          now: NOW,
          observed,
          catalogue,
          targets: known(['orders']),
          mutes: [],
          policy,
        });
        return next === undefined ? [] : recordsOf(next);
      };
    };
    expectInProportion(stateRecords(2_500), stateRecords(10_000));
  });
});

test('100,000 sessions of a PgBouncer with 10,000 databases are read and judged in proportion', () => {
  const row = (i: number) => ({
    addr: `10.0.${(i >> 8) & 255}.${i & 255}`,
    tls: '',
    user: nameOf(i),
    database: 'd',
    connect_time: '2026-11-10 05:00:00 UTC',
    state: 'active',
  });
  const [few, many] = [list(10_000, row), list(40_000, row)];
  const connectedAt = Date.parse(NOW);
  expectInProportion(
    () => readPoolerSessions(few, [], { connectedAt }),
    () => readPoolerSessions(many, [], { connectedAt }),
  );
  const databases = (count: number) => list(count, (i) => ({ name: `d${i}`, host: `h${i}` }));
  const pooler = (count: number) =>
    healthyPooler(
      list(count, () => poolerSession('server', { transport: 'plaintext', tls: undefined })),
      {
        pooler: known(poolerSettings({ server_tls_sslmode: 'prefer' }, { databases: readDatabases(databases(count)) })),
      },
    );
  const [small, large] = [pooler(1_000), pooler(4_000)];
  expectInProportion(
    () => reportOf(small),
    () => reportOf(large),
  );
});

test('10,000 outbound links are judged in proportion', () => {
  const linked = (count: number) => {
    const link = (i: number) => ({ kind: 'foreign-server' as const, name: `s${i}`, database: 'd', ...LINK });
    return healthySnapshot([], { outbound: known({ links: list(count, link), unreadable: [] }) });
  };
  const LINK = { local: false, serviceFile: false, gssEncrypted: false };
  const [few, many] = [linked(2_500), linked(10_000)];
  expectInProportion(
    () => reportOf(few),
    () => reportOf(many),
  );
});

test('10,000 databases cost in proportion', () => {
  const [rule] = hbaFacts().rules;
  const withDatabases = (count: number) => () =>
    acceptance(
      hbaFacts({
        rules: [
          {
            ...rule,
            lineNumber: 1,
            type: 'host',
            databases: ['samerole', 'd1'],
            users: ['all'],
            method: 'md5',
            options: [],
          },
        ],
        databases: list(count, (i) => ({ name: `d${i}`, allowConnections: true })),
      }),
      'plaintext',
    );
  expectInProportion(withDatabases(10_000), withDatabases(40_000));
});

test('a certificate with 10,000 names is reported with the first of them, and says how many it has', () => {
  const names = list(10_000, (i) => `DNS:n${i}.${'x'.repeat(200)}.example.com`);
  const serverChain = known(list(300, () => certificate({ subjectAltNames: names })));
  const report = reportOf(healthySnapshot([], { serverChain }));
  const [target] = report.targets;
  expect(target?.link?.certificates).toHaveLength(10);
  expect(target?.link?.omittedCertificates).toBe(290);
  expect(target?.link?.certificates[0]?.subjectAltNames.at(-1)).toBe('and 9899 more');
});

describe('5,000 targets', () => {
  const report = (count: number): Report =>
    healthyReport({
      targets: list(count, (i) => healthyTarget({ name: `t${i}`, verdict: 'findings' })),
      findings: list(count, (i) => finding({ target: `t${i}` })),
    });
  const [few, many] = [report(500), report(2_000)];
  const all = report(5_000);

  test.each<[string, (report: Report) => unknown]>([
    ['the terminal', (one) => renderTable(one, { columns: 120, colour: false })],
    ['Markdown', (one) => wholeText(renderMarkdown(one, { catalogue: [], toolVersion: '1.0.0' }))],
    ['a message', (one) => renderAlert(digestOf(one), one, 'test')],
  ])('are rendered in proportion: %s', (_what, render) => {
    expectInProportion(
      () => render(few),
      () => render(many),
    );
  });

  test('stand in one table, with one heading', () => {
    const lines = renderTable(all, { columns: 120, colour: false }).split('\n');
    expect(lines.filter((line) => line.startsWith('Target '))).toHaveLength(1);
    expect(lines.slice(1, 5_001).every((line, index) => line.startsWith(`t${index} `))).toBe(true);
  });
});

test('one text of 120,000 characters costs no other target its findings', () => {
  const long = 'é'.repeat(120_000);
  const names = list(50, (i) => `t${i}`);
  const report = healthyReport({
    targets: names.map((name, i) =>
      healthyTarget({ name, ...(i === 3 ? { server: { version: long, inRecovery: false } } : {}) }),
    ),
    findings: names.map((target, i) => finding({ target, ...(i === 0 ? { clients: [long] } : {}) })),
  });
  const { message } = renderAlert(digestOf(report), report, 'test');
  for (const body of ['sqs', 'lambda']) {
    const { findings, targets, omittedFindings, omittedTargets } = JSON.parse(JSON.parse(message)[body]) as Report;
    expect(findings.map(({ target }) => target)).toEqual(names.slice(1));
    expect(targets).toHaveLength(49);
    expect([omittedFindings, omittedTargets]).toEqual([1, 1]);
  }
});
