// Finds a client certificate of the auditor's own that ends soon.

import { CERTIFICATES, IN_TRANSIT } from '../model/requirement.ts';
import type { ServerCheck } from './check.ts';
import { describeExpiry, EXPIRY_SEVERITY_NOTE, expiryOf } from './shared/certificate-expiry.ts';

export const clientCertificateExpiring: ServerCheck = {
  id: 'client-certificate-expiring',
  title: "The auditor's client certificate is about to expire",
  subject: 'certificate',
  severity: 'medium',
  severityNote: EXPIRY_SEVERITY_NOTE,
  rationale:
    'From that day on a server that asks for client certificates refuses the auditor, and nothing is known of the target any more. Applications that share it, or were issued theirs on the same day, fail with it.',
  remedy: {
    everywhere: `Put a new certificate and its key where the target's "clientCertificate" points: aws secretsmanager put-secret-value --secret-id <secret> --secret-string file://client.pem, or the files that --client-certificate and --client-key name.
The next run uses it; nothing is to be restarted.`,
    selfManaged: `Have it signed, for the same role, by a CA in the server's ssl_ca_file: openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout client.key -out client.csr -subj /CN=<role>`,
    rds: noneAskedFor('RDS'),
    neon: noneAskedFor('Neon'),
    cloudSql: `The instance's own CA issues it.
gcloud sql ssl client-certs create <name> client-key.pem --instance=<instance>
gcloud sql ssl client-certs describe <name> --instance=<instance> --format="value(cert)" > client-cert.pem`,
    azure: noneAskedFor('Azure'),
  },
  requirements: [...IN_TRANSIT, ...CERTIFICATES],
  pgbouncer: 'same',
  references: [
    'https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-CLIENTCERT',
    'https://www.postgresql.org/docs/current/ssl-tcp.html#SSL-CLIENT-CERTIFICATES',
  ],
  evaluate: ({ clientCertificate, takenAt }, { certificateExpiryDays }) => {
    if (!clientCertificate.known) return { status: 'unknown', reason: clientCertificate.reason };
    const certificate = clientCertificate.value;
    if (certificate === null) {
      return { status: 'not-applicable', reason: 'the target has no client certificate configured' };
    }
    const expiry = expiryOf(certificate, takenAt, certificateExpiryDays);
    if (expiry === undefined) return { status: 'pass' };
    const { severity, expired } = expiry;
    const title = expired ? "The auditor's client certificate has expired" : clientCertificateExpiring.title;
    return { status: 'fail', problems: [{ severity, title, ...describeExpiry(certificate, expiry) }] };
  },
};

function noneAskedFor(provider: string): string {
  return `${provider} asks no client for a certificate: "clientCertificate" can as well be left out of the target.`;
}
