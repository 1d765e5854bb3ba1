// What an audit sees of a server's sessions: each of them as what it is, whoever looks and however the server is set.

import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../lab/certificates.ts';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { describeEachMajor } from '../../lab/each-major.ts';
import { recordingTlsProxy, SSL_REQUEST } from '../../lab/faulty-servers.ts';
import { loopbackAddresses } from '../../lab/free-port.ts';
import { knownValue } from '../../lab/known-value.ts';
import { legacyTls, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { type ClientSession, openSession, openSessions, SESSION_KINDS, type SessionKind } from '../../lab/sessions.ts';
import type { Session, Sessions, Visibility } from '../../lambda/model/snapshot.ts';
import type { Target } from '../../lambda/model/target.ts';

const HOSTILE_ROLE = '\u001b[2J"<!channel>"\nkäfer\\';

type Travel = Pick<Session, 'transport' | 'tls'>;

const SEEN_AS: Readonly<Record<SessionKind, Travel>> = {
  'tlsv1.3': encrypted('TLSv1.3', 'TLS_AES_256_GCM_SHA384', 256),
  'tlsv1.2': encrypted('TLSv1.2', 'ECDHE-RSA-AES256-GCM-SHA384', 256),
  'tlsv1.2-weak-cipher': encrypted('TLSv1.2', 'AES128-SHA', 128),
  'tlsv1.1': encrypted('TLSv1.1', 'ECDHE-RSA-AES256-SHA', 256),
  tlsv1: encrypted('TLSv1', 'ECDHE-RSA-AES256-SHA', 256),
  plaintext: { transport: 'loopback', tls: undefined },
  'unix-socket': { transport: 'unix-socket', tls: undefined },
};

function encrypted(version: string, cipher: string, bits: number): Travel {
  return { transport: 'tls', tls: { version, cipher, bits, clientDn: undefined } };
}

const hasIpv6 = loopbackAddresses().includes('::1');
if (!hasIpv6) process.stderr.write('skipped: sessions to ::1: this machine has no IPv6 loopback\n');

describeEachMajor((major) => {
  let authority: Authority;
  let server: PostgresServer;

  beforeAll(async () => {
    authority = await createAuthority();
    const certificate = await authority.issue({ keyType: 'rsa-2048' });
    server = await startPostgres({
      major,
      tls: { ...legacyTls, certificate, clientCa: authority.rootPem },
      roles: [
        { name: 'tls_auditor', grants: ['pg_monitor'] },
        { name: 'app' },
        { name: 'boss', attributes: 'SUPERUSER' },
        { name: 'standby', attributes: 'REPLICATION' },
        { name: 'blind' },
        { name: 'reader', grants: ['pg_read_all_stats'] },
        { name: 'heir', attributes: 'NOINHERIT', grants: ['pg_read_all_stats'] },
        { name: HOSTILE_ROLE },
      ],
      databases: ['orders'],
      // The lab recognises the end of a session by what follows the process id.
      settings: { log_line_prefix: 'application=%a, role=%u, %m [%p] ' },
    });
  });

  afterAll(() => server[Symbol.asyncDispose]());

  /** Audits as a role, and expects the audit to come through. */
  async function observe(
    role?: string,
    target: Partial<Target> = {},
  ): Promise<{ readonly sessions: Sessions; readonly visibility: Visibility }> {
    const { snapshot } = await audit(target, { db: rdsSecret(server, role), ca: authority.rootPem });
    expect(snapshot.failure).toBeUndefined();
    return { sessions: knownValue(snapshot.sessions), visibility: knownValue(snapshot.visibility) };
  }

  test.each(SESSION_KINDS)('a %s session is seen as exactly what it is, and nothing beside it', async (kind) => {
    await using session = await openSession(server, { kind, role: 'app', applicationName: `test ${kind}` });
    const [row] = await server.adminQuery<{ start: Date }>(
      'select backend_start as start from pg_stat_activity where pid = $1',
      [session.pid],
    );
    const { sessions, visibility } = await observe();
    expect(visibility).toEqual({ role: 'tls_auditor', seesAllSessions: true, inherits: true });
    expect(sessions).toEqual({
      hidden: 0,
      visible: [
        {
          pid: session.pid,
          role: 'app',
          database: 'orders',
          application: `test ${kind}`,
          kind: 'client',
          superuser: false,
          clientAddress: kind === 'unix-socket' ? undefined : '127.0.0.1',
          ...SEEN_AS[kind],
          startedAt: expect.any(Number),
        },
      ],
    });
    const startedAt = sessions.visible[0]?.startedAt ?? Number.NaN;
    expect(Math.abs(startedAt - (row?.start.getTime() ?? 0))).toBeLessThanOrEqual(1);
  });

  test.runIf(hasIpv6).each(SESSION_KINDS.filter((kind) => kind !== 'unix-socket'))(
    'a %s session to ::1 is seen as one to 127.0.0.1 is',
    async (kind) => {
      await using session = await openSession(server, { kind, role: 'app', host: '::1' });
      const { sessions } = await observe();
      const seen = [{ pid: session.pid, clientAddress: '::1', ...SEEN_AS[kind] }];
      expect(sessions).toEqual({ hidden: 0, visible: seen.map((facts) => expect.objectContaining(facts)) });
    },
  );

  test.each(['tlsv1.3', 'plaintext'] as const)('a %s session to localhost has a loopback address', async (kind) => {
    await using session = await openSession(server, { kind, role: 'app', host: 'localhost' });
    const [seen] = inOrder((await observe()).sessions, [session]);
    expect(seen).toMatchObject(SEEN_AS[kind]);
    expect(loopbackAddresses()).toContain(seen?.clientAddress);
  });

  test('a client certificate shows by its subject, and only on the session that showed it', async () => {
    const clientCertificate = await authority.issue({ clientAuth: true, commonName: 'ledger service' });
    await using held = await openSessions(server, [
      { kind: 'tlsv1.3', role: 'app', clientCertificate },
      { kind: 'tlsv1.3', role: 'app' },
    ]);
    const seen = inOrder((await observe()).sessions, held.sessions);
    expect(seen.map((session) => session?.tls?.clientDn)).toEqual(['/CN=ledger service', undefined]);
  });

  test('a busy server is seen whole: other databases, replication and superusers, never the auditor itself', async () => {
    await using held = await openSessions(server, [
      { kind: 'plaintext', role: 'app' },
      { kind: 'tlsv1.2', role: 'app', database: 'postgres' },
      { kind: 'plaintext', role: 'standby', replication: 'physical' },
      { kind: 'tlsv1.3', role: 'standby', replication: 'logical', database: 'postgres' },
      { kind: 'tlsv1.3', role: 'boss' },
      { kind: 'unix-socket', role: 'boss', database: 'postgres' },
    ]);
    const { sessions } = await observe();
    expect(sessions.hidden).toBe(0);
    expect(inOrder(sessions, held.sessions)).toMatchObject([
      { role: 'app', database: 'orders', kind: 'client', superuser: false, transport: 'loopback' },
      { role: 'app', database: 'postgres', kind: 'client', superuser: false, transport: 'tls' },
      // Physical replication reads no database.
      { role: 'standby', database: undefined, kind: 'replication', superuser: false, transport: 'loopback' },
      { role: 'standby', database: 'postgres', kind: 'replication', superuser: false, transport: 'tls' },
      { role: 'boss', database: 'orders', kind: 'client', superuser: true, transport: 'tls' },
      { role: 'boss', database: 'postgres', kind: 'client', superuser: true, transport: 'unix-socket' },
    ]);
  });

  test('a member of a role that a provider gives in place of superuser counts as one', async () => {
    await using stack = new AsyncDisposableStack();
    await server.adminQuery('CREATE ROLE rds_superuser; GRANT rds_superuser TO blind');
    stack.defer(async () => {
      await server.adminQuery('DROP ROLE rds_superuser');
    });
    await using held = await openSessions(server, [
      { kind: 'tlsv1.3', role: 'blind' },
      { kind: 'tlsv1.3', role: 'app' },
    ]);
    const seen = inOrder((await observe()).sessions, held.sessions);
    expect(seen.map((session) => session?.superuser)).toEqual([true, false]);
  });

  test('a role that sees its own sessions only says so, and vouches for none of the others', async () => {
    await using own = await openSession(server, { kind: 'plaintext', role: 'blind' });
    await using _others = await openSessions(server, [
      { kind: 'plaintext', role: 'app' },
      { kind: 'tlsv1.3', role: 'app' },
      { kind: 'unix-socket', role: 'app' },
      { kind: 'tlsv1.3', role: 'standby', replication: 'physical' },
    ]);
    const { sessions, visibility } = await observe('blind');
    expect(visibility).toEqual({ role: 'blind', seesAllSessions: false, inherits: true });
    expect(inOrder(sessions, [own])).toMatchObject([{ role: 'blind', transport: 'loopback' }]);
    // At least: the server has processes of its own among the rows that show nothing.
    expect(sessions.hidden).toBeGreaterThanOrEqual(4);
  });

  test.each(['reader', 'boss', 'tls_auditor'])('the login %s sees every session', async (login) => {
    await using held = await openSessions(server, [
      { kind: 'plaintext', role: 'app' },
      { kind: 'tlsv1.3', role: 'boss' },
    ]);
    const { sessions, visibility } = await observe(login);
    expect(visibility).toEqual({ role: login, seesAllSessions: true, inherits: true });
    expect(sessions.hidden).toBe(0);
    expect(inOrder(sessions, held.sessions)).toMatchObject([{ transport: 'loopback' }, { transport: 'tls' }]);
  });

  test('membership without inheritance opens as much as this server lets it open, and is reported as that', async () => {
    await using session = await openSession(server, { kind: 'plaintext', role: 'app' });
    const { sessions, visibility } = await observe('heir');
    // From 15 on the views ask for the privileges of pg_read_all_stats, before that for membership.
    const seesAllSessions = major < 15;
    expect(visibility).toEqual({ role: 'heir', seesAllSessions, inherits: false });
    inOrder(sessions, seesAllSessions ? [session] : []);
    expect(sessions.hidden === 0).toBe(seesAllSessions);
  });

  test('a connection that has not proved who it is yet is no session, encrypted or not', async () => {
    await using _encrypted = await halfLogin(server, authority.rootPem);
    await using _plain = await halfLogin(server, undefined);
    // From 18 on the views show such processes, without a role and, at first, as if they were in plaintext.
    const shown = await server.adminQuery(
      `select pid from pg_stat_activity where usesysid is null and client_port is not null`,
    );
    expect(shown).toHaveLength(major >= 18 ? 2 : 0);
    expect((await observe()).sessions).toEqual({ visible: [], hidden: 0 });
  });

  test('names that clients choose arrive as the server keeps them', async () => {
    const names = ['\u001b[31m<!channel>\n', 'x'.repeat(10_000), `"'; DROP TABLE x --`, ''];
    await using held = await openSessions(
      server,
      names.map((applicationName) => ({ kind: 'plaintext', role: HOSTILE_ROLE, applicationName })),
    );
    const rows = await server.adminQuery<{ pid: number; name: string }>(
      'select pid, application_name as name from pg_stat_activity where usename = $1',
      [HOSTILE_ROLE],
    );
    const seen = inOrder((await observe()).sessions, held.sessions);
    expect(seen.map((session) => session?.role)).toEqual(names.map(() => HOSTILE_ROLE));
    const kept = new Map(rows.map(({ pid, name }) => [pid, name]));
    expect(seen.map((session) => session?.application)).toEqual(held.sessions.map(({ pid }) => kept.get(pid)));
    // The server writes what is not printable ASCII its own way, and keeps 63 bytes.
    expect(seen.map((session) => session?.application)).toEqual([
      expect.stringContaining('[31m<!channel>'),
      'x'.repeat(63),
      names[2],
      '',
    ]);
  });

  test('the auditor logs in by its own name, asks once, leaves no session behind and writes nothing', async () => {
    // Given: a proxy that sees the messages, and the transaction id that the next writer would get.
    await using proxy = await recordingTlsProxy({ certificate: await authority.issue(), upstream: server });
    const nextWriter = 'select txid_snapshot_xmax(txid_current_snapshot()) as id';
    const before = await server.adminQuery(nextWriter);
    // When
    const db = rdsSecret(server, undefined, { port: proxy.port });
    const { snapshot } = await audit({}, { db, ca: authority.rootPem });
    // Then
    expect(knownValue(snapshot.link)).toMatchObject({ roundTrips: 1, attempts: 1 });
    const { received, decrypted } = await proxy.connectionClosed();
    expect(proxy.connections).toHaveLength(1);
    expect(received).toEqual(SSL_REQUEST);
    // Two messages of SCRAM, one query, one goodbye.
    expect(messageTypes(decrypted)).toEqual(['p', 'p', 'Q', 'X']);
    const own = `select application_name from pg_stat_activity where usename = 'tls_auditor'`;
    await expect.poll(() => server.adminQuery(own)).toEqual([]);
    const names = server.log().matchAll(/application=(.*), role=tls_auditor, .* disconnection: /g);
    expect(new Set([...names].map(([, name]) => name))).toEqual(new Set(['pg-tls-auditor']));
    expect(await server.adminQuery(nextWriter)).toEqual(before);
  });

  test('what ends TLS before the server is given away by the server’s own row', async () => {
    await using proxy = await recordingTlsProxy({ certificate: await authority.issue(), upstream: server });
    const through = await audit({}, { db: rdsSecret(server, undefined, { port: proxy.port }), ca: authority.rootPem });
    const straight = await audit({}, { db: rdsSecret(server), ca: authority.rootPem });
    expect(knownValue(through.snapshot.link)).toMatchObject({
      tlsVersion: 'TLSv1.3',
      authorized: true,
      authentication: 'scram-sha-256',
      channelBinding: false,
      serverView: { known: true, value: 'not-tls' },
    });
    const { tlsVersion, cipher, serverView } = knownValue(straight.snapshot.link);
    expect(serverView).toEqual({ known: true, value: { tlsVersion, cipher } });
  });
});

/** The sessions seen, in the order in which the test opened them. Fails when one is missing, or there are others. */
function inOrder(sessions: Sessions, opened: readonly ClientSession[]): readonly (Session | undefined)[] {
  const pids = opened.map(({ pid }) => pid);
  expect(sessions.visible.map(({ pid }) => pid).toSorted()).toEqual(pids.toSorted());
  return pids.map((pid) => sessions.visible.find((session) => session.pid === pid));
}

/**
 * Starts a login and stops where the server asks for the password, over TLS when it gets a CA to trust. Disposing of it
 * ends the connection.
 */
async function halfLogin(server: PostgresServer, ca: string | undefined): Promise<AsyncDisposable> {
  const raw = net.connect(server.port, server.host);
  await once(raw, 'connect');
  let socket = raw;
  if (ca !== undefined) {
    raw.write(SSL_REQUEST);
    await once(raw, 'data');
    socket = tls.connect({ socket: raw, ca, servername: 'localhost' });
    await once(socket, 'secureConnect');
  }
  const body = Buffer.from(`\0\x03\0\0user\0app\0database\0${server.database}\0\0`, 'latin1');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length + 4);
  socket.write(Buffer.concat([length, body]));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  // An AuthenticationRequest; 10 asks for SASL (protocol documentation, "Message Formats").
  expect([answer.toString('latin1', 0, 1), answer.readUInt32BE(5)]).toEqual(['R', 10]);
  return {
    async [Symbol.asyncDispose]() {
      const closed = once(raw, 'close');
      socket.destroy();
      await closed;
    },
  };
}

/** The types of a client's messages, after its startup message, which has none. */
function messageTypes(bytes: Buffer): readonly string[] {
  const types: string[] = [];
  for (let at = bytes.readUInt32BE(0); at < bytes.length; at += 1 + bytes.readUInt32BE(at + 1)) {
    types.push(bytes.toString('latin1', at, at + 1));
  }
  return types;
}
