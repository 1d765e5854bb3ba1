// How an audit gets in: every way to log in, every name a server can have, and nothing that weakens either.

import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Authority, createAuthority, type IssuedCertificate, selfSigned } from '../../lab/certificates.ts';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { describeEachMajor } from '../../lab/each-major.ts';
import { blackHole, recordingTlsProxy } from '../../lab/faulty-servers.ts';
import { loopbackAddresses } from '../../lab/free-port.ts';
import { knownValue } from '../../lab/known-value.ts';
import { type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import type { AuditConnection, Snapshot } from '../../lambda/model/snapshot.ts';
import type { Target } from '../../lambda/model/target.ts';

const ROLES = ['tls_auditor', 'by_md5', 'by_old_md5', 'by_password', 'by_trust', 'by_certificate', 'by_proxy'];

const PASSWORD = 'pa ss\\w:o/r@d?#%&é';

describeEachMajor((major) => {
  let root: Authority;
  let authority: Authority;
  let server: PostgresServer;

  beforeAll(async () => {
    root = await createAuthority({ name: 'Connecting Root' });
    authority = await createAuthority({ name: 'Connecting Intermediate', parent: root });
    server = await startPostgres({
      major,
      tls: { certificate: await authority.issue({ keyType: 'rsa-2048' }), clientCa: root.rootPem },
      roles: ROLES.map((name) => ({ name, password: PASSWORD, grants: ['pg_monitor'] })),
      hba: [
        'hostssl all by_md5,by_old_md5 all md5',
        'hostssl all by_password all password',
        'hostssl all by_trust all trust',
        'hostssl all by_certificate all cert',
        'hostssl all tls_auditor all scram-sha-256',
        'hostnossl all by_proxy all scram-sha-256',
      ],
      settings: { log_line_prefix: 'application=%a, role=%u, %m [%p] ' },
    });
    // pg_hba's md5 takes either kind of stored password; this one is of the old kind.
    await server.adminQuery(`SET password_encryption = 'md5'; ALTER ROLE by_old_md5 PASSWORD '${PASSWORD}'`);
  });

  afterAll(() => server[Symbol.asyncDispose]());
  afterEach(() => vi.unstubAllEnvs());

  /** Audits with the target's defaults: credentials in the secret `db`, the root in `ca`. */
  async function connect(target: Partial<Target> = {}, secrets: Readonly<Record<string, string>> = {}) {
    const { snapshot } = await audit(target, { db: rdsSecret(server), ca: root.rootPem, ...secrets });
    return snapshot;
  }

  /** The link of an audit that must have come through. */
  async function linkOf(
    target: Partial<Target> = {},
    secrets: Readonly<Record<string, string>> = {},
  ): Promise<AuditConnection> {
    const snapshot = await connect(target, secrets);
    expect(snapshot.failure).toBeUndefined();
    expect(knownValue(snapshot.sessions)).toEqual({ visible: [], hidden: 0 });
    return knownValue(snapshot.link);
  }

  /** The same server behind another certificate, and the secret of a role that may come through there. */
  async function behind(certificate: IssuedCertificate) {
    const proxy = await recordingTlsProxy({ certificate, upstream: server });
    const db = rdsSecret(server, 'by_proxy', { port: proxy.port });
    return { proxy, db, [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose]() };
  }

  /** A password goes out in clear only where the configuration says so. */
  function allowing(method: AuditConnection['authentication']): Partial<Target> {
    return method === 'password' ? { authentication: ['password'] } : {};
  }

  describe('by each authentication method', () => {
    test('SCRAM is bound to the TLS channel where the server can do that', async () => {
      const link = await linkOf();
      expect(link).toMatchObject(
        // Channel binding came with 11.
        major >= 11
          ? { authentication: 'scram-sha-256-plus', channelBinding: true }
          : { authentication: 'scram-sha-256', channelBinding: false },
      );
      expect(link).toMatchObject({ authorized: true, sslNegotiation: 'postgres', attempts: 1, roundTrips: 1 });
      expect(link.serverView).toEqual({ known: true, value: { tlsVersion: 'TLSv1.3', cipher: link.cipher } });
    });

    test.each([
      ['by_old_md5', 'md5'],
      ['by_md5', major >= 11 ? 'scram-sha-256-plus' : 'scram-sha-256'],
      ['by_password', 'password'],
      ['by_trust', 'none'],
    ] as const)('the method for %s is reported as %s', async (role, authentication) => {
      const link = await linkOf(allowing(authentication), { db: rdsSecret(server, role) });
      expect(link.authentication).toBe(authentication);
      expect(link.channelBinding).toBe(authentication === 'scram-sha-256-plus');
    });

    test('a client certificate logs in without a password', async () => {
      const { chainPem, keyPem } = await root.issue({ clientAuth: true, commonName: 'by_certificate' });
      const db = rdsSecret(server, 'by_certificate', { password: undefined });
      const client = JSON.stringify({ certificate: chainPem, privateKey: keyPem });
      const link = await linkOf({ clientCertificate: { secret: 'client' } }, { db, client });
      expect(link).toMatchObject({ authentication: 'none', channelBinding: false, authorized: true });
    });

    test.each(['tls_auditor', 'by_old_md5', 'by_password'])(
      'credentials without a password are called that where %s needs one',
      async (role) => {
        // Whoever runs the command line may have one for other servers.
        vi.stubEnv('PGPASSWORD', PASSWORD);
        const target = allowing(role === 'by_password' ? 'password' : 'none');
        const { failure } = await connect(target, { db: rdsSecret(server, role, { password: undefined }) });
        expect(failure).toMatchObject({ cause: 'password-rejected', phase: 'login' });
        expect(failure?.message).toMatch(new RegExp(`asks for a password of ${role}, and the secret db holds none$`));
      },
    );

    test.each([
      ['none', undefined],
      ['one of another role', () => root.issue({ clientAuth: true, commonName: 'app' })],
      [
        'one of an authority that the server does not know',
        async () => (await createAuthority()).issue({ clientAuth: true, commonName: 'by_certificate' }),
      ],
    ] as const)('a server that wants a client certificate and is shown %s is distinguished', async (_what, issue) => {
      const db = rdsSecret(server, 'by_certificate');
      const issued = await issue?.();
      const snapshot = await connect(
        issued === undefined ? {} : { clientCertificate: { secret: 'client' } },
        issued === undefined ? { db } : { db, client: `${issued.chainPem}${issued.keyPem}` },
      );
      expect(snapshot.failure).toMatchObject({ cause: 'client-certificate-required', phase: 'login' });
      // It was the server that refused: its own identity was proved.
      expect(knownValue(snapshot.serverChain)[0]?.subject).toBe('CN=localhost');
    });
  });

  describe('to each kind of server certificate', () => {
    test('the chain is leaf first: the intermediate that the server sends, the root that the bundle holds', async () => {
      const snapshot = await connect();
      const chain = knownValue(snapshot.serverChain);
      expect(chain.map(({ subject, issuer, selfSigned: own }) => ({ subject, issuer, own }))).toEqual([
        { subject: 'CN=localhost', issuer: 'CN=Connecting Intermediate', own: false },
        { subject: 'CN=Connecting Intermediate', issuer: 'CN=Connecting Root', own: false },
        { subject: 'CN=Connecting Root', issuer: 'CN=Connecting Root', own: true },
      ]);
      expect(chain[0]).toMatchObject({
        subjectAltNames: ['DNS:localhost', 'IP Address:127.0.0.1', 'IP Address:0:0:0:0:0:0:0:1'],
        publicKey: { type: 'rsa', bits: 2048 },
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      });
    });

    // 10 and 11 can't bound the version.
    if (major >= 12) {
      test('a server that stops at TLSv1.2 is audited over TLSv1.2', async () => {
        await using older = await startPostgres({
          major,
          tls: { certificate: await root.issue({ keyType: 'rsa-2048' }), maxProtocol: 'TLSv1.2' },
        });
        const link = await linkOf({}, { db: rdsSecret(older) });
        expect(link).toMatchObject({ tlsVersion: 'TLSv1.2', channelBinding: true, authorized: true });
        expect(link.cipher).toMatch(/^ECDHE-RSA-AES.*GCM/);
        expect(link.serverView).toEqual({ known: true, value: { tlsVersion: 'TLSv1.2', cipher: link.cipher } });
      });
    }

    test.each([
      ['P-256, signed by P-384', { keyType: 'ec-p256' }, 'ec-p384', true],
      ['P-384, signed by RSA', { keyType: 'ec-p384' }, 'rsa-2048', true],
      ['Ed25519, signed by P-256', { keyType: 'ed25519' }, 'ec-p256', true],
      // A signature without a hash is one to which nothing can be bound (RFC 5929, section 4.1).
      ['Ed25519, signed by Ed25519', { keyType: 'ed25519' }, 'ed25519', false],
      ['P-256, signed by Ed25519', { keyType: 'ec-p256' }, 'ed25519', false],
    ] as const)('a key of %s', async (_what, options, signer, bindable) => {
      const issuer = await createAuthority({ keyType: signer });
      await using other = await startPostgres({ major, tls: { certificate: await issuer.issue(options) } });
      const link = await linkOf({}, { db: rdsSecret(other), ca: issuer.rootPem });
      expect(link.channelBinding).toBe(bindable && major >= 11);
      expect(link.authentication).toBe(link.channelBinding ? 'scram-sha-256-plus' : 'scram-sha-256');
    });

    test('a bundle may hold many certificates, in any order', async () => {
      const others = await Promise.all(Array.from({ length: 40 }, () => createAuthority()));
      const pems = others.map(({ rootPem }) => rootPem);
      const ca = [...pems.slice(0, 25), root.rootPem, ...pems.slice(25)].join('');
      expect(await linkOf({}, { ca })).toMatchObject({ authorized: true });
      expect((await connect({}, { ca: pems.join('') })).failure).toMatchObject({ cause: 'certificate-untrusted' });
    });
  });

  describe('by each name of the server', () => {
    test.each(['localhost', ...loopbackAddresses()])('the host %s is what is verified', async (host) => {
      const link = await linkOf({ host });
      expect(link).toMatchObject({ verifiedName: host, authorized: true, channelBinding: major >= 11 });
    });

    test('an address is verified against the addresses that a certificate carries, in whatever way it is written', async () => {
      const certificate = await root.issue({ ipAddresses: ['2001:db8::a:1', '127.0.0.1'] });
      await using hidden = await behind(certificate);
      const { db } = hidden;
      for (const tlsServerName of ['2001:db8::a:1', '2001:0DB8:0:0::A:1', '127.0.0.1']) {
        const link = await linkOf({ tlsServerName }, { db });
        expect(link).toMatchObject({ verifiedName: tlsServerName, authorized: true });
      }
      const { failure } = await connect({ tlsServerName: '2001:db8::a:2' }, { db });
      expect(failure).toMatchObject({ cause: 'certificate-wrong-host' });
    });

    test('a tlsServerName is verified in place of the host, never beside it', async () => {
      await using hidden = await behind(await root.issue({ dnsNames: ['orders.db.example.com'] }));
      const { db } = hidden;
      const link = await linkOf({ tlsServerName: 'orders.db.example.com' }, { db });
      expect(link).toMatchObject({ verifiedName: 'orders.db.example.com', authorized: true });
      expect((await connect({}, { db })).failure).toMatchObject({ cause: 'certificate-wrong-host' });
      // The certificate of the server itself carries the host, and is refused all the same.
      const { failure } = await connect({ tlsServerName: 'orders.db.example.com' });
      expect(failure).toMatchObject({ cause: 'certificate-wrong-host' });
      expect(failure?.message).toContain('not for orders.db.example.com');
    });

    test('a wildcard stands for one label', async () => {
      await using hidden = await behind(await root.issue({ dnsNames: ['*.db.example.com'] }));
      const { db } = hidden;
      expect(await linkOf({ tlsServerName: 'orders.db.example.com' }, { db })).toMatchObject({ authorized: true });
      for (const tlsServerName of ['a.orders.db.example.com', 'db.example.com']) {
        expect((await connect({ tlsServerName }, { db })).failure).toMatchObject({ cause: 'certificate-wrong-host' });
      }
    });

    test('a certificate without subjectAltName is verified by its common name, as libpq does, and for names only', async () => {
      const nameless = { dnsNames: [], ipAddresses: [] };
      await using named = await behind(await root.issue({ ...nameless, commonName: 'localhost' }));
      expect(await linkOf({ host: 'localhost' }, { db: named.db })).toMatchObject({ authorized: true });
      const { failure } = await connect({ tlsServerName: 'db.example.com' }, { db: named.db });
      expect(failure).toMatchObject({ cause: 'certificate-wrong-host' });
      await using addressed = await behind(await root.issue({ ...nameless, commonName: '127.0.0.1' }));
      const refused = await connect({}, { db: addressed.db });
      expect(refused.failure).toMatchObject({ cause: 'certificate-wrong-host' });
    });

    // https://github.com/brianc/node-postgres/issues/2263
    test('node-postgres issue 2263: a host that is an address is verified as that, not as localhost', async () => {
      await using named = await behind(await root.issue({ dnsNames: ['localhost'] }));
      const { failure } = await connect({ host: '127.0.0.1' }, { db: named.db });
      expect(failure).toMatchObject({ cause: 'certificate-wrong-host' });
      expect(failure?.message).toContain('not for 127.0.0.1: it carries DNS:localhost');
      await named.proxy.connectionClosed(1);
      expect(named.proxy.connections.map(({ decrypted }) => decrypted.length)).toEqual([0, 0]);
      await using addressed = await behind(await root.issue({ ipAddresses: ['127.0.0.1'], commonName: 'elsewhere' }));
      const link = await linkOf({ host: '127.0.0.1' }, { db: addressed.db });
      expect(link).toMatchObject({ verifiedName: '127.0.0.1', authorized: true });
    });
  });

  describe('with direct TLS', () => {
    if (major >= 17) {
      test('a server of 17 or newer confirms that it speaks PostgreSQL', async () => {
        const link = await linkOf({ sslNegotiation: 'direct' });
        expect(link).toMatchObject({ sslNegotiation: 'direct', authorized: true, channelBinding: true });
      });
    } else {
      test('an older server is named as one, and is sent no credentials', async () => {
        const before = logins(server);
        const { failure } = await connect({ sslNegotiation: 'direct', timeoutMs: 1_000 });
        expect(failure).toMatchObject({ phase: 'tls' });
        expect(failure?.cause).not.toBe('timed-out');
        expect(`${failure?.message}; ${failure?.remedy}`).toContain('PostgreSQL 17');
        expect(logins(server)).toBe(before);
      });
    }
  });

  describe('with what others leave lying about', () => {
    test.each(['disable', 'allow', 'no-verify', 'prefer', 'require', 'verify-ca', 'verify-full'])(
      'a stored connection string with sslmode=%s changes nothing, and is reported',
      async (sslmode) => {
        const before = logins(server);
        const dsn = `${server.connectionString()}?sslmode=${sslmode}&ssl=false&sslrootcert=/nowhere`;
        const snapshot = await connect({}, { db: dsn });
        expect(snapshot.failure).toBeUndefined();
        const link = knownValue(snapshot.link);
        expect(link).toMatchObject({ authorized: true, tlsVersion: 'TLSv1.3', verifiedName: '127.0.0.1' });
        expect(link.serverView).toMatchObject({ known: true, value: { tlsVersion: 'TLSv1.3' } });
        expect(knownValue(snapshot.credentials).dsn?.sslmode).toBe(sslmode);
        expect(logins(server)).toBe(before + 1);
        expect(plaintextLogins(server)).toBe(0);
      },
    );

    test.each(['disable', 'no-verify', 'require', 'prefer'])(
      'a stored connection string with sslmode=%s opens no door to a server that proves nothing',
      async (sslmode) => {
        await using impostor = await behind(await selfSigned());
        const url = new URL(server.connectionString());
        url.port = String(impostor.proxy.port);
        const { failure } = await connect({}, { db: `${url}?sslmode=${sslmode}` });
        expect(failure).toMatchObject({ cause: 'certificate-untrusted' });
        await impostor.proxy.connectionClosed(1);
        expect(impostor.proxy.connections.map(({ decrypted }) => decrypted.length)).toEqual([0, 0]);
      },
    );

    test('no PG* variable of the environment changes an audit', async () => {
      await using elsewhere = await blackHole();
      const variables = {
        PGHOST: elsewhere.host,
        PGHOSTADDR: elsewhere.host,
        PGPORT: String(elsewhere.port),
        PGUSER: 'nobody',
        PGPASSWORD: 'wrong',
        PGPASSFILE: '/nowhere',
        PGDATABASE: 'nowhere',
        PGSERVICE: 'nowhere',
        PGAPPNAME: 'somebody-else',
        PGOPTIONS: '-c default_transaction_isolation=serializable -c no.such=setting -c statement_timeout=1',
        PGREPLICATION: 'database',
        PGCLIENT_ENCODING: 'LATIN1',
        PGCLIENTENCODING: 'LATIN1',
        PGSTATEMENT_TIMEOUT: '1',
        PGLOCK_TIMEOUT: '1',
        PGQUERY_TIMEOUT: '1',
        PGIDLE_IN_TRANSACTION_SESSION_TIMEOUT: '1',
        PGCONNECT_TIMEOUT: '1',
        PGSSLMODE: 'disable',
        PGSSLNEGOTIATION: 'direct',
        PGSSLROOTCERT: '/nowhere',
        PGSSLCERT: '/nowhere',
        PGSSLKEY: '/nowhere',
        PGCHANNELBINDING: 'disable',
        PGREQUIREAUTH: 'none',
        PGBINARY: '1',
        PGTARGETSESSIONATTRS: 'standby',
        PGFALLBACK_APPLICATION_NAME: 'somebody-else',
        NODE_PG_FORCE_NATIVE: '1',
      };
      const untouched = await connect();
      const before = logins(server);
      for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
      const snapshot = await connect();
      expect(withoutTimes(snapshot)).toEqual(withoutTimes(untouched));
      expect(snapshot.failure).toBeUndefined();
      expect(logins(server)).toBe(before + 1);
      expect(server.log()).not.toContain('somebody-else');
      expect(elsewhere.connections).toEqual([]);
    });

    test('a password that the environment has is not sent in place of one that the secret lacks', async () => {
      vi.stubEnv('PGPASSWORD', PASSWORD);
      const { failure } = await connect({}, { db: rdsSecret(server, undefined, { password: undefined }) });
      expect(failure?.phase).toBe('login');
      expect(['password-rejected', 'login-failed']).toContain(failure?.cause);
    });
  });
});

/** Logins of the auditor that the server has let in. */
function logins(server: PostgresServer): number {
  return server.log().match(/connection authorized: user=tls_auditor /g)?.length ?? 0;
}

/** Those of them that were not encrypted. */
function plaintextLogins(server: PostgresServer): number {
  return server.log().match(/connection authorized: user=tls_auditor (?!.*SSL enabled)/g)?.length ?? 0;
}

function withoutTimes({ takenAt: _takenAt, link, ...rest }: Snapshot) {
  const { timings: _timings, backendPid: _backendPid, ...facts } = knownValue(link);
  return { ...rest, link: facts };
}
