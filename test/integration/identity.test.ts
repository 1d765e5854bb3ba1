// A server that does not prove who it is: refused before anything of ours is sent, and explained.

import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  type Authority,
  createAuthority,
  daysFromNow,
  type IssuedCertificate,
  selfSigned,
} from '../../lab/certificates.ts';
import { audit } from '../../lab/collector.ts';
import { type FaultyServer, recordingTlsProxy, SSL_REQUEST } from '../../lab/faulty-servers.ts';
import { knownValue } from '../../lab/known-value.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';
import type { Target } from '../../lambda/model/target.ts';

/** What must never arrive, as the secret holds it. */
const SECRETS = { username: 'canary_role', password: 'canary-password', dbname: 'canary_database' };

/** A bad certificate on its own, or with the bundle in which it is looked up. */
interface Presented {
  readonly certificate: Pick<IssuedCertificate, 'certificatePem' | 'chainPem' | 'keyPem'>;
  /** @default the good authority's root */
  readonly ca?: string;
}

interface Refused {
  readonly snapshot: Snapshot;
  readonly server: FaultyServer;
  readonly message: string;
}

let authority: Authority;

afterEach(() => vi.unstubAllEnvs());

beforeAll(async () => {
  authority = await createAuthority({ name: 'Good Root' });
});

const iso = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, 'Z');
const sha256 = (pem: string): string => createHash('sha256').update(new X509Certificate(pem).raw).digest('hex');

/** Audits a server that presents that, and expects a refusal that gave nothing away. */
async function refused({ certificate, ca }: Presented, target: Partial<Target> = {}): Promise<Refused> {
  await using server = await recordingTlsProxy({ certificate });
  const db = JSON.stringify({ engine: 'postgres', host: server.host, port: server.port, ...SECRETS });
  const { snapshot, reads } = await audit(target, { db, ca: ca ?? authority.rootPem });

  // One connection that was refused and one that looked why; neither got as far as a word of PostgreSQL's login.
  await server.connectionClosed(1);
  expect(server.connections).toHaveLength(2);
  for (const { received, decrypted } of server.connections) {
    expect(received).toEqual(SSL_REQUEST);
    expect(decrypted).toHaveLength(0);
  }
  for (const count of reads.values()) expect(count).toBe(1);
  // What was presented is known; nothing else is, and nothing of the secret is told.
  const chain = knownValue(snapshot.serverChain);
  expect(chain[0]?.sha256).toBe(sha256(certificate.certificatePem));
  for (const fact of [snapshot.link, snapshot.server, snapshot.visibility, snapshot.sessions]) {
    expect(fact.known).toBe(false);
  }
  expect(JSON.stringify(snapshot)).not.toContain('canary');
  expect(snapshot.failure).toMatchObject({ phase: 'tls', remedy: expect.stringMatching(/\w/) });
  return { snapshot, server, message: snapshot.failure?.message ?? '' };
}

describe('a certificate out of time', () => {
  test('that has expired is refused, with the day it ended', async () => {
    const notAfter = daysFromNow(-3);
    const { snapshot, message } = await refused({ certificate: await authority.issue({ notAfter }) });
    expect(snapshot.failure).toMatchObject({ cause: 'certificate-expired' });
    expect(message).toContain(`CN=localhost of 127.0.0.1 is expired since ${iso(notAfter)} (3 days ago)`);
    expect(knownValue(snapshot.serverChain)[0]?.notAfter).toBe(iso(notAfter));
  });

  test('that is not valid yet is refused, with the day it begins', async () => {
    const notBefore = daysFromNow(2);
    const { snapshot, message } = await refused({ certificate: await authority.issue({ notBefore }) });
    expect(snapshot.failure).toMatchObject({ cause: 'certificate-not-yet-valid' });
    expect(message).toContain(`CN=localhost of 127.0.0.1 is not valid yet, but from ${iso(notBefore)} on`);
  });

  test('with an intermediate that has expired is refused for the intermediate’s sake', async () => {
    const notAfter = daysFromNow(-1);
    const intermediate = await createAuthority({ name: 'Old Intermediate', parent: authority, notAfter });
    const { snapshot, message } = await refused({ certificate: await intermediate.issue() });
    expect(snapshot.failure).toMatchObject({ cause: 'certificate-expired' });
    expect(message).toContain(`The certificate CN=Old Intermediate of 127.0.0.1 is expired since ${iso(notAfter)}`);
    expect(knownValue(snapshot.serverChain).map(({ subject }) => subject)).toEqual([
      'CN=localhost',
      'CN=Old Intermediate',
    ]);
  });

  test('of an authority whose root expired in the bundle is the bundle’s fault, and said to be', async () => {
    const notAfter = daysFromNow(-20);
    const old = await createAuthority({ name: 'Retired Root', notAfter });
    const { snapshot, message } = await refused({ certificate: await old.issue(), ca: old.rootPem });
    expect(snapshot.failure).toMatchObject({ cause: 'certificate-expired' });
    expect(message).toContain('expired in the CA bundle: CN=Retired Root');
    expect(message).toContain(iso(notAfter));
    expect(snapshot.failure?.remedy).toContain('CA bundle');
  });
});

describe('a certificate for another server', () => {
  test.each([
    ['another name', '127.0.0.1', { dnsNames: ['a.example.com', 'b.example.com'] }, ['DNS:a.example.com', 'DNS:b.exa']],
    ['an address, where the host is a name', 'localhost', { ipAddresses: ['127.0.0.1', '::1'] }, ['Address:127.0.0.1']],
    ['a name, where the host is an address', '127.0.0.1', { dnsNames: ['localhost'] }, ['DNS:localhost']],
    ['another address', '127.0.0.1', { ipAddresses: ['127.0.0.2'] }, ['IP Address:127.0.0.2']],
    ['the IPv6 loopback alone', '127.0.0.1', { ipAddresses: ['::1'] }, ['IP Address:0:0:0:0:0:0:0:1']],
    ['more of the name', 'localhost', { dnsNames: ['localhost.example.com'] }, ['DNS:localhost.example.com']],
    ['any host', 'localhost', { dnsNames: ['*'] }, ['DNS:*']],
    [
      'the host in its subject, beside other names',
      'localhost',
      { dnsNames: ['db.example.com'], commonName: 'localhost' },
      ['DNS:db.example.com'],
    ],
  ])('%s is refused, with what it carries', async (_what, host, options, carried) => {
    const certificate = await authority.issue(options);
    const { snapshot, message } = await refused({ certificate }, { host });
    expect(snapshot.failure).toMatchObject({ cause: 'certificate-wrong-host' });
    expect(message).toContain(`The certificate of ${host} is not for ${host}: it carries `);
    for (const name of carried) expect(message).toContain(name);
    expect(snapshot.failure?.remedy).toContain('tlsServerName');
  });

  test.each([
    ['a DNS name', { dnsNames: ['127.0.0.1'] }, 'carries the address 127.0.0.1 as a DNS name only'],
    [
      'its common name',
      { dnsNames: [], ipAddresses: [], commonName: '127.0.0.1' },
      'carries the address 127.0.0.1 as its common name only',
    ],
  ])('the host’s address as %s is refused, and never said to be another', async (_what, options, what) => {
    const certificate = await authority.issue(options);
    const { snapshot, message } = await refused({ certificate });
    expect(snapshot.failure).toMatchObject({ cause: 'certificate-wrong-host' });
    expect(message).toContain(`The certificate of 127.0.0.1 ${what}, where the auditor wants it as an iPAddress`);
    expect(message).not.toContain('is not for');
    expect(snapshot.failure?.remedy).toContain('subjectAltName IP:127.0.0.1');
  });

  test('many names are counted where they would fill the page, and shown harmless', async () => {
    const dnsNames = Array.from({ length: 60 }, (_, index) => `db-${index}.example.com`);
    const { message } = await refused({ certificate: await authority.issue({ dnsNames }) });
    expect(message).toContain('DNS:db-7.example.com; and 52 more');
    expect(message).not.toContain('db-8.');
  });

  test('a tlsServerName that it does not carry is refused, though it carries the host', async () => {
    const { message } = await refused({ certificate: await authority.issue() }, { tlsServerName: 'db.example.com' });
    expect(message).toContain('The certificate of 127.0.0.1 is not for db.example.com: it carries DNS:localhost');
  });
});

describe('a certificate of no CA that we trust', () => {
  test('self-signed: with the fingerprint to compare before it is trusted', async () => {
    const certificate = await selfSigned();
    const { snapshot, message } = await refused({ certificate });
    expect(snapshot.failure).toMatchObject({ cause: 'certificate-untrusted' });
    expect(message).toContain('127.0.0.1 presents the self-signed certificate CN=localhost');
    expect(message).toContain(sha256(certificate.certificatePem));
    expect(message).toContain('the CA bundle, which holds CN=Good Root');
    expect(knownValue(snapshot.serverChain)).toMatchObject([{ selfSigned: true }]);
  });

  test('of an authority that the bundle does not hold: with the issuer, and what the bundle holds', async () => {
    const other = await createAuthority({ name: 'Other Root' });
    const { snapshot, message } = await refused({ certificate: await other.issue() });
    expect(snapshot.failure).toMatchObject({ cause: 'certificate-untrusted' });
    expect(message).toContain('CN=localhost of 127.0.0.1 is signed by CN=Other Root, which is not in the CA bundle');
    expect(message).toContain('which holds CN=Good Root');
  });

  test('of an impostor who bears the authority’s name', async () => {
    const impostor = await createAuthority({ name: authority.name });
    const { snapshot, message } = await refused({ certificate: await impostor.issue() });
    expect(snapshot.failure).toMatchObject({ cause: 'certificate-untrusted' });
    // It would be no help to say that CN=Good Root is not among CN=Good Root.
    expect(message).toContain('is signed in the name of CN=Good Root, but with another key');
    expect(message).not.toContain('which is not in');
  });

  test('without the intermediate between it and the root', async () => {
    const intermediate = await createAuthority({ name: 'Unsent Intermediate', parent: authority });
    const issued = await intermediate.issue();
    const certificate = { ...issued, chainPem: issued.certificatePem };
    const { snapshot, message } = await refused({ certificate });
    expect(snapshot.failure).toMatchObject({ cause: 'certificate-untrusted' });
    expect(message).toContain('is signed by CN=Unsent Intermediate, which is not in the CA bundle');
    expect(snapshot.failure?.remedy).toContain('intermediates');
    expect(knownValue(snapshot.serverChain)).toHaveLength(1);
  });

  test('behind an intermediate of an unknown root: the root is what lacks', async () => {
    const other = await createAuthority({ name: 'Other Root' });
    const intermediate = await createAuthority({ name: 'Other Intermediate', parent: other });
    const { message } = await refused({ certificate: await intermediate.issue() });
    expect(message).toContain('CN=Other Root, which is not in the CA bundle');
  });

  test('without an upper intermediate: what it lacks is named with the certificate that lacks it', async () => {
    const upper = await createAuthority({ name: 'Upper Intermediate', parent: authority });
    const lower = await createAuthority({ name: 'Lower Intermediate', parent: upper });
    const issued = await lower.issue();
    const certificate = { ...issued, chainPem: issued.certificatePem + lower.certificatePem };
    const { snapshot, message } = await refused({ certificate });
    expect(snapshot.failure).toMatchObject({ cause: 'certificate-untrusted' });
    expect(message).toContain(
      'The intermediate certificate CN=Lower Intermediate that 127.0.0.1 presents is signed by CN=Upper Intermediate, which is not in the CA bundle',
    );
    expect(message).not.toContain('CN=localhost of 127.0.0.1 is signed by');
    expect(snapshot.failure?.remedy).toContain('intermediates');
  });

  test('of an authority whose own issuer the bundle lacks: an intermediate alone vouches for nothing', async () => {
    const intermediate = await createAuthority({
      name: 'Half Way',
      parent: await createAuthority({ name: 'Far Root' }),
    });
    const issued = await intermediate.issue();
    const certificate = { ...issued, chainPem: issued.certificatePem };
    const { message } = await refused({ certificate, ca: intermediate.certificatePem });
    expect(message).toContain(
      'The certificate CN=Half Way in the CA bundle is signed by CN=Far Root, which is not in the CA bundle, which holds CN=Half Way',
    );
  });

  test('of a private authority, where the system’s roots are trusted', async () => {
    for (const name of ['SSL_CERT_FILE', 'SSL_CERT_DIR']) vi.stubEnv(name, undefined);
    const { snapshot, message } = await refused({ certificate: await authority.issue(), ca: '' }, { ca: ['system'] });
    expect(snapshot.failure).toMatchObject({ cause: 'certificate-untrusted' });
    expect(message).toContain("CN=Good Root, which is not among the system's roots");
  });

  test('of a private authority, where a variable replaces the system’s roots: with what is left out, and why', async () => {
    vi.stubEnv('SSL_CERT_FILE', undefined);
    vi.stubEnv('SSL_CERT_DIR', '/nowhere');
    const { message } = await refused({ certificate: await authority.issue(), ca: '' }, { ca: ['system'] });
    expect(message).toContain("which is not among Node's bundled roots");
    expect(message).toContain("the operating system's store is left out: the environment variable SSL_CERT_DIR");
  });

  test('a leaf that plays the authority signs nothing that counts', async () => {
    const leaf = await authority.issue({ commonName: 'leaf' });
    const { snapshot } = await refused({ certificate: await selfSigned(), ca: leaf.certificatePem });
    expect(snapshot.failure).toMatchObject({ cause: 'certificate-untrusted' });
  });
});

describe('a certificate that proves too little', () => {
  test.each([
    ['a weak key', { keyType: 'rsa-1024' }, /key too weak.*rsa 1024/s],
    ['a SHA-1 signature', { hash: 'SHA-1' }, /digest algorithm too weak.*SHA1/is],
  ] as const)('%s is refused and named', async (_what, options, explanation) => {
    const { snapshot, message } = await refused({ certificate: await authority.issue(options) });
    expect(snapshot.failure).toMatchObject({ cause: 'certificate-rejected' });
    expect(message).toMatch(explanation);
  });

  test('one for clients only is refused as a server’s', async () => {
    const certificate = await authority.issue({ clientAuth: true, ipAddresses: ['127.0.0.1'] });
    const { snapshot, message } = await refused({ certificate });
    expect(snapshot.failure).toMatchObject({ cause: 'certificate-rejected' });
    expect(message).toMatch(/purpose/i);
    expect(snapshot.failure?.remedy).toContain('server authentication');
  });
});

describe('an environment that switches verification off', () => {
  test.each([
    ['another name', async () => authority.issue({ dnsNames: ['db.example.com'] }), 'certificate-wrong-host'],
    ['a self-signed certificate', async () => selfSigned(), 'certificate-untrusted'],
    ['an expired one', async () => authority.issue({ notAfter: daysFromNow(-1) }), 'certificate-expired'],
  ] as const)('has no effect on %s', async (_what, issue, cause) => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    const { snapshot } = await refused({ certificate: await issue() });
    expect(snapshot.failure).toMatchObject({ cause });
  });
});

describe('the second connection', () => {
  test('shows no client certificate', async () => {
    const client = await authority.issue({ clientAuth: true, commonName: 'auditor' });
    await using server = await askingForCertificates(await selfSigned());
    const db = JSON.stringify({ host: server.host, port: server.port, ...SECRETS });
    const { snapshot } = await audit(
      { clientCertificate: { secret: 'client' } },
      { db, ca: authority.rootPem, client: `${client.chainPem}${client.keyPem}` },
    );
    expect(snapshot.failure).toMatchObject({ cause: 'certificate-untrusted' });
    expect(snapshot.failure?.message).toContain('self-signed');
    await expect.poll(() => server.shown).toHaveLength(2);
    // TLS itself shows it on the first: a client may only judge the server when the handshake is over.
    expect(server.shown[1]).toBeUndefined();
  });

  test('is taken the same way as the first: directly, where the target says so', async () => {
    await using server = await recordingTlsProxy({ certificate: await selfSigned() });
    const db = JSON.stringify({ host: server.host, port: server.port, ...SECRETS });
    const { snapshot } = await audit({ sslNegotiation: 'direct' }, { db, ca: authority.rootPem });
    expect(snapshot.failure).toMatchObject({ cause: 'certificate-untrusted' });
    await server.connectionClosed(1);
    expect(server.connections).toHaveLength(2);
    for (const { received, decrypted } of server.connections) expect([...received, ...decrypted]).toEqual([]);
  });

  test('that fails costs the details only', async () => {
    // Given: a server that takes one connection and no other.
    await using server = await recordingTlsProxy({ certificate: await selfSigned() });
    const db = JSON.stringify({ host: server.host, port: server.port, ...SECRETS });
    void server.connectionClosed(0).then(() => server[Symbol.asyncDispose]());
    const { snapshot } = await audit({}, { db, ca: authority.rootPem });
    expect(snapshot.failure).toMatchObject({ cause: 'certificate-untrusted' });
    expect(snapshot.failure?.message).toMatch(/a second connection to read its certificate failed/);
    expect(snapshot.serverChain.known).toBe(false);
  });
});

/**
 * Asks clients for a certificate, by TLSv1.2, where the server knows at the end of a handshake what it was shown.
 * `shown` are the subjects, connection by connection.
 */
async function askingForCertificates({ chainPem, keyPem }: IssuedCertificate) {
  const shown: (string | undefined)[] = [];
  // The server's side: it looks at clients' certificates, and lets everybody in.
  const insists = false;
  const secure = tls.createServer({
    cert: chainPem,
    key: keyPem,
    maxVersion: 'TLSv1.2',
    requestCert: true,
    rejectUnauthorized: insists,
  });
  secure.on('secureConnection', (socket) => {
    socket.on('error', () => undefined);
    shown.push(socket.getPeerX509Certificate()?.subject);
  });
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.pause();
      socket.write('S');
      secure.emit('connection', socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  return {
    host: '127.0.0.1',
    port,
    shown: shown as readonly (string | undefined)[],
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}
