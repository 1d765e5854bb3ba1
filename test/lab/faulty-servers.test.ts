import { once } from 'node:events';
import net from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type Authority,
  createAuthority,
  daysFromNow,
  type IssuedCertificate,
  selfSigned,
} from '../../lab/certificates.ts';
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
} from '../../lab/faulty-servers.ts';
import { startPostgres } from '../../lab/postgres.ts';

const PASSWORD = 'canary-7c1f';
let authority: Authority;
let certificate: IssuedCertificate;

beforeAll(async () => {
  authority = await createAuthority();
  certificate = await authority.issue();
});

/** Connects as a careful client does; resolves with the error, or the client's answer to `select 1`. */
async function connect(
  server: { readonly host: string; readonly port: number },
  options: { readonly ssl?: ConnectionOptions; readonly direct?: boolean; readonly account?: pg.ClientConfig } = {},
): Promise<unknown> {
  const config: pg.ClientConfig = {
    host: server.host,
    port: server.port,
    user: 'app',
    password: PASSWORD,
    database: 'postgres',
    connectionTimeoutMillis: 5_000,
    ...options.account,
    ssl: { ca: authority.rootPem, ...options.ssl },
  };
  const client = new pg.Client({ ...config, ...(options.direct === true ? { sslnegotiation: 'direct' } : {}) });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query('select 1 as one');
    await client.end();
    return rows[0];
  } catch (error) {
    return error;
  }
}

async function expectNothingButAnSslRequest(server: FaultyServer): Promise<void> {
  const connection = await server.connectionClosed();
  expect(connection.received).toEqual(SSL_REQUEST);
  expect(connection.decrypted).toHaveLength(0);
}

describe('before TLS', () => {
  test('a black hole takes the connection and the first bytes, and never answers', async () => {
    await using server = await blackHole();
    const socket = net.connect(server.port, server.host);
    await once(socket, 'connect');
    socket.write(SSL_REQUEST);
    const answer = await Promise.race([
      once(socket, 'data').then(() => 'an answer'),
      new Promise((resolve) => setTimeout(resolve, 200, 'silence')),
    ]);
    socket.destroy();
    expect(answer).toBe('silence');
    await expectNothingButAnSslRequest(server);
  });

  test('a closed port refuses', async () => {
    expect(await connect(await closedPort())).toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('a reset at connect is a reset', async () => {
    await using server = await resetsAtConnect();
    expect(await connect(server)).toMatchObject({ code: 'ECONNRESET' });
    expect((await server.connectionClosed()).received).toHaveLength(0);
  });

  test('a reset in mid-handshake comes after the ClientHello', async () => {
    await using server = await resetsMidHandshake();
    expect(await connect(server)).toMatchObject({ code: 'ECONNRESET' });
    const { received } = await server.connectionClosed();
    expect(received.subarray(0, 8)).toEqual(SSL_REQUEST);
    expect(received[8]).toBe(22);
  });

  test.each([
    ['an HTTP answer', undefined],
    ['random bytes', new Uint8Array([0xde, 0xad, 0xbe, 0xef])],
  ])('garbage is no PostgreSQL: %s', async (_name, answer) => {
    await using server = await speaksGarbage(answer);
    expect(await connect(server)).toMatchObject({ message: 'There was an error establishing an SSL connection' });
    await expectNothingButAnSslRequest(server);
  });

  test('a plaintext-only server says N, and receives nothing more from a careful client', async () => {
    await using server = await refusesTls();
    expect(await connect(server)).toMatchObject({ message: 'The server does not support SSL connections' });
    await expectNothingButAnSslRequest(server);
  });

  test('plaintext stuffed behind the S reaches the client with it', async () => {
    await using server = await stuffsPlaintext(certificate);
    const socket = net.connect(server.port, server.host);
    socket.write(SSL_REQUEST);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect(answer).toEqual(Buffer.from([0x53, 0x52, 0, 0, 0, 8, 0, 0, 0, 0]));
  });
});

describe('TLS', () => {
  test.each(['TLSv1', 'TLSv1.1'] as const)('a %s-only server is refused by a client of today', async (version) => {
    await using server = await speaksOnly(version, certificate);
    expect(await connect(server)).toMatchObject({
      message: expect.stringMatching(/unsupported protocol|alert protocol version/),
    });
    await expectNothingButAnSslRequest(server);
  });

  test('a TLSv1-only server is understood by a client of then', async () => {
    await using server = await speaksOnly('TLSv1', certificate);
    const client = connect(server, { ssl: { minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' } });
    await expect.poll(() => server.connections[0]?.decrypted.toString('latin1')).toContain('app');
    await server[Symbol.asyncDispose]();
    expect(await client).toBeInstanceOf(Error);
  });

  test.each([
    ['expired', () => authority.issue({ notAfter: daysFromNow(-1) }), 'CERT_HAS_EXPIRED'],
    ['not yet valid', () => authority.issue({ notBefore: daysFromNow(1) }), 'CERT_NOT_YET_VALID'],
    ['for another host', () => authority.issue({ dnsNames: ['db.example.com'] }), 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['for no address', () => authority.issue({ dnsNames: ['localhost'] }), 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['without names', () => authority.issue({ dnsNames: [], ipAddresses: [] }), 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['self-signed', () => selfSigned(), 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['of an unknown CA', async () => (await createAuthority()).issue(), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    [
      'of an impostor of the CA',
      async () => (await createAuthority({ name: authority.name })).issue(),
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    ],
    [
      'without its intermediate',
      async () => {
        const issued = await (await createAuthority({ parent: authority })).issue();
        return { ...issued, chainPem: issued.certificatePem };
      },
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    ],
    ['with a weak key', () => authority.issue({ keyType: 'rsa-1024' }), 'EE certificate key too weak'],
    ['signed with SHA-1', () => authority.issue({ hash: 'SHA-1' }), 'CA signature digest algorithm too weak'],
    ['for clients', () => authority.issue({ clientAuth: true, ipAddresses: ['127.0.0.1'] }), 'INVALID_PURPOSE'],
  ])('a certificate %s is refused before anything is sent', async (_name, issue, reason) => {
    await using server = await recordingTlsProxy({ certificate: await issue() });
    const { code, message } = (await connect(server)) as NodeJS.ErrnoException;
    // Where OpenSSL's reason has no name in Node, its code is UNSPECIFIED and the message tells.
    expect([code, message]).toContain(reason);
    await expectNothingButAnSslRequest(server);
  });

  test.each([
    ['of an address alone', () => authority.issue({ ipAddresses: ['127.0.0.1'] })],
    ['behind an intermediate', async () => (await createAuthority({ parent: authority })).issue()],
    ['with an RSA key', () => authority.issue({ keyType: 'rsa-2048' })],
    ['with a P-384 key', () => authority.issue({ keyType: 'ec-p384' })],
  ])('a good certificate %s lets the startup message through', async (_name, issue) => {
    await using server = await recordingTlsProxy({ certificate: await issue() });
    const client = connect(server);
    await expect.poll(() => server.connections[0]?.decrypted.toString('latin1')).toContain('user\0app\0');
    expect(server.connections[0]).toMatchObject({ handshakeCompleted: true, received: SSL_REQUEST });
    await server[Symbol.asyncDispose]();
    expect(await client).toBeInstanceOf(Error);
  });

  test('a proxy that asks for a client certificate refuses those who show none', async () => {
    await using server = await recordingTlsProxy({ certificate, clientCa: authority.rootPem });
    expect(await connect(server)).toMatchObject({ code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' });
    expect((await server.connectionClosed()).handshakeCompleted).toBe(false);
  });
});

describe('in front of a real server', () => {
  test('a proxy ends TLS and relays, by either negotiation', async () => {
    await using server = await startPostgres();
    await using proxy = await recordingTlsProxy({ certificate, upstream: server });
    const account = { user: 'app', password: server.connectionConfig('app').password };
    expect(await connect(proxy, { account })).toEqual({ one: 1 });
    expect(await connect(proxy, { account, direct: true })).toEqual({ one: 1 });
    expect(server.log()).not.toMatch(/user=app.*SSL enabled/);
    expect((await proxy.connectionClosed(1)).received).toHaveLength(0);
  });

  test('a failing server answers that many logins with errors, then lets them through', async () => {
    await using server = await startPostgres();
    await using failing = await failingPostgres({
      certificate,
      errors: [
        { code: '57P03', message: 'the database system is starting up' },
        { code: '53300', message: 'sorry, too many clients already' },
      ],
      afterwards: server,
    });
    const account = { user: 'app', password: server.connectionConfig('app').password };
    expect(await connect(failing, { account })).toMatchObject({
      code: '57P03',
      severity: 'FATAL',
      message: 'the database system is starting up',
    });
    expect(await connect(failing, { account })).toMatchObject({ code: '53300' });
    expect(await connect(failing, { account })).toEqual({ one: 1 });
  });

  test('a failing server without a real one behind it goes on failing', async () => {
    await using failing = await failingPostgres({ certificate, errors: [{ code: '28P01', message: 'no' }] });
    expect(await connect(failing)).toMatchObject({ code: '28P01' });
    expect(await connect(failing)).toMatchObject({ code: '28P01' });
    expect(failing.connections).toHaveLength(2);
  });
});
