import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import { OLDEST_MAJOR, runAuditQueries } from '../../../lambda/collect/postgres/audit-queries.ts';
import { catalogueQuery } from '../../../lambda/collect/postgres/catalogue-query.ts';
import { hbaQuery } from '../../../lambda/collect/postgres/hba-queries.ts';
import { type Announced, message } from '../../../lambda/collect/postgres/message.ts';
import { outboundQuery } from '../../../lambda/collect/postgres/outbound-query.ts';
import { ownSettingsQuery } from '../../../lambda/collect/postgres/own-settings-query.ts';
import { serverQuery } from '../../../lambda/collect/postgres/server-query.ts';
import { readSessions, sessionQuery } from '../../../lambda/collect/postgres/session-query.ts';
import type { Session } from '../../../lambda/model/snapshot.ts';

/** The columns of the second SELECT, in its order, as PostgreSQL's text. */
interface SessionRow {
  readonly pid: string;
  /** Oids. */
  readonly role: string | null;
  readonly database: string | null;
  readonly application: string | null;
  readonly kind: string | null;
  readonly address: string | null;
  readonly port: string | null;
  readonly ssl: string | null;
  readonly version: string | null;
  readonly cipher: string | null;
  readonly bits: string | null;
  readonly clientDn: string | null;
  readonly gss: string | null;
  readonly start: string | null;
  /** Whether it is the auditor's own. */
  readonly own: string | null;
}

type Row = readonly (string | null)[];

/** A TLS session of a client over the network, with one thing changed. */
function row(changed: Partial<SessionRow> = {}): Row {
  const healthy: SessionRow = {
    pid: '4711',
    role: '16385',
    database: '16400',
    application: 'orders-api',
    kind: 'client backend',
    address: '10.0.0.1',
    port: '50000',
    ssl: 't',
    version: 'TLSv1.3',
    cipher: 'TLS_AES_256_GCM_SHA384',
    bits: '256',
    clientDn: null,
    gss: 'f',
    start: '1767225600.123456',
    own: 'f',
  };
  return Object.values({ ...healthy, ...changed });
}

const PLAINTEXT = { ssl: 'f', version: null, cipher: null, bits: null } as const;
const UNIX_SOCKET = { ...PLAINTEXT, address: null, port: '-1' } as const;
/** What a login without pg_read_all_stats is shown of others. */
const HIDDEN = {
  ...PLAINTEXT,
  ssl: null,
  application: null,
  kind: null,
  address: null,
  port: null,
  gss: null,
  start: null,
} as const;

/** Oid, name, may log in, superuser, may replicate, inherits. */
const ROLES: readonly Row[] = [
  ['10', 'postgres', 't', 't', 't', 't'],
  ['16385', 'app', 't', 'f', 'f', 't'],
  ['16386', 'boss', 't', 't', 'f', 't'],
  ['16387', 'heir', 't', 'f', 'f', 't'],
  ['16388', 'grandchild', 't', 'f', 'f', 't'],
  ['16389', 'provider_admin', 't', 'f', 'f', 't'],
  ['16390', 'rds_superuser', 'f', 'f', 'f', 't'],
  ['16391', '\u001b[31m<!channel>\n', 't', 'f', 'f', 't'],
];
/** Member, group. */
const MEMBERS: readonly Row[] = [
  ['16387', '10'],
  ['16388', '16387'],
  ['16389', '16390'],
  ['16385', '16391'],
];
/** Oid, name, allows connections, limit of connections, is a template. */
const DATABASES: readonly Row[] = [
  ['16400', 'orders', 't', '-1', 'f'],
  ['16401', '\u001b[31m<!channel>\n', 't', '-1', 'f'],
];
const CATALOGUE = catalogueQuery.read([ROLES, MEMBERS, DATABASES]);

function only(changed: Partial<SessionRow> = {}): Session {
  const { visible, hidden } = readSessions([row(changed)], CATALOGUE);
  expect(hidden).toBe(0);
  expect(visible).toHaveLength(1);
  return visible[0] as Session;
}

describe('a row', () => {
  test('of a TLS session', () => {
    expect(only()).toEqual({
      pid: 4711,
      role: 'app',
      database: 'orders',
      application: 'orders-api',
      kind: 'client',
      superuser: false,
      transport: 'tls',
      clientAddress: '10.0.0.1',
      tls: { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', bits: 256, clientDn: undefined },
      startedAt: Date.parse('2026-01-01T00:00:00.123Z'),
    });
  });

  test.each<[string, Partial<SessionRow>, Session['transport']]>([
    ['without encryption', PLAINTEXT, 'plaintext'],
    ['without encryption on loopback', { ...PLAINTEXT, address: '127.0.0.1' }, 'loopback'],
    ['of GSSAPI', { ...PLAINTEXT, gss: 't' }, 'gss'],
    ['of a Unix socket', UNIX_SOCKET, 'unix-socket'],
    ['of a server that has no pg_stat_gssapi row for it', { ...PLAINTEXT, gss: null }, 'plaintext'],
    ['of TLS without a pg_stat_gssapi row', { gss: null }, 'tls'],
  ])('%s', (_what, changed, transport) => {
    expect(only(changed)).toMatchObject({ transport });
    expect(only(changed).tls === undefined).toBe(transport !== 'tls');
    expect(only(changed).clientAddress).toBe(transport === 'unix-socket' ? undefined : (changed.address ?? '10.0.0.1'));
  });

  test.each(['true', '1', 'T', '', 'off'])('is not taken for encrypted where ssl is %j instead of t', (ssl) => {
    expect(only({ ssl, gss: ssl })).toMatchObject({ transport: 'plaintext' });
  });

  test('of replication names it, and its role may be gone', () => {
    expect(only({ kind: 'walsender', database: null, role: '99999' })).toMatchObject({
      kind: 'replication',
      database: undefined,
      role: undefined,
      superuser: false,
    });
  });

  test.each([
    ['a superuser', '16386', true],
    ['the role that initdb makes', '10', true],
    ['a member of that role', '16387', true],
    ['a member of its member', '16388', true],
    ["a member of a provider's role of administrators", '16389', true],
    ['a member of another role', '16385', false],
    ['a role that was dropped while the session went on', '99999', false],
  ])('of %s is a superuser’s or is not', (_what, role, expected) => {
    expect(only({ role }).superuser).toBe(expected);
  });

  test.each(['logical replication launcher', 'parallel worker', 'background worker', 'autovacuum worker'])(
    'of a %s is no session, though it has a role',
    (kind) => {
      expect(readSessions([row({ kind })], CATALOGUE)).toEqual({ visible: [], hidden: 0 });
    },
  );

  test('shows the subject of a client certificate, where one was shown', () => {
    expect(only({ clientDn: '/CN=app' }).tls?.clientDn).toBe('/CN=app');
    expect(only({ clientDn: '' }).tls?.clientDn).toBeUndefined();
    expect(only({ clientDn: null }).tls?.clientDn).toBeUndefined();
  });

  test('shows names as clients chose them: making them safe is the report’s', () => {
    const name = '\u001b[31m<!channel>\n';
    expect(only({ role: '16391', database: '16401', application: name })).toMatchObject({
      role: name,
      database: name,
      application: name,
    });
    expect(only({ application: null }).application).toBe('');
  });

  test.each([
    ['1767225600', '2026-01-01T00:00:00.000Z'],
    ['1767225600.999999', '2026-01-01T00:00:00.999Z'],
    ['1767225600.1', '2026-01-01T00:00:00.100Z'],
    ['0', '1970-01-01T00:00:00.000Z'],
  ])('that began %s seconds after 1970 began at %s', (start, startedAt) => {
    expect(new Date(only({ start }).startedAt).toISOString()).toBe(startedAt);
  });
});

describe('rows that do not show how they travel', () => {
  test.each<[string, Partial<SessionRow>]>([
    ['all is hidden', HIDDEN],
    ['all is hidden but the row of pg_stat_ssl', { ...HIDDEN, ssl: 'f' }],
    ['only the kind is hidden', { kind: null }],
    ['pg_stat_ssl has no row', { ssl: null }],
    ['the port is hidden', { port: null }],
    ['a Unix socket’s kind is hidden', { ...UNIX_SOCKET, kind: null }],
  ])('are counted, never judged: %s', (_what, changed) => {
    expect(readSessions([row(changed)], CATALOGUE)).toEqual({ visible: [], hidden: 1 });
  });

  test('are counted beside those that do', () => {
    const { visible, hidden } = readSessions(
      [row(), row(HIDDEN), row({ ...PLAINTEXT, pid: '2' }), row(HIDDEN)],
      CATALOGUE,
    );
    expect(visible.map(({ pid, transport }) => [pid, transport])).toEqual([
      [4711, 'tls'],
      [2, 'plaintext'],
    ]);
    expect(hidden).toBe(2);
  });

  test('no row is no session', () => {
    expect(readSessions([], CATALOGUE)).toEqual({ visible: [], hidden: 0 });
  });
});

const QUESTIONS = [serverQuery, ownSettingsQuery, sessionQuery, catalogueQuery, outboundQuery, hbaQuery];
const MAJORS = [10, 11, 12, 13, 14, 15, 16, 17, 18, Number.POSITIVE_INFINITY];

describe.each(MAJORS)('the text for PostgreSQL %d', (major) => {
  const text = message({ major, encoding: 'UTF8' }, QUESTIONS);
  const statements = text.split(';').map((statement) => statement.trim());

  test('only reads, from its first word to its last', () => {
    expect(statements[0]).toBe('BEGIN READ ONLY');
    expect(statements.at(-1)).toBe('COMMIT');
    for (const statement of statements.slice(1, -1)) expect(statement).toMatch(/^(SET LOCAL|SELECT) /);
    expect(text).not.toMatch(
      /\b(insert|update|delete|create|alter|drop|grant|copy|call|do|truncate|lock table|reset)\b/i,
    );
  });

  test('leaves no setting behind, and bounds its time', () => {
    const settings = statements.filter((statement) => /^SET/.test(statement));
    expect(settings).toContain('SET LOCAL search_path = pg_catalog, pg_temp');
    expect(settings.join()).toMatch(/statement_timeout = [1-9]\d+.*lock_timeout = [1-9]\d+/s);
  });

  test('never asks for the text of anyone’s query', () => {
    expect(text).not.toMatch(/\bquery\b/i);
    expect(text).not.toMatch(/SELECT \*|\.\*/);
  });

  test('asks what this version can tell', () => {
    expect(text).toMatch(major >= 12 ? /client_dn\b/ : /clientdn\b/);
    expect(text).not.toMatch(major >= 12 ? /clientdn\b/ : /client_dn\b/);
    expect(/\bgss_enc\b/.test(text)).toBe(major >= 12);
    expect(text).toContain(`pg_has_role('pg_read_all_stats', '${major >= 15 ? 'USAGE' : 'MEMBER'}')`);
  });

  test('leaves no row out that hides its kind, or whose role or database is gone', () => {
    const sessions = sessionQuery.selects(major)[0] ?? '';
    // The kind is looked at here, and a join could lose rows.
    expect(/WHERE.*$/s.exec(sessions)?.[0]).toBe('WHERE a.usesysid IS NOT NULL');
    expect(sessions).not.toMatch(/\bJOIN\b/);
  });

  test('asks for as many columns as a row is read from', () => {
    const columns = /^SELECT(.*?)FROM/s.exec(withoutParentheses(sessionQuery.selects(major)[0] ?? ''))?.[1] ?? '';
    expect(columns.split(',')).toHaveLength(row().length);
  });
});

/** Without subqueries and the arguments of functions. */
function withoutParentheses(sql: string): string {
  const less = sql.replaceAll(/\([^()]*\)/g, '');
  return less === sql ? sql : withoutParentheses(less);
}

test.each([
  ['UTF8', 'UTF8'],
  ['LATIN1', 'UTF8'],
  ['SQL_ASCII', 'SQL_ASCII'],
  ['EUC_JP', 'SQL_ASCII'],
  [undefined, 'UTF8'],
  ["UTF8'; DROP TABLE orders; --", 'SQL_ASCII'],
  ['x'.repeat(100_000), 'SQL_ASCII'],
])('whatever encoding is announced, one of two is asked for: %.30s', (encoding, asked) => {
  const text = message({ major: 18, encoding }, []);
  expect(text).toContain(`SET LOCAL client_encoding = '${asked}';`);
  expect(text).toBe(message({ major: 18, encoding: asked }, []));
});

test('the oldest major is the first whose views tell sessions apart', () => {
  expect(OLDEST_MAJOR).toBe(10);
});

test('a role or a database that was dropped while a session went on has no name', () => {
  expect(only({ role: '99999', database: '99999' })).toMatchObject({ role: undefined, database: undefined, pid: 4711 });
});

describe('the answer', () => {
  interface Result {
    readonly command: string;
    readonly rows: readonly Row[];
  }
  /** A server that answers with that, and what it was asked. */
  function serverOf(...results: readonly Result[]) {
    const asked: string[] = [];
    const client = {
      query: (query: pg.Query & { readonly text: string }) => {
        asked.push(query.text);
        Object.assign(query, { _results: results });
        queueMicrotask(() => query.emit('end', results));
      },
    } as unknown as pg.Client;
    return { client, asked };
  }
  const ANNOUNCED: Announced = { major: 18, encoding: 'UTF8' };
  const done = (command: string): Result => ({ command, rows: [] });
  const facts = (...values: Row): Result => ({ command: 'SELECT', rows: [values] });
  /** Version, recovery, role, and what it may: see statistics, read pg_hba.conf, subscriptions, settings. */
  const server = (...values: Row): Result =>
    facts(...values, ...Array.from({ length: 23 - values.length }, () => null));
  const FACTS = server('18.4', 'f', 'tls_auditor', 't', 'f', 'f', 't', 'on', 'TLSv1.2');
  const selected = (rows: readonly Row[]): Result => ({ command: 'SELECT', rows });
  /** Settings of databases and roles. */
  const OWN_SETTINGS = selected([]);
  /** Foreign servers and subscriptions. */
  const OUTBOUND = [selected([]), selected([])];
  /** Of a login that may not read pg_hba.conf. */
  const HBA = facts(null);
  const CATALOGUED = [selected(ROLES), selected(MEMBERS), selected(DATABASES)];
  const SESSIONS = selected([row(), row({ own: 't' }), row(HIDDEN)]);

  test('comes in one round trip', async () => {
    const { client, asked } = serverOf(
      done('BEGIN'),
      done('SET'),
      FACTS,
      OWN_SETTINGS,
      SESSIONS,
      ...CATALOGUED,
      ...OUTBOUND,
      HBA,
      done('COMMIT'),
    );
    expect(await runAuditQueries(client, ANNOUNCED)).toEqual({
      server: { version: '18.4', inRecovery: false },
      visibility: { role: 'tls_auditor', assumed: undefined, seesAllSessions: true, inherits: true },
      serverView: { known: true, value: { tlsVersion: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' } },
      localAddress: { address: '10.0.0.1', port: 50000 },
      ownPid: expect.any(Number),
      sessions: readSessions(SESSIONS.rows, CATALOGUE),
      settings: { values: { ssl: 'on', ssl_min_protocol_version: 'TLSv1.2' }, seesAll: true, overrides: [] },
      outbound: { links: [], unreadable: [] },
      hba: { known: false, reason: expect.stringContaining('GRANT EXECUTE ON FUNCTION') },
      roundTrips: 1,
    });
    expect(asked).toEqual([message(ANNOUNCED, QUESTIONS)]);
  });

  test('to a role that does not see all', async () => {
    const { client } = serverOf(
      server('16.2', 'f', 'app', 'f', 'f', 'f', 'f'),
      OWN_SETTINGS,
      SESSIONS,
      ...CATALOGUED,
      ...OUTBOUND,
      HBA,
    );
    expect(await runAuditQueries(client, { ...ANNOUNCED, major: 16 })).toMatchObject({
      server: { version: '16.2', inRecovery: false },
      visibility: { role: 'app', seesAllSessions: false },
    });
  });

  test.each<[string, readonly Row[], object]>([
    ['a row without TLS is known to be none', [row({ ...PLAINTEXT, own: 't' })], { known: true, value: 'not-tls' }],
    ['no row is not known', [row()], { known: false }],
    ['a row that hides it is not known', [row({ ...HIDDEN, own: 't' })], { known: false }],
    ['a row that names no version is not known', [row({ version: null, own: 't' })], { known: false }],
    ['a row that names no cipher is not known', [row({ cipher: '', own: 't' })], { known: false }],
  ])('of the auditor’s own session: %s', async (_what, rows, serverView) => {
    const { client } = serverOf(FACTS, OWN_SETTINGS, selected(rows), ...CATALOGUED, ...OUTBOUND, HBA);
    const answers = await runAuditQueries(client, ANNOUNCED);
    expect(answers.serverView).toMatchObject(serverView);
    expect(answers.sessions.visible).toHaveLength(rows.filter((given) => given.at(-1) === 'f').length);
    expect(answers.sessions.hidden).toBe(0);
  });

  test.each<[string, readonly Result[]]>([
    ['nothing', []],
    ['no facts', [selected([]), OWN_SETTINGS, SESSIONS, ...CATALOGUED, ...OUTBOUND, HBA]],
    ['no sessions', [FACTS]],
    ['sessions, and not all that was asked', [FACTS, OWN_SETTINGS, SESSIONS, ...CATALOGUED]],
    ['other commands', [done('BEGIN'), done('COMMIT')]],
  ])('that holds %s is an error, not a server without sessions', async (_what, results) => {
    await expect(runAuditQueries(serverOf(...results).client, ANNOUNCED)).rejects.toThrow(
      /gave no result|0 rows in place of one/,
    );
  });
});
