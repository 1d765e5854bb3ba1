import { createPrivateKey, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createAuthority, daysFromNow, selfSigned } from '../../lab/certificates.ts';

const DAY = 86_400_000;

describe('a certificate', () => {
  test('verifies against its root through its intermediate, and belongs to its key', async () => {
    const root = await createAuthority({ name: 'Root' });
    const intermediate = await createAuthority({ name: 'Intermediate', parent: root });
    const issued = await intermediate.issue();
    const [leaf, above] = issued.chainPem
      .split(/(?<=-----END CERTIFICATE-----\n)/)
      .map((pem) => new X509Certificate(pem));
    const top = new X509Certificate(issued.rootPem);
    expect(above?.ca).toBe(true);
    expect(leaf?.ca).toBe(false);
    expect(above && leaf?.verify(above.publicKey)).toBe(true);
    expect(above?.verify(top.publicKey)).toBe(true);
    expect(leaf && above && leaf.checkIssued(above)).toBe(true);
    expect(leaf?.checkPrivateKey(createPrivateKey(issued.keyPem))).toBe(true);
    expect(root.rootPem).toBe(root.certificatePem);
    expect(intermediate.rootPem).toBe(root.certificatePem);
  });

  test('is for this machine’s loopback by default', async () => {
    const certificate = new X509Certificate((await selfSigned()).certificatePem);
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkIP('::1')).toBe('::1');
  });

  test('names what the options say, and nothing more', async () => {
    const named = await selfSigned({ dnsNames: ['*.example.com'], ipAddresses: ['2001:db8::7'], commonName: 'db' });
    const certificate = new X509Certificate(named.certificatePem);
    expect(certificate.subjectAltName).toBe('DNS:*.example.com, IP Address:2001:DB8:0:0:0:0:0:7');
    expect(certificate.subject).toBe('CN=db');
    const nameless = new X509Certificate((await selfSigned({ dnsNames: [], ipAddresses: [] })).certificatePem);
    expect(nameless.subjectAltName).toBeUndefined();
  });

  test('has the common name given, whatever it contains', async () => {
    const commonName = 'CN=x, O="y" \\ #é <!channel>';
    const { subject } = new X509Certificate((await selfSigned({ commonName })).certificatePem).toLegacyObject();
    expect(subject.CN).toBe(commonName);
    await expect(selfSigned({ commonName: 'x'.repeat(128) })).rejects.toThrow('1 to 127 bytes');
  });

  test.each([
    ['is valid from an hour ago for 90 days', {}, -1 / 24, 90],
    ['has expired', { notAfter: daysFromNow(-2) }, -92, -2],
    ['is not yet valid', { notBefore: daysFromNow(3) }, 3, 93],
  ])('%s', async (_name, validity, from, to) => {
    const certificate = new X509Certificate((await selfSigned(validity)).certificatePem);
    const inDays = (date: Date) => (date.getTime() - Date.now()) / DAY;
    expect(inDays(certificate.validFromDate)).toBeCloseTo(from, 2);
    expect(inDays(certificate.validToDate)).toBeCloseTo(to, 2);
  });

  test.each([
    ['ec-p256', 'ec', { namedCurve: 'prime256v1' }],
    ['ec-p384', 'ec', { namedCurve: 'secp384r1' }],
    ['rsa-2048', 'rsa', { modulusLength: 2048 }],
    ['rsa-1024', 'rsa', { modulusLength: 1024 }],
  ] as const)('has the key asked for: %s', async (keyType, type, details) => {
    const { publicKey } = new X509Certificate((await selfSigned({ keyType })).certificatePem);
    expect(publicKey.asymmetricKeyType).toBe(type);
    expect(publicKey.asymmetricKeyDetails).toMatchObject(details);
  });

  test('is signed with the hash asked for', async () => {
    const authority = await createAuthority({ keyType: 'rsa-2048' });
    const algorithm = async (hash: 'SHA-1' | 'SHA-256') =>
      new X509Certificate((await authority.issue({ hash })).certificatePem).signatureAlgorithm;
    expect(await algorithm('SHA-1')).toBe('sha1WithRSAEncryption');
    expect(await algorithm('SHA-256')).toBe('sha256WithRSAEncryption');
  });

  test('of a client is for client authentication and names no host', async () => {
    const authority = await createAuthority();
    const issued = await authority.issue({ clientAuth: true, commonName: 'ledger' });
    const certificate = new X509Certificate(issued.certificatePem);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(certificate.subjectAltName).toBeUndefined();
  });
});

test('an impostor has its authority’s name and not its key', async () => {
  const real = await createAuthority({ name: 'Corporate CA' });
  const impostor = await createAuthority({ name: 'Corporate CA' });
  const issued = new X509Certificate((await impostor.issue()).certificatePem);
  const top = new X509Certificate(real.certificatePem);
  expect(issued.issuer).toBe(top.subject);
  expect(issued.verify(top.publicKey)).toBe(false);
});
