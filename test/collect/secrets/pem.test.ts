import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority, type IssuedCertificate, selfSigned } from '../../../lab/certificates.ts';
import { parseCaBundle, parseClientCertificate } from '../../../lambda/collect/secrets/pem.ts';
import type { AuditFailure } from '../../../lambda/model/failure.ts';
import { CANARY, everythingShownOf, failureOf } from '../canary.ts';

let root: Authority;
let otherRoot: Authority;
let intermediate: Authority;
let client: IssuedCertificate;
let other: IssuedCertificate;
let revocationList: string;

beforeAll(async () => {
  [root, otherRoot] = await Promise.all([createAuthority(), createAuthority()]);
  intermediate = await createAuthority({ parent: root });
  client = await intermediate.issue({ clientAuth: true, commonName: 'tls_auditor' });
  other = await selfSigned();
  revocationList = await root.revocationList();
});

const oneLine = (pem: string): string => pem.replaceAll('\n', '\\n');
const withSpaces = (pem: string): string => pem.trim().replaceAll('\n', ' ');
const withReturns = (pem: string): string => pem.replaceAll('\n', '\r\n');
const der = (pem: string): Uint8Array => new X509Certificate(pem).raw;
const cutOff = (pem: string): string => pem.slice(0, pem.indexOf('-----END'));
const damaged = (pem: string): string => pem.replace(/\n[A-Za-z0-9+/]{8}/, '\nAAAAAAAA');
const fingerprints = (...pems: readonly string[]): readonly string[] =>
  pems.map((pem) => new X509Certificate(pem).fingerprint256);

/** No line of a private key's PEM shows in the failure. */
function expectNoKeyIn(failure: AuditFailure, ...keys: readonly string[]): void {
  const shown = everythingShownOf(failure);
  for (const line of keys.join('\n').split(/\n|\\n/)) {
    if (/^[A-Za-z0-9+/=]{16,}$/.test(line)) expect(shown).not.toContain(line);
  }
}

describe('a CA bundle', () => {
  const parsed = (content: string | Uint8Array): readonly string[] =>
    parseCaBundle(content, 'CA bundle in secret ca').certificates.map(({ fingerprint256 }) => fingerprint256);

  test.each<[string, () => string | Uint8Array]>([
    ['as PEM', () => root.certificatePem],
    ['as bytes of PEM', () => Buffer.from(root.certificatePem)],
    ['as DER', () => der(root.certificatePem)],
    ['with line ends of Windows', () => withReturns(root.certificatePem)],
    ['with escaped line ends', () => oneLine(root.certificatePem)],
    ['with escaped line ends of Windows', () => oneLine(withReturns(root.certificatePem)).replaceAll('\r', '\\r')],
    ['on one line with spaces', () => withSpaces(root.certificatePem)],
    [
      'under its old name',
      () => root.certificatePem.replaceAll('BEGIN CERT', 'BEGIN X509 CERT').replaceAll('END CERT', 'END X509 CERT'),
    ],
    ['with text around it', () => `0 s:CN = Lab Root\n${root.certificatePem}issuer=/CN=x: y\n`],
    ['as bytes with text that starts as DER does', () => Buffer.from(`0 s:CN = Lab Root\n${root.certificatePem}`)],
    [
      'after parameters and a request',
      () => `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${root.certificatePem}`,
    ],
    ['as base64 of PEM', () => base64(root.certificatePem)],
    ['as bytes of base64 of PEM', () => Buffer.from(base64(root.certificatePem))],
    ['as base64 of PEM in lines', () => base64(root.certificatePem).replaceAll(/.{76}/g, '$&\n')],
    ['as base64 of base64', () => base64(base64(root.certificatePem))],
    ['as base64 of DER', () => Buffer.from(der(root.certificatePem)).toString('base64')],
    ['as JSON of base64', () => JSON.stringify({ 'ca.crt': base64(root.certificatePem), password: 'x'.repeat(60) })],
    ['as base64 of JSON', () => base64(JSON.stringify({ ca: root.certificatePem }))],
    ['as PKCS #7', () => certificateSet(root.certificatePem)],
    ['as PKCS #7 in PEM', () => inPem('PKCS7', certificateSet(root.certificatePem))],
    ['as PKCS #7 in the PEM of CMS', () => inPem('CMS', certificateSet(root.certificatePem))],
    ['as base64 of PKCS #7', () => Buffer.from(certificateSet(root.certificatePem)).toString('base64')],
    ['beside a revocation list', () => `${root.certificatePem}${revocationList}`],
  ])('of one certificate %s', (_how, content) => {
    expect(parsed(content())).toEqual(fingerprints(root.certificatePem));
  });

  test.each<[string, (pem: string) => string]>([
    ['as PEM', (pem) => pem],
    ['without line ends between them', (pem) => pem.trim()],
    ['with comments between them', (pem) => `\n# a: comment\n${pem}`],
    ['with escaped line ends', oneLine],
    ['on one line with spaces', withSpaces],
  ])('of many certificates %s keeps each, in order', (_how, write) => {
    const pems = [otherRoot.certificatePem, root.certificatePem, intermediate.certificatePem, otherRoot.certificatePem];
    expect(parsed(pems.map(write).join(''))).toEqual(fingerprints(...pems));
  });

  test('of many certificates as PKCS #7 keeps each, in order', () => {
    const pems = [otherRoot.certificatePem, root.certificatePem, intermediate.certificatePem];
    expect(parsed(certificateSet(...pems))).toEqual(fingerprints(...pems));
  });

  test.each<[string, (pem: string) => string, RegExp]>([
    ['whose key’s curve nobody knows', withUnknownCurve, /algorithm or curve/],
    ['whose key’s algorithm nobody knows', withUnknownKey, /algorithm or curve/],
    ['whose end is no date', (pem) => withOddDate(pem, '991332000000Z'), /dates cannot be read/],
    ['whose end is no number', (pem) => withOddDate(pem, 'AAAAAAAAAAAAZ'), /dates cannot be read/],
  ])('with one certificate %s: uses the others, and reports it', (_what, spoil, problem) => {
    const spoilt = spoil(otherRoot.certificatePem);
    const bundle = root.certificatePem + spoilt + intermediate.certificatePem;
    const { certificates, unusable } = parseCaBundle(bundle, 'CA bundle in secret ca');
    expect(certificates.map(({ fingerprint256 }) => fingerprint256)).toEqual(
      fingerprints(root.certificatePem, intermediate.certificatePem),
    );
    expect(unusable).toMatchObject([{ problem: expect.stringMatching(problem) }]);
    expect(unusable[0]?.certificate.subject).toBe(`CN=${otherRoot.name}`);
    expect(() => parseCaBundle(spoilt, 'CA bundle in secret ca')).toThrow(problem);
  });

  test.each<[string, () => string | Uint8Array, RegExp, RegExp]>([
    ['PKCS #12', () => keyStore, /key store/, /openssl pkcs12/],
    ['base64 of PKCS #12', () => Buffer.from(keyStore).toString('base64'), /key store/, /openssl pkcs12/],
    ['a Java key store', () => Buffer.of(0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2), /key store/, /keytool/],
    ['a revocation list', () => revocationList, /revocation list/, /"crl"/],
    ['PKCS #7 of indefinite length', () => Buffer.from(BER_SET, 'hex'), /binary/, /PEM/],
    ['PKCS #7 that is damaged', () => inPem('PKCS7', der(root.certificatePem)), /PKCS #7/, /-print_certs/],
    ['PKCS #7 without certificates', () => certificateSet(), /holds no certificate/, /PEM text/],
  ])('of %s is refused, with what to store instead', async (_what, content, message, remedy) => {
    const { failure } = await failureOf(() => parsed(content()));
    expect(failure.cause).toBe('ca-bundle-unusable');
    expect(failure.message).toMatch(message);
    expect(failure.remedy).toMatch(remedy);
  });

  test.each<[string, () => string | Uint8Array, RegExp]>([
    ['nothing', () => '', /holds no certificate/],
    ['no bytes', () => new Uint8Array(), /holds no certificate/],
    ['prose', () => 'ask the DBA', /holds no certificate/],
    ['a public key', () => '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----', /holds no certificate/],
    [
      'a request',
      () => '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----',
      /no certificate/,
    ],
    ['a certificate that is damaged', () => damaged(root.certificatePem), /broken certificate \(number 1 of 1\)/],
    ['a certificate that is cut off', () => cutOff(root.certificatePem), /broken certificate \(number 1 of 1\)/],
    ['an empty certificate', () => '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----', /number 1 of 1/],
    [
      'a damaged one among others',
      () => root.certificatePem + damaged(otherRoot.certificatePem) + root.certificatePem,
      /number 2 of 3/,
    ],
    ['one cut off by the next', () => cutOff(root.certificatePem) + otherRoot.certificatePem, /number 1 of 2/],
    ['one cut off at the end', () => root.certificatePem + cutOff(otherRoot.certificatePem), /number 2 of 2/],
    ['DER that is cut off', () => der(root.certificatePem).subarray(0, 100), /binary but not a DER certificate/],
    ['DER that is no certificate', () => Buffer.of(0x30, 0x03, 0x02, 0x01, 0x05), /not a DER certificate/],
    [
      'two certificates as DER',
      () => Buffer.concat([der(root.certificatePem), der(otherRoot.certificatePem)]),
      /more than one DER/,
    ],
  ])('of %s is refused', async (_what, content, message) => {
    const failure = await failureOf(() => parsed(content()));
    expect(failure.failure).toMatchObject({ cause: 'ca-bundle-unusable', phase: 'secrets' });
    expect(failure.message).toMatch(/^The CA bundle in secret ca /);
    expect(failure.message).toMatch(message);
  });

  test.each<[string, () => string | Uint8Array]>([
    ['alone', () => root.keyPem],
    ['beside its certificate', () => root.certificatePem + root.keyPem],
    ['before its certificate', () => root.keyPem + root.certificatePem],
    ['as bytes', () => Buffer.from(root.certificatePem + root.keyPem)],
    ['with escaped line ends', () => oneLine(root.certificatePem + root.keyPem)],
    ['on one line', () => withSpaces(root.keyPem)],
    ['cut off', () => root.certificatePem + cutOff(root.keyPem)],
    ['in base64 of PEM', () => base64(root.certificatePem + root.keyPem)],
    [
      'as base64 of DER',
      () => String(createPrivateKey(root.keyPem).export({ type: 'pkcs8', format: 'der' }).toString('base64')),
    ],
    ['cut off by a certificate', () => cutOff(root.keyPem) + root.certificatePem],
    ['of EC form', () => sec1(root.keyPem)],
    ['encrypted', () => encrypted(root.keyPem)],
  ])('with a private key %s is refused as such, and the key is not shown', async (_how, content) => {
    const failure = await failureOf(() => parsed(content()));
    expect(failure.failure.cause).toBe('ca-bundle-unusable');
    expect(failure.message).toMatch(/holds a private key/);
    expect(failure.failure.remedy).toMatch(/replace that key/);
    expectNoKeyIn(failure, root.keyPem, String(content()));
  });

  test('that is a private key as DER is refused, and the key is not shown', async () => {
    const key = createPrivateKey(root.keyPem).export({ type: 'pkcs8', format: 'der' });
    const failure = await failureOf(() => parsed(key));
    expect(failure.failure.cause).toBe('ca-bundle-unusable');
    expect(everythingShownOf(failure)).not.toContain(key.toString('base64').slice(40, 80));
  });
});

const sec1 = (pem: string): string => String(createPrivateKey(pem).export({ type: 'sec1', format: 'pem' }));
const encrypted = (pem: string, type: 'pkcs8' | 'sec1' = 'pkcs8'): string =>
  String(createPrivateKey(pem).export({ type, format: 'pem', cipher: 'aes-256-cbc', passphrase: CANARY }));

describe('a client certificate', () => {
  const parse = (content: string | Uint8Array | object) =>
    parseClientCertificate(
      [typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content)],
      'client certificate in secret mtls',
    );

  test.each<[string, () => string | Uint8Array | object]>([
    ['JSON', () => ({ certificate: client.chainPem, privateKey: client.keyPem })],
    ['JSON of cert-manager', () => ({ 'tls.crt': client.chainPem, 'tls.key': client.keyPem, 'ca.crt': root.rootPem })],
    ['JSON with short names', () => ({ cert: client.chainPem, key: client.keyPem })],
    ['JSON with long names', () => ({ clientCertificate: client.chainPem, clientKey: client.keyPem })],
    ['JSON with private_key', () => ({ certificate: client.chainPem, private_key: client.keyPem })],
    ['JSON after white space', () => `\n ${JSON.stringify({ cert: client.chainPem, key: client.keyPem })}`],
    ['JSON with line ends escaped twice', () => ({ cert: oneLine(client.chainPem), key: oneLine(client.keyPem) })],
    ['JSON with spaces for line ends', () => ({ cert: withSpaces(client.chainPem), key: withSpaces(client.keyPem) })],
    ['JSON with both in one field', () => ({ cert: client.chainPem + client.keyPem })],
    ['bytes of JSON', () => Buffer.from(JSON.stringify({ cert: client.chainPem, key: client.keyPem }))],
    ['PEM', () => client.chainPem + client.keyPem],
    ['PEM, key first', () => client.keyPem + client.chainPem],
    ['PEM with line ends of Windows', () => withReturns(client.chainPem + client.keyPem)],
    ['bytes of PEM', () => Buffer.from(client.chainPem + client.keyPem)],
    ['PEM with the key in EC form', () => client.chainPem + sec1(client.keyPem)],
    ['an encrypted key', () => ({ cert: client.chainPem, key: encrypted(client.keyPem), passphrase: CANARY })],
    [
      'an encrypted key with headers',
      () => ({ cert: client.chainPem, key: encrypted(client.keyPem, 'sec1'), passphrase: CANARY }),
    ],
    [
      'a chain that begins with the authority',
      () => intermediate.certificatePem + client.certificatePem + client.keyPem,
    ],
    ['base64 of PEM', () => base64(client.chainPem + client.keyPem)],
    ['JSON with base64 of PEM', () => ({ 'tls.crt': base64(client.chainPem), 'tls.key': base64(client.keyPem) })],
    [
      'JSON with base64 of DER',
      () => ({
        cert: certificateSet(client.certificatePem, intermediate.certificatePem).toString('base64'),
        key: derKey(client.keyPem).toString('base64'),
      }),
    ],
    [
      'PKCS #7 and PEM',
      () => inPem('PKCS7', certificateSet(intermediate.certificatePem, client.certificatePem)) + client.keyPem,
    ],
    [
      'an encrypted key as DER',
      () => ({ cert: client.chainPem, key: encryptedDer(client.keyPem).toString('base64'), keyPassphrase: CANARY }),
    ],
    ['a passphrase nobody needs', () => ({ cert: client.chainPem, key: client.keyPem, passphrase: CANARY })],
  ])('from %s', (_shape, content) => {
    const { cert, key, leaf } = parse(content());
    expect(leaf.subject).toBe('CN=tls_auditor');
    expect(leaf.checkPrivateKey(key)).toBe(true);
    expect(parseCaBundle(cert, 'chain').certificates.map(({ fingerprint256 }) => fingerprint256)).toEqual(
      fingerprints(client.certificatePem, intermediate.certificatePem),
    );
    expect(() => createSecureContext({ cert, key: key.export({ type: 'pkcs8', format: 'pem' }) })).not.toThrow();
  });

  test('of RSA', async () => {
    const { certificatePem, keyPem } = await root.issue({ clientAuth: true, keyType: 'rsa-2048' });
    expect(parse(certificatePem + keyPem).key.asymmetricKeyType).toBe('rsa');
  });

  test.each<[string, () => string | Uint8Array | object, RegExp]>([
    ['nothing', () => '', /no certificate/],
    ['an empty object', () => ({}), /no certificate/],
    ['broken JSON', () => '{"cert":', /no certificate/],
    ['fields of other names', () => ({ c: client.chainPem, k: client.keyPem }), /no certificate/],
    ['fields of other types', () => ({ cert: [client.chainPem], key: { pem: client.keyPem } }), /no certificate/],
    ['a key alone', () => client.keyPem, /no certificate/],
    ['a certificate alone', () => client.chainPem, /no private key/],
    [
      'a certificate and a public key',
      () => `${client.chainPem}-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----`,
      /no private key/,
    ],
    ['two keys', () => client.chainPem + client.keyPem + other.keyPem, /several private keys/],
    ['a damaged certificate', () => damaged(client.certificatePem) + client.keyPem, /broken certificate/],
    [
      'a certificate that is cut off',
      () => ({ cert: cutOff(client.certificatePem), key: client.keyPem }),
      /broken certificate/,
    ],
    ['a damaged key', () => client.chainPem + damaged(client.keyPem), /private key that cannot be read/],
    ['a key that is cut off', () => client.chainPem + cutOff(client.keyPem), /private key that cannot be read/],
    ['an encrypted key without its passphrase', () => client.chainPem + encrypted(client.keyPem), /cannot be read/],
    [
      'an encrypted key with another passphrase',
      () => ({ cert: client.chainPem, key: encrypted(client.keyPem), passphrase: 'x' }),
      /cannot be read/,
    ],
    [
      'an encrypted key with iterations for an hour',
      () => ({ cert: client.chainPem, key: inPem('ENCRYPTED PRIVATE KEY', overstretched()), passphrase: CANARY }),
      /too long to try/,
    ],
    [
      'the same under another label',
      () => ({ cert: client.chainPem, key: inPem('PRIVATE KEY', overstretched()), passphrase: CANARY }),
      /too long to try/,
    ],
    [
      'the same as base64 of DER',
      () => ({ cert: client.chainPem, key: overstretched().toString('base64'), passphrase: CANARY }),
      /too long to try/,
    ],
    [
      'the same behind a header',
      () => ({
        cert: client.chainPem,
        key: inPem('PRIVATE KEY', overstretched()).replace('\n', '\nX: y\n\n'),
        passphrase: CANARY,
      }),
      /too long to try/,
    ],
    [
      'an encrypted key whose encryption cannot be read',
      () => ({ cert: client.chainPem, key: inPem('ENCRYPTED PRIVATE KEY', Buffer.of(0x30, 0x80)), passphrase: CANARY }),
      /cannot be read/,
    ],
    ['the key of another certificate', () => client.chainPem + other.keyPem, /private key of another certificate/],
    ['the key of another kind', () => client.chainPem + rsaKey(), /private key of another certificate/],
    ['a key store', () => keyStore, /key store/],
  ])('from %s is refused, and no key is shown', async (_shape, content, message) => {
    const given = content();
    const failure = await failureOf(() => parse(given));
    expect(failure.failure).toMatchObject({ cause: 'client-certificate-unusable', phase: 'secrets' });
    expect(failure.message).toMatch(/^The client certificate in secret mtls /);
    expect(failure.message).toMatch(message);
    expect(everythingShownOf(failure)).not.toContain(CANARY);
    expectNoKeyIn(failure, client.keyPem, other.keyPem, typeof given === 'string' ? given : JSON.stringify(given));
  });

  test('orders the chain from the certificate that fits the key upwards, and keeps what is left', async () => {
    const upper = await createAuthority({ parent: root });
    const lower = await createAuthority({ parent: upper });
    const issued = await lower.issue({ clientAuth: true });
    const { cert } = parse(
      otherRoot.certificatePem + upper.certificatePem + lower.certificatePem + issued.certificatePem + issued.keyPem,
    );
    expect(parseCaBundle(cert, 'chain').certificates.map(({ fingerprint256 }) => fingerprint256)).toEqual(
      fingerprints(issued.certificatePem, lower.certificatePem, upper.certificatePem, otherRoot.certificatePem),
    );
  });

  test('takes certificate, key and passphrase apart from each other, PEM or DER', () => {
    const parts = [der(client.certificatePem), encryptedDer(client.keyPem)];
    expect(parseClientCertificate(parts, 'client certificate in files', CANARY).leaf.subject).toBe('CN=tls_auditor');
    expect(() => parseClientCertificate(parts, 'client certificate in files')).toThrow(/without its passphrase/);
    expect(() => parseClientCertificate(parts, 'client certificate in files', 'x')).toThrow(
      /with the passphrase given/,
    );
  });

  test('a broken intermediate is refused, not dropped', async () => {
    const failure = await failureOf(() =>
      parse(client.certificatePem + damaged(intermediate.certificatePem) + client.keyPem),
    );
    expect(failure.message).toMatch(/broken certificate/);
  });
});

const rsaKey = (): string =>
  String(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }));

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const derKey = (pem: string): Buffer => createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
const encryptedDer = (pem: string): Buffer =>
  createPrivateKey(pem).export({ type: 'pkcs8', format: 'der', cipher: 'aes-256-cbc', passphrase: CANARY });

/**
 * OpenSSL's 2,048 iterations take two bytes: as many more as fit into the same, and the salt gives way for the rest.
 */
function overstretched(): Buffer {
  const der = encryptedDer(client.keyPem);
  const iterations = der.indexOf(Buffer.from('02020800', 'hex'));
  // INTEGER 2^31 - 1, in two bytes more than before, which the salt in front of it has less.
  const salt = der.lastIndexOf(0x04, iterations - 8);
  const length = der[salt + 1] ?? 0;
  return Buffer.concat([
    der.subarray(0, salt),
    Buffer.of(0x04, length - 2),
    der.subarray(salt + 2, iterations - 2),
    Buffer.from('02047fffffff', 'hex'),
    der.subarray(iterations + 4),
  ]);
}

function inPem(label: string, content: Uint8Array): string {
  return `-----BEGIN ${label}-----\n${Buffer.from(content).toString('base64')}\n-----END ${label}-----\n`;
}

/** Of DER with lengths of two bytes. */
function sequence(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(tag, 0x82, content.length >> 8, content.length & 0xff), content]);
}

const SIGNED_DATA = Buffer.from('06092a864886f70d010702', 'hex');
const DATA = Buffer.from('06092a864886f70d010701', 'hex');

/** PKCS #7 with certificates and no message, as `openssl crl2pkcs7 -nocrl` writes it. */
function certificateSet(...pems: readonly string[]): Buffer {
  const content = sequence(
    0x30,
    Buffer.of(2, 1, 1),
    Buffer.of(0x31, 0),
    sequence(0x30, DATA),
    sequence(0xa0, ...pems.map(der)),
    Buffer.of(0x31, 0),
  );
  return sequence(0x30, SIGNED_DATA, sequence(0xa0, content));
}

/** The beginning of PKCS #12. */
const keyStore = sequence(0x30, Buffer.of(2, 1, 3), sequence(0x30, DATA, Buffer.of(0xa0, 2, 4, 0)), Buffer.alloc(64));
const BER_SET = '308006092a864886f70d010702a080000000000000';

function patched(pem: string, from: string, to: string): string {
  const hex = Buffer.from(der(pem)).toString('hex');
  const at = hex.indexOf(from);
  if (at < 0) throw new Error('the certificate does not hold what is to be replaced');
  return inPem('CERTIFICATE', Buffer.from(hex.slice(0, at) + to + hex.slice(at + from.length), 'hex'));
}

const withUnknownCurve = (pem: string): string => patched(pem, '06082a8648ce3d030107', '06082a8648ce3d030163');
const withUnknownKey = (pem: string): string => patched(pem, '06072a8648ce3d0201', '06072a8648ce3d0263');
const withOddDate = (pem: string, date: string): string => {
  const hex = Buffer.from(der(pem)).toString('hex');
  const at = hex.indexOf('170d', hex.indexOf('170d') + 4);
  return inPem(
    'CERTIFICATE',
    Buffer.from(`${hex.slice(0, at + 4)}${Buffer.from(date).toString('hex')}${hex.slice(at + 30)}`, 'hex'),
  );
};
