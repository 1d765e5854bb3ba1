// A real PgBouncer as a target: both of its sides as its console shows them, and its settings.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { knownValue } from '../../lab/known-value.ts';
import { type PgBouncer, type PgBouncerOptions, reasonWithoutPgBouncer, startPgBouncer } from '../../lab/pgbouncer.ts';
import { type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { countRoundTrips } from '../../lab/round-trip-counter.ts';
import { POLICY } from '../../lab/snapshots.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import type { Evaluation } from '../../lambda/model/run.ts';
import type { Session, Snapshot } from '../../lambda/model/snapshot.ts';
import type { Target } from '../../lambda/model/target.ts';
import { buildReport } from '../../lambda/report/build-report.ts';
import { command } from '../bin/command.ts';

const reason = reasonWithoutPgBouncer();

if (reason !== undefined) test(`PgBouncer as a target: ${reason}`, ({ skip }) => skip(reason));

/** Everything here is on one machine: judged as it would be between machines. */
const NETWORK = { ...POLICY, loopback: 'network' } as const;

const STRONG = 'ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20';
const SOUND = { client_tls_ciphers: STRONG, server_tls_ciphers: STRONG };

type Tls =
  | false
  | { readonly minVersion?: 'TLSv1'; readonly maxVersion?: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2'; readonly ciphers?: string };

describe.skipIf(reason !== undefined)(`the console of PgBouncer${reason === undefined ? '' : ` (${reason})`}`, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres({});
  });
  afterAll(() => server[Symbol.asyncDispose]());

  /** A client that has used a connection to the server. */
  async function openClient(bouncer: PgBouncer, tls: Tls, database?: string): Promise<AsyncDisposable> {
    const account = server.connectionConfig();
    const client = new pg.Client({
      ...account,
      host: bouncer.host,
      port: bouncer.port,
      database: database ?? account.database,
      application_name: 'checkout-7',
      ssl: tls === false ? false : { ca: bouncer.ca, ...tls },
    });
    client.on('error', () => undefined);
    await client.connect();
    await client.query(database === 'pgbouncer' ? 'SHOW VERSION' : 'SELECT 1');
    return { [Symbol.asyncDispose]: () => client.end() };
  }

  async function auditConsole(
    bouncer: PgBouncer,
    target: Partial<Target> = {},
    overrides: object = {},
  ): Promise<Snapshot> {
    const db = rdsSecret(server, undefined, { host: bouncer.host, port: bouncer.port, ...overrides });
    return (await audit({ kind: 'pgbouncer', ...target }, { db, ca: bouncer.ca })).snapshot;
  }

  async function withClient(options: PgBouncerOptions, tls: Tls): Promise<Snapshot> {
    await using bouncer = await startPgBouncer(server, options);
    await using _client = await openClient(bouncer, tls);
    return await auditConsole(bouncer);
  }

  test('with TLS on both sides and sound settings, the verdict is clean', async () => {
    const snapshot = await withClient({ behind: 'verify-full', settings: SOUND }, {});
    expect(snapshot.failure).toBeUndefined();
    expect(knownValue(snapshot.server)).toEqual({
      version: expect.stringMatching(/^PgBouncer 1\.\d+\.\d+$/),
      inRecovery: false,
    });
    expect(sides(snapshot)).toEqual({ client: ['tls'], server: ['tls'] });
    const evaluation = evaluate(snapshot, NETWORK);
    expect(carriedOver(evaluation)).toEqual([]);
    expect(evaluation.findings).toEqual([]);
    expect(evaluation.verdict).toBe('clean');
  });

  test('its own session is proven to come from our very socket, and is not among the sessions', async () => {
    const snapshot = await withClient({ behind: 'verify-full', settings: SOUND }, {});
    expect(snapshot.networkPath).toMatchObject({ remoteAddress: '127.0.0.1', isDirect: true });
    const { tlsVersion, cipher, serverView, authentication } = knownValue(snapshot.link);
    expect(knownValue(serverView)).toEqual({ tlsVersion, cipher });
    expect(authentication).toBe('scram-sha-256');
    expect(sessions(snapshot).map(({ database }) => database)).not.toContain('pgbouncer');
  });

  test('a client in plaintext before a TLS connection to the server is found, on its side only', async () => {
    const snapshot = await withClient({ behind: 'verify-full', before: 'allow', settings: SOUND }, false);
    expect(sides(snapshot)).toEqual({ client: ['loopback'], server: ['tls'] });
    const { findings } = evaluate(snapshot, NETWORK);
    expect(findings.map(({ check, title }) => `${check}: ${title}`)).toEqual([
      'plaintext-session: Unencrypted session over the network, from a client to the pooler',
      'plaintext-allowed: The pooler accepts unencrypted connections from clients',
    ]);
    expect(findings[0]).toMatchObject({
      role: server.connectionConfig().user,
      application: 'checkout-7',
      clients: ['127.0.0.1'],
      count: 1,
      remedy: expect.stringContaining('client_tls_sslmode = require'),
    });
  });

  test('a plaintext connection to the server behind TLS clients is found, on its side only', async () => {
    const snapshot = await withClient({ behind: 'disable', settings: SOUND }, {});
    expect(sides(snapshot)).toEqual({ client: ['tls'], server: ['loopback'] });
    const { findings } = evaluate(snapshot, NETWORK);
    expect(findings.map(({ check, title }) => `${check}: ${title}`)).toEqual([
      'plaintext-session: Unencrypted session over the network, from the pooler to its server',
      "insecure-outbound-link: The pooler's connections to its servers may go unencrypted",
    ]);
    expect(findings[0]).toMatchObject({
      evidence: { servers: ['127.0.0.1'] },
      remedy: expect.stringContaining('server_tls_sslmode = verify-full'),
    });
    expect(findings[0]).not.toHaveProperty('clients', expect.anything());
    expect(findings[0]).not.toHaveProperty('application', expect.anything());
  });

  test('the same client and its connection to the server, both in plaintext, are two findings', async () => {
    const snapshot = await withClient({ behind: 'disable', before: 'allow', settings: SOUND }, false);
    const plain = evaluate(snapshot, NETWORK).findings.filter(({ check }) => check === 'plaintext-session');
    expect(new Set(plain.map(({ fingerprint }) => fingerprint)).size).toBe(2);
  });

  test('a server behind a Unix socket leaves nothing to judge on that side', async () => {
    const snapshot = await withClient(
      { behind: 'prefer', serverHost: server.socketFolder, settings: { client_tls_ciphers: STRONG } },
      {},
    );
    expect(sides(snapshot)).toEqual({ client: ['tls'], server: ['unix-socket'] });
    const evaluation = evaluate(snapshot, NETWORK);
    expect(evaluation.findings).toEqual([]);
    expect(evaluation.verdict).toBe('clean');
    expect(outcome(evaluation, 'insecure-outbound-link')).toMatchObject({ status: 'not-applicable' });
  });

  test.each([
    ['TLSv1', { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' }],
    ['TLSv1.1', { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }],
  ] as const)('a client with %s is found, and so is the setting that lets it in', async (version, tls) => {
    const settings = { client_tls_protocols: 'all', client_tls_ciphers: 'ALL:@SECLEVEL=0' };
    const snapshot = await withClient({ behind: 'verify-full', settings }, tls);
    const { findings } = evaluate(snapshot, NETWORK);
    expect(findings.find(({ check }) => check === 'deprecated-tls-session')).toMatchObject({
      title: 'Session with a deprecated TLS version, from a client to the pooler',
      evidence: { tlsVersion: version },
      remedy: expect.stringContaining('client_tls_protocols = secure'),
    });
    expect(findings.find(({ check }) => check === 'deprecated-tls-allowed')).toMatchObject({
      evidence: { client_tls_protocols: 'all', allows: 'TLSv1, TLSv1.1' },
    });
    expect(findings.map(({ check }) => check)).toContain('weak-ciphers-allowed');
  });

  test('a weak suite is found by its name, though PgBouncer shows no bits', async () => {
    const settings = { client_tls_ciphers: 'ALL:@SECLEVEL=0', server_tls_ciphers: STRONG };
    const snapshot = await withClient(
      { behind: 'verify-full', settings },
      { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0' },
    );
    const { findings } = evaluate(snapshot, NETWORK);
    expect(findings.find(({ check }) => check === 'weak-cipher-session')).toMatchObject({
      evidence: { weakness: 'CBC mode', tlsVersion: 'TLSv1.2' },
      remedy: expect.stringContaining('client_tls_ciphers = ECDHE+AESGCM'),
    });
  });

  test("another administrator's plaintext session in the console is a client like all others", async () => {
    await using bouncer = await startPgBouncer(server, { behind: 'verify-full', before: 'allow', settings: SOUND });
    await using _admin = await openClient(bouncer, false, 'pgbouncer');
    const { findings } = evaluate(await auditConsole(bouncer), NETWORK);
    expect(findings.find(({ check }) => check === 'plaintext-session')).toMatchObject({ database: 'pgbouncer' });
  });

  test('the right to see statistics is enough', async () => {
    const { user = '' } = server.connectionConfig();
    await using bouncer = await startPgBouncer(server, {
      behind: 'verify-full',
      settings: { ...SOUND, admin_users: 'somebody_else', stats_users: user },
    });
    await using _client = await openClient(bouncer, {});
    expect(evaluate(await auditConsole(bouncer), NETWORK).verdict).toBe('clean');
  });

  test('without it, the failure says what to add to pgbouncer.ini', async () => {
    await using bouncer = await startPgBouncer(server, {
      behind: 'verify-full',
      settings: { admin_users: 'somebody_else' },
    });
    const snapshot = await auditConsole(bouncer);
    expect(snapshot.failure).toMatchObject({
      cause: 'login-refused',
      remedy: expect.stringContaining(`stats_users = ${server.connectionConfig().user}`),
    });
    expect(evaluate(snapshot, NETWORK).verdict).toBe('not-audited');
  });

  test('a wrong password is reported as such, and fetched again once', async () => {
    await using bouncer = await startPgBouncer(server, { behind: 'verify-full', settings: SOUND });
    const at = { host: bouncer.host, port: bouncer.port };
    const wrong = rdsSecret(server, undefined, { ...at, password: 'wrong' });
    const { snapshot } = await audit({ kind: 'pgbouncer' }, { db: wrong, ca: bouncer.ca });
    expect(snapshot.failure).toMatchObject({
      cause: 'password-rejected',
      remedy: expect.stringContaining('auth_file'),
    });
    const rotated = await audit(
      { kind: 'pgbouncer' },
      { db: [wrong, rdsSecret(server, undefined, at)], ca: bouncer.ca },
    );
    expect(rotated.snapshot.failure).toBeUndefined();
    expect(rotated.reads.get('db')).toBe(2);
  });

  test('the command line audits it, and is content', async () => {
    await using bouncer = await startPgBouncer(server, { behind: 'verify-full', settings: SOUND });
    await using _client = await openClient(bouncer, {});
    const { user = '', password } = server.connectionConfig();
    const folder = await mkdtemp(join(tmpdir(), 'pgbouncer-console-'));
    try {
      const ca = join(folder, 'ca.pem');
      await writeFile(ca, bouncer.ca);
      const url = `postgres://${user}@${bouncer.host}:${bouncer.port}`;
      const args = ['audit', '--url', url, '--kind', 'pgbouncer', '--ca', ca, '--loopback', 'network'];
      const { exitCode, stdout } = await command(args, { env: { PGPASSWORD: String(password) } });
      expect(stdout).toContain('Verdict: all clear.');
      expect(exitCode).toBe(0);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('all of it takes one round trip after login', async () => {
    await using bouncer = await startPgBouncer(server, { behind: 'verify-full', before: 'allow' });
    await using counter = await countRoundTrips(bouncer);
    const db = rdsSecret(server, undefined, { host: counter.host, port: counter.port });
    const { snapshot } = await audit({ kind: 'pgbouncer' }, { db, ca: bouncer.ca });
    expect(snapshot.failure).toBeUndefined();
    expect(knownValue(snapshot.link).roundTrips).toBe(1);
    expect(counter.counts).toEqual([1]);
  });

  test('a proxy that ends TLS before PgBouncer is found', async () => {
    await using bouncer = await startPgBouncer(server, { behind: 'verify-full', before: 'allow', settings: SOUND });
    await using proxy = await countRoundTrips(bouncer);
    const db = rdsSecret(server, undefined, { host: proxy.host, port: proxy.port });
    const { snapshot } = await audit({ kind: 'pgbouncer' }, { db, ca: bouncer.ca });
    expect(outcome(evaluate(snapshot, NETWORK), 'tls-terminated-by-proxy')).toMatchObject({
      status: 'fail',
      problems: [{ title: 'TLS ends before the pooler', evidence: { poolersView: 'no TLS' } }],
    });
  });

  test('sessions of other processes on a shared port are not vouched for', async () => {
    const snapshot = await withClient({ behind: 'verify-full', settings: { ...SOUND, so_reuseport: 1 } }, {});
    const evaluation = evaluate(snapshot, NETWORK);
    expect(evaluation.verdict).toBe('unknown');
    expect(outcome(evaluation, 'plaintext-session')).toMatchObject({
      status: 'unknown',
      reason: expect.stringContaining('so_reuseport'),
    });
  });

  test('that it asks its clients for nothing is found', async () => {
    const snapshot = await withClient({ behind: 'verify-full', settings: { ...SOUND, auth_type: 'trust' } }, {});
    expect(evaluate(snapshot, NETWORK).findings).toMatchObject([
      { check: 'weak-password-authentication', severity: 'critical' },
    ]);
  });

  describe('the wrong kind', () => {
    test('a PostgreSQL server where a PgBouncer should be', async () => {
      const { snapshot } = await audit({ kind: 'pgbouncer' }, { db: rdsSecret(server), ca: server.ca ?? '' });
      expect(snapshot.failure).toMatchObject({
        cause: 'wrong-kind',
        message: expect.stringContaining('a PostgreSQL server'),
        remedy: expect.stringContaining('"kind"'),
      });
    });

    test('a PostgreSQL server that has a database called pgbouncer', async () => {
      await server.adminQuery('CREATE DATABASE pgbouncer');
      const { snapshot } = await audit({ kind: 'pgbouncer' }, { db: rdsSecret(server), ca: server.ca ?? '' });
      await server.adminQuery('DROP DATABASE pgbouncer WITH (FORCE)');
      expect(snapshot.failure).toMatchObject({
        cause: 'wrong-kind',
        message: expect.stringMatching(/is PostgreSQL \d+/),
      });
    });

    test('the console of a PgBouncer where a PostgreSQL server should be', async () => {
      await using bouncer = await startPgBouncer(server, { behind: 'verify-full' });
      const snapshot = await auditConsole(bouncer, { kind: 'postgresql', database: 'pgbouncer' });
      expect(snapshot.failure).toMatchObject({
        cause: 'wrong-kind',
        message: expect.stringContaining('admin console of PgBouncer 1.'),
        remedy: expect.stringContaining('"kind": "pgbouncer"'),
      });
    });
  });

  test('the report names the kind, and counts each side', async () => {
    const snapshot = await withClient({ behind: 'disable', settings: SOUND }, {});
    const audited = [{ snapshot, ...evaluate(snapshot, NETWORK) }];
    const at = '2026-11-10T06:15:02.000Z';
    const { targets } = buildReport({ startedAt: at, finishedAt: at, policy: NETWORK, audited });
    expect(targets[0]).toMatchObject({
      kind: 'pgbouncer',
      server: { version: expect.stringMatching(/^PgBouncer 1\./) },
      sessions: { total: 2, hidden: 0, byHop: { client: { tls: 1, loopback: 0 }, server: { tls: 0, loopback: 1 } } },
    });
  });
});

function sessions(snapshot: Snapshot): readonly Session[] {
  return knownValue(snapshot.sessions).visible;
}

/** How the sessions on each side travel. */
function sides(snapshot: Snapshot): Record<string, readonly string[]> {
  const of = (which: string): string[] =>
    sessions(snapshot).flatMap(({ side, transport }) => (side === which ? transport : []));
  return { client: of('client'), server: of('server') };
}

function outcome({ outcomes }: Evaluation, check: string): unknown {
  return outcomes.find((one) => one.check === check)?.outcome;
}

/** Checks that could not see everything. */
function carriedOver({ outcomes }: Evaluation): readonly unknown[] {
  return outcomes.filter(({ outcome: { status } }) => status === 'unknown' || status === 'error');
}
