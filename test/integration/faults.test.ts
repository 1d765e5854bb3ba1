// What goes wrong on the way to a snapshot: each fault by its cause, retried where that may help and never otherwise.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority, type IssuedCertificate } from '../../lab/certificates.ts';
import { audit, rdsSecret, targetOf } from '../../lab/collector.ts';
import {
  blackHole,
  closedPort,
  type FaultyServer,
  failingPostgres,
  recordingTlsProxy,
  refusesTls,
  resetsAtConnect,
  resetsMidHandshake,
  SSL_REQUEST,
  speaksGarbage,
  speaksOnly,
  stuffsPlaintext,
  type Upstream,
} from '../../lab/faulty-servers.ts';
import { flakyRelay } from '../../lab/flaky-relay.ts';
import { knownValue } from '../../lab/known-value.ts';
import { legacyTls, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { openSession, openSessions } from '../../lab/sessions.ts';
import { createTrustStore } from '../../lambda/collect/connect/trust.ts';
import { createSourceReader } from '../../lambda/collect/secrets/sources.ts';
import type { SecretContent } from '../../lambda/collect/secrets/store.ts';
import { takeSnapshot } from '../../lambda/collect/snapshot.ts';
import { AuditFailure } from '../../lambda/model/failure.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';
import type { Target } from '../../lambda/model/target.ts';
import { systemClock } from '../../lambda/model/time.ts';

const PASSWORD = 'canary-password';

let authority: Authority;
let certificate: IssuedCertificate;

beforeAll(async () => {
  authority = await createAuthority();
  certificate = await authority.issue();
});

/** Audits what is at that place with a role that exists nowhere. */
async function auditAt(
  { host, port }: Upstream,
  target: Partial<Target> = {},
  deadline?: AbortSignal,
): Promise<Snapshot> {
  const db = JSON.stringify({ host, port, username: 'canary_role', password: PASSWORD });
  const { snapshot } = await audit({ timeoutMs: 300, ...target }, { db, ca: authority.rootPem }, deadline);
  expectNothingKnown(snapshot);
  return snapshot;
}

function expectNothingKnown(snapshot: Snapshot): void {
  for (const fact of [snapshot.link, snapshot.server, snapshot.visibility, snapshot.sessions]) {
    expect(fact).toEqual({ known: false, reason: expect.any(String) });
  }
  expect(snapshot.failure?.remedy).toMatch(/\w/);
  expect(JSON.stringify(snapshot)).not.toContain(PASSWORD);
}

/** Expects one connection, on which nothing but the request for TLS and TLS itself came. */
async function expectNothingSent(server: FaultyServer): Promise<void> {
  const { received, decrypted } = await server.connectionClosed();
  expect(server.connections).toHaveLength(1);
  expect(received.subarray(0, SSL_REQUEST.length)).toEqual(SSL_REQUEST);
  expect(received.toString('latin1')).not.toContain('canary');
  expect(decrypted).toHaveLength(0);
}

describe('before TLS', () => {
  test('a server that does not offer TLS is sent no startup packet, let alone a password', async () => {
    await using server = await refusesTls();
    const { failure } = await auditAt(server);
    expect(failure).toMatchObject({ cause: 'tls-not-offered', phase: 'tls' });
    expect(failure?.message).toContain('no credentials were sent');
    const { received } = await server.connectionClosed();
    expect(received).toEqual(SSL_REQUEST);
    expect(server.connections).toHaveLength(1);
  });

  test('a real server with ssl = off is that', async () => {
    await using server = await startPostgres({ tls: false });
    const { failure } = await auditAt(server, { timeoutMs: 5_000 });
    expect(failure).toMatchObject({ cause: 'tls-not-offered' });
    expect(server.log()).not.toContain('canary');
  });

  test('bytes that an attacker adds after the S are an attack, not the server’s words (CVE-2021-23222)', async () => {
    await using server = await stuffsPlaintext(certificate);
    const { failure } = await auditAt(server, { timeoutMs: 2_000 });
    expect(failure).toMatchObject({ cause: 'tls-handshake-failed', phase: 'tls' });
    expect(failure?.message).toContain('9 unencrypted bytes');
    await expectNothingSent(server);
  });

  test.each([
    ['HTTP', undefined, 'an HTTP answer'],
    ['SSH', 'SSH-2.0-OpenSSH_9.2\r\n', 'an SSH banner'],
    ['bytes', new Uint8Array([0x1b, 0x5b, 0x32, 0x4a]), "4 bytes that are not PostgreSQL's"],
    ['MySQL', new Uint8Array([0x4a, 0, 0, 0, 0x0a, 0x38]), 'a greeting of MySQL or MariaDB'],
  ])('%s is not PostgreSQL, and is described', async (_name, answer, described) => {
    await using server = await speaksGarbage(answer);
    const { failure } = await auditAt(server, { timeoutMs: 2_000 });
    expect(failure).toMatchObject({ cause: 'not-postgresql', phase: 'tls' });
    expect(failure?.message).toContain(described);
    expect(failure?.message).not.toContain('\u001b');
    await expectNothingSent(server);
  });

  test('an error in answer to the request for TLS is the server’s own trouble, and tried again', async () => {
    const error = Buffer.from('E\0\0\0\x40SFATAL\0C53300\0Msorry, too many clients already\0\0', 'latin1');
    await using server = await speaksGarbage(error);
    const { failure } = await auditAt(server, { timeoutMs: 1_000 });
    expect(failure).toMatchObject({ cause: 'server-not-ready', phase: 'tls' });
    expect(failure?.message).toContain('SQLSTATE 53300');
    expect(failure?.message).not.toContain('sorry');
    expect(server.connections.length).toBeGreaterThan(1);
  });

  test('a port without a listener', async () => {
    const { failure } = await auditAt(await closedPort(), { timeoutMs: 2_000 });
    expect(failure).toMatchObject({ cause: 'connection-refused', phase: 'tcp' });
    expect(failure?.message).toContain('ECONNREFUSED');
    expect(failure?.message).not.toContain('attempts');
  });

  test('a name that no name server knows', async () => {
    const host = 'no-such-host.invalid';
    const snapshot = await auditAt({ host, port: 5432 }, { timeoutMs: 5_000 });
    expect(snapshot.failure).toMatchObject({ cause: 'host-not-found', phase: 'tcp' });
    expect(snapshot.failure?.message).toContain(host);
    expect(snapshot.target).toMatchObject({ host, port: 5432 });
  });
});

describe('TLS', () => {
  test.each(['TLSv1', 'TLSv1.1'] as const)(
    'a server that speaks %s and nothing newer is not spoken to',
    async (version) => {
      await using server = await speaksOnly(version, certificate);
      const { failure } = await auditAt(server, { timeoutMs: 2_000 });
      expect(failure).toMatchObject({ cause: 'tls-version-too-old', phase: 'tls' });
      expect(failure?.remedy).toContain('ssl_min_protocol_version');
      await expectNothingSent(server);
    },
  );

  test('a real server that stops at TLSv1.1 is named for it', async () => {
    const tls = { ...legacyTls, maxProtocol: 'TLSv1.1', certificate } as const;
    await using server = await startPostgres({ tls });
    const { failure } = await auditAt(server, { timeoutMs: 5_000 });
    expect(failure).toMatchObject({ cause: 'tls-version-too-old' });
    expect(server.log()).not.toContain('canary');
  });
});

describe('a connection that is reset', () => {
  test.each([
    ['as soon as it is made', resetsAtConnect],
    ['in the middle of the handshake', resetsMidHandshake],
  ])('%s is opened again until time is up', async (_when, start) => {
    await using server = await start();
    const { failure } = await auditAt(server, { timeoutMs: 1_000 });
    expect(failure?.cause).toBe('connection-reset');
    expect(failure?.message).toMatch(/, and so did \d+ attempts; then time was up$/);
    // More than one, and with pauses in between: not as many as the machine can open.
    expect(server.connections.length).toBeGreaterThan(1);
    expect(server.connections.length).toBeLessThan(10);
    for (const { received, decrypted } of server.connections) {
      expect(received.toString('latin1')).not.toContain('canary');
      expect(decrypted).toHaveLength(0);
    }
  });
});

test('a server that hangs up on direct TLS may be too old for it, and the remedy says so', async () => {
  await using server = await speaksGarbage('');
  const { failure } = await auditAt(server, { sslNegotiation: 'direct' });
  expect(failure).toMatchObject({ cause: 'direct-tls-refused', phase: 'tls' });
  expect(failure?.remedy).toContain('PostgreSQL 17');
});

describe('silence', () => {
  test.each([
    ['before TLS', blackHole, 'tls'],
    ['after TLS', () => recordingTlsProxy({ certificate }), 'login'],
  ] as const)('%s ends with the target’s time, and says where', async (_when, start, phase) => {
    await using server = await start();
    const { failure } = await auditAt(server, { timeoutMs: 600 });
    expect(failure).toMatchObject({ cause: 'timed-out', phase });
    expect(failure?.message).toContain(`127.0.0.1:${server.port} gave no answer in time`);
    const { decrypted } = await server.connectionClosed();
    expect(server.connections).toHaveLength(1);
    // The name goes out on a verified connection; the password not before the server asks for it.
    expect(decrypted.includes('canary_role')).toBe(phase === 'login');
    expect(decrypted.includes(PASSWORD)).toBe(false);
  });

  test('when the run is out of time, that is the cause', async () => {
    await using server = await blackHole();
    const run = new AbortController();
    const auditing = auditAt(server, { timeoutMs: 30_000 }, run.signal);
    await expect.poll(() => server.connections.length).toBe(1);
    run.abort();
    expect((await auditing).failure).toMatchObject({ cause: 'out-of-time', phase: 'tls' });
    await server.connectionClosed();
  });

  test('when the run is out of time between attempts, what failed last says more', async () => {
    await using server = await resetsAtConnect();
    const run = new AbortController();
    const auditing = auditAt(server, { timeoutMs: 30_000 }, run.signal);
    await expect.poll(() => server.connections.length).toBe(2);
    run.abort();
    const { failure } = await auditing;
    expect(failure?.cause).toBe('connection-reset');
    expect(failure?.message).toContain('then time was up');
  });

  test('when the run was out of time before the audit began, no server is called', async () => {
    await using server = await blackHole();
    const { failure } = await auditAt(server, {}, AbortSignal.abort());
    expect(failure).toMatchObject({ cause: 'out-of-time' });
    expect(server.connections).toHaveLength(0);
  });
});

describe('secrets', () => {
  /** Audits with sources that do as they like. */
  async function auditWith(
    get: (id: string) => Promise<SecretContent>,
    target: Partial<Target> = {},
  ): Promise<{ readonly snapshot: Snapshot; readonly asked: readonly string[] }> {
    const asked: string[] = [];
    const ask = (id: string): Promise<SecretContent> => {
      asked.push(id);
      return get(id);
    };
    const sources = createSourceReader({ get: ask, refresh: ask }, {});
    const collector = { sources, trust: createTrustStore(sources), clock: systemClock };
    const { snapshot } = await takeSnapshot(
      targetOf({ timeoutMs: 300, ...target }),
      collector,
      new AbortController().signal,
    );
    return { snapshot, asked };
  }

  const never = new Promise<never>(() => {});

  test.each(['db', 'ca'])('that do not come in time are what took it: %s', async (late) => {
    await using server = await blackHole();
    const db = JSON.stringify({ host: server.host, port: server.port, username: 'canary_role', password: PASSWORD });
    const { snapshot } = await auditWith((id) => (id === late ? never : Promise.resolve(db)));
    expectNothingKnown(snapshot);
    expect(snapshot.failure).toMatchObject({ cause: 'timed-out', phase: 'secrets' });
    expect(snapshot.failure?.message).toContain('secrets were not read within 0.3 s');
    expect(snapshot.failure?.remedy).toContain('Secrets Manager');
    expect(server.connections).toHaveLength(0);
  });

  test('that are throttled once are asked for again', async () => {
    await using server = await refusesTls();
    const db = JSON.stringify({ host: server.host, port: server.port, username: 'canary_role' });
    const throttled = new AuditFailure(
      { cause: 'secret-unavailable', phase: 'secrets', message: 'throttled', remedy: 'wait' },
      { transient: true },
    );
    const answers = [Promise.reject(throttled), Promise.resolve(db)];
    for (const answer of answers) answer.catch(() => undefined);
    const { snapshot, asked } = await auditWith(
      (id) => (id === 'db' ? (answers.shift() ?? never) : Promise.resolve(authority.rootPem)),
      { timeoutMs: 5_000 },
    );
    expect(asked).toEqual(['db', 'db', 'ca']);
    expect(snapshot.failure).toMatchObject({ cause: 'tls-not-offered' });
  });

  test('that can not be read are reported and not asked for again', async () => {
    const denied = new AuditFailure({
      cause: 'secret-access-denied',
      phase: 'secrets',
      message: 'The secret db may not be read',
      remedy: 'allow it',
    });
    const { snapshot, asked } = await auditWith(() => Promise.reject(denied), { host: 'db.example.com', port: 5433 });
    expectNothingKnown(snapshot);
    expect(snapshot.failure).toEqual(denied.failure);
    expect(snapshot.credentials.known).toBe(false);
    expect(snapshot.target).toMatchObject({ host: 'db.example.com', port: 5433 });
    expect(asked).toEqual(['db']);
  });

  test.each<[string, () => unknown]>([
    ['TypeError', () => new TypeError(`cannot read ${PASSWORD}`)],
    ['RangeError', () => new RangeError(`${PASSWORD}\nis out of range`)],
    ['string', () => PASSWORD],
  ])('a defect of ours, a %s, is named as one, once, without what it says', async (name, make) => {
    const { snapshot, asked } = await auditWith(() => Promise.reject(make()));
    expectNothingKnown(snapshot);
    expect(snapshot.failure).toMatchObject({ cause: 'internal-error', phase: 'secrets' });
    if (name !== 'string') expect(snapshot.failure?.message).toContain(name);
    expect(asked).toEqual(['db']);
  });
});

describe('a real server', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres({
      tls: { certificate },
      roles: [
        { name: 'tls_auditor', grants: ['pg_monitor'] },
        { name: 'rotated', grants: ['pg_monitor'] },
        { name: 'other', grants: ['pg_monitor'] },
        { name: 'outsider' },
        { name: 'boss', attributes: 'SUPERUSER' },
      ],
      databases: ['orders'],
      hba: ['local all all trust', 'host all tls_auditor,rotated,other,boss all scram-sha-256'],
    });
  });

  afterAll(() => server[Symbol.asyncDispose]());

  async function run(target: Partial<Target> = {}, db: string | readonly string[] = rdsSecret(server)) {
    return audit({ timeoutMs: 20_000, ...target }, { db, ca: authority.rootPem });
  }

  /** How often the log says that. */
  const logged = (pattern: RegExp): number => server.log().match(new RegExp(pattern, 'g'))?.length ?? 0;

  describe('and a password that it does not take', () => {
    const wrong = (password: string, role = 'rotated') => rdsSecret(server, role, { password });
    const REJECTED = /password authentication failed for user "rotated"/;

    test('is read again once, and not tried again when it is the same', async () => {
      const before = logged(REJECTED);
      const { snapshot, reads } = await run({}, wrong(PASSWORD));
      expectNothingKnown(snapshot);
      expect(snapshot.failure).toMatchObject({ cause: 'password-rejected', phase: 'login' });
      expect(snapshot.failure?.message).toContain('28P01');
      expect(reads.get('db')).toBe(2);
      await expect.poll(() => logged(REJECTED)).toBe(before + 1);
      // The server had proved who it is.
      expect(knownValue(snapshot.serverChain)).not.toHaveLength(0);
    });

    test('has been rotated: the new one is fetched and gets in', async () => {
      const before = logged(REJECTED);
      const { snapshot, reads } = await run({}, [wrong(PASSWORD), rdsSecret(server, 'rotated')]);
      expect(snapshot.failure).toBeUndefined();
      expect(knownValue(snapshot.link).attempts).toBe(2);
      expect(reads.get('db')).toBe(2);
      await expect.poll(() => logged(REJECTED)).toBe(before + 1);
    });

    test('has been rotated to another role, as alternating users are', async () => {
      const { snapshot } = await run({}, [wrong(PASSWORD), rdsSecret(server, 'other')]);
      expect(knownValue(snapshot.visibility).role).toBe('other');
    });

    test('has been rotated to another that it does not take either: two logins, and no more', async () => {
      const before = logged(REJECTED);
      const values = [wrong(PASSWORD), wrong('as wrong'), rdsSecret(server, 'rotated')];
      const { snapshot, reads } = await run({}, values);
      expect(snapshot.failure).toMatchObject({ cause: 'password-rejected' });
      expect(reads.get('db')).toBe(2);
      await expect.poll(() => logged(REJECTED)).toBe(before + 2);
    });
  });

  test.each([
    ['a database that it does not have', 'database-missing', { database: 'nowhere' }, 'tls_auditor', '3D000'],
    ['a role that no rule lets in', 'login-refused', {}, 'outsider', '28000'],
  ] as const)('refuses %s once', async (_what, cause, target, role, sqlstate) => {
    const refusals = /FATAL: .*(database "nowhere"|"outsider")/;
    const before = logged(refusals);
    const { snapshot } = await run(target, rdsSecret(server, role));
    expectNothingKnown(snapshot);
    expect(snapshot.failure).toMatchObject({ cause, phase: 'login' });
    expect(snapshot.failure?.message).toContain(sqlstate);
    await expect.poll(() => logged(refusals)).toBe(before + 1);
  });

  test('whose catalog is closed to the auditor is reported for it, once', async () => {
    const role = /connection authorized: user=tls_auditor/;
    const before = logged(role);
    await server.adminQuery(
      'REVOKE EXECUTE ON FUNCTION pg_catalog.pg_stat_get_activity FROM PUBLIC',
      undefined,
      'orders',
    );
    const { snapshot } = await run();
    await server.adminQuery('GRANT EXECUTE ON FUNCTION pg_catalog.pg_stat_get_activity TO PUBLIC', undefined, 'orders');
    expectNothingKnown(snapshot);
    expect(snapshot.failure).toMatchObject({ cause: 'query-failed', phase: 'query' });
    expect(snapshot.failure?.message).toMatch(/permission denied for function pg_stat_get_activity \(SQLSTATE 42501\)/);
    expect(logged(role)).toBe(before + 1);
  });

  test('is waited for no longer than a moment when another session holds a lock', async () => {
    await using holder = await openSession(server, { kind: 'tlsv1.3', role: 'boss' });
    await holder.query('BEGIN; LOCK TABLE pg_catalog.pg_auth_members IN ACCESS EXCLUSIVE MODE');
    const { snapshot } = await run();
    expect(snapshot.failure).toMatchObject({ cause: 'query-canceled', phase: 'query' });
    expect(snapshot.failure?.message).toContain('lock timeout');
  });

  test('that ends the audit’s session in the middle of its queries is asked again', async () => {
    await using holder = await openSession(server, { kind: 'tlsv1.3', role: 'boss' });
    await holder.query('BEGIN; LOCK TABLE pg_catalog.pg_auth_members IN ACCESS EXCLUSIVE MODE');
    const auditing = run();
    await expect.poll(() => holder.query('select pid from pg_locks where not granted')).toHaveLength(1);
    await holder.query('select pg_terminate_backend(pid) from pg_locks where not granted; COMMIT');
    const { snapshot } = await auditing;
    expect(snapshot.failure).toBeUndefined();
    expect(knownValue(snapshot.link).attempts).toBe(2);
    expect(logged(/terminating connection due to administrator command/)).toBe(1);
  });

  test.each([1, 2])(
    'behind something that resets the first %i connections is reached by the next',
    async (resetsFirst) => {
      await using relay = await flakyRelay({ upstream: server, resetsFirst });
      const { snapshot } = await run({}, rdsSecret(server, undefined, { port: relay.port }));
      expect(snapshot.failure).toBeUndefined();
      expect(knownValue(snapshot.link).attempts).toBe(resetsFirst + 1);
      expect(relay.connections).toBe(resetsFirst + 1);
    },
  );

  test('behind something that never hangs up has answered all the same', async () => {
    await using relay = await flakyRelay({ upstream: server, hangsUpAfterMs: 60_000 });
    const { snapshot } = await run({ timeoutMs: 5_000 }, rdsSecret(server, undefined, { port: relay.port }));
    expect(snapshot.failure).toBeUndefined();
    expect(knownValue(snapshot.link).attempts).toBe(1);
  });

  test.each([
    ['57P03', 'the database system is starting up', 'server-not-ready'],
    ['53300', 'remaining connection slots are reserved', 'too-many-connections'],
    ['57P01', 'terminating connection due to administrator command', 'server-not-ready'],
  ])('that says %s, %s, is asked again, and reported by it when that goes on', async (code, message, cause) => {
    const errors = [{ code, message }];
    await using recovering = await failingPostgres({ certificate, errors, afterwards: server });
    const { snapshot } = await run({}, rdsSecret(server, undefined, { port: recovering.port }));
    expect(snapshot.failure).toBeUndefined();
    expect(knownValue(snapshot.link).attempts).toBe(2);

    await using failing = await failingPostgres({ certificate, errors });
    const { failure } = await auditAt(failing, { timeoutMs: 1_000 });
    expect(failure).toMatchObject({ cause, phase: 'login' });
    expect(failure?.message).toContain(`${message} (SQLSTATE ${code})`);
    expect(failing.connections.length).toBeGreaterThan(1);
    for (const { decrypted } of failing.connections) expect(decrypted.includes(PASSWORD)).toBe(false);
  });

  test.each([
    ['28P01', 'password-rejected'],
    ['28000', 'login-refused'],
    ['3D000', 'database-missing'],
    ['42501', 'login-failed'],
    ['XX000', 'login-failed'],
  ])('that says %s is not asked again', async (code, cause) => {
    await using failing = await failingPostgres({ certificate, errors: [{ code, message: 'no' }] });
    const { failure } = await auditAt(failing, { timeoutMs: 5_000 });
    expect(failure).toMatchObject({ cause, phase: 'login' });
    expect(failure?.message).not.toContain('attempts');
    expect(failing.connections).toHaveLength(1);
  });
});

test('a full server is tried until it has a free slot', async () => {
  await using server = await startPostgres({
    tls: { certificate },
    settings: { max_connections: 5, superuser_reserved_connections: 3, max_wal_senders: 0 },
  });
  const role = 'app';
  await using held = await openSessions(server, [
    { kind: 'tlsv1.3', role },
    { kind: 'tlsv1.3', role },
  ]);
  const secrets = { db: rdsSecret(server), ca: authority.rootPem };
  const refused = await audit({ timeoutMs: 1_000 }, secrets);
  expectNothingKnown(refused.snapshot);
  expect(refused.snapshot.failure).toMatchObject({ cause: 'too-many-connections', phase: 'login' });
  expect(refused.snapshot.failure?.message).toMatch(/SQLSTATE 53300.*then time was up/);

  const from = server.log().split('\n').length;
  const auditing = audit({ timeoutMs: 20_000 }, secrets);
  await server.waitForLog(/FATAL: .*(connection slots|too many clients)/, { from });
  await held.sessions[0]?.[Symbol.asyncDispose]();
  const { snapshot } = await auditing;
  expect(snapshot.failure).toBeUndefined();
  expect(knownValue(snapshot.link).attempts).toBeGreaterThan(1);
});

test('a server that shuts down is not ready, and tried until it is gone', async () => {
  await using server = await startPostgres({ tls: { certificate } });
  await using session = await openSession(server, { kind: 'tlsv1.3', role: 'app' });
  const stopped = server.stop('smart');
  await server.waitForLog(/received smart shutdown request/);
  const { snapshot } = await audit({ timeoutMs: 1_000 }, { db: rdsSecret(server), ca: authority.rootPem });
  expect(snapshot.failure).toMatchObject({ cause: 'server-not-ready', phase: 'login' });
  expect(snapshot.failure?.message).toMatch(/shutting down \(SQLSTATE 57P03\).*then time was up/);
  await session[Symbol.asyncDispose]();
  await stopped;
  const gone = await audit({ timeoutMs: 1_000 }, { db: rdsSecret(server), ca: authority.rootPem });
  expect(gone.snapshot.failure).toMatchObject({ cause: 'connection-refused' });
});
