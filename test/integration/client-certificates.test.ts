// The auditor's own certificate in front of a real server: the shapes it is stored in, and the reasons to refuse it.

import { createPrivateKey, getDiffieHellman } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtempDisposable, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Authority,
  type CertificateOptions,
  createAuthority,
  daysFromNow,
  encoded,
  type IssuedCertificate,
} from '../../lab/certificates.ts';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';

const PASSPHRASE = 'PW_passphrase';
const REVOKED = '42'.repeat(16);

let root: Authority;
let intermediate: Authority;
let certificate: IssuedCertificate;
let server: PostgresServer;
let folder: Awaited<ReturnType<typeof mkdtempDisposable>>;

beforeAll(async () => {
  root = await createAuthority({ name: 'Client Root' });
  intermediate = await createAuthority({ name: 'Client Intermediate', parent: root });
  certificate = await root.issue({ keyType: 'rsa-2048' });
  folder = await mkdtempDisposable(join(tmpdir(), 'crl-'));
  // The server may run under another account.
  await chmod(folder.path, 0o755);
  const list = join(folder.path, 'lists.crl');
  const lists = await Promise.all([root.revocationList({ revoked: [REVOKED] }), intermediate.revocationList()]);
  await writeFile(list, lists.join(''), { mode: 0o644 });
  server = await startPostgres({
    tls: { certificate, clientCa: root.rootPem },
    hba: ['hostssl all tls_auditor all cert'],
    settings: { ssl_crl_file: list },
  });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function auditWith(client: string): Promise<Snapshot> {
  const { snapshot } = await audit(
    { clientCertificate: { secret: 'client' } },
    { db: rdsSecret(server, undefined, { password: undefined }), ca: root.rootPem, client },
  );
  return snapshot;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('is shown as it is stored', () => {
  test.each<[string, (issued: IssuedCertificate) => object]>([
    ['leaf first', ({ chainPem, keyPem }) => ({ certificate: chainPem, privateKey: keyPem })],
    [
      'the intermediate first',
      ({ certificatePem, keyPem }) => ({
        certificate: intermediate.certificatePem + certificatePem,
        privateKey: keyPem,
      }),
    ],
    ['in base64', ({ chainPem, keyPem }) => ({ 'tls.crt': base64(chainPem), 'tls.key': base64(keyPem) })],
    [
      'with an encrypted key',
      ({ chainPem, keyPem }) => ({
        certificate: chainPem,
        privateKey: createPrivateKey(keyPem).export({
          type: 'pkcs8',
          format: 'pem',
          cipher: 'aes-256-cbc',
          passphrase: PASSPHRASE,
        }),
        passphrase: PASSPHRASE,
      }),
    ],
  ])('%s', async (_how, store) => {
    const issued = await intermediate.issue({ clientAuth: true, commonName: 'tls_auditor' });
    const { failure, link } = await auditWith(JSON.stringify(store(issued)));
    expect(failure).toBeUndefined();
    expect(link).toMatchObject({ value: { authorized: true, authentication: 'none' } });
  });
});

describe('is refused, and the failure says why', () => {
  test.each<[string, () => Authority | Promise<Authority>, CertificateOptions, RegExp, RegExp]>([
    ['expired', () => root, { notAfter: daysFromNow(-1) }, /has expired/, /a renewed certificate/],
    ['revoked', () => root, { serialNumber: REVOKED }, /is revoked/, /a new certificate: the old one/],
    [
      'of an unknown CA',
      () => createAuthority(),
      {},
      /does not know the CA/,
      /a CA in the server's ssl_ca_file has signed/,
    ],
    [
      'with an unknown critical extension',
      () => root,
      { extensions: [{ id: '1.2.3.4.5', critical: true, value: encoded(0x04, 'x') }] },
      /did not accept the auditor's client certificate/,
      /server log/,
    ],
    [
      'for servers only',
      () => root,
      { extendedKeyUsage: ['1.3.6.1.5.5.7.3.1'] },
      /not for client authentication/,
      /clientAuth/,
    ],
  ])('%s', async (_what, issuer, options, says, remedy) => {
    const issued = await (await issuer()).issue({ clientAuth: true, commonName: 'tls_auditor', ...options });
    const { failure } = await auditWith(issued.chainPem + issued.keyPem);
    expect(failure).toMatchObject({ cause: 'client-certificate-required' });
    expect(failure?.message).toMatch(says);
    expect(failure?.remedy).toMatch(remedy);
  });
});

test('Diffie-Hellman parameters of 1,024 bits are called too weak', async () => {
  const secure = createTlsServer({
    cert: certificate.chainPem,
    key: certificate.keyPem,
    maxVersion: 'TLSv1.2',
    ciphers: 'DHE-RSA-AES256-GCM-SHA384:@SECLEVEL=0',
    dhparam: dhParameters(getDiffieHellman('modp2').getPrime()),
  });
  const listener = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.pause();
      socket.write('S');
      secure.emit('connection', socket);
    });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  try {
    const { port } = listener.address() as AddressInfo;
    const db = JSON.stringify({ host: '127.0.0.1', port, username: 'u', password: 'PW_u' });
    const { snapshot } = await audit({}, { db, ca: root.rootPem });
    expect(snapshot.failure).toMatchObject({ cause: 'tls-handshake-failed' });
    expect(snapshot.failure?.message).toMatch(/Diffie-Hellman parameters of less than 2,048 bits/);
  } finally {
    listener.close();
  }
});

/** PKCS #3: the prime and the generator 2. */
function dhParameters(prime: Buffer): string {
  const integer = Buffer.concat([Buffer.of(0x02, 0x81, prime.length + 1, 0), prime]);
  const content = Buffer.concat([integer, Buffer.of(0x02, 1, 2)]);
  const der = Buffer.concat([Buffer.of(0x30, 0x81, content.length), content]);
  return `-----BEGIN DH PARAMETERS-----\n${der.toString('base64')}\n-----END DH PARAMETERS-----\n`;
}
