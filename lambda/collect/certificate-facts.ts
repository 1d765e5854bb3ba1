// From an X.509 certificate to the plain facts that checks and explanations use.

import { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate } from 'node:tls';
import type { CertificateFacts } from '../model/certificate.ts';

/** Field sizes of the named curves that certificates use (SEC 2, RFC 5480). */
const CURVE_BITS: Readonly<Record<string, number>> = {
  prime256v1: 256,
  secp224r1: 224,
  secp384r1: 384,
  secp521r1: 521,
};

export function certificateFacts(certificate: X509Certificate): CertificateFacts {
  const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey;
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    notBefore: isoSeconds(certificate.validFromDate),
    notAfter: isoSeconds(certificate.validToDate),
    subjectAltNames: certificate.subjectAltName?.split(', ') ?? [],
    serialNumber: certificate.serialNumber,
    sha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    publicKey: {
      type: asymmetricKeyType ?? 'unknown',
      bits: asymmetricKeyDetails?.modulusLength ?? CURVE_BITS[asymmetricKeyDetails?.namedCurve ?? ''],
    },
    signatureAlgorithm: certificate.signatureAlgorithm,
    selfSigned: certificate.subject === certificate.issuer,
  };
}

/**
 * The server's certificate and its issuers, leaf first: what it presented, and the root from the CA bundle that
 * completes the chain where there is one. Empty when the server presented none.
 *
 * From `getPeerCertificate(true)`, because a call of `getPeerX509Certificate` (Node 24.21) makes every later question
 * for the certificate come back empty, and channel binding asks for it too.
 */
export function certificatesOf(peer: DetailedPeerCertificate): readonly X509Certificate[] {
  const chain = new Map<string, X509Certificate>();
  let next: DetailedPeerCertificate | undefined = peer;
  // A self-signed certificate is its own issuer.
  while (next?.raw !== undefined && !chain.has(next.fingerprint256)) {
    chain.set(next.fingerprint256, new X509Certificate(next.raw));
    next = next.issuerCertificate;
  }
  return [...chain.values()];
}

/** Node lists a name's parts on lines of their own, most general first (RFC 4514 writes them the other way round). */
function oneLine(name: string | undefined): string {
  return (name ?? '').split('\n').reverse().join(', ');
}

function isoSeconds(date: Date): string {
  return date.toISOString().replace(/\.\d{3}Z$/, 'Z');
}
