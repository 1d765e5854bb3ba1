// Each way in which a real server refuses a login, told by its cause and with advice that lets the login in.

import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority, type IssuedCertificate } from '../../lab/certificates.ts';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { describeEachMajor } from '../../lab/each-major.ts';
import { reasonWithoutPgBouncer, startPgBouncer } from '../../lab/pgbouncer.ts';
import { AUDITOR, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { openSession } from '../../lab/sessions.ts';
import { startStandby } from '../../lab/standby.ts';
import type { FailureCause } from '../../lambda/model/failure.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';

let authority: Authority;
let certificate: IssuedCertificate;

beforeAll(async () => {
  authority = await createAuthority();
  certificate = await authority.issue();
});

describeEachMajor((major) => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres({
      major,
      tls: { certificate, clientCa: authority.rootPem },
      roles: [
        AUDITOR,
        { name: 'app' },
        { name: 'expired', attributes: "VALID UNTIL '2001-01-01'" },
        { name: 'unable' },
        { name: 'limited', attributes: 'CONNECTION LIMIT 0' },
        { name: 'rejected' },
        { name: 'outsider' },
        { name: 'certful' },
        { name: 'preloading' },
        { name: 'local' },
      ],
      databases: ['orders', 'revoked', 'shut', 'small'],
      hba: [
        'local all all trust',
        'host all rejected all reject',
        'hostssl all certful all cert',
        'host all ghost all trust',
        'host all local all ident',
        'host all tls_auditor,expired,unable,limited,preloading all scram-sha-256',
      ],
    });
    await server.adminQuery('ALTER ROLE unable NOLOGIN');
    await server.adminQuery('REVOKE CONNECT ON DATABASE revoked FROM PUBLIC');
    await server.adminQuery('ALTER DATABASE shut ALLOW_CONNECTIONS false');
    await server.adminQuery('ALTER DATABASE small CONNECTION LIMIT 0');
    await server.adminQuery("ALTER ROLE preloading SET session_preload_libraries = 'nowhere'");
  });

  afterAll(() => server[Symbol.asyncDispose]());

  /** Logs in as that role. */
  async function refusalOf(role: string, database = 'orders', target: object = {}): Promise<Snapshot['failure']> {
    const known = role === 'ghost' ? 'app' : role;
    const db = rdsSecret(server, known, { username: role, dbname: database });
    const { snapshot } = await audit({ timeoutMs: 1_500, ...target }, { db, ca: authority.rootPem });
    expect(snapshot.link.known).toBe(false);
    return snapshot.failure;
  }

  interface Expected {
    readonly what: string;
    readonly role?: string;
    readonly database?: string;
    readonly cause: FailureCause;
    readonly message: RegExp;
    readonly remedy: RegExp;
  }

  test.each<Expected>([
    {
      what: 'a password past its VALID UNTIL',
      role: 'expired',
      cause: 'password-rejected',
      message: /rejects the password of expired: password authentication failed .*28P01/,
      remedy: /^ALTER ROLE expired VALID UNTIL 'infinity';$/m,
    },
    {
      what: 'a role without LOGIN',
      role: 'unable',
      cause: 'login-refused',
      message: /has the role unable without the right to log in: .*28000/,
      remedy: /^ALTER ROLE unable LOGIN;$/m,
    },
    {
      what: 'a role that does not exist',
      role: 'ghost',
      cause: 'login-refused',
      message: /has no role ghost: .*28000/,
      remedy: /^CREATE ROLE ghost LOGIN PASSWORD/m,
    },
    {
      what: 'a rule that rejects',
      role: 'rejected',
      cause: 'login-refused',
      message: /has a rule that rejects rejected: pg_hba.conf rejects connection/,
      remedy:
        /above the rule with the method reject.*\nhostssl orders rejected <the auditor's network> scram-sha-256\n/,
    },
    {
      what: 'no rule',
      role: 'outsider',
      cause: 'login-refused',
      message: /has no rule that lets outsider in: no pg_hba.conf entry/,
      remedy: /^hostssl orders outsider <the auditor's network> scram-sha-256$/m,
    },
    {
      what: 'a rule for client certificates',
      role: 'certful',
      cause: 'client-certificate-required',
      message: /client certificate of certful: connection requires a valid client certificate/,
      remedy: /"clientCertificate" of the target.*common name certful/,
    },
    {
      what: 'a rule with a method that asks for nothing we have',
      role: 'local',
      cause: 'login-refused',
      message: /asks for the login of local by ident, and refuses it: Ident authentication failed/,
      remedy: /above the rule with the method ident/,
    },
    {
      what: 'the limit of a role',
      role: 'limited',
      cause: 'too-many-connections',
      message: /has no free connection for the role limited: .*53300/,
      remedy: /^ALTER ROLE limited CONNECTION LIMIT <more>;$/m,
    },
    {
      what: 'the limit of a database',
      database: 'small',
      cause: 'too-many-connections',
      message: /has no free connection for the database small: .*53300/,
      remedy: /^ALTER DATABASE small CONNECTION LIMIT <more>;$/m,
    },
    {
      what: 'a database without the privilege to connect',
      database: 'revoked',
      cause: 'database-refused',
      message: /does not let tls_auditor connect to the database revoked: permission denied .*42501/,
      remedy: /^GRANT CONNECT ON DATABASE revoked TO tls_auditor;$/m,
    },
    {
      what: 'a database that accepts no connections',
      database: 'shut',
      cause: 'database-refused',
      message: /accepts no connections to the database shut: .*55000/,
      remedy: /set "database" of the target to another one/,
    },
    {
      what: 'a database that is not there',
      database: 'nowhere',
      cause: 'database-missing',
      message: /has no database nowhere: .*3D000/,
      remedy: /"database" of the target/,
    },
    {
      what: 'a library that each session loads and that is not there',
      role: 'preloading',
      cause: 'login-code-failed',
      message: /cannot load a library for the session of preloading: could not access file .*58P01/,
      remedy: /^ALTER ROLE preloading RESET session_preload_libraries;$/m,
    },
  ])('$what', async ({ role = 'tls_auditor', database, cause, message, remedy }) => {
    const failure = await refusalOf(role, database);
    expect(failure).toMatchObject({ cause, phase: 'login' });
    expect(failure?.message).toMatch(message);
    expect(failure?.remedy).toMatch(remedy);
  });

  test('a client certificate that is for another role', async () => {
    const client = await authority.issue({ clientAuth: true, commonName: 'other' });
    const db = rdsSecret(server, 'certful', { dbname: 'orders' });
    const { snapshot } = await audit(
      { clientCertificate: { secret: 'client' } },
      {
        db,
        ca: authority.rootPem,
        client: JSON.stringify({ certificate: client.chainPem, privateKey: client.keyPem }),
      },
    );
    expect(snapshot.failure).toMatchObject({ cause: 'client-certificate-required', phase: 'login' });
    expect(snapshot.failure?.message).toMatch(
      /does not take the auditor's client certificate for certful: certificate auth/,
    );
    expect(snapshot.failure?.remedy).toMatch(/common name is certful.*pg_ident\.conf/);
  });

  test.runIf(major >= 17)('a login trigger that refuses', async () => {
    await server.adminQuery(
      `CREATE FUNCTION deny() RETURNS event_trigger LANGUAGE plpgsql
       AS $$ BEGIN IF session_user = 'tls_auditor' THEN RAISE EXCEPTION 'not you'; END IF; END $$`,
      undefined,
      'orders',
    );
    await server.adminQuery('CREATE EVENT TRIGGER deny_logins ON login EXECUTE FUNCTION deny()', undefined, 'orders');
    await server.adminQuery('ALTER EVENT TRIGGER deny_logins ENABLE ALWAYS', undefined, 'orders');
    try {
      const failure = await refusalOf('tls_auditor');
      expect(failure).toMatchObject({ cause: 'login-code-failed', phase: 'login' });
      expect(failure?.message).toMatch(/login trigger, and it refuses tls_auditor: not you \(SQLSTATE P0001\)/);
      expect(failure?.remedy).toMatch(/^ALTER EVENT TRIGGER <evtname> DISABLE;$/m);
    } finally {
      await server.adminQuery('DROP EVENT TRIGGER deny_logins', undefined, 'orders');
    }
  });

  test('advice for a database and a role is right to the letter: followed, it lets the login in', async () => {
    const statement = (remedy = '', start = ''): string =>
      remedy.split('\n').find((line) => line.startsWith(start)) ?? 'no such line';
    const expired = await refusalOf('expired');
    await server.adminQuery(statement(expired?.remedy, 'ALTER ROLE expired VALID'));
    await server.adminQuery(statement(expired?.remedy, 'SELECT rolcanlogin'));
    const closed = await refusalOf('tls_auditor', 'revoked');
    await server.adminQuery(statement(closed?.remedy, 'GRANT CONNECT'));
    const preloading = await refusalOf('preloading');
    await server.adminQuery(statement(preloading?.remedy, 'ALTER ROLE preloading RESET'));
    for (const [role, database] of [
      ['expired', 'orders'],
      ['tls_auditor', 'revoked'],
      ['preloading', 'orders'],
    ] as const) {
      const db = rdsSecret(server, role, { dbname: database });
      const { snapshot } = await audit({}, { db, ca: authority.rootPem });
      expect(snapshot.failure).toBeUndefined();
    }
  });
});

const noPgBouncer = reasonWithoutPgBouncer();

describe.skipIf(noPgBouncer !== undefined)(
  `a PgBouncer in front of the server${noPgBouncer === undefined ? '' : `: ${noPgBouncer}`}`,
  () => {
    test.each<[string, (server: PostgresServer) => Promise<void> | void, object, FailureCause, RegExp]>([
      [
        'does not know the user',
        () => undefined,
        { username: 'stranger' },
        'password-rejected',
        /\(a pooler\) rejects the password of stranger, or does not know that user/,
      ],
      [
        'gets no connection to the server',
        (server) => server.stop('fast'),
        {},
        'server-not-ready',
        /\(a pooler\) gets no connection to the server behind it/,
      ],
    ])('%s', async (_what, spoil, overrides, cause, message) => {
      await using server = await startPostgres({ tls: { certificate } });
      await using pooler = await startPgBouncer(server, {
        behind: 'require',
        certificate,
        roles: ['tls_auditor'],
        settings: { query_wait_timeout: 1, server_connect_timeout: 1, server_login_retry: 1 },
      });
      await spoil(server);
      const db = rdsSecret(server, 'tls_auditor', { port: pooler.port, ...overrides });
      const { snapshot } = await audit({ timeoutMs: 4_000 }, { db, ca: authority.rootPem });
      expect(snapshot.failure?.message).toMatch(message);
      expect(snapshot.failure).toMatchObject({ cause });
    });
  },
);

test('a standby that accepts no sessions is not asked again from PostgreSQL 14 on', async () => {
  await using primary = await startPostgres({
    tls: { certificate },
    roles: [AUDITOR, { name: 'streamer', attributes: 'REPLICATION' }],
  });
  await using standby = await startStandby(primary, { role: 'streamer' });
  await standby.stop();
  await appendFile(join(standby.dataFolder, 'lab.conf'), 'hot_standby = off\n');
  // It never says that it is ready.
  void standby.start().catch(() => undefined);
  await expect
    .poll(
      async () => {
        const db = rdsSecret(primary, 'tls_auditor', { port: standby.connectionConfig().port });
        const { snapshot } = await audit({ timeoutMs: 1_000 }, { db, ca: `${authority.rootPem}${standby.ca}` });
        return snapshot.failure?.message ?? '';
      },
      { timeout: 8_000 },
    )
    .toMatch(
      /is a standby that accepts no sessions: the database system is not accepting connections \(SQLSTATE 57P03\)$/,
    );
});

describe('a server that is full', () => {
  test.each([
    ['but for reserved slots', 3, /no free connection but those it keeps for administrators/],
    ['in all', 0, /has no free connection: /],
  ])('%s', async (_what, reserved, message) => {
    await using server = await startPostgres({
      tls: { certificate },
      settings: { max_connections: reserved + 1, superuser_reserved_connections: reserved, max_wal_senders: 0 },
    });
    await using _held = await openSession(server, { kind: 'tlsv1.3', role: 'app' });
    const { snapshot } = await audit({ timeoutMs: 1_000 }, { db: rdsSecret(server), ca: authority.rootPem });
    expect(snapshot.failure).toMatchObject({ cause: 'too-many-connections' });
    expect(snapshot.failure?.message).toMatch(message);
    expect(snapshot.failure?.remedy).toMatch(/^GRANT pg_use_reserved_connections TO tls_auditor;$/m);
  });
});
