// From an X.509 certificate to the plain facts that checks and explanations use.

import type { X509Certificate } from 'node:crypto';
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

/** The certificate and its issuers, as far as they are known, leaf first. */
export function certificateChain(leaf: X509Certificate): readonly CertificateFacts[] {
  const chain: CertificateFacts[] = [];
  const seen = new Set<string>();
  for (let next: X509Certificate | undefined = leaf; next !== undefined && !seen.has(next.fingerprint256); ) {
    seen.add(next.fingerprint256);
    chain.push(certificateFacts(next));
    next = next.issuerCertificate;
  }
  return chain;
}

/** Node lists a name's parts on lines of their own, most general first (RFC 4514 writes them the other way round). */
function oneLine(name: string | undefined): string {
  return (name ?? '').split('\n').reverse().join(', ');
}

function isoSeconds(date: Date): string {
  return date.toISOString().replace(/\.\d{3}Z$/, 'Z');
}
