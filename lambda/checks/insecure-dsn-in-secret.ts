// Finds stored connection strings that leave the clients which use them unprotected.

import { displayText } from '../model/display.ts';
import { IN_TRANSIT } from '../model/requirement.ts';
import type { AuditCheck } from './check.ts';
import { SYSTEM_ROOTS } from './remedies/remedy-commands.ts';

/** libpq's and drivers' values. Any other text in a secret is not shown: it may be in the wrong place. */
const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'no-verify', 'verify-ca', 'verify-full'];

export const insecureDsnInSecret: AuditCheck = {
  id: 'insecure-dsn-in-secret',
  title: 'The stored connection string asks for less than verify-full',
  subject: 'audit',
  severity: 'medium',
  severityNote: 'low where it does not mention sslmode at all',
  rationale:
    'The auditor ignores its SSL parameters and verifies in full; applications that use the same string do not. Without sslmode libpq falls back to plaintext when the server, or an attacker in between, says that there is no TLS.',
  remedy: {
    everywhere: 'Store the connection string with verify-full, and give the CA file to the applications that use it:',
    selfManaged: `?sslmode=verify-full&sslrootcert=<CA file>; where a public CA issued the certificate, ${SYSTEM_ROOTS}.`,
    rds: `?sslmode=verify-full&sslrootcert=<region>-bundle.pem, with the region's bundle.
curl -O https://truststore.pki.rds.amazonaws.com/<region>/<region>-bundle.pem`,
    neon: `?sslmode=verify-full&${SYSTEM_ROOTS}.`,
    cloudSql: `?sslmode=verify-full&sslrootcert=server-ca.pem, with the instance's CA.
gcloud sql ssl server-ca-certs list --instance=<instance> --format="value(cert)" > server-ca.pem`,
    azure: `?sslmode=verify-full&${SYSTEM_ROOTS}.`,
  },
  requirements: IN_TRANSIT,
  hidesSessions: false,
  pgbouncer: 'same',
  references: ['https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION'],
  evaluate: ({ credentials }) => {
    if (!credentials.known) return { status: 'unknown', reason: credentials.reason };
    const { source, dsn } = credentials.value;
    if (dsn === undefined) {
      return { status: 'not-applicable', reason: 'the credentials are not stored as a connection string' };
    }
    const { sslmode, weakParameters } = dsn;
    if (sslmode !== undefined && weakParameters.length === 0) return { status: 'pass' };
    return {
      status: 'fail',
      problems: [
        {
          severity: weakParameters.length === 0 ? 'low' : 'medium',
          title: insecureDsnInSecret.title,
          evidence: {
            storedIn: displayText(source, 200),
            sslmode: sslmode === undefined ? '(not set)' : SSL_MODES.includes(sslmode) ? sslmode : '(not a known mode)',
            ...others(weakParameters),
          },
        },
      ],
    };
  },
};

/** Weak parameters besides sslmode. */
function others(weakParameters: readonly string[]): { readonly alsoWeak?: readonly string[] } {
  const found = weakParameters.filter((parameter) => !parameter.startsWith('sslmode='));
  return found.length === 0 ? {} : { alsoWeak: found.map((parameter) => displayText(parameter)) };
}
