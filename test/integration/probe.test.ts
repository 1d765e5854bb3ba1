// The wire probe against real servers, and against those that mean no good: what it finds, and what it never does.

import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { IssuedCertificate } from '../../lab/certificates.ts';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { describeEachMajor } from '../../lab/each-major.ts';
import {
  blackHole,
  closedPort,
  recordingTlsProxy,
  refusesTls,
  resetsAtConnect,
  resetsMidHandshake,
  speaksGarbage,
  speaksOnly,
  stuffsPlaintext,
} from '../../lab/faulty-servers.ts';
import { labAuthority, legacyTls, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { POLICY } from '../../lab/snapshots.ts';
import {
  carelessPooler,
  drips,
  neverStops,
  refusesAfterItsFlight,
  takesDirectTlsOnly,
  takesDirectTlsSilently,
} from '../../lab/wire-servers.ts';
import type { Check } from '../../lambda/checks/check.ts';
import { deprecatedTlsAccepted } from '../../lambda/checks/deprecated-tls-accepted.ts';
import { plaintextAccepted } from '../../lambda/checks/plaintext-accepted.ts';
import type { ReachableTarget } from '../../lambda/collect/connect/observer.ts';
import { createTrustStore } from '../../lambda/collect/connect/trust.ts';
import { probeWire } from '../../lambda/collect/probe/probe.ts';
import { createSourceReader } from '../../lambda/collect/secrets/sources.ts';
import type { Problem } from '../../lambda/model/finding.ts';
import type { WireProbe } from '../../lambda/model/probe.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';

/** What the probe promises. */
const MOST_CONNECTIONS = 8;

const ROLES = [
  { name: 'tls_auditor', grants: ['pg_monitor'] },
  { name: 'boss', attributes: 'SUPERUSER' },
];

/** The audit's own way in, before what a test is about. */
const OWN_WAY = ['local all all trust', 'hostssl all all all scram-sha-256'];

const NETWORK = { ...POLICY, loopback: 'network' } as const;

async function snapshotOf(server: PostgresServer, role?: string, overrides: object = {}): Promise<Snapshot> {
  const { snapshot } = await audit({ probe: true }, { db: rdsSecret(server, role, overrides), ca: server.ca ?? '' });
  return snapshot;
}

function wireOf({ probe, failure }: Snapshot): WireProbe {
  if (probe?.known) return probe.value;
  throw new Error(`there is no probe: ${probe?.reason ?? failure?.message}`);
}

function problems(check: Check, snapshot: Snapshot): readonly Problem[] {
  const outcome = check.evaluate(snapshot, NETWORK);
  return outcome.status === 'fail' ? outcome.problems : [];
}

const disagreement = (problem: Problem | undefined): string => String(problem?.evidence.disagreement ?? '');

const ACCEPTED = { known: true, value: { accepted: true } } as const;
const REFUSED = { known: true, value: { accepted: false } } as const;
const UNKNOWN = { known: false } as const;

describeEachMajor((major) => {
  describe('a server that accepts everything', () => {
    let server: PostgresServer;
    beforeAll(async () => {
      server = await startPostgres({ major, tls: legacyTls, roles: ROLES });
    });
    afterAll(() => server[Symbol.asyncDispose]());

    test('is seen to, with one error at most in its log', async () => {
      const wire = wireOf(await snapshotOf(server));
      expect(wire).toMatchObject({
        role: 'tls_auditor',
        loopback: true,
        plaintext: { known: true, value: { accepted: true, authentication: 'sasl' } },
        offersTls: { known: true, value: true },
        tlsVersions: { TLSv1: ACCEPTED, 'TLSv1.1': ACCEPTED, 'TLSv1.2': ACCEPTED, 'TLSv1.3': ACCEPTED },
        directTls: major >= 17 ? ACCEPTED : REFUSED,
        keyExchange: { known: true, value: { group: major >= 18 ? 'x25519' : 'secp256r1', postQuantum: false } },
        brokenSuites: { known: true, value: { accepted: true, suite: expect.stringMatching(/^(AECDH|ADH)-/) } },
        connections: major >= 17 ? 6 : 7,
      });
      const errors = server
        .log()
        .split('\n')
        .filter((line) => /SSL connection|receive data|FATAL|startup packet/.test(line));
      // Before 17, direct TLS is no startup packet: that much can't be helped.
      // And a handshake with a suite that protects nothing is left as soon as the server has chosen one.
      const others = errors.filter((line) => !line.includes('could not accept SSL connection'));
      expect(others.filter((line) => !(major < 17 && line.includes('startup packet')))).toEqual([]);
      expect(errors.length - others.length).toBeLessThanOrEqual(1);
    });

    test('gets no further than one audited session: the others are gone when the audit is over', async () => {
      await snapshotOf(server);
      await expect
        .poll(() => server.adminQuery(`SELECT pid FROM pg_stat_activity WHERE usename = 'tls_auditor'`))
        .toEqual([]);
    });

    test.each([
      ['nothing matches', [], false],
      ['it is rejected', ['hostnossl all all all reject', 'host all all all trust'], false],
      ['another role is let in', ['host all boss all md5'], false],
      ['another database is', ['host template1 all all md5'], false],
      ['another network is', ['host all all 10.0.0.0/8 md5'], false],
      ['IPv6 is', ['host all all ::1/128 md5'], false],
      ['replication is', ['host replication all all md5'], false],
      ['all are', ['host all all all scram-sha-256'], true],
      ['all on this machine are', ['host all all 127.0.0.1/32 scram-sha-256'], true],
      ['its group is', ['hostnossl all +pg_monitor 127.0.0.0/8 scram-sha-256'], true],
      ['it is by name, after a reject of others', ['host all boss all reject', 'host all tls_auditor all md5'], true],
      ['all are, before a reject', ['hostnossl all all 127.0.0.0/8 trust', 'hostnossl all all all reject'], true],
    ])('agrees with its rules where %s', async (_what, lines, accepted) => {
      await server.setHba([...OWN_WAY, ...lines]);
      const snapshot = await snapshotOf(server);
      expect(wireOf(snapshot).plaintext).toMatchObject(accepted ? ACCEPTED : REFUSED);
      const found = problems(plaintextAccepted, snapshot);
      expect(found).toHaveLength(accepted ? 1 : 0);
      expect(found.map(disagreement).join()).toBe('');
    });

    test('is reported with the line that lets the login in', async () => {
      await server.setHba([...OWN_WAY, 'hostnossl all all 127.0.0.1/32 trust']);
      const [problem] = problems(plaintextAccepted, await snapshotOf(server, 'boss'));
      expect(problem).toMatchObject({
        severity: 'critical',
        evidence: {
          rule: 'hostnossl all all 127.0.0.1/32 trust',
          at: expect.stringMatching(/^line 5 of .*pg_hba\.conf$/),
        },
        remedy: { selfManaged: expect.stringContaining('hostnossl all all 127.0.0.1/32 reject\n') },
      });
    });

    test('that lets the login in without a password gets an orderly goodbye', async () => {
      await server.setHba([...OWN_WAY, 'hostnossl all all 127.0.0.1/32 trust']);
      const from = server.log().length;
      expect(wireOf(await snapshotOf(server)).plaintext).toEqual({
        known: true,
        value: { accepted: true, authentication: 'none' },
      });
      expect(server.log().slice(from)).not.toMatch(/connection to client lost|unexpected EOF|reset by peer/);
    });

    test('with rules that are not loaded yet says so, and which login could find out', async () => {
      await server.setHba([...OWN_WAY, 'host all all 127.0.0.1/32 scram-sha-256']);
      // A server says that it reloads before it reads the file. A connection it takes after that.
      await server.adminQuery('SELECT 1');
      await server.writeHba(OWN_WAY);
      // Modification times come in whole seconds: what was written within the second of a reload would not count.
      const later = new Date(Date.now() + 60_000);
      await utimes(join(server.dataFolder, 'pg_hba.conf'), later, later);

      // 10 lets not even superusers look at files outside the data folder.
      const [certain] = problems(plaintextAccepted, await snapshotOf(server, 'boss'));
      expect(disagreement(certain)).toMatch(/^The server accepts a plaintext login that its configuration refuses/);
      if (major > 10) expect(disagreement(certain)).toMatch(/was changed after the server last read it/);
      expect(certain?.remedy).toMatchObject({
        selfManaged: expect.stringMatching(
          /^pg_hba\.conf refuses this login already.*\nThen SELECT pg_reload_conf\(\);/,
        ),
      });

      await server.adminQuery('GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO tls_auditor');
      const [perhaps] = problems(plaintextAccepted, await snapshotOf(server));
      expect(disagreement(perhaps)).toMatch(/Or .*pg_hba\.conf was changed and not loaded yet/);

      await server.reload();
      const after = await snapshotOf(server, 'boss');
      expect(problems(plaintextAccepted, after)).toEqual([]);
    });

    test('takes two round trips after login at most, with the questions of the probe', async () => {
      const { link } = await snapshotOf(server, 'boss');
      expect(link.known && link.value.roundTrips).toBe(2);
    });
  });

  test.runIf(major >= 12)(
    'old versions that the settings rule out are refused by an alert (PostgreSQL 12 and newer)',
    async () => {
      await using server = await startPostgres({ major, tls: { minProtocol: 'TLSv1.3' }, roles: ROLES, hba: OWN_WAY });
      const wire = wireOf(await snapshotOf(server));
      const refused = { known: true, value: { accepted: false, said: 'alert protocol_version' } };
      expect(wire.tlsVersions).toEqual({ TLSv1: refused, 'TLSv1.1': refused, 'TLSv1.2': refused, 'TLSv1.3': ACCEPTED });
      expect(wire.plaintext).toMatchObject({
        known: true,
        value: {
          accepted: false,
          said: expect.stringMatching(/^an error \(SQLSTATE 28000.*by a rule of pg_hba\.conf/),
        },
      });
    },
  );

  test.runIf(major >= 12)(
    'a server whose newest is TLSv1.2 has no post-quantum key exchange (PostgreSQL 12 and newer)',
    async () => {
      await using server = await startPostgres({ major, tls: { maxProtocol: 'TLSv1.2' }, roles: ROLES });
      const wire = wireOf(await snapshotOf(server));
      expect(wire.tlsVersions).toMatchObject({ 'TLSv1.2': ACCEPTED, 'TLSv1.3': REFUSED });
      expect(wire.keyExchange).toEqual({ known: true, value: { postQuantum: false } });
      expect(wire.connections).toBeLessThanOrEqual(MOST_CONNECTIONS);
    },
  );

  test('a server without TLS is probed though it can’t be audited', async () => {
    await using server = await startPostgres({ major, tls: false, roles: ROLES, hba: ['host all all all trust'] });
    const ca = (await labAuthority()).certificatePem;
    const { snapshot } = await audit({ probe: true }, { db: rdsSecret(server), ca });
    expect(snapshot.failure).toMatchObject({ cause: 'tls-not-offered' });
    expect(wireOf(snapshot)).toMatchObject({
      plaintext: { known: true, value: { accepted: true, authentication: 'none' } },
      offersTls: { known: true, value: false },
      tlsVersions: { TLSv1: REFUSED, 'TLSv1.3': REFUSED },
      connections: 3,
    });
    expect(problems(plaintextAccepted, snapshot)).toMatchObject([{ severity: 'critical' }]);
  });

  test.runIf(major >= 12)(
    'TLS settings that could not be loaded leave the wire as it was, and that is said (PostgreSQL 12 and newer)',
    async () => {
      await using server = await startPostgres({ major, tls: legacyTls, roles: ROLES });
      await server.set({ ssl_min_protocol_version: 'TLSv1.2', ssl_cert_file: 'missing.crt' });
      await server.waitForLog(/SSL configuration was not reloaded/);
      const [problem] = problems(deprecatedTlsAccepted, await snapshotOf(server));
      expect(problem?.evidence.accepted).toEqual(['TLSv1', 'TLSv1.1']);
      expect(disagreement(problem)).toMatch(/ssl_min_protocol_version = TLSv1\.2 rules that out.*not reloaded/);
    },
  );
});

describe('something in between', () => {
  let server: PostgresServer;
  let certificate: IssuedCertificate;
  beforeAll(async () => {
    certificate = await (await labAuthority()).issue();
    server = await startPostgres({
      roles: ROLES,
      hba: ['local all all trust', 'host all boss all scram-sha-256', 'hostssl all all all scram-sha-256'],
    });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test('that takes plaintext and old TLS where the server does not is given as the reason', async () => {
    await using hidden = await startPostgres({
      roles: [{ name: 'tls_auditor', attributes: 'SUPERUSER' }],
      // The pooler itself comes in plaintext, by a database name that the probe asks for as well: so its rule is on
      // top.
      hba: ['local all all trust', 'host postgres tls_auditor 127.0.0.1/32 scram-sha-256'],
    });
    await using pooler = await carelessPooler(certificate, hidden);
    const snapshot = await snapshotOf(hidden, undefined, { port: pooler.port });
    expect(snapshot.failure).toBeUndefined();
    const [tls] = problems(deprecatedTlsAccepted, snapshot);
    expect(disagreement(tls)).toMatch(/accepts TLSv1 and TLSv1\.1.*proxy or pooler between/);
    expect(wireOf(snapshot).plaintext).toEqual({ known: true, value: { accepted: true, authentication: 'password' } });
  });

  test('with post-quantum key exchange is seen to have it', async () => {
    await using proxy = await recordingTlsProxy({ certificate, upstream: server });
    const { snapshot } = await audit(
      { probe: true, timeoutMs: 9_000 },
      { db: rdsSecret(server, 'boss', { port: proxy.port }), ca: server.ca ?? '' },
    );
    expect(wireOf(snapshot).keyExchange).toEqual({
      known: true,
      value: { group: 'X25519MLKEM768', postQuantum: true },
    });
  });

  test('gets neither the password nor anything else inside TLS from the probe', async () => {
    await using proxy = await recordingTlsProxy({ certificate, upstream: server });
    const { password } = server.connectionConfig('boss');
    const { snapshot } = await audit(
      { probe: true, timeoutMs: 9_000 },
      { db: rdsSecret(server, 'boss', { port: proxy.port }), ca: server.ca ?? '' },
    );
    const [audited, plaintext, ...handshakes] = proxy.connections;
    // What the records are worth: the audit's own login is in the first.
    expect(audited?.decrypted.toString('latin1')).toContain('boss');
    expect(plaintext?.received.subarray(8).toString()).toBe(
      'user\0boss\0database\0postgres\0application_name\0pg-tls-auditor\0\0',
    );
    expect(handshakes.length).toBe(wireOf(snapshot).connections - 1);
    expect(handshakes.some(({ handshakeCompleted }) => handshakeCompleted)).toBe(true);
    for (const { received, decrypted } of [plaintext, ...handshakes].filter((one) => one !== undefined)) {
      expect(decrypted.length).toBe(0);
      expect(received.toString('latin1')).not.toContain(password);
    }
    await Promise.all(proxy.connections.map(({ closed }) => closed));
  });

  test('that is silent in plaintext costs the answer, and nothing of what the audit saw', async () => {
    await using proxy = await recordingTlsProxy({ certificate, upstream: server });
    const { snapshot } = await audit(
      { probe: true, timeoutMs: 2_000 },
      { db: rdsSecret(server, 'boss', { port: proxy.port }), ca: server.ca ?? '' },
    );
    expect(snapshot).toMatchObject({ sessions: { known: true }, link: { known: true } });
    expect(snapshot.failure).toBeUndefined();
    const wire = wireOf(snapshot);
    expect(wire.plaintext).toEqual({ known: false, reason: 'time was up before the server answered' });
    expect(wire.tlsVersions.TLSv1).toEqual({ known: false, reason: 'time was up before it was tried' });
    expect(wire.connections).toBe(1);
  });

  test('that refuses clients without a certificate has accepted the version all the same', async () => {
    await using front = await refusesAfterItsFlight(server);
    const wire = await probed(front);
    expect(wire.tlsVersions).toMatchObject({ TLSv1: REFUSED, 'TLSv1.2': ACCEPTED });
  });

  test('without the probe, one connection is made and no more', async () => {
    await using proxy = await recordingTlsProxy({ certificate, upstream: server });
    const { snapshot } = await audit({}, { db: rdsSecret(server, 'boss', { port: proxy.port }), ca: server.ca ?? '' });
    expect(snapshot).not.toHaveProperty('probe');
    expect(proxy.connections).toHaveLength(1);
  });
});

describe('where the audit fails,', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres({ roles: ROLES });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test('before anything answered, there is nothing to probe', async () => {
    const { port } = await closedPort();
    const snapshot = await snapshotOf(server, undefined, { port });
    expect(snapshot.failure?.cause).toBe('connection-refused');
    expect(snapshot.probe).toEqual({ known: false, reason: 'no connection to the target came about' });
  });

  test('at the password, the wire is probed all the same', async () => {
    const snapshot = await snapshotOf(server, undefined, { password: 'not it' });
    expect(snapshot.failure?.cause).toBe('password-rejected');
    expect(wireOf(snapshot)).toMatchObject({ plaintext: ACCEPTED, tlsVersions: { 'TLSv1.3': ACCEPTED } });
  });

  test('at the certificate, what the server accepts is still seen: Node judges it after the handshake', async () => {
    const unrelated = await startUnrelatedPostgres();
    await using _ = unrelated;
    const { snapshot } = await audit({ probe: true }, { db: rdsSecret(unrelated), ca: server.ca ?? '' });
    expect(snapshot.failure?.cause).toBe('certificate-wrong-host');
    expect(wireOf(snapshot).tlsVersions).toMatchObject({ TLSv1: REFUSED, 'TLSv1.2': ACCEPTED, 'TLSv1.3': ACCEPTED });
  });

  test('for want of time, the probe takes none', async () => {
    await using exclusion = await blackHole();
    const { snapshot } = await audit(
      { probe: true, timeoutMs: 300 },
      { db: rdsSecret(server, undefined, { port: exclusion.port }), ca: server.ca ?? '' },
    );
    expect(snapshot.failure?.cause).toBe('timed-out');
    expect(snapshot.probe).toEqual({ known: false, reason: 'the audit left no time for the wire probe' });
    expect(exclusion.connections).toHaveLength(1);
  });

  async function startUnrelatedPostgres(): Promise<PostgresServer> {
    const certificate = await (await labAuthority()).issue({ dnsNames: ['elsewhere.example.com'], ipAddresses: [] });
    return startPostgres({ roles: ROLES, tls: { certificate } });
  }
});

let subject: Omit<ReachableTarget, 'endpoint'>;
let shown: IssuedCertificate;
beforeAll(async () => {
  const authority = await labAuthority();
  shown = await authority.issue();
  const ca = authority.certificatePem;
  const get = (): Promise<string> => Promise.resolve(ca);
  const store = createTrustStore(createSourceReader({ get, refresh: get }, {}));
  subject = { role: 'app', database: 'shop', trust: await store.trustFor([{ secret: 'ca' }], undefined) };
});

/**
 * Milliseconds for one connection: far more than a server on this machine takes, far less than one who waits for
 * silence wants.
 */
const CONNECTION_TIMEOUT_MS = 700;

/** The probe alone, of whatever listens there. */
function probed(
  { host, port }: { readonly host: string; readonly port: number },
  signal: AbortSignal = new AbortController().signal,
  sslNegotiation: 'postgres' | 'direct' = 'postgres',
): Promise<WireProbe> {
  const endpoint = { host, port, verifiedName: host, sslNegotiation } as const;
  return probeWire({ ...subject, endpoint }, signal, CONNECTION_TIMEOUT_MS);
}

test('where OpenSSL has no post-quantum key exchange, that answer alone is unknown, with the reason', async () => {
  await using server = await startPostgres({ tls: legacyTls, roles: ROLES });
  const { host, port } = server;
  const endpoint = { host, port, verifiedName: host, sslNegotiation: 'postgres' } as const;
  const { signal } = new AbortController();
  expect(await probeWire({ ...subject, endpoint }, signal, CONNECTION_TIMEOUT_MS, false)).toMatchObject({
    tlsVersions: { TLSv1: ACCEPTED, 'TLSv1.1': ACCEPTED, 'TLSv1.2': ACCEPTED, 'TLSv1.3': ACCEPTED },
    directTls: ACCEPTED,
    keyExchange: { known: false, reason: expect.stringContaining('OpenSSL 3.5, which Node.js 24 has') },
    connections: 6,
  });
});

describe('a port that takes direct TLS only', () => {
  const SERVERS = [
    ['with an alert', takesDirectTlsOnly],
    ['without a word', takesDirectTlsSilently],
  ] as const;

  test.each(
    SERVERS.flatMap(([how, start]) => (['postgres', 'direct'] as const).map((asked) => [how, asked, start] as const)),
  )('and refuses the rest %s is known in all, for a target with sslNegotiation %s', async (_how, asked, start) => {
    await using server = await start(await (await labAuthority()).issue());
    const wire = await probed(server, undefined, asked);
    expect(wire).toMatchObject({
      plaintext: { known: true, value: { accepted: false, said: expect.stringContaining('direct TLS only') } },
      offersTls: { known: true, value: true },
      tlsVersions: { TLSv1: REFUSED, 'TLSv1.1': REFUSED, 'TLSv1.2': ACCEPTED, 'TLSv1.3': ACCEPTED },
      directTls: ACCEPTED,
      keyExchange: { known: true },
      brokenSuites: REFUSED,
    });
    expect(wire.connections).toBeLessThanOrEqual(MOST_CONNECTIONS);
  });
});

describe('suites that protect nothing', () => {
  test.each([
    ['ALL:eNULL:@SECLEVEL=0', /NULL|^A(EC)?DH-/],
    ['eNULL:AES128-SHA:@SECLEVEL=0', /NULL/],
    ['aNULL:AES128-SHA:@SECLEVEL=0', /^A(EC)?DH-/],
    ['ALL:!aNULL:@SECLEVEL=0', undefined],
    ['ALL:eNULL', undefined],
  ])('that %s lets in are seen', async (ciphers, suite) => {
    await using server = await startPostgres({ tls: { ciphers } });
    const { brokenSuites } = await probed(server);
    expect(brokenSuites).toMatchObject(
      suite === undefined ? REFUSED : { value: { suite: expect.stringMatching(suite) } },
    );
  });
});

describe('a server that means no good', () => {
  test.each([
    ['resets every connection', resetsAtConnect],
    ['resets every handshake', resetsMidHandshake],
    ['speaks HTTP', speaksGarbage],
    ['speaks nonsense', () => speaksGarbage(Buffer.alloc(4_000, 0xff))],
    ['sends a message of four gigabytes', () => speaksGarbage(Buffer.from([0x52, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]))],
  ])('and %s leaves everything unknown, in eight connections at most', async (_what, start) => {
    await using server = await start();
    const wire = await probed(server, AbortSignal.timeout(20_000));
    expect(wire.plaintext).toMatchObject(UNKNOWN);
    expect(wire.offersTls.known && !wire.offersTls.value).toBe(false);
    for (const answer of Object.values(wire.tlsVersions)) expect(answer).toMatchObject(UNKNOWN);
    expect(wire.keyExchange).toMatchObject(UNKNOWN);
    expect(wire.directTls).not.toMatchObject(ACCEPTED);
    expect(server.connections.length).toBeLessThanOrEqual(MOST_CONNECTIONS);
    expect(server.connections.length).toBe(wire.connections);
    await Promise.all(server.connections.map(({ closed }) => closed));
  });

  test('and injects plaintext before the handshake is not believed', async () => {
    await using server = await stuffsPlaintext(shown);
    const wire = await probed(server, AbortSignal.timeout(1_000));
    for (const answer of Object.values(wire.tlsVersions)) expect(answer).toMatchObject(UNKNOWN);
  });

  test.each([
    ['bytes of no protocol', Buffer.alloc(65_536, 0x20)],
    ['errors', Buffer.concat([Buffer.from([0x45, 0, 0, 0x3f, 0xff]), Buffer.alloc(60_000, 0x53)])],
    ['the letter S', Buffer.alloc(65_536, 0x53)],
  ])('and sends %s without end is cut off', async (_what, chunk) => {
    await using server = await neverStops(chunk);
    const wire = await probed(server, AbortSignal.timeout(20_000));
    expect(wire.plaintext).toMatchObject(UNKNOWN);
    for (const answer of Object.values(wire.tlsVersions)) expect(answer).toMatchObject(UNKNOWN);
    expect(server.count()).toBeLessThanOrEqual(MOST_CONNECTIONS);
    await expect.poll(() => server.open()).toBe(0);
  });

  test('and drips bytes is given up when time is up', async () => {
    await using server = await drips(Buffer.from([0x45, 0, 0, 0x3f, 0xff]), 20);
    const wire = await probed(server, AbortSignal.timeout(600));
    expect(wire.plaintext).toMatchObject(UNKNOWN);
    await expect.poll(() => server.open()).toBe(0);
  });

  test('and says nothing is waited for no longer than there is time', async () => {
    await using server = await blackHole();
    const signal = AbortSignal.timeout(400);
    const wire = await probed(server, signal);
    expect(signal.aborted).toBe(true);
    expect(wire.connections).toBe(1);
    expect(wire.plaintext).toEqual({ known: false, reason: 'time was up before the server answered' });
    expect(wire.offersTls).toMatchObject(UNKNOWN);
    await Promise.all(server.connections.map(({ closed }) => closed));
  });
});

test('no TLS is known where the server says so, and not asked for again', async () => {
  await using server = await refusesTls();
  const wire = await probed(server, AbortSignal.timeout(9_000));
  expect(wire.offersTls).toEqual({ known: true, value: false });
  expect(wire.tlsVersions.TLSv1).toMatchObject(REFUSED);
  expect(wire.connections).toBe(3);
});

describe('a server that speaks nothing but', () => {
  test.each(['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const)('%s is seen to accept that alone', async (version) => {
    await using server = await speaksOnly(version, shown);
    const wire = await probed(server);
    const accepted = Object.entries(wire.tlsVersions).filter(([, answer]) => answer.known && answer.value.accepted);
    expect(accepted.map(([name]) => name)).toEqual([version]);
    for (const answer of Object.values(wire.tlsVersions)) expect(answer.known).toBe(true);
  });
});
