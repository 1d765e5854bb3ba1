// Finds certificates of the server's chain whose key, signature or names prove too little.

import type { CertificateFacts } from '../model/certificate.ts';
import { displayText } from '../model/display.ts';
import { type Failure, isIdentityFailure } from '../model/failure.ts';
import { CERTIFICATES, CRYPTOGRAPHY, IN_TRANSIT } from '../model/requirement.ts';
import type { ServerCheck } from './check.ts';
import {
  CLOUD_SQL_ROTATION,
  changeRdsCa,
  issuedBy,
  PGBOUNCER_CERTIFICATE,
  RELOAD,
} from './remedies/remedy-commands.ts';

const NEW_CERTIFICATE =
  'Issue a new one: openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key -out server.csr -subj /CN=<host> -addext subjectAltName=DNS:<host>, and have it signed with SHA-256 by a CA that clients trust.';

export const weakServerCertificate: ServerCheck = {
  id: 'weak-server-certificate',
  title: 'Weak server certificate',
  subject: 'certificate',
  severity: 'medium',
  rationale:
    'Keys under 112 bits of strength (RSA 2048, EC 256) and SHA-1 or MD5 signatures can be forged by those who can pay for it: then verify-full vouches for an impostor. Without subjectAltName, Go, Rust and newer Python clients refuse the server, and its operators turn verification off.',
  remedy: {
    selfManaged: `${NEW_CERTIFICATE}
Replace ssl_cert_file and ssl_key_file, then ${RELOAD} a weak intermediate is its CA's to renew, and goes into ssl_cert_file after the server's own.`,
    rds: `Move to a CA with stronger keys, after clients trust it.
${changeRdsCa('rds-ca-ecc384-g1')}`,
    neon: issuedBy('Neon'),
    cloudSql: CLOUD_SQL_ROTATION,
    azure: issuedBy('Azure'),
    pgbouncer: `${NEW_CERTIFICATE}
${PGBOUNCER_CERTIFICATE}
A weak intermediate is its CA's to renew, and goes into client_tls_cert_file after the pooler's own.`,
  },
  requirements: [...IN_TRANSIT, ...CERTIFICATES, ...CRYPTOGRAPHY],
  pgbouncer: 'same',
  references: [
    'https://doi.org/10.6028/NIST.SP.800-131Ar2',
    'https://www.rfc-editor.org/rfc/rfc9525#section-6',
    'https://www.postgresql.org/docs/current/ssl-tcp.html',
  ],
  evaluate: ({ serverChain, failure }) => {
    if (!serverChain.known) return { status: 'unknown', reason: serverChain.reason };
    // A root above the leaf is trusted for what it is: clients do not verify its signature, and its owner chose its
    // key.
    const evaluated = serverChain.value
      .filter(({ selfSigned }, index) => index === 0 || !selfSigned)
      .map((certificate, index) => ({ certificate, ...weaknessesOf(certificate, index === 0, failure) }));
    if (evaluated.length === 0) return { status: 'unknown', reason: 'the server presented no certificate' };

    const unsure = evaluated.flatMap(({ certificate, unknown }) =>
      unknown.map((what) => `${what} of ${show(certificate)}`),
    );
    const problems = evaluated
      .filter(({ weak }) => weak.length > 0)
      .map(({ certificate, weak }) => ({
        severity: weakServerCertificate.severity,
        title: weakServerCertificate.title,
        subject: certificate.sha256,
        evidence: {
          certificate: show(certificate),
          weakness: weak,
          issuer: displayText(certificate.issuer, 120),
          expires: certificate.notAfter,
          sha256: certificate.sha256,
        },
      }));
    const incomplete = unsure.length === 0 ? undefined : `not known: ${unsure.join(', ')}`;
    if (problems.length > 0) {
      return { status: 'fail', problems, ...(incomplete === undefined ? {} : { incomplete }) };
    }
    if (evaluated.some(({ isReported }) => isReported)) {
      return { status: 'not-applicable', reason: 'the certificate was refused; reported by target-not-audited' };
    }
    return incomplete === undefined ? { status: 'pass' } : { status: 'unknown', reason: incomplete };
  },
};

interface Evaluation {
  readonly weak: readonly string[];
  /** What about it can't be evaluated. */
  readonly unknown: readonly string[];
  /** Whether something else is weak that the failure of the audit reports already. */
  readonly isReported: boolean;
}

function weaknessesOf(certificate: CertificateFacts, isLeaf: boolean, failure: Failure | undefined): Evaluation {
  const isVerified = failure === undefined || !isIdentityFailure(failure.cause);
  const proof = [keyStrength(certificate), signatureStrength(certificate, isVerified)];
  const weakProof = proof.flatMap((strength) => (strength.is === 'weak' ? strength.what : []));
  const unknown = proof.flatMap((strength) => (strength.is === 'unknown' ? strength.what : []));
  const weakNames =
    isLeaf && certificate.subjectAltNames.length === 0
      ? ['no subjectAltName, should name every host it is reached by']
      : [];
  const proofReported = failure?.cause === 'certificate-rejected';
  const namesReported = failure?.cause === 'certificate-wrong-host';
  return {
    weak: [...(proofReported ? [] : weakProof), ...(namesReported ? [] : weakNames)],
    unknown,
    isReported: (proofReported && weakProof.length > 0) || (namesReported && weakNames.length > 0),
  };
}

type Strength = { readonly is: 'enough' } | { readonly is: 'weak' | 'unknown'; readonly what: string };

/** Bits below which a key gives less than 112 bits of strength (NIST SP 800-57 part 1), or, for EC, than 128. */
const MIN_BITS: Readonly<Record<string, number>> = { rsa: 2048, 'rsa-pss': 2048, ec: 256 };

/** Of one strength each, and it is enough. */
const STRONG_KEYS = /^(ed25519|ed448|ml-dsa-\d+|slh-dsa-.+)$/;

function keyStrength({ publicKey: { type, bits } }: CertificateFacts): Strength {
  if (STRONG_KEYS.test(type)) return { is: 'enough' };
  // No TLS 1.3 has it, and FIPS 186-5 withdrew it.
  if (type === 'dsa')
    return { is: 'weak', what: `DSA${bits === undefined ? '' : ` ${bits}`} key, should be RSA or EC` };
  const least = MIN_BITS[type];
  if (least === undefined) return { is: 'unknown', what: `the strength of the ${displayText(type)} key` };
  const name = type === 'ec' ? 'EC' : 'RSA';
  if (bits === undefined) return { is: 'unknown', what: `the size of the ${name} key` };
  return bits >= least
    ? { is: 'enough' }
    : { is: 'weak', what: `${name} key of ${bits} bits, should be ${least} or more` };
}

/** SHA-0 and SHA-1, MD2 to MD5, MDC2 and RIPEMD-160, as OpenSSL names what signs with them. */
const BROKEN_HASH = /(?:sha-?1|md[245])(?!\d)|^shawith|withsha$|mdc2|ripemd/i;

function signatureStrength({ signatureAlgorithm }: CertificateFacts, isVerified: boolean): Strength {
  if (signatureAlgorithm === undefined) return { is: 'unknown', what: 'the signature' };
  if (BROKEN_HASH.test(signatureAlgorithm)) {
    return { is: 'weak', what: `signature ${displayText(signatureAlgorithm)}, should be with SHA-256 or better` };
  }
  // The name of RSASSA-PSS does not say the hash. A chain that was verified has none that is too weak for OpenSSL.
  return /pss/i.test(signatureAlgorithm) && !isVerified
    ? { is: 'unknown', what: 'the hash of the RSASSA-PSS signature' }
    : { is: 'enough' };
}

function show({ subject }: CertificateFacts): string {
  return displayText(subject, 120);
}
