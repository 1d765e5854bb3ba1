// Certificates of the chain the server presents that end soon.

import type { CertificateFacts } from '../model/certificate.ts';
import { displayText } from '../model/display.ts';
import type { Problem } from '../model/finding.ts';
import type { Policy } from '../model/policy.ts';
import type { Severity } from '../model/severity.ts';
import type { Check } from './check.ts';

const MS_PER_DAY = 86_400_000;

export const serverCertificateExpiring: Check = {
  id: 'server-certificate-expiring',
  title: 'Server certificate about to expire',
  severity: 'medium',
  severityNote: 'by days left: 30 medium, 14 high, 7 critical (policy.certificateExpiryDays)',
  rationale:
    'From that day on every client that verifies the server is refused, all at once; those that go on connecting do not verify.',
  remedy: `Issue a new certificate with the same names, replace ssl_cert_file and ssl_key_file, then SELECT pg_reload_conf(); new sessions use it, open ones go on.
If it is an intermediate CA: append its renewed certificate to ssl_cert_file.
RDS and Aurora: aws rds modify-db-instance --db-instance-identifier … --ca-certificate-identifier rds-ca-rsa2048-g1 --apply-immediately, after clients trust that CA.`,
  references: [
    'https://www.postgresql.org/docs/current/ssl-tcp.html',
    'https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL-certificate-rotation.html',
  ],
  evaluate: ({ serverChain, takenAt, failure }, { certificateExpiryDays }) => {
    if (failure?.cause === 'certificate-expired') {
      return { status: 'not-applicable', reason: 'it has expired: target-not-audited tells it' };
    }
    if (!serverChain.known) return { status: 'unknown', reason: serverChain.reason };
    const problems = serverChain.value
      .filter((certificate, index) => index === 0 || !isRoot(certificate))
      .flatMap((certificate) => problemOf(certificate, daysLeft(certificate, takenAt), certificateExpiryDays));
    return problems.length === 0 ? { status: 'pass' } : { status: 'fail', problems };
  },
};

/** A root above the leaf is the CA bundle's, whatever the server sent: renewing the server's files does not change it. */
function isRoot({ selfSigned }: CertificateFacts): boolean {
  return selfSigned;
}

function daysLeft({ notAfter }: CertificateFacts, takenAt: string): number {
  return Math.floor((Date.parse(notAfter) - Date.parse(takenAt)) / MS_PER_DAY);
}

function problemOf(
  { subject, issuer, notAfter, sha256 }: CertificateFacts,
  days: number,
  thresholds: Policy['certificateExpiryDays'],
): Problem[] {
  const severity = severityOf(days, thresholds);
  if (severity === undefined) return [];
  return [
    {
      severity,
      title: serverCertificateExpiring.title,
      subject: sha256,
      evidence: {
        certificate: displayText(subject, 120),
        issuer: displayText(issuer, 120),
        expires: notAfter,
        daysLeft: days,
        sha256,
      },
    },
  ];
}

function severityOf(days: number, { medium, high, critical }: Policy['certificateExpiryDays']): Severity | undefined {
  if (days <= critical) return 'critical';
  if (days <= high) return 'high';
  return days <= medium ? 'medium' : undefined;
}
