// Reads how much work the passphrase of an encrypted key costs, because OpenSSL does that work in one uninterruptible
// call.

import { type Der, DerError, INTEGER, objectIdentifier, readAllDer, readDer, SEQUENCE } from '../certificates/der.ts';

/** As many iterations as the login may take. OWASP advises 600,000; OpenSSL's default is 2,048. */
const MOST_WORK = 1_000_000;

const SCRYPT = '1.3.6.1.4.1.11591.4.11';

/**
 * The encryption of PEM itself (RFC 1421), which hashes a passphrase once. OpenSSL reads nothing else under such names.
 */
const LEGACY = /^-----BEGIN (?:RSA|EC|DSA) PRIVATE KEY-----\s+Proc-Type:/;

/**
 * Whether to read the key with a passphrase would hold up everything else: an EncryptedPrivateKeyInfo (RFC 5958,
 * section 3) with more iterations than anyone means, or what OpenSSL may read and we cannot. By its structure: OpenSSL
 * takes one under the label of a plain key too, which begins with a number.
 */
export function isOverstretched(key: string | Uint8Array): boolean {
  if (typeof key === 'string' && LEGACY.test(key)) return false;
  try {
    const [algorithm] = readAllDer(readDer(typeof key === 'string' ? derOf(key) : key).content);
    return algorithm?.tag === SEQUENCE && workOf(algorithm) > MOST_WORK;
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return true;
  }
}

function derOf(pem: string): Uint8Array {
  return Buffer.from(pem.replaceAll(/-----[^-]*-----/g, ''), 'base64');
}

/** Of scrypt the product of its three costs, of everything else the iterations, which come first. */
function workOf(algorithm: Der): number {
  const values = leavesOf(algorithm);
  const numbers = values.filter(({ tag }) => tag === INTEGER).map(({ content }) => numberOf(content));
  if (!values.some((value) => objectIdentifier(value) === SCRYPT)) return numbers[0] ?? 0;
  return numbers.slice(0, 3).reduce((product, number) => product * number, 1);
}

function numberOf(content: Uint8Array): number {
  return content.reduce((number, octet) => number * 256 + octet, 0);
}

function leavesOf(value: Der): readonly Der[] {
  return value.tag === SEQUENCE ? readAllDer(value.content).flatMap(leavesOf) : [value];
}
