import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseCaBundle, parseClientCertificate } from '../../lambda/collect/pem.ts';
import type { AuditFailure } from '../../lambda/model/failure.ts';
import { type Authority, createAuthority, type IssuedCertificate, selfSigned } from '../support/certificates.ts';
import { CANARY, everythingShownOf, failureOf } from './canary.ts';

let root: Authority;
let otherRoot: Authority;
let intermediate: Authority;
let client: IssuedCertificate;
let other: IssuedCertificate;

beforeAll(async () => {
  [root, otherRoot] = await Promise.all([createAuthority(), createAuthority()]);
  intermediate = await createAuthority({ parent: root });
  client = await intermediate.issue({ clientAuth: true, commonName: 'tls_auditor' });
  other = await selfSigned();
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
    parseCaBundle(content, 'CA bundle in secret ca').map(({ fingerprint256 }) => fingerprint256);

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
      typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content),
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
    ['a passphrase nobody needs', () => ({ cert: client.chainPem, key: client.keyPem, passphrase: CANARY })],
  ])('from %s', (_shape, content) => {
    const { cert, key, leaf } = parse(content());
    expect(leaf.subject).toBe('CN=tls_auditor');
    expect(leaf.checkPrivateKey(key)).toBe(true);
    expect(parseCaBundle(cert, 'chain').map(({ fingerprint256 }) => fingerprint256)).toEqual(
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
    ['the key of another certificate', () => client.chainPem + other.keyPem, /private key of another certificate/],
    ['the key of another kind', () => client.chainPem + rsaKey(), /private key of another certificate/],
    [
      'a chain that begins with the authority',
      () => intermediate.certificatePem + client.certificatePem + client.keyPem,
      /another certificate/,
    ],
  ])('from %s is refused, and no key is shown', async (_shape, content, message) => {
    const given = content();
    const failure = await failureOf(() => parse(given));
    expect(failure.failure).toMatchObject({ cause: 'client-certificate-unusable', phase: 'secrets' });
    expect(failure.message).toMatch(/^The client certificate in secret mtls /);
    expect(failure.message).toMatch(message);
    expect(everythingShownOf(failure)).not.toContain(CANARY);
    expectNoKeyIn(failure, client.keyPem, other.keyPem, typeof given === 'string' ? given : JSON.stringify(given));
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
