import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../lab/certificates.ts';
import { legacyTls, majorsUnderTest, newestMajor, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { openSession, openSessions, SESSION_KINDS, type SessionKind } from '../../lab/sessions.ts';

/** What the server says of a session. */
async function seen(server: PostgresServer, pid: number): Promise<Record<string, unknown> | undefined> {
  const rows = await server.adminQuery(
    `select a.usename as role, a.datname as database, a.application_name as application, host(a.client_addr) as address,
            a.backend_type as backend, s.ssl, s.version, s.cipher
       from pg_stat_activity a join pg_stat_ssl s using (pid) where a.pid = $1`,
    [pid],
  );
  return rows[0];
}

describe.each(majorsUnderTest())('PostgreSQL %i', (major) => {
  let server: PostgresServer;

  beforeAll(async () => {
    const rsa = await (await createAuthority()).issue({ keyType: 'rsa-2048' });
    server = await startPostgres({
      major,
      tls: { ...legacyTls, certificate: rsa },
      roles: [{ name: 'app' }, { name: 'standby', attributes: 'REPLICATION' }],
      databases: ['orders'],
    });
  });

  afterAll(() => server[Symbol.asyncDispose]());

  test.each([
    ['tlsv1.3', { ssl: true, version: 'TLSv1.3', address: '127.0.0.1' }],
    ['tlsv1.2', { ssl: true, version: 'TLSv1.2', cipher: 'ECDHE-RSA-AES256-GCM-SHA384', address: '127.0.0.1' }],
    ['tlsv1.2-weak-cipher', { ssl: true, version: 'TLSv1.2', cipher: 'AES128-SHA', address: '127.0.0.1' }],
    ['tlsv1.1', { ssl: true, version: 'TLSv1.1', address: '127.0.0.1' }],
    ['tlsv1', { ssl: true, version: 'TLSv1', address: '127.0.0.1' }],
    ['plaintext', { ssl: false, version: null, address: '127.0.0.1' }],
    ['unix-socket', { ssl: false, version: null, address: null }],
  ] as const satisfies readonly (readonly [SessionKind, object])[])(
    'a %s session is seen as one',
    async (kind, facts) => {
      await using session = await openSession(server, { kind, applicationName: `test ${kind}` });
      expect(await seen(server, session.pid)).toMatchObject({
        role: 'app',
        database: 'orders',
        application: `test ${kind}`,
        backend: 'client backend',
        ...facts,
      });
    },
  );

  test('walsenders travel like any session, and physical ones have no database', async () => {
    const role = 'standby';
    await using held = await openSessions(server, [
      { kind: 'plaintext', role, replication: 'physical' },
      { kind: 'tlsv1.3', role, replication: 'logical', database: 'postgres' },
    ]);
    const [physical, logical] = await Promise.all(held.sessions.map(({ pid }) => seen(server, pid)));
    expect(physical).toMatchObject({ backend: 'walsender', role, database: null, ssl: false });
    expect(logical).toMatchObject({ backend: 'walsender', role, database: 'postgres', ssl: true });
  });
});

describe('any server', () => {
  let authority: Authority;
  let server: PostgresServer;

  beforeAll(async () => {
    authority = await createAuthority();
    server = await startPostgres({
      tls: { ...legacyTls, clientCa: authority.rootPem },
      roles: [{ name: 'app' }, { name: 'ledger' }],
      hba: ['hostssl all ledger all cert', 'host all app all scram-sha-256'],
    });
  });

  afterAll(() => server[Symbol.asyncDispose]());

  test('a client certificate is seen, and logs in where it is asked for', async () => {
    const clientCertificate = await authority.issue({ clientAuth: true, commonName: 'ledger' });
    await using session = await openSession(server, { kind: 'tlsv1.3', role: 'ledger', clientCertificate });
    expect(await server.adminQuery('select client_dn from pg_stat_ssl where pid = $1', [session.pid])).toEqual([
      { client_dn: '/CN=ledger' },
    ]);
    await expect(openSession(server, { kind: 'tlsv1.3', role: 'ledger' })).rejects.toMatchObject({ code: '28000' });
    const untrusted = await (await createAuthority()).issue({ clientAuth: true, commonName: 'ledger' });
    await expect(
      openSession(server, { kind: 'tlsv1.3', role: 'ledger', clientCertificate: untrusted }),
    ).rejects.toThrow();
  });

  test('sessions reach either loopback', async () => {
    await using held = await openSessions(server, [
      { kind: 'tlsv1.3', host: '::1' },
      { kind: 'plaintext', host: '::1' },
    ]);
    for (const { pid } of held.sessions) expect(await seen(server, pid)).toMatchObject({ address: '::1' });
  });

  test.each(SESSION_KINDS.filter((kind) => kind.startsWith('tls')))(
    'a %s session is opened over a verified connection or not at all',
    async (kind) => {
      const { rootPem: ca } = await createAuthority();
      for (const host of ['127.0.0.1', '::1', 'localhost'] as const) {
        await expect(openSession(server, { kind, host, ca })).rejects.toMatchObject({
          code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
        });
      }
    },
  );

  test('a certificate for other hosts is refused by name and by either kind of address', async () => {
    const certificate = await authority.issue({
      dnsNames: ['db.example.com'],
      ipAddresses: ['192.0.2.1', '2001:db8::1'],
    });
    await using other = await startPostgres({ tls: { certificate } });
    for (const host of ['127.0.0.1', '::1', 'localhost'] as const) {
      await expect(openSession(other, { kind: 'tlsv1.3', host })).rejects.toThrow(/::1|127\.0\.0\.1|localhost/);
    }
  });

  test('hostile application names arrive as they are, as far as the server keeps them', async () => {
    const applicationName = `\u001b[31m<!channel>\n${'x'.repeat(10_000)}`;
    await using session = await openSession(server, { kind: 'plaintext', applicationName });
    const { application } = (await seen(server, session.pid)) ?? {};
    // The server writes what is not printable ASCII its own way, and keeps 63 bytes.
    expect(application).toHaveLength(63);
    expect(application).toContain('<!channel>');
  });

  test('a closed session is seen no more', async () => {
    const session = await openSession(server, { kind: 'plaintext' });
    await session[Symbol.asyncDispose]();
    expect(await seen(server, session.pid)).toBeUndefined();
    expect(await session.ended).toBeUndefined();
  });

  test('when one of several can not be opened, those before it are closed', async () => {
    const wanted = [{ kind: 'plaintext' }, { kind: 'plaintext', database: 'missing' }] as const;
    await expect(openSessions(server, wanted)).rejects.toMatchObject({ code: '3D000' });
    expect(await server.adminQuery(`select 1 from pg_stat_activity where usename = 'app'`)).toEqual([]);
  });
});

test('the newest server of today refuses TLS below 1.2 by default', async () => {
  await using server = await startPostgres({ major: newestMajor() });
  await expect(openSession(server, { kind: 'tlsv1.1' })).rejects.toThrow(/protocol version/);
});
