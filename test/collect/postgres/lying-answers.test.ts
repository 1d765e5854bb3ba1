// Servers that answer what no PostgreSQL sends: never a defect of the auditor's, and never cleaner than the truth.

import fc from 'fast-check';
import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import { healthySnapshot, POLICY } from '../../../lab/snapshots.ts';
import { evaluate } from '../../../lambda/checks/evaluate.ts';
import type { Row } from '../../../lambda/collect/answers/answer.ts';
import { UnusableAnswer } from '../../../lambda/collect/answers/answer.ts';
import { boundedText, LONGEST } from '../../../lambda/collect/answers/bounded-text.ts';
import { queryFailure } from '../../../lambda/collect/failures/failures.ts';
import { findOwn, readDatabases, readSessions, readSettings } from '../../../lambda/collect/pgbouncer/rows.ts';
import { runAuditQueries } from '../../../lambda/collect/postgres/audit-queries.ts';
import { auroraQuery } from '../../../lambda/collect/postgres/aurora-query.ts';
import { catalogueQuery } from '../../../lambda/collect/postgres/catalogue-query.ts';
import { hbaQuery, plainHbaQuery } from '../../../lambda/collect/postgres/hba-queries.ts';
import { linkQuery, outboundQuery } from '../../../lambda/collect/postgres/outbound-query.ts';
import type { AuditQuery } from '../../../lambda/collect/postgres/query.ts';
import { reloadQuery } from '../../../lambda/collect/postgres/reload-query.ts';
import { serverQuery } from '../../../lambda/collect/postgres/server-query.ts';
import { sessionQuery } from '../../../lambda/collect/postgres/session-query.ts';
import { known } from '../../../lambda/model/observed.ts';
import { SETTING_NAMES } from '../../../lambda/model/posture.ts';
import type { Session, Snapshot } from '../../../lambda/model/snapshot.ts';

/** Cells that are none of what any column of an audit has, besides NULL. */
const NONSENSE = [
  null,
  '',
  'true',
  'no',
  'NaN',
  'Infinity',
  '-Infinity',
  '1e999',
  '-7',
  '99999999999999999999999',
  '0x10',
  '2026-02-30',
  '{}',
  '[]',
  'null',
  '[[1,2],{"a":[]}]',
  '{"__proto__":1}',
  '<json_agg>[{}]</json_agg>',
  '\u0000\u202e',
  'x'.repeat(120_000),
] as const;

const RULE = { file: '/etc/pg_hba.conf', line: 1, type: 'host', databases: ['all'], users: ['all'], address: 'all' };
const LINE = { ...RULE, netmask: null, method: 'trust', options: null, error: null, patterns: null };

/** Of a login that may read no file of the server: where pg_hba.conf and the data are, and four privileges. */
const FILE_RIGHTS = [null, null, 'f', 'f', 'f', 'f'] as const;

/** What a server says on which there is much to find, SELECT by SELECT. */
function honest(line: unknown = LINE): Row[][] {
  const settings: Record<string, string | null> = {
    ssl: 'on',
    ssl_min_protocol_version: 'TLSv1',
    ssl_max_protocol_version: '',
    ssl_ciphers: 'ALL:eNULL',
    ssl_tls13_ciphers: 'TLS_AES_128_CCM_8_SHA256',
    password_encryption: 'md5',
  };
  const values = SETTING_NAMES.map((name) => settings[name] ?? null);
  const start = '1767225600.123456';
  return [
    [['18.4', 'f', 'tls_auditor', 't', 't', 't', 't', ...values, 'f', 'tls_auditor', ...FILE_RIGHTS]],
    [['0', '16385', 'password_encryption=md5']],
    [
      ['1', '10', '5', 'auditor', 'client backend', '10.0.0.9', '5000', 't', 'TLSv1.3', 'TLS_AES_256_GCM_SHA384']
        .concat(['256'])
        .concat(['', 'f', start, 't']),
      ['2', '16385', '5', 'web', 'client backend', '10.0.0.1', '5001', 'f', null, null, null, null, 'f', start, 'f'],
      ['3', '16385', '5', 'old', 'client backend', '10.0.0.2', '5002', 't', 'TLSv1', 'AES128-SHA', '128'].concat([
        '',
        'f',
        start,
        'f',
      ]),
    ] as Row[],
    [
      ['10', 'postgres', 't', 't', 't', 't'],
      ['16385', 'app', 't', 'f', 'f', 't'],
    ],
    [['16385', '10']],
    [['5', 'shop', 't', '-1', 'f']],
    [],
    [],
    [[`<table><row><json_agg>${JSON.stringify([line])}</json_agg></row></table>`]],
  ];
}

function serverOf(selects: readonly (readonly Row[])[]): pg.Client {
  return {
    query: (query: pg.Query) => {
      Object.assign(query, { _results: selects.map((rows) => ({ command: 'SELECT', rows })) });
      queueMicrotask(() => query.emit('end', []));
    },
  } as unknown as pg.Client;
}

async function snapshotOf(selects: readonly (readonly Row[])[]): Promise<Snapshot> {
  const { server, visibility, sessions, settings, outbound, hba } = await runAuditQueries(serverOf(selects), {
    major: 18,
    encoding: 'UTF8',
  });
  return healthySnapshot([], {
    server: known(server),
    visibility: known(visibility),
    sessions: known(sessions),
    settings: known(settings),
    outbound: known(outbound),
    hba,
  });
}

/** Ids of the checks that found something. */
function failing(snapshot: Snapshot): readonly string[] {
  return evaluate(snapshot, POLICY)
    .outcomes.filter(({ outcome }) => outcome.status === 'fail')
    .map(({ check }) => check);
}

function sessionsOf({ sessions }: Snapshot): readonly Session[] {
  return sessions.known ? sessions.value.visible : [];
}

/** Nothing that the honest answer shows may look fine, be forgotten or crash a check. */
async function expectNoCleaner(selects: readonly (readonly Row[])[], found: readonly string[]): Promise<void> {
  let snapshot: Snapshot;
  try {
    snapshot = await snapshotOf(selects);
  } catch (error) {
    if (!(error instanceof UnusableAnswer)) expect(String(error)).toContain('gave no result');
    return;
  }
  const { outcomes, verdict } = evaluate(snapshot, POLICY);
  expect(verdict).not.toBe('clean');
  // What is not said to be encrypted counts as plaintext, which is worse than what was found of its encryption.
  const plaintext = sessionsOf(snapshot).filter(({ transport }) => transport === 'plaintext').length;
  const isWorse = (check: string): boolean => plaintext > 1 && check === 'deprecated-tls-session';
  const calm = outcomes.filter(
    ({ check, outcome }) => ['pass', 'not-applicable', 'error'].includes(outcome.status) && !isWorse(check),
  );
  expect(calm.map(({ check }) => check).filter((check) => found.includes(check))).toEqual([]);
}

describe('a lying server', () => {
  test('is compared with one on which these checks find something', async () => {
    expect(failing(await snapshotOf(honest()))).toEqual(
      expect.arrayContaining([
        'plaintext-session',
        'deprecated-tls-session',
        'plaintext-allowed',
        'deprecated-tls-allowed',
        'weak-ciphers-allowed',
        'weak-password-authentication',
      ]),
    );
  });

  test('that puts nonsense into a cell, any cell, looks no better for it', async () => {
    const found = failing(await snapshotOf(honest()));
    const truth = honest();
    for (const [select, rows] of truth.entries()) {
      for (const [index, row] of rows.entries()) {
        for (const column of row.keys()) {
          for (const nonsense of NONSENSE) {
            const changed = row.map((cell, at) => (at === column ? nonsense : cell));
            const lie = truth.map((given, at) => (at === select ? given.with(index, changed) : given));
            await expectNoCleaner(lie, found);
          }
        }
      }
    }
  });

  test('that gives rows more or fewer columns looks no better for it', async () => {
    const found = failing(await snapshotOf(honest()));
    const truth = honest();
    for (const [select, rows] of truth.entries()) {
      for (const change of [(row: Row) => row.slice(1), (row: Row) => [...row, 't'], () => []]) {
        if (rows.length === 0) continue;
        await expectNoCleaner(truth.with(select, rows.map(change)), found);
      }
    }
  });

  test('whose rules are JSON of another shape, at any place, looks no better for it', async () => {
    const found = failing(await snapshotOf(honest()));
    const wrong = fc.constantFrom<unknown>(null, 7, -1, 1e300, true, {}, [], [null], [[]], { length: 3 }, '');
    const key = fc.constantFrom(...Object.keys(LINE));
    await fc.assert(
      fc.asyncProperty(key, wrong, async (name, value) => {
        const nullable = ['netmask', 'options', 'error', 'patterns', 'file'].includes(name);
        fc.pre(!(nullable && value === null) && !(name === 'options' && value === ''));
        await expectNoCleaner(honest({ ...LINE, [name]: value }), found);
      }),
      { numRuns: 400 },
    );
  });

  test.each(['banana', 'hostx', 'HOST', ' host', ''])(
    'with a rule of the type %j leaves the rules unknown, and costs nothing else',
    async (type) => {
      const { hba, sessions } = await snapshotOf(honest({ ...LINE, type }));
      expect(hba).toEqual({
        known: false,
        reason: expect.stringContaining('pg_hba.conf is not what PostgreSQL sends'),
      });
      expect(sessions).toMatchObject({ known: true });
    },
  );

  test('has a cause of its own, which does not pass by waiting', () => {
    const endpoint = { host: 'db', port: 5432, verifiedName: 'db', sslNegotiation: 'postgres' } as const;
    const { failure, transient } = queryFailure(new UnusableAnswer('sessions', 'a row has 1 columns'), endpoint);
    expect(transient).toBe(false);
    expect(failure).toMatchObject({ cause: 'answer-unusable', phase: 'query' });
    expect(failure.message).toBe(
      'db:5432 answers the audit queries, but the answer about sessions is not what PostgreSQL sends: a row has 1 columns',
    );
  });
});

describe('random rows', () => {
  const cell = fc.oneof(fc.constantFrom(...NONSENSE), fc.string(), fc.constantFrom('t', 'f', '1', '10'));
  const rows = fc.array(fc.array(cell, { maxLength: 20 }), { maxLength: 4 });
  const links = linkQuery(
    {
      links: [],
      unreadable: [
        { kind: 'foreign-server', count: 1 },
        { kind: 'subscription', count: 1 },
      ],
    },
    { readSubscriptions: true },
  );
  const questions: readonly (readonly [string, AuditQuery<unknown>])[] = [
    ['server', serverQuery],
    ['sessions', sessionQuery],
    ['catalogue', catalogueQuery],
    ['outbound', outboundQuery],
    ['links', links ?? outboundQuery],
    ['hba', hbaQuery],
    ['plain hba', plainHbaQuery],
    ['aurora', auroraQuery],
    ['reload', reloadQuery(true)],
  ];

  test.each(questions)('are read or refused: %s', (_what, question) => {
    fc.assert(
      fc.property(fc.array(rows, { maxLength: 4 }), (results) => {
        try {
          question.read(results);
        } catch (error) {
          expect(error).toBeInstanceOf(UnusableAnswer);
          // Nothing of what came is quoted.
          expect((error as Error).message.length).toBeLessThan(300);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('of sessions are read or refused, and every time is one', () => {
    const catalogue = catalogueQuery.read(honest().slice(3, 6));
    const [, , sessions = []] = honest();
    const [, truth = []] = sessions;
    fc.assert(
      fc.property(fc.nat(truth.length - 1), cell, (column, value) => {
        try {
          const read = sessionQuery.read([[truth.map((given, at) => (at === column ? value : given))]]);
          for (const session of read.sessions(catalogue).visible) {
            expect(new Date(session.startedAt).toISOString()).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
            expect(session.application.length).toBeLessThanOrEqual(LONGEST.name);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(UnusableAnswer);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test("of PgBouncer's console never throw, and every time is one", () => {
    const time = fc.constantFrom('9999-12-31 23:59:59 -1200', '0000-01-01 00:00:00 +9959', '2026-13-99 00:00:00', 'x');
    const names = [
      'addr',
      'tls',
      'user',
      'database',
      'application_name',
      'port',
      'state',
      'remote_pid',
      'key',
      'value',
    ];
    const row = fc.record(
      {
        ...Object.fromEntries([...names, 'name', 'host', 'replication'].map((name) => [name, cell])),
        connect_time: fc.oneof(time, cell),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(row, { maxLength: 3 }), fc.array(row, { maxLength: 3 }), (clients, servers) => {
        const connectedAt = Date.parse('2026-11-10T06:15:02Z');
        const own = { user: 'a', application: 'b', address: '10.0.0.1', port: 1, connectedAt };
        const found = findOwn(clients, own);
        const sessions = readSessions(clients, servers, { row: found?.row ?? clients[0], connectedAt });
        readSettings(clients);
        readDatabases(servers);
        for (const session of sessions.known ? sessions.value.visible : []) {
          expect(new Date(session.startedAt).toISOString()).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('a text that is too long', () => {
  test('is cut with a mark where it is only shown, once', () => {
    const cut = boundedText('x'.repeat(120_000), LONGEST.name);
    expect(cut).toBe(`${'x'.repeat(LONGEST.name - 1)}…`);
    expect(boundedText(cut, LONGEST.name)).toBe(cut);
    expect(boundedText(`${'x'.repeat(254)}😀😀`, 256)).toBe(`${'x'.repeat(254)}…`);
  });

  test('leaves unknown what is judged by it', async () => {
    const long = honest();
    const index = 7 + SETTING_NAMES.indexOf('ssl_ciphers');
    const [[row = []] = []] = long;
    const { settings } = await snapshotOf(long.with(0, [row.with(index, 'HIGH:'.repeat(200_000))]));
    expect(settings).toMatchObject({ known: true, value: { unusable: { ssl_ciphers: expect.any(String) } } });
    const named = honest();
    named[3]?.push(['16999', 'r'.repeat(120_000), 't', 'f', 'f', 't']);
    expect((await snapshotOf(named)).hba).toMatchObject({ known: false });
  });

  test('stands in no fact', async () => {
    const found = failing(await snapshotOf(honest()));
    const long = 'ü'.repeat(120_000);
    const truth = honest();
    for (const [select, rows] of truth.entries()) {
      for (const column of (rows[0] ?? []).keys()) {
        const lie = truth.with(
          select,
          rows.map((row) => row.with(column, long)),
        );
        await expectNoCleaner(lie, found);
        const snapshot = await snapshotOf(lie).catch(() => undefined);
        expect(JSON.stringify(snapshot ?? '').length).toBeLessThan(60_000);
      }
    }
  });
});
