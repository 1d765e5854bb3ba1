// Finds certificates of the server's chain that end soon.

import { cloudDatabaseOf } from '../analysis/provider/cloud-facts.ts';
import type { CertificateFacts } from '../model/certificate.ts';
import type { Outcome } from '../model/finding.ts';
import { providerOfName } from '../model/hosting.ts';
import type { Policy } from '../model/policy.ts';
import { CERTIFICATES, IN_TRANSIT } from '../model/requirement.ts';
import type { Snapshot } from '../model/snapshot.ts';
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
  needsNoLogin: true,
  pgbouncer: 'same',
  references: [
    'https://www.postgresql.org/docs/current/ssl-tcp.html',
    'https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL-certificate-rotation.html',
  ],
  evaluate: (snapshot, { certificateExpiryDays }) => {
    const { serverChain, takenAt, failure } = snapshot;
    if (failure?.cause === 'certificate-expired') {
      return { status: 'not-applicable', reason: 'the certificate has expired; reported by target-not-audited' };
    }
    if (!serverChain.known) return byApi(snapshot, serverChain.reason, certificateExpiryDays);
    const problems = serverChain.value
      .filter((certificate, index) => index === 0 || !isRoot(certificate))
      .flatMap((certificate, index) => {
        const expiry = expiryOf(certificate, takenAt, certificateExpiryDays);
        if (expiry === undefined) return [];
        const { severity } = expiry;
        const described = describeExpiry(certificate, expiry);
        // By the API the server's own is not known by its hash: with both it is one finding.
        const subject = index === 0 && isOfRds(snapshot) ? OWN : described.subject;
        return [{ severity, title: serverCertificateExpiring.title, ...described, subject }];
      });
    return problems.length === 0 ? { status: 'pass' } : { status: 'fail', problems };
  },
};

/** A root above the leaf is the CA bundle's, whatever the server sent: ca-bundle-expiring evaluates it. */
function isRoot({ selfSigned }: CertificateFacts): boolean {
  return selfSigned;
}

/** The server's own certificate, of a database of RDS. */
const OWN = 'own';

/** By its name, whatever discovery knows of it at the moment: its findings keep their identity. */
function isOfRds({ target, cloud }: Snapshot): boolean {
  return cloud?.known === true || (target.host !== undefined && providerOfName(target.host) === 'rds');
}

/** That the API knows of a later end is no proof that the server shows that certificate. */
function byApi(snapshot: Snapshot, reason: string, days: Policy['certificateExpiryDays']): Outcome {
  const database = cloudDatabaseOf(snapshot);
  const end = database?.known ? database.value.certificateValidTill : undefined;
  const expiry = end?.known ? expiryOf({ notAfter: end.value }, snapshot.takenAt, days) : undefined;
  if (!end?.known || expiry === undefined) return { status: 'unknown', reason };
  const { severity, expired, daysLeft } = expiry;
  const evidence = { accordingTo: 'the API of RDS', [expired ? 'expired' : 'expires']: end.value, daysLeft };
  return {
    status: 'fail',
    incomplete: reason,
    problems: [{ severity, title: serverCertificateExpiring.title, subject: OWN, evidence }],
  };
}
