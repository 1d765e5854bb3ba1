// Finds certificates of the server's chain that end soon.

import type { CertificateFacts } from '../model/certificate.ts';
import { CERTIFICATES, IN_TRANSIT } from '../model/requirement.ts';
import type { ServerCheck } from './check.ts';
import {
  CLOUD_SQL_ROTATION,
  changeRdsCa,
  issuedBy,
  PGBOUNCER_CERTIFICATE,
  RELOAD,
} from './remedies/remedy-commands.ts';
import { describeExpiry, EXPIRY_SEVERITY_NOTE, expiryOf } from './shared/certificate-expiry.ts';

export const serverCertificateExpiring: ServerCheck = {
  id: 'server-certificate-expiring',
  title: 'Server certificate about to expire',
  subject: 'certificate',
  severity: 'medium',
  severityNote: EXPIRY_SEVERITY_NOTE,
  rationale:
    'From that day on every client that verifies the server is refused, all at once; those that go on connecting do not verify.',
  remedy: {
    selfManaged: `Issue a new certificate with the same names, replace ssl_cert_file and ssl_key_file, then ${RELOAD} new sessions use it, open ones go on.
If it is an intermediate CA: append its renewed certificate to ssl_cert_file.`,
    rds: `Have the certificate issued again, after clients trust its CA.
${changeRdsCa('rds-ca-rsa2048-g1')}`,
    neon: issuedBy('Neon'),
    cloudSql: CLOUD_SQL_ROTATION,
    azure: issuedBy('Azure'),
    pgbouncer: `${PGBOUNCER_CERTIFICATE}
If it is an intermediate CA: append its renewed certificate to client_tls_cert_file.`,
  },
  requirements: [...IN_TRANSIT, ...CERTIFICATES],
  pgbouncer: 'same',
  references: [
    'https://www.postgresql.org/docs/current/ssl-tcp.html',
    'https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL-certificate-rotation.html',
  ],
  evaluate: ({ serverChain, takenAt, failure }, { certificateExpiryDays }) => {
    if (failure?.cause === 'certificate-expired') {
      return { status: 'not-applicable', reason: 'the certificate has expired; reported by target-not-audited' };
    }
    if (!serverChain.known) return { status: 'unknown', reason: serverChain.reason };
    const problems = serverChain.value
      .filter((certificate, index) => index === 0 || !isRoot(certificate))
      .flatMap((certificate) => {
        const expiry = expiryOf(certificate, takenAt, certificateExpiryDays);
        if (expiry === undefined) return [];
        const { severity } = expiry;
        return [{ severity, title: serverCertificateExpiring.title, ...describeExpiry(certificate, expiry) }];
      });
    return problems.length === 0 ? { status: 'pass' } : { status: 'fail', problems };
  },
};

/** A root above the leaf is the CA bundle's, whatever the server sent: ca-bundle-expiring evaluates it. */
function isRoot({ selfSigned }: CertificateFacts): boolean {
  return selfSigned;
}
