// Converts an X.509 certificate to the plain facts that checks and explanations use.

import { createHash, type KeyObject, type X509Certificate } from 'node:crypto';
import type { CertificateFacts } from '../../model/certificate.ts';
import { Recent } from '../../model/recent.ts';
import { boundedText, LONGEST } from '../answers/bounded-text.ts';
import { signatureAlgorithmOf } from './signature-algorithm.ts';

/**
 * Field sizes of the named curves over prime fields, by OpenSSL's names (SEC 2, ANSI X9.62, RFC 5639). A curve that is
 * not here, such as those over binary fields, has a size that is not known.
 */
const CURVE_BITS: ReadonlyMap<string, number> = new Map([
  ...['secp112r1', 'secp112r2'].map((name) => [name, 112] as const),
  ...['secp128r1', 'secp128r2'].map((name) => [name, 128] as const),
  ...['secp160k1', 'secp160r1', 'secp160r2', 'brainpoolP160r1', 'brainpoolP160t1'].map((name) => [name, 160] as const),
  ...['prime192v1', 'prime192v2', 'prime192v3', 'secp192k1', 'secp192r1'].map((name) => [name, 192] as const),
  ...['brainpoolP192r1', 'brainpoolP192t1'].map((name) => [name, 192] as const),
  ...['secp224k1', 'secp224r1', 'brainpoolP224r1', 'brainpoolP224t1'].map((name) => [name, 224] as const),
  ...['prime239v1', 'prime239v2', 'prime239v3'].map((name) => [name, 239] as const),
  ...['prime256v1', 'secp256k1', 'secp256r1', 'SM2'].map((name) => [name, 256] as const),
  ...['brainpoolP256r1', 'brainpoolP256t1'].map((name) => [name, 256] as const),
  ...['brainpoolP320r1', 'brainpoolP320t1'].map((name) => [name, 320] as const),
  ...['secp384r1', 'brainpoolP384r1', 'brainpoolP384t1'].map((name) => [name, 384] as const),
  ...['brainpoolP512r1', 'brainpoolP512t1'].map((name) => [name, 512] as const),
  ['secp521r1', 521],
]);

/** Curves over binary fields carry the size in their names (SEC 2, ANSI X9.62). */
const BINARY_CURVE = /^(?:sect(\d+)[kr]\d|c2[pt]nb(\d+)[vw]\d)$/;

/** Of a fleet's certificates most are a few CAs'. A certificate has some kilobytes of facts at most, usually one. */
const recent = new Recent<CertificateFacts>(500);

/**
 * The facts, of whatever certificate: a key that can't be read is of type `unknown`, and a date that can't be read
 * counts as the beginning of 1970, so that no certificate passes for it.
 */
export function certificateFacts(certificate: X509Certificate): CertificateFacts {
  return recent.get(certificate.fingerprint256, () => readFacts(certificate));
}

function readFacts(certificate: X509Certificate): CertificateFacts {
  const { type, bits, sha256 } = keyFacts(certificate);
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    notBefore: isoSeconds(new Date(certificate.validFrom)),
    notAfter: isoSeconds(new Date(certificate.validTo)),
    subjectAltNames: shownNames(certificate.subjectAltName),
    serialNumber: boundedText(certificate.serialNumber, LONGEST.name),
    sha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    publicKey: { type, bits, sha256 },
    signatureAlgorithm: signatureAlgorithmOf(certificate.raw),
    selfSigned: certificate.subject === certificate.issuer,
  };
}

function keyFacts(certificate: X509Certificate): CertificateFacts['publicKey'] {
  const key = publicKeyOf(certificate);
  if (key === undefined) return { type: 'unknown' };
  const { asymmetricKeyType: type = 'unknown', asymmetricKeyDetails: details } = key;
  const bits = details?.modulusLength ?? curveBits(details?.namedCurve ?? '');
  return {
    type,
    bits,
    sha256: createHash('sha256')
      .update(key.export({ type: 'spki', format: 'der' }))
      .digest('hex'),
  };
}

function curveBits(curve: string): number | undefined {
  const [, prime, other] = BINARY_CURVE.exec(curve) ?? [];
  const size = prime ?? other;
  return size === undefined ? CURVE_BITS.get(curve) : Number(size);
}

/** Undefined where OpenSSL does not know the key's algorithm or curve. */
function publicKeyOf(certificate: X509Certificate): KeyObject | undefined {
  try {
    return certificate.publicKey;
  } catch {
    return undefined;
  }
}

/** Why nothing can be verified with a certificate, though it is well-formed; undefined where something can. */
export function certificateProblem(certificate: X509Certificate): string | undefined {
  if (publicKeyOf(certificate) === undefined) return 'its key is of an algorithm or curve that OpenSSL does not know';
  // Node's texts, and not its dates: of one that OpenSSL can't read the text says so, and the date may be any (24.21).
  const dates = [certificate.validFrom, certificate.validTo];
  return dates.some((date) => Number.isNaN(Date.parse(date))) ? 'its dates cannot be read' : undefined;
}

/** Names beyond it are only counted. No check depends on them, because OpenSSL and Node compare all names. */
const MOST_NAMES = 100;

function shownNames(all: string | undefined): readonly string[] {
  const names = all?.split(', ') ?? [];
  const shown = names.slice(0, MOST_NAMES).map((name) => boundedText(name, LONGEST.subjectAltName));
  return names.length > MOST_NAMES ? [...shown, `and ${names.length - MOST_NAMES} more`] : shown;
}

/** Node lists a name's parts on lines of their own, most general first (RFC 4514 writes them the other way round). */
function oneLine(name: string | undefined): string {
  return boundedText((name ?? '').split('\n').reverse().join(', '), LONGEST.distinguishedName);
}

/** ISO 8601, UTC, to the second. */
export function isoSeconds(date: Date): string {
  return (Number.isNaN(date.getTime()) ? new Date(0) : date).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
