// What a certificate is signed with, by its bytes: the same as Node.js 24 says, and unknown for anything else.

import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { createAuthority } from '../../../lab/certificates.ts';
import { partsOf, readDer, SEQUENCE } from '../../../lambda/collect/certificates/der.ts';
import { signatureAlgorithmOf } from '../../../lambda/collect/certificates/signature-algorithm.ts';

const run = promisify(execFile);

/** Of OpenSSL: the arguments that make a key and sign with it. */
const MADE = {
  sha1WithRSAEncryption: ['-newkey', 'rsa:1024', '-sha1'],
  sha256WithRSAEncryption: ['-newkey', 'rsa:1024', '-sha256'],
  sha384WithRSAEncryption: ['-newkey', 'rsa:1024', '-sha384'],
  sha512WithRSAEncryption: ['-newkey', 'rsa:1024', '-sha512'],
  md5WithRSAEncryption: ['-newkey', 'rsa:1024', '-md5'],
  rsassaPss: ['-newkey', 'rsa:1024', '-sha256', '-sigopt', 'rsa_padding_mode:pss'],
  'ecdsa-with-SHA256': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-sha256'],
  'ecdsa-with-SHA384': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp384r1', '-sha384'],
  ED25519: ['-newkey', 'ed25519'],
  ED448: ['-newkey', 'ed448'],
} as const;

/** Where OpenSSL's identifiers of signatures are: what the identifiers start with, and the last number to try. */
const ARCS: readonly (readonly [arc: string, last: number])[] = [
  ['1.2.840.113549.1.1', 30],
  ['1.2.840.10040.4', 5],
  ['1.2.840.10045.4', 4],
  ['1.2.840.10045.4.3', 6],
  ['2.16.840.1.101.3.4.3', 50],
  ['1.3.14.3.2', 30],
  ['1.3.36.3.3.1', 5],
  ['2.5.8.3', 101],
  ['1.3.101', 120],
  ['1.2.156.10197.1', 510],
];

/** What Node.js names though no certificate can be signed with it: ciphers, hashes, keys, and what has no own hash. */
const SIGNS_NOTHING =
  /^(des-.*|sha1?|mdc2|sm[23]|mgf1|X25519|X448|pSpecified|rsa(Encryption|OAEPEncryptionSET|esOaep|Signature)|dsaEncryption(-old)?)$|^ecdsa-with-(Recommended|Specified)$|^HASH-|-WITH-/;

test.for(Object.entries(MADE))('says %s of a certificate that is signed so', async ([name, args], { skip }) => {
  const request = ['req', '-x509', '-nodes', '-keyout', '/dev/null', '-subj', '/CN=db', ...args];
  const made = await run('openssl', request).catch(() => undefined);
  if (made === undefined) return skip(`no openssl here that signs with ${name}`);
  const certificate = new X509Certificate(made.stdout);
  expect([signatureAlgorithmOf(certificate.raw), certificate.signatureAlgorithm]).toEqual([name, name]);
});

describe('of other certificates', () => {
  let certificate: Uint8Array;
  beforeAll(async () => {
    certificate = new X509Certificate((await (await createAuthority()).issue({})).certificatePem).raw;
  });

  test('says what Node.js 24 does, for each algorithm that signs', () => {
    const named = ARCS.flatMap(([arc, last]) => Array.from({ length: last + 1 }, (_, number) => `${arc}.${number}`))
      .map((id) => ({ id, bytes: signedBy(certificate, id) }))
      .map(({ id, bytes }) => ({ id, own: signatureAlgorithmOf(bytes), node: nodeName(bytes) }));
    expect(named.filter(({ own }) => own !== undefined)).toHaveLength(59);
    expect(
      named.filter(({ own, node }) => own !== (node !== undefined && SIGNS_NOTHING.test(node) ? undefined : node)),
    ).toEqual([]);
  });

  test('says nothing of bytes that are cut off, and never fails', () => {
    for (let length = 0; length < certificate.length; length += 1) {
      expect(signatureAlgorithmOf(certificate.subarray(0, length))).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.nat(certificate.length - 1), fc.nat(255), (at, octet) => {
        const mutated = Uint8Array.from(certificate);
        mutated[at] = octet;
        expect(['string', 'undefined']).toContain(typeof signatureAlgorithmOf(mutated));
      }),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => signatureAlgorithmOf(bytes) === undefined));
  });
});

function nodeName(bytes: Uint8Array): string | undefined {
  return new X509Certificate(bytes).signatureAlgorithm;
}

/** The certificate with another identifier of the algorithm beside its signature, which no longer fits then. */
function signedBy(certificate: Uint8Array, id: string): Uint8Array {
  const [toBeSigned, , signature] = partsOf(readDer(certificate), SEQUENCE);
  const algorithm = der(SEQUENCE, der(0x06, identifier(id)));
  return der(SEQUENCE, Buffer.concat([toBeSigned?.whole ?? Buffer.of(), algorithm, signature?.whole ?? Buffer.of()]));
}

function der(tag: number, content: Uint8Array): Uint8Array {
  const length = content.length < 128 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

function identifier(id: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = id.split('.').map(Number);
  return Buffer.from(
    [40 * first + second, ...rest].flatMap((arc) => {
      const octets = [arc & 0x7f];
      for (let more = arc >> 7; more > 0; more >>= 7) octets.unshift((more & 0x7f) | 0x80);
      return octets;
    }),
  );
}
