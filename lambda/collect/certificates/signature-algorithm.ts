// Names the algorithm that a certificate is signed with, which Node.js 22 does not.

import { objectIdentifier, partsOf, readDer, SEQUENCE } from './der.ts';

const RSA = '1.2.840.113549.1.1';
const ECDSA_WITH_SHA2 = '1.2.840.10045.4.3';
const OIW = '1.3.14.3.2';
const NIST = '2.16.840.1.101.3.4.3';
const SIZES = ['224', '256', '384', '512'];

/**
 * The algorithms of OpenSSL 3.5 that sign certificates, by its names (RFC 8017, 3279, 5758, 8410, 9881, …). Those of
 * ECDSA without a hash are not here: what they sign with is unknown.
 */
const NAMES: ReadonlyMap<string, string> = new Map([
  [`${RSA}.2`, 'md2WithRSAEncryption'],
  [`${RSA}.3`, 'md4WithRSAEncryption'],
  [`${RSA}.4`, 'md5WithRSAEncryption'],
  [`${RSA}.5`, 'sha1WithRSAEncryption'],
  [`${RSA}.10`, 'rsassaPss'],
  [`${RSA}.11`, 'sha256WithRSAEncryption'],
  [`${RSA}.12`, 'sha384WithRSAEncryption'],
  [`${RSA}.13`, 'sha512WithRSAEncryption'],
  [`${RSA}.14`, 'sha224WithRSAEncryption'],
  [`${RSA}.15`, 'sha512-224WithRSAEncryption'],
  [`${RSA}.16`, 'sha512-256WithRSAEncryption'],
  [`${OIW}.3`, 'md5WithRSA'],
  [`${OIW}.15`, 'shaWithRSAEncryption'],
  [`${OIW}.29`, 'sha1WithRSA'],
  ['1.3.36.3.3.1.2', 'ripemd160WithRSA'],
  ['2.5.8.3.100', 'mdc2WithRSA'],
  ...SIZES.map((bits, index) => [`${NIST}.${13 + index}`, `RSA-SHA3-${bits}`] as const),
  [`${OIW}.13`, 'dsaWithSHA'],
  [`${OIW}.27`, 'dsaWithSHA1-old'],
  ['1.2.840.10040.4.3', 'dsaWithSHA1'],
  ...SIZES.map((bits, index) => [`${NIST}.${1 + index}`, `dsa_with_SHA${bits}`] as const),
  ...SIZES.map((bits, index) => [`${NIST}.${5 + index}`, `dsa_with_SHA3-${bits}`] as const),
  ['1.2.840.10045.4.1', 'ecdsa-with-SHA1'],
  ...SIZES.map((bits, index) => [`${ECDSA_WITH_SHA2}.${1 + index}`, `ecdsa-with-SHA${bits}`] as const),
  ...SIZES.map((bits, index) => [`${NIST}.${9 + index}`, `ecdsa_with_SHA3-${bits}`] as const),
  ['1.3.101.112', 'ED25519'],
  ['1.3.101.113', 'ED448'],
  ['1.2.156.10197.1.501', 'SM2-with-SM3'],
  ['1.2.156.10197.1.504', 'sm3WithRSAEncryption'],
  ...['44', '65', '87'].map((size, index) => [`${NIST}.${17 + index}`, `ML-DSA-${size}`] as const),
  ...['SHA2', 'SHAKE']
    .flatMap((hash) => ['128s', '128f', '192s', '192f', '256s', '256f'].map((size) => `SLH-DSA-${hash}-${size}`))
    .map((name, index) => [`${NIST}.${20 + index}`, name] as const),
]);

/**
 * The same name on each version of Node.js.
 *
 * @param certificate DER (RFC 5280, section 4.1)
 * @returns undefined for another algorithm, and where the bytes are no certificate
 */
export function signatureAlgorithmOf(certificate: Uint8Array): string | undefined {
  try {
    const [, algorithm] = partsOf(readDer(certificate), SEQUENCE);
    const [id] = partsOf(algorithm, SEQUENCE);
    return NAMES.get(objectIdentifier(id) ?? '');
  } catch {
    // The bytes are the server's, and what cannot be read is unknown.
    return undefined;
  }
}
