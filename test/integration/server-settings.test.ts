// What the owners of roles, databases and schemas may set changes nothing of what an audit sees.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { describeEachMajor } from '../../lab/each-major.ts';
import { knownValue } from '../../lab/known-value.ts';
import { type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { openSession, openSessions } from '../../lab/sessions.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';
import type { Target } from '../../lambda/model/target.ts';

/** Lies under every name that audit queries use, or may come to use. */
const TRAP = `
  CREATE SCHEMA trap;
  CREATE VIEW trap.pg_stat_activity AS SELECT * FROM pg_catalog.pg_stat_activity WHERE false;
  CREATE VIEW trap.pg_stat_ssl AS SELECT pid, true AS ssl, 'TLSv1.3'::text AS version FROM pg_catalog.pg_stat_activity;
  CREATE VIEW trap.pg_stat_gssapi AS SELECT pid, true AS encrypted FROM pg_catalog.pg_stat_activity;
  CREATE VIEW trap.pg_roles AS SELECT oid, rolname, false AS rolsuper FROM pg_catalog.pg_roles;
  CREATE VIEW trap.pg_database AS SELECT oid, 'nowhere'::name AS datname FROM pg_catalog.pg_database;
  CREATE FUNCTION trap.pg_stat_get_activity(int) RETURNS SETOF pg_catalog.pg_stat_activity LANGUAGE sql
    AS 'SELECT * FROM pg_catalog.pg_stat_activity WHERE false';
  CREATE TABLE trap.pg_auth_members (roleid oid, member oid);
  CREATE FUNCTION trap.pg_backend_pid() RETURNS int LANGUAGE sql AS 'SELECT 0';
  CREATE FUNCTION trap.pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT true';
  CREATE FUNCTION trap.pg_has_role(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT false';
  CREATE FUNCTION trap.current_setting(text) RETURNS text LANGUAGE sql AS $$SELECT '9.1'::text$$;
  CREATE FUNCTION trap.host(inet) RETURNS text LANGUAGE sql AS $$SELECT '127.0.0.1'::text$$;
  CREATE FUNCTION trap.differ(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT false';
  CREATE OPERATOR trap.<> (PROCEDURE = trap.differ, LEFTARG = int, RIGHTARG = int);
  GRANT USAGE ON SCHEMA trap TO PUBLIC;
  GRANT SELECT ON ALL TABLES IN SCHEMA trap TO PUBLIC;
`;

describeEachMajor((major) => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres({
      major,
      roles: [
        { name: 'tls_auditor', grants: ['pg_monitor'] },
        { name: 'app' },
        { name: 'boss', attributes: 'SUPERUSER' },
        { name: 'renamed' },
      ],
      databases: ['orders'],
    });
  });

  afterAll(() => server[Symbol.asyncDispose]());

  async function snapshotOf(target: Partial<Target> = {}): Promise<Snapshot> {
    const { snapshot } = await audit(target, { db: rdsSecret(server), ca: server.ca ?? '' });
    return snapshot;
  }

  /** Sets what new sessions of a role or a database start with, until it is disposed of. */
  async function withSettings(owner: string, settings: Readonly<Record<string, string>>): Promise<AsyncDisposable> {
    for (const [name, value] of Object.entries(settings)) {
      await server.adminQuery(`ALTER ${owner} SET ${name} = ${value}`);
    }
    return {
      async [Symbol.asyncDispose]() {
        await server.adminQuery(`ALTER ${owner} RESET ALL`);
      },
    };
  }

  /** Holds a lock on which the audit queries wait, from when it is made until it is disposed of. */
  async function blockingLock() {
    const holder = await openSession(server, { kind: 'unix-socket', role: 'boss' });
    await holder.query('BEGIN; LOCK TABLE pg_catalog.pg_auth_members IN ACCESS EXCLUSIVE MODE');
    return holder;
  }

  test.each(['ROLE tls_auditor', 'DATABASE orders'])(
    'a search path that has a lie behind every name, set for %s, deceives no audit',
    async (owner) => {
      await using stack = new AsyncDisposableStack();
      await server.adminQuery(TRAP, undefined, 'orders');
      stack.defer(async () => {
        await server.adminQuery('DROP SCHEMA trap CASCADE', undefined, 'orders');
      });
      stack.use(await withSettings(owner, { search_path: 'trap, public, pg_catalog' }));
      const { sessions: opened } = stack.use(
        await openSessions(server, [
          { kind: 'plaintext', role: 'app' },
          { kind: 'tlsv1.3', role: 'boss' },
          { kind: 'tlsv1.3', role: 'tls_auditor' },
        ]),
      );
      // The lies are told to those who ask without care.
      for (const from of ['pg_stat_activity', 'pg_stat_get_activity(null)']) {
        expect(await opened[2]?.query(`select pid from ${from}`)).toEqual([]);
      }
      expect(await opened[2]?.query("select 1 <> 2 as a, pg_backend_pid() as b, current_setting('x') as c")).toEqual([
        { a: false, b: 0, c: '9.1' },
      ]);

      const { visibility, sessions, server: facts, link } = await snapshotOf();

      expect(knownValue(visibility)).toEqual({ role: 'tls_auditor', seesAllSessions: true, inherits: true });
      expect(knownValue(facts)).toEqual({ version: expect.stringMatching(`^${major}\\.`), inRecovery: false });
      expect(knownValue(link).serverView).toMatchObject({ known: true, value: { tlsVersion: 'TLSv1.3' } });
      const { visible, hidden } = knownValue(sessions);
      expect(hidden).toBe(0);
      expect(
        new Map(visible.map(({ pid, database, transport, superuser }) => [pid, { database, transport, superuser }])),
      ).toEqual(
        new Map([
          [opened[0]?.pid, { database: 'orders', transport: 'loopback', superuser: false }],
          [opened[1]?.pid, { database: 'orders', transport: 'tls', superuser: true }],
          [opened[2]?.pid, { database: 'orders', transport: 'tls', superuser: false }],
        ]),
      );
    },
  );

  test.each([
    ['read-only transactions', { default_transaction_read_only: 'on' }],
    [
      'another encoding, style and precision',
      { client_encoding: 'LATIN1', datestyle: 'SQL', extra_float_digits: '-15' },
    ],
    ['planner settings of some age', { enable_nestloop: 'off', enable_hashjoin: 'off', work_mem: "'64kB'" }],
    ['a time zone', { timezone: "'Asia/Kathmandu'" }],
  ] as const)('a role that is set to %s is audited like any other', async (_what, settings) => {
    await using _settings = await withSettings('ROLE tls_auditor', settings);
    const role = 'app';
    await using session = await openSession(server, { kind: 'tlsv1.3', role });
    const [row] = await server.adminQuery<{ start: Date }>(
      'select backend_start as start from pg_stat_activity where pid = $1',
      [session.pid],
    );
    const snapshot = await snapshotOf();
    expect(snapshot.failure).toBeUndefined();
    const { visible, hidden } = knownValue(snapshot.sessions);
    expect(hidden).toBe(0);
    expect(visible).toEqual([expect.objectContaining({ pid: session.pid, role, transport: 'tls' })]);
    const startedAt = visible[0]?.startedAt ?? Number.NaN;
    expect(Math.abs(startedAt - (row?.start.getTime() ?? 0))).toBeLessThanOrEqual(1);
  });

  // Before 13 the time runs for the whole message, and one of its statements can't lengthen it.
  if (major >= 13) {
    test('the audit’s own time limit replaces that of the role', async () => {
      await using _settings = await withSettings('ROLE tls_auditor', { statement_timeout: "'100ms'" });
      await using lock = await blockingLock();
      const auditing = snapshotOf();
      await waitsForLock(lock);
      await lock.query('SELECT pg_sleep(0.3); COMMIT');
      const snapshot = await auditing;
      expect(snapshot.failure).toBeUndefined();
      expect(knownValue(snapshot.link).attempts).toBe(1);
    });
  }

  test('an audit waits for no other transaction, whatever isolation its role is set to', async () => {
    await using _settings = await withSettings('ROLE tls_auditor', {
      default_transaction_isolation: 'serializable',
      default_transaction_deferrable: 'on',
    });
    await using writer = await openSession(server, { kind: 'tlsv1.3', role: 'boss' });
    await writer.query('BEGIN ISOLATION LEVEL SERIALIZABLE; CREATE TABLE kept_open (id int)');
    const snapshot = await snapshotOf({ timeoutMs: 1_500 });
    await writer.query('ROLLBACK');
    expect(snapshot.failure).toBeUndefined();
  });

  // The latter is what initdb makes where the locale says nothing: a database that keeps bytes and knows no characters.
  test.each([
    ['LATIN1', 'jäger'],
    ['SQL_ASCII', 'j\ufffdger'],
    // In which these bytes are no characters.
    ['EUC_JP', 'j\ufffdger'],
  ] as const)('a name in LATIN1 stops no audit from a %s database', async (encoding, name) => {
    await using stack = new AsyncDisposableStack();
    const options = `LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`;
    for (const [database, its] of [
      ['latin1', 'LATIN1'],
      ['legacy', encoding],
    ]) {
      await server.adminQuery(`CREATE DATABASE ${database} ENCODING '${its}' ${options}`);
      stack.defer(async () => {
        await server.adminQuery(`DROP DATABASE ${database}`);
      });
    }
    const applicationName = 'käfer';
    const { pid } = stack.use(
      await openSession(server, { kind: 'plaintext', role: 'renamed', database: 'postgres', applicationName }),
    );
    // A name has the encoding of the database in which it was given.
    await server.adminQuery('ALTER ROLE renamed RENAME TO "jäger"', undefined, 'latin1');
    stack.defer(async () => {
      await server.adminQuery('ALTER ROLE "jäger" RENAME TO renamed', undefined, 'latin1');
    });
    const [legacy, unicode] = await Promise.all([snapshotOf({ database: 'legacy' }), snapshotOf()]);
    expect(legacy.failure).toBeUndefined();
    const roleIn = ({ sessions }: Snapshot) => knownValue(sessions).visible.find((one) => one.pid === pid)?.role;
    expect(roleIn(legacy)).toBe(name);
    // Where nobody can read it the session counts all the same.
    expect(roleIn(unicode)).toBe('j\ufffdger');
  });

  async function waitsForLock(holder: { query(sql: string): Promise<readonly Record<string, unknown>[]> }) {
    await expect.poll(() => holder.query('select 1 from pg_locks where not granted')).toHaveLength(1);
  }
});
