// Our verification of chains and revocation beside libpq's own: psql with verify-full and an audit, with the same
// files.

import { X509Certificate } from 'node:crypto';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Authority,
  type CertificateOptions,
  createAuthority,
  daysFromNow,
  encoded,
  generalName,
  type IssuedCertificate,
  type RawExtension,
} from '../../lab/certificates.ts';
import { audit } from '../../lab/collector.ts';
import { failingPostgres } from '../../lab/faulty-servers.ts';
import { askLibpq, reasonWithoutPsql } from '../../lab/libpq.ts';
import { POLICY } from '../../lab/snapshots.ts';
import { caBundleExpiring } from '../../lambda/checks/ca-bundle-expiring.ts';
import { serverCertificateExpiring } from '../../lambda/checks/server-certificate-expiring.ts';
import { weakServerCertificate } from '../../lambda/checks/weak-server-certificate.ts';
import type { FailureCause } from '../../lambda/model/failure.ts';

const reason = reasonWithoutPsql();
if (reason !== undefined) process.stderr.write(`skipped: chains beside libpq's: ${reason}\n`);

const LOGIN_ERROR = 'nobody logs in here';

/** What a server presents, and what it is verified with; all PEM. */
interface Presented {
  readonly certificate: Pick<IssuedCertificate, 'chainPem' | 'keyPem'>;
  readonly roots: string;
  readonly lists?: string;
}

interface Row {
  readonly what: string;
  readonly make: () => Promise<Presented>;
  /** Undefined where both accept; else both refuse. */
  readonly cause?: FailureCause;
  /** Of the failure's message. */
  readonly says?: RegExp;
}

let root: Authority;
let other: Authority;
let expired: Authority;
let intermediate: Authority;

async function issued(by: Authority, options: CertificateOptions = {}, ...more: string[]): Promise<Presented> {
  const { certificatePem, keyPem } = await by.issue(options);
  return { certificate: { chainPem: [certificatePem, ...more].join(''), keyPem }, roots: by.rootPem };
}

/** A leaf behind one authority below the root, with that authority sent. */
async function behind(
  below: Parameters<typeof createAuthority>[0],
  options: CertificateOptions = {},
): Promise<Presented> {
  const authority = await createAuthority({ parent: root, ...below });
  return issued(authority, options, authority.certificatePem);
}

/** Permits names below example.org only (RFC 5280, section 4.2.1.10). */
const onlyExampleOrg: RawExtension = {
  id: '2.5.29.30',
  critical: true,
  value: encoded(0x30, encoded(0xa0, encoded(0x30, generalName(2, 'example.org')))),
};
const unheardOf = (critical: boolean): RawExtension => ({ id: '1.2.3.4.5', critical, value: encoded(0x04, 'x') });
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const EMAIL_PROTECTION = '1.3.6.1.5.5.7.3.4';

const CHAINS: readonly Row[] = [
  { what: 'a root and its certificate', make: () => issued(root) },
  { what: 'an intermediate that is sent', make: () => behind({}) },
  {
    what: 'an intermediate in the bundle',
    make: async () => ({ ...(await issued(intermediate)), roots: root.rootPem + intermediate.certificatePem }),
  },
  { what: 'an intermediate that nobody sends', make: () => issued(intermediate), cause: 'certificate-untrusted' },
  {
    what: 'an intermediate as the only anchor',
    make: async () => ({ ...(await issued(intermediate)), roots: intermediate.certificatePem }),
    cause: 'certificate-untrusted',
  },
  {
    what: 'the certificate itself as the only anchor',
    make: async () => {
      const one = await issued(root);
      return { ...one, roots: one.certificate.chainPem };
    },
    cause: 'certificate-untrusted',
  },
  {
    what: 'another root',
    make: async () => ({ ...(await issued(root)), roots: other.rootPem }),
    cause: 'certificate-untrusted',
  },
  { what: 'a root that is sent too', make: async () => issued(root, {}, root.certificatePem) },
  {
    what: 'the chain in the wrong order',
    make: async () => {
      const lower = await createAuthority({ parent: intermediate });
      return issued(lower, {}, intermediate.certificatePem, lower.certificatePem);
    },
  },
  { what: 'strangers in the chain', make: async () => issued(root, {}, other.certificatePem, expired.certificatePem) },
  {
    what: 'strangers in the bundle',
    make: async () => ({ ...(await issued(root)), roots: other.rootPem + expired.rootPem + root.rootPem }),
  },
  {
    what: 'a cross-signed root, trusted by its own certificate',
    make: async () => {
      const cross = await createAuthority({ keysOf: root, parent: other });
      return issued(root, {}, cross.certificatePem);
    },
  },
  {
    what: 'a cross-signed root, trusted by the one that signed it',
    make: async () => {
      const cross = await createAuthority({ keysOf: root, parent: other });
      return { ...(await issued(root, {}, cross.certificatePem)), roots: other.rootPem };
    },
  },
  {
    what: 'a cross-signed root whose other signer has expired',
    make: async () => {
      const cross = await createAuthority({ keysOf: root, parent: expired });
      return issued(root, {}, cross.certificatePem, expired.certificatePem);
    },
  },
  {
    what: 'a cross-signed root that has expired, beside its own certificate',
    make: async () => {
      const cross = await createAuthority({ keysOf: root, parent: other, notAfter: daysFromNow(-2) });
      return { ...(await issued(root, {}, cross.certificatePem)), roots: root.rootPem + other.rootPem };
    },
  },
  {
    what: 'a root renewed with its key, the old one expired',
    make: async () => {
      const old = await createAuthority({ keysOf: root, notAfter: daysFromNow(-1) });
      return { ...(await issued(root)), roots: old.certificatePem + root.rootPem };
    },
  },
  { what: 'an expired root', make: () => issued(expired), cause: 'certificate-expired', says: /CA bundle/ },
  { what: 'an expired intermediate', make: () => behind({ notAfter: daysFromNow(-1) }), cause: 'certificate-expired' },
  {
    what: 'an expired certificate',
    make: () => issued(root, { notAfter: daysFromNow(-1) }),
    cause: 'certificate-expired',
  },
  {
    what: 'a certificate of tomorrow',
    make: () => issued(root, { notBefore: daysFromNow(1) }),
    cause: 'certificate-not-yet-valid',
  },
  {
    what: 'a path that is too long',
    make: async () => {
      const narrow = await createAuthority({ parent: root, name: 'Narrow CA', pathLength: 0 });
      const lower = await createAuthority({ parent: narrow });
      return issued(lower, {}, lower.certificatePem, narrow.certificatePem);
    },
    cause: 'certificate-rejected',
    says: /more CAs .*CN=Narrow CA allows \(path length\)/,
  },
  { what: 'a path that is just long enough', make: () => behind({ pathLength: 0 }) },
  {
    what: 'a name outside of a CA’s',
    make: () => behind({ name: 'Org CA', extensions: [onlyExampleOrg] }),
    cause: 'certificate-rejected',
    says: /CN=Org CA may issue for \(name constraints\)/,
  },
  {
    what: 'an unknown critical extension',
    make: () => issued(root, { extensions: [unheardOf(true)] }),
    cause: 'certificate-rejected',
    says: /critical extension \(1\.2\.3\.4\.5\)/,
  },
  {
    what: 'an unknown critical extension of a CA',
    make: () => behind({ name: 'Odd CA', extensions: [unheardOf(true)] }),
    cause: 'certificate-rejected',
    says: /CN=Odd CA has a critical extension/,
  },
  { what: 'an unknown extension', make: () => issued(root, { extensions: [unheardOf(false)] }) },
  {
    what: 'a certificate for clients only',
    make: () => issued(root, { extendedKeyUsage: [CLIENT_AUTH] }),
    cause: 'certificate-rejected',
    says: /not for server authentication/,
  },
  {
    what: 'a certificate for mail only',
    make: () => issued(root, { extendedKeyUsage: [EMAIL_PROTECTION] }),
    cause: 'certificate-rejected',
    says: /not for server authentication/,
  },
  {
    what: 'a certificate for servers and clients',
    make: () => issued(root, { extendedKeyUsage: [CLIENT_AUTH, SERVER_AUTH] }),
  },
  {
    what: 'a certificate for any use by its extension',
    make: () => issued(root, { extendedKeyUsage: ['2.5.29.37.0'] }),
    cause: 'certificate-rejected',
  },
  { what: 'a certificate without extended use', make: () => issued(root, { extendedKeyUsage: [] }) },
  {
    what: 'an issuer that is no CA',
    make: () => behind({ name: 'No CA', isAuthority: false }),
    cause: 'certificate-rejected',
    says: /CN=No CA signed another one, and is no CA's/,
  },
  {
    what: 'a SHA-1 signature',
    make: () => issued(root, { hash: 'SHA-1' }),
    cause: 'certificate-rejected',
    says: /SHA-1 or MD5/,
  },
  {
    what: 'a SHA-1 signature of an intermediate',
    make: () => behind({ hash: 'SHA-1' }),
    cause: 'certificate-rejected',
    says: /SHA-1 or MD5/,
  },
  { what: 'a SHA-1 signature of a root', make: async () => issued(await createAuthority({ hash: 'SHA-1' })) },
  {
    what: 'RSA of 1024 bits',
    make: () => issued(root, { keyType: 'rsa-1024' }),
    cause: 'certificate-rejected',
    says: /its key is too weak/,
  },
  {
    what: 'RSA of 1024 bits of an intermediate',
    make: () => behind({ name: 'Weak CA', keyType: 'rsa-1024' }),
    cause: 'certificate-rejected',
    says: /CN=Weak CA or of a CA above is too weak/,
  },
  {
    what: 'RSA of 1024 bits of a root',
    make: async () => issued(await createAuthority({ keyType: 'rsa-1024' })),
    cause: 'certificate-rejected',
  },
  { what: 'RSA of 2048 bits', make: () => issued(root, { keyType: 'rsa-2048' }) },
  { what: 'Ed25519', make: () => issued(root, { keyType: 'ed25519' }) },
];

const SERIAL = '41'.repeat(16);

/** Both CAs' lists, for a certificate behind an intermediate. */
async function revocation(
  lists: readonly (readonly [Authority, Parameters<Authority['revocationList']>[0]])[],
  by: Authority = intermediate,
): Promise<Presented> {
  const presented = await issued(by, { serialNumber: SERIAL }, ...(by === intermediate ? [by.certificatePem] : []));
  const pems = await Promise.all(lists.map(([authority, options]) => authority.revocationList(options)));
  return { ...presented, lists: pems.join('') };
}

const REVOCATION: readonly Row[] = [
  {
    what: 'both CAs’ lists',
    make: () =>
      revocation([
        [root, {}],
        [intermediate, {}],
      ]),
  },
  { what: 'the list of a root', make: () => revocation([[root, {}]], root) },
  {
    what: 'lists with others revoked',
    make: () =>
      revocation([
        [root, { revoked: ['01'] }],
        [intermediate, { revoked: ['02', '7f'] }],
      ]),
  },
  {
    what: 'lists of others besides',
    make: () =>
      revocation([
        [other, {}],
        [root, {}],
        [intermediate, {}],
      ]),
  },
  {
    what: 'a revoked certificate',
    make: () =>
      revocation([
        [root, {}],
        [intermediate, { revoked: ['02', SERIAL] }],
      ]),
    cause: 'certificate-revoked',
    says: /CN=localhost of 127\.0\.0\.1 was revoked by its CA on \d{4}-/,
  },
  {
    what: 'a certificate revoked by a root',
    make: () => revocation([[root, { revoked: [SERIAL] }]], root),
    cause: 'certificate-revoked',
  },
  {
    what: 'a revoked intermediate',
    make: async () => {
      const serial = new X509Certificate(intermediate.certificatePem).serialNumber;
      return revocation([
        [root, { revoked: [serial] }],
        [intermediate, {}],
      ]);
    },
    cause: 'certificate-revoked',
    says: /CN=Lab Intermediate/,
  },
  {
    what: 'no list of the intermediate',
    make: () => revocation([[root, {}]]),
    cause: 'certificate-revocation-unknown',
    says: /holds no list of CN=Lab Intermediate/,
  },
  {
    what: 'no list of the root',
    make: () => revocation([[intermediate, {}]]),
    cause: 'certificate-revocation-unknown',
    says: /holds no list of CN=Lab Root/,
  },
  { what: 'lists of others only', make: () => revocation([[other, {}]]), cause: 'certificate-revocation-unknown' },
  {
    what: 'a list that has ended',
    make: () =>
      revocation([
        [root, {}],
        [intermediate, { thisUpdate: daysFromNow(-9), nextUpdate: daysFromNow(-2) }],
      ]),
    cause: 'certificate-revocation-unknown',
    says: /list of CN=Lab Intermediate \S+ ended on/,
  },
  {
    what: 'a root’s list that has ended',
    make: () =>
      revocation([
        [intermediate, {}],
        [root, { thisUpdate: daysFromNow(-9), nextUpdate: daysFromNow(-2) }],
      ]),
    cause: 'certificate-revocation-unknown',
    says: /list of CN=Lab Root \S+ ended on/,
  },
  {
    what: 'a list that ended beside a present one',
    make: () =>
      revocation([
        [root, {}],
        [intermediate, { thisUpdate: daysFromNow(-9), nextUpdate: daysFromNow(-2) }],
        [intermediate, {}],
      ]),
  },
  {
    what: 'a list of tomorrow',
    make: () =>
      revocation([
        [root, {}],
        [intermediate, { thisUpdate: daysFromNow(1) }],
      ]),
    cause: 'certificate-revocation-unknown',
    says: /not valid yet/,
  },
  {
    what: 'a list in a CA’s name with another key',
    make: async () => {
      const impostor = await createAuthority({ name: root.name });
      return revocation([[impostor, {}]], root);
    },
    cause: 'certificate-revocation-unknown',
  },
];

let folder: Awaited<ReturnType<typeof mkdtempDisposable>>;

beforeAll(async () => {
  [root, other, expired] = await Promise.all([
    createAuthority(),
    createAuthority(),
    createAuthority({ name: 'Expired Root', notAfter: daysFromNow(-3) }),
  ]);
  intermediate = await createAuthority({ parent: root });
  folder = await mkdtempDisposable(join(tmpdir(), 'libpq-'));
});

afterAll(() => folder[Symbol.asyncDispose]());

describe(`chains beside libpq’s verify-full${reason === undefined ? '' : ` (libpq's side is skipped: ${reason})`}`, () => {
  test.each([...CHAINS, ...REVOCATION])('$what', async ({ make, cause, says }) => {
    const { certificate, roots, lists } = await make();
    await using server = await failingPostgres({ certificate, errors: [{ code: '28000', message: LOGIN_ERROR }] });
    const { host, port } = server;
    const db = JSON.stringify({ host, port, username: 'lab', password: 'PW_lab' });
    const { snapshot } = await audit(lists === undefined ? {} : { crl: [{ secret: 'crl' }] }, {
      db,
      ca: roots,
      ...(lists === undefined ? {} : { crl: lists }),
    });
    expect(snapshot.failure, snapshot.failure?.message).toMatchObject({ cause: cause ?? 'login-refused' });
    if (says !== undefined) expect(snapshot.failure?.message).toMatch(says);
    if (cause === undefined) {
      // What was verified is known: no check of certificates has to guess.
      for (const check of [caBundleExpiring, weakServerCertificate, serverCertificateExpiring]) {
        expect(check.evaluate(snapshot, POLICY), check.id).not.toMatchObject({ status: 'unknown' });
      }
    }
    if (reason !== undefined) return;
    const [rootFile, listFile] = [join(folder.path, 'roots.pem'), join(folder.path, 'lists.pem')];
    await writeFile(rootFile, roots);
    await writeFile(listFile, lists ?? '');
    const question = {
      host,
      port,
      rootCertificates: rootFile,
      revocationLists: lists === undefined ? undefined : listFile,
    };
    const libpq = await askLibpq(question, LOGIN_ERROR);
    expect(libpq === 'accepted', libpq).toBe(cause === undefined);
  });
});
