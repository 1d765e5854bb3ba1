// Each kind of client, one after the other: the lines that a real server writes of it, and what is concluded from them.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../lab/certificates.ts';
import { describeEachMajor } from '../../lab/each-major.ts';
import { reasonWithoutPsql } from '../../lab/libpq.ts';
import { legacyTls, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { openSession, type SessionOptions } from '../../lab/sessions.ts';
import { startupMessage } from '../../lab/startup.ts';
import type { ConnectionEvent } from '../../lambda/analysis/connection-log/events.ts';
import { LoginAggregator, type Logins } from '../../lambda/analysis/connection-log/logins.ts';
import { ConnectionLogReader } from '../../lambda/analysis/connection-log/reader.ts';

/** The oldest major that bounds TLS versions by settings, and that the reader is made for. */
const OLDEST_READ = 12;
const PSQL = 'psql';
const SSL_REQUEST = Buffer.from('0000000804d2162f', 'hex');
/** As long as a server may take to log what it has to say of a client that is gone. */
const SETTLE_MS = 150;

interface Logged {
  /** Without those of authentication, which the log of 12 and 13 does not have, and of setup times and ends. */
  readonly events: readonly ConnectionEvent[];
  readonly logins: Logins;
}

/** What one client leaves in the log. */
async function loggedBy(
  server: PostgresServer,
  until: RegExp | undefined,
  act: () => Promise<unknown>,
): Promise<Logged> {
  const from = server.log().split('\n').length;
  await act();
  if (until === undefined) await wait(SETTLE_MS);
  else await server.waitForLog(until, { from });
  // A DETAIL comes with the line that it belongs to.
  await wait(20);
  const aggregator = new LoginAggregator();
  const events: ConnectionEvent[] = [];
  const reader = new ConnectionLogReader({
    prefix: '%m [%p] ',
    onEvent: (event, record) => {
      aggregator.add(event, record);
      if (!['authenticated', 'ready', 'disconnected'].includes(event.kind)) events.push(event);
    },
  });
  reader.push(Buffer.from(`${server.log().split('\n').slice(from).join('\n')}\n`));
  reader.end();
  expect(reader.counts).toMatchObject({ unreadable: 0, translated: 0 });
  return { events, logins: aggregator.result() };
}

async function fails(attempt: Promise<AsyncDisposable>): Promise<void> {
  await expect(attempt).rejects.toThrow();
}

async function opensAndCloses(server: PostgresServer, options: SessionOptions): Promise<void> {
  const session = await openSession(server, options);
  await session[Symbol.asyncDispose]();
}

/** Sends that, and closes once the server has answered, or has closed. */
async function sends({ host, port }: PostgresServer, first: Buffer | string, then?: string): Promise<void> {
  const socket = connect(port, host);
  await closes(socket, first, then);
}

async function closes(socket: Socket, first: Buffer | string, then?: string): Promise<void> {
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(first);
  if (first.length > 0) await Promise.race([once(socket, 'data'), closed]);
  if (then === undefined) socket.resume().end();
  else socket.resume().end(then);
  await closed;
}

/** TLS from the first byte on. */
async function direct({ host, port, ca }: PostgresServer, options: ConnectionOptions): Promise<void> {
  const socket = connectTls({ host, port, ca, ...options });
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await Promise.race([once(socket, 'secureConnect').catch(() => undefined), closed]);
  socket.resume().end();
  await closed;
}

/** libpq's own ways to fail, by the psql of this machine. */
async function psql(server: PostgresServer, settings: Readonly<Record<string, string | number>>): Promise<void> {
  const { host: _, ...account } = server.connectionConfig('app');
  const all = { hostaddr: '127.0.0.1', ...account, dbname: account.database, gssencmode: 'disable', ...settings };
  const { database: __, ...conninfo } = all;
  const text = Object.entries(conninfo).map(([name, value]) => `${name}='${value}'`);
  const child = spawn(PSQL, ['--no-psqlrc', '--command=select 1', text.join(' ')], {
    env: { PATH: process.env.PATH, HOME: '/nonexistent', LC_ALL: 'C.UTF-8' },
    stdio: 'ignore',
  });
  await once(child, 'close');
}

const received = { kind: 'received', host: '127.0.0.1', port: expect.any(Number) };
const authorized = (fields: object) => ({
  kind: 'authorized',
  role: 'app',
  database: 'shop',
  application: 'x',
  tls: undefined,
  gss: undefined,
  replication: false,
  forged: false,
  ...fields,
});
const refusal = (fields: object) => ({
  kind: 'refused',
  by: 'no-rule',
  encryption: 'plaintext',
  host: '127.0.0.1',
  database: 'shop',
  ...fields,
});
const failed = (failure: string) => ({ kind: 'handshake-failed', failure });

describeEachMajor((major) => {
  describe.runIf(major >= OLDEST_READ)('what it logs of', () => {
    let server: PostgresServer;
    let clients: Authority;
    let foreign: Authority;
    const end = /LOG: {2}disconnection/;

    beforeAll(async () => {
      clients = await createAuthority({ name: 'Client Root' });
      foreign = await createAuthority({ name: 'Other Root' });
      server = await startPostgres({
        major,
        tls: { ...legacyTls, clientCa: clients.rootPem },
        roles: [
          ...['app', 'tlsonly', 'plainonly', 'rejected', 'certuser'].map((name) => ({ name })),
          { name: 'repl', attributes: 'REPLICATION' },
        ],
        databases: ['shop'],
        hba: [
          'hostssl all tlsonly all scram-sha-256',
          'hostnossl all plainonly all scram-sha-256',
          'host all rejected all reject',
          'host replication rejected all reject',
          'hostssl all certuser all cert',
          'host all app,repl all scram-sha-256',
          'local all app trust',
          'host replication repl all scram-sha-256',
        ],
        settings: { log_timezone: 'UTC', ...(major >= 18 ? { log_connections: 'all' } : {}) },
      });
    });
    afterAll(() => server[Symbol.asyncDispose]());

    test.each([
      ['tlsv1.3', { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', bits: 256 }],
      ['tlsv1.2', { version: 'TLSv1.2', cipher: expect.stringMatching(/^ECDHE-ECDSA-/), bits: expect.any(Number) }],
      ['tlsv1.2-weak-cipher', { version: 'TLSv1.2', cipher: 'ECDHE-ECDSA-AES128-SHA', bits: 128 }],
      ['tlsv1.1', { version: 'TLSv1.1', cipher: expect.stringMatching(/^ECDHE-ECDSA-/), bits: expect.any(Number) }],
      ['tlsv1', { version: 'TLSv1', cipher: expect.stringMatching(/^ECDHE-ECDSA-/), bits: expect.any(Number) }],
    ] as const)('a client over %s is its version, cipher and bits', async (kind, tls) => {
      const { events, logins } = await loggedBy(server, end, () =>
        opensAndCloses(server, { kind, role: 'app', applicationName: 'x' }),
      );
      expect(events).toEqual([received, authorized({ tls })]);
      expect(logins).toMatchObject({ total: 1, clients: [{ transport: 'tls', forged: false }], failures: [] });
    });

    test('clients without TLS is what their address shows', async () => {
      const plain = await loggedBy(server, end, () =>
        opensAndCloses(server, { kind: 'plaintext', role: 'app', applicationName: 'x' }),
      );
      expect(plain.events).toEqual([received, authorized({})]);
      expect(plain.logins.clients).toMatchObject([{ transport: 'loopback' }]);
      const local = await loggedBy(server, end, () =>
        opensAndCloses(server, { kind: 'unix-socket', role: 'app', applicationName: 'x' }),
      );
      expect(local.events).toEqual([{ kind: 'received', host: '[local]', port: undefined }, authorized({})]);
      expect(local.logins.clients).toMatchObject([{ transport: 'unix-socket', network: undefined }]);
    });

    test.each(['physical', 'logical'] as const)('%s replication names no database', async (replication) => {
      const { events } = await loggedBy(server, end, () =>
        opensAndCloses(server, { kind: 'tlsv1.3', role: 'repl', applicationName: 'x', replication }),
      );
      const tls = expect.objectContaining({ version: 'TLSv1.3' });
      expect(events).toEqual([received, authorized({ role: 'repl', database: undefined, replication: true, tls })]);
    });

    test('direct TLS is a login or a failure of TLS from 17 on, and no event before', async () => {
      if (major < 17) {
        const { events } = await loggedBy(server, /invalid length of startup packet/, () => direct(server, {}));
        expect(events).toEqual([received]);
        return;
      }
      const login = await loggedBy(server, end, async () => {
        const account = { ...server.connectionConfig('app'), application_name: 'x' };
        const client = new pg.Client({ ...account, ssl: { ca: server.ca }, sslnegotiation: 'direct' });
        await client.connect();
        await client.end();
      });
      expect(login.events).toEqual([received, authorized({ tls: expect.objectContaining({ version: 'TLSv1.3' }) })]);
      const without = await loggedBy(server, /without ALPN/, () => direct(server, {}));
      expect(without.events).toEqual([received, { ...failed('alpn'), reason: 'direct TLS without ALPN' }]);
      const wrong = await loggedBy(server, /no application protocol/, () => direct(server, { ALPNProtocols: ['h2'] }));
      expect(wrong.events).toEqual([received, expect.objectContaining(failed('alpn'))]);
      for (const { logins } of [without, wrong]) expect(logins.total).toBe(0);
    });

    test('who is refused is role, database, address and how they came', async () => {
      const of = (kind: SessionOptions['kind'], role: string, replication?: 'physical') => () =>
        fails(openSession(server, { kind, role, ...(replication === undefined ? {} : { replication }) }));
      const line = /FATAL: {2}.*pg_hba\.conf/;
      const cases = [
        [of('plaintext', 'tlsonly'), refusal({ role: 'tlsonly' })],
        [of('tlsv1.3', 'plainonly'), refusal({ role: 'plainonly', encryption: 'tls' })],
        [of('plaintext', 'tlsonly', 'physical'), refusal({ role: 'tlsonly', database: undefined })],
        [of('plaintext', 'rejected'), refusal({ role: 'rejected', by: 'reject-rule' })],
        [of('tlsv1.3', 'rejected'), refusal({ role: 'rejected', by: 'reject-rule', encryption: 'tls' })],
        [
          of('plaintext', 'rejected', 'physical'),
          refusal({ role: 'rejected', by: 'reject-rule', database: undefined }),
        ],
        // A cleartext StartupMessage, whatever follows: an old driver on a port that wants TLS.
        [() => sends(server, startupMessage({ database: 'shop' }, 'tlsonly')), refusal({ role: 'tlsonly' })],
      ] as const;
      for (const [act, expected] of cases) {
        const { events, logins } = await loggedBy(server, line, act);
        expect(events).toEqual([received, expected]);
        expect(logins).toMatchObject({ total: 0, clients: [], failures: [{ kind: 'refused', count: 1 }] });
      }
    });

    test('client certificates is why they were refused, once', async () => {
      const wrongName = await clients.issue({ clientAuth: true, commonName: 'other' });
      const expired = await clients.issue({
        clientAuth: true,
        commonName: 'certuser',
        notBefore: new Date(Date.now() - 2 * 86_400_000),
        notAfter: new Date(Date.now() - 86_400_000),
      });
      const unknownCa = await foreign.issue({ clientAuth: true, commonName: 'certuser' });
      const own = await clients.issue({ clientAuth: true, commonName: 'certuser' });
      const certificate = (failure: string, role = 'certuser') => ({
        kind: 'client-certificate-failed',
        failure,
        role: failure === 'missing' ? undefined : role,
      });
      const cases = [
        [undefined, /requires a valid client certificate/, [certificate('missing')]],
        [
          wrongName,
          /certificate authentication failed/,
          [certificate('name-mismatch'), certificate('authentication-failed')],
        ],
        [expired, /could not accept SSL/, [expect.objectContaining(failed('client-certificate'))]],
        [unknownCa, /could not accept SSL/, [expect.objectContaining(failed('client-certificate'))]],
      ] as const;
      for (const [clientCertificate, line, expected] of cases) {
        const { events, logins } = await loggedBy(server, line, () =>
          fails(
            openSession(server, {
              kind: 'tlsv1.2',
              role: 'certuser',
              ...(clientCertificate === undefined ? {} : { clientCertificate }),
            }),
          ),
        );
        expect(events).toEqual([received, ...expected]);
        expect(logins).toMatchObject({ total: 0, failures: [{ count: 1 }] });
        expect(logins.failures).toHaveLength(1);
      }
      const { events } = await loggedBy(server, end, () =>
        opensAndCloses(server, { kind: 'tlsv1.2', role: 'certuser', clientCertificate: own, applicationName: 'x' }),
      );
      const tls = expect.objectContaining({ version: 'TLSv1.2' });
      expect(events).toEqual([received, authorized({ role: 'certuser', tls })]);
    });

    test('handshakes without anything in common is what was missing, and names no role', async () => {
      const rsaOnly = () => sendsTls(server, { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA:@SECLEVEL=0' });
      const noCipher = await loggedBy(server, /could not accept SSL/, rsaOnly);
      expect(noCipher.events).toEqual([received, { ...failed('no-shared-cipher'), reason: 'no shared cipher' }]);
      await server.set({ ssl_min_protocol_version: 'TLSv1.2' });
      const tooOld = await loggedBy(server, /could not accept SSL/, () =>
        fails(openSession(server, { kind: 'tlsv1.1', role: 'app' })),
      );
      await server.set({ ssl_min_protocol_version: 'TLSv1' });
      expect(tooOld.events).toEqual([received, { ...failed('version-unsupported'), reason: 'unsupported protocol' }]);
      expect(tooOld.logins.failures).toMatchObject([{ role: undefined, database: undefined, network: '127.0.0.0/24' }]);
    });

    test('clients that do not trust it is a closed handshake at most', async () => {
      const { events } = await loggedBy(server, /could not accept SSL/, () =>
        fails(openSession(server, { kind: 'tlsv1.3', role: 'app', ca: foreign.rootPem })),
      );
      // Node closes without an alert.
      expect(events).toEqual([
        received,
        expect.objectContaining({ failure: expect.stringMatching(/^(closed-early|server-not-trusted)$/) }),
      ]);
      // The handshake is over when a client finds that the name does not match: the server does not see why it goes.
      const wrongHost = await loggedBy(server, undefined, async () => {
        const client = new pg.Client({
          ...server.connectionConfig('app'),
          ssl: { ca: server.ca, checkServerIdentity: () => new Error('another name') },
        });
        client.on('error', () => undefined);
        await expect(client.connect()).rejects.toThrow('another name');
      });
      expect(wrongHost.events.filter(({ kind }) => kind !== 'received' && kind !== 'handshake-failed')).toEqual([]);
      expect(wrongHost.logins.total).toBe(0);
    });

    test.skipIf(reasonWithoutPsql() !== undefined)(
      `what libpq says when it does not trust it (${reasonWithoutPsql() ?? 'psql is installed'})`,
      async () => {
        await using folder = await mkdtempDisposable(join(tmpdir(), 'connection-log-'));
        const sslrootcert = join(folder.path, 'root.pem');
        await writeFile(sslrootcert, foreign.rootPem);
        const untrusted = await loggedBy(server, /could not accept SSL/, () =>
          psql(server, { host: 'localhost', sslmode: 'verify-full', sslrootcert }),
        );
        expect(untrusted.events).toEqual([
          received,
          { ...failed('server-not-trusted'), reason: expect.stringMatching(/alert unknown ca$/) },
        ]);
        expect(untrusted.logins).toMatchObject({ total: 0, failures: [{ role: undefined, count: 1 }] });
      },
    );

    test('health checks and scanners is no login, and a failure only where TLS was begun', async () => {
      const connectOnly = await loggedBy(server, undefined, () => sends(server, ''));
      expect(connectOnly.events.filter(({ kind }) => kind !== 'received')).toEqual([]);
      const http = await loggedBy(server, /invalid length of startup packet/, () =>
        sends(server, 'GET / HTTP/1.1\r\n\r\n'),
      );
      expect(http.events).toEqual([received]);
      for (const { logins } of [connectOnly, http]) expect(logins).toMatchObject({ total: 0, failures: [] });
      const sslOnly = await loggedBy(server, /could not accept SSL/, () => sends(server, SSL_REQUEST));
      expect(sslOnly.events).toEqual([received, expect.objectContaining(failed('closed-early'))]);
      const httpAfter = await loggedBy(server, /could not accept SSL/, () =>
        sends(server, SSL_REQUEST, 'GET / HTTP/1.1\r\n\r\n'),
      );
      expect(httpAfter.events).toEqual([received, expect.objectContaining(failed('not-tls'))]);
      for (const { logins } of [sslOnly, httpAfter]) expect(logins).toMatchObject({ total: 0, clients: [] });
    });

    test('a wrong password is nothing about TLS', async () => {
      const { events, logins } = await loggedBy(server, /password authentication failed/, async () => {
        const client = new pg.Client({ ...server.connectionConfig('app'), password: 'wrong', ssl: false });
        client.on('error', () => undefined);
        await expect(client.connect()).rejects.toThrow();
      });
      expect(events).toEqual([received]);
      expect(logins).toMatchObject({ total: 0, failures: [] });
    });
  });
});

/** A handshake after an SSLRequest, which is expected to fail. */
async function sendsTls({ host, port, ca }: PostgresServer, options: ConnectionOptions): Promise<void> {
  const socket = connect(port, host);
  socket.write(SSL_REQUEST);
  await once(socket, 'data');
  const tls = connectTls({ socket, ca, ...options });
  await once(tls, 'secureConnect').catch(() => undefined);
  tls.destroy();
}
