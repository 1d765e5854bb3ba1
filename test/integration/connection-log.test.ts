// Real servers write the log, real clients of every kind are in it, and the reader finds each of them.

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../lab/certificates.ts';
import { describeEachMajor } from '../../lab/each-major.ts';
import { writeLogFiles } from '../../lab/log-collector.ts';
import { reasonWithoutPgBouncer, startPgBouncer } from '../../lab/pgbouncer.ts';
import { legacyTls, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { openSession, SESSION_KINDS } from '../../lab/sessions.ts';
import { LoginAggregator, type Logins } from '../../lambda/analysis/connection-log/logins.ts';
import { ConnectionLogReader, type LogFormat } from '../../lambda/analysis/connection-log/reader.ts';

/** The oldest major that bounds TLS versions by settings, and that the reader is made for. */
const OLDEST_READ = 12;
const STRANGE = 'we ird database=x';
const PREFIXES = ['%t:%r:%u@%d:[%p]:', '%m [%p] %q%u@%d ', '%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h '];

const tailOf = (major: number): string =>
  ` SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256${major < 14 ? ', compression=off' : ''})`;

function readAll(text: Buffer, prefix?: string) {
  const aggregator = new LoginAggregator();
  const reader = new ConnectionLogReader({ prefix, onEvent: (event, record) => aggregator.add(event, record) });
  // In pieces that end anywhere.
  for (let at = 0; at < text.length; at += 4093) reader.push(text.subarray(at, at + 4093));
  reader.end();
  return { reader, logins: aggregator.result() };
}

/** How each application connected, by its name. */
function transports({ clients }: Logins): Record<string, string> {
  const shown = clients.map(({ application, transport, forged, tls }) => [
    application,
    forged ? 'forged' : (tls?.version ?? transport),
  ]);
  return Object.fromEntries(shown);
}

const reasons = ({ failures }: Logins): string[] =>
  failures.map(({ reason, encryption, role }) =>
    [reason, encryption, role].filter((part) => part !== undefined).join(' '),
  );

/** Opens and closes clients of every kind that the lab can make. */
async function exercise(server: PostgresServer, clients: Authority, foreign: Authority): Promise<void> {
  const { major } = server;
  for (const kind of SESSION_KINDS) {
    const session = await openSession(server, {
      kind,
      role: 'app',
      applicationName: `by ${kind.replaceAll(/\d/g, 'n')}`,
    });
    await session[Symbol.asyncDispose]();
  }
  for (const [applicationName, role] of [
    ['strange', STRANGE],
    ['', 'nameless'],
    [`two${tailOf(major)}${tailOf(major)}`, 'app'],
    [`one${tailOf(major)}`, 'app'],
  ] as const) {
    const session = await openSession(server, { kind: 'plaintext', role, applicationName });
    await session[Symbol.asyncDispose]();
  }
  for (const replication of ['physical', 'logical'] as const) {
    const options = { kind: 'tlsv1.3', role: 'repl', applicationName: replication, replication } as const;
    const session = await openSession(server, options);
    await session[Symbol.asyncDispose]();
  }
  const certificate = await clients.issue({ clientAuth: true, commonName: 'other' });
  const other = await foreign.issue({ clientAuth: true, commonName: 'certuser' });
  await refused(openSession(server, { kind: 'plaintext', role: 'tlsonly' }));
  await refused(openSession(server, { kind: 'plaintext', role: 'rejected' }));
  await refused(openSession(server, { kind: 'tlsv1.3', role: 'app', ca: foreign.rootPem }));
  await refused(openSession(server, { kind: 'tlsv1.2', role: 'certuser' }));
  await refused(openSession(server, { kind: 'tlsv1.2', role: 'certuser', clientCertificate: certificate }));
  await refused(openSession(server, { kind: 'tlsv1.2', role: 'certuser', clientCertificate: other }));
  await afterSslRequest(server, 'GET / HTTP/1.1\r\n\r\n');
  await server.set({ ssl_min_protocol_version: 'TLSv1.2' });
  await refused(openSession(server, { kind: 'tlsv1', role: 'app' }));
  // The client knows before the server has logged it, and the server is stopped next.
  await server.waitForLog(/could not accept SSL connection: unsupported protocol/);
  await server.set({ ssl_min_protocol_version: 'TLSv1' });
}

async function refused(attempt: Promise<AsyncDisposable>): Promise<void> {
  await expect(attempt).rejects.toThrow();
}

async function afterSslRequest({ host, port }: PostgresServer, text: string): Promise<void> {
  const socket = connect(port, host);
  socket.on('error', () => undefined);
  socket.write(Buffer.from('0000000804d2162f', 'hex'));
  await once(socket, 'data');
  const closed = new Promise((resolve) => socket.resume().once('close', resolve));
  socket.end(text);
  await closed;
}

describeEachMajor((major) => {
  describe.runIf(major >= OLDEST_READ)('its log', () => {
    let server: PostgresServer;
    const prefix = PREFIXES[major % PREFIXES.length] ?? '';
    const logs = new Map<string, Buffer>();

    beforeAll(async () => {
      const clients = await createAuthority({ name: 'Client Root' });
      const foreign = await createAuthority({ name: 'Other Root' });
      server = await startPostgres({
        major,
        tls: { ...legacyTls, clientCa: clients.rootPem },
        roles: [
          ...['app', STRANGE, 'nameless', 'tlsonly', 'rejected', 'certuser'].map((name) => ({ name })),
          { name: 'repl', attributes: 'REPLICATION' },
        ],
        databases: ['shop'],
        hba: [
          'hostssl all tlsonly all scram-sha-256',
          'host all rejected all reject',
          'hostssl all certuser all cert',
          `host all app,nameless,repl,"${STRANGE}" all scram-sha-256`,
          'local all app trust',
          'host replication repl all scram-sha-256',
        ],
        settings: { log_timezone: 'UTC', ...(major >= 18 ? { log_connections: 'all' } : {}) },
      });
      await exercise(server, clients, foreign);
      await server.stop('fast');
      logs.set('stderr', Buffer.from(server.log()));
      {
        await using _ = await writeLogFiles(server, {
          log_destination: ['stderr', 'csvlog', ...(major >= 15 ? ['jsonlog'] : [])].join(','),
          log_line_prefix: prefix,
        });
        for (const [applicationName, kind] of [
          ['c-tls', 'tlsv1.2'],
          ['c-plain', 'plaintext'],
          [`c${tailOf(major)}`, 'plaintext'],
        ] as const) {
          const session = await openSession(server, { kind, role: STRANGE, applicationName });
          await session.query('select \'connection authorized: user=\n"a" database=b\'');
          await session[Symbol.asyncDispose]();
        }
        await refused(openSession(server, { kind: 'plaintext', role: 'tlsonly' }));
        await wait(300);
      }
      for (const [name, extension] of [
        ['collected', 'log'],
        ['csvlog', 'csv'],
        ['jsonlog', 'json'],
      ] as const) {
        if (name === 'jsonlog' && major < 15) continue;
        logs.set(name, await readFile(join(server.dataFolder, 'logs', `server.${extension}`)));
      }
    });
    afterAll(() => server[Symbol.asyncDispose]());

    test('on standard error shows every client by what it was', () => {
      const { reader, logins } = readAll(logs.get('stderr') ?? Buffer.of());
      expect(reader).toMatchObject({ format: 'stderr', prefix: '%m [%p] ', counts: { unreadable: 0, translated: 0 } });
      expect(transports(logins)).toMatchObject({
        'by tlsvn.n': expect.stringMatching(/^TLSv1\.[123]$/),
        'by tlsvn': 'TLSv1',
        'by tlsvn.n-weak-cipher': 'TLSv1.2',
        'by plaintext': 'loopback',
        'by unix-socket': 'unix-socket',
        strange: 'loopback',
        '': expect.any(String),
        physical: 'TLSv1.3',
        logical: 'TLSv1.3',
        [`two${tailOf(major)}`]: 'forged',
      });
      const versions = logins.clients
        .filter(({ application }) => application === 'by tlsvn.n')
        .map(({ tls }) => tls?.version);
      expect(versions.sort()).toEqual(['TLSv1.1', 'TLSv1.2', 'TLSv1.3']);
      expect(logins.clients.filter(({ replication }) => replication)).toHaveLength(2);
      expect(new Set(reasons(logins))).toEqual(
        new Set([
          'no-rule plaintext tlsonly',
          'reject-rule plaintext rejected',
          // Node closes without an alert where it does not trust the server.
          expect.stringMatching(/^(closed-early|server-not-trusted)$/),
          'missing',
          'name-mismatch certuser',
          'client-certificate',
          'not-tls',
          'version-unsupported',
        ]),
      );
    });

    test.each(['collected', 'csvlog', 'jsonlog'] as const)('as %s shows the same clients', (name) => {
      const log = logs.get(name);
      if (log === undefined) {
        expect(major, 'jsonlog came with 15').toBeLessThan(15);
        return;
      }
      const format: LogFormat = name === 'collected' ? 'stderr' : name;
      const { reader, logins } = readAll(log);
      expect(reader).toMatchObject({ format, counts: { unreadable: 0, translated: 0 } });
      if (name === 'collected') expect(reader.prefix).toBe(prefix);
      const strange = logins.clients.filter(({ role }) => role === STRANGE);
      const shown = Object.fromEntries(strange.map((row) => [row.application, row]));
      expect(shown['c-tls']).toMatchObject({
        transport: 'tls',
        database: 'shop',
        tls: { version: 'TLSv1.2' },
        logins: 1,
      });
      expect(shown['c-plain']).toMatchObject({ transport: 'loopback', addresses: ['127.0.0.1'], logins: 1 });
      // Known by the name that a later entry of the same connection shows, where the format shows one.
      if (name !== 'collected' || prefix.includes('%a'))
        expect(shown.c).toMatchObject({ forged: true, transport: 'plaintext' });
      expect(reasons(logins)).toEqual(['no-rule plaintext tlsonly']);
    });
  });
});

describe.skipIf(reasonWithoutPgBouncer() !== undefined)(
  `PgBouncer's log (${reasonWithoutPgBouncer() ?? 'installed'})`,
  () => {
    test('shows its clients and those that it refused', async () => {
      await using server = await startPostgres({ databases: ['shop'] });
      await using pooler = await startPgBouncer(server, {
        behind: 'disable',
        before: 'allow',
        settings: { log_connections: 1 },
      });
      const { user, password, database } = server.connectionConfig();
      for (const ssl of [false, { ca: pooler.ca }]) {
        const client = new pg.Client({ host: pooler.host, port: pooler.port, user, password, database, ssl });
        await client.connect();
        await client.end();
      }
      const { reader, logins } = readAll(Buffer.from(pooler.log()));
      expect(reader.format).toBe('pgbouncer');
      expect(logins.clients.map(({ role, transport, tls }) => [role, tls?.version ?? transport])).toEqual(
        expect.arrayContaining([
          [user, 'loopback'],
          [user, 'TLSv1.3'],
        ]),
      );
    });
  },
);
