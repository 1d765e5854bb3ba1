// Finds sessions without a client certificate of roles that must show one.

import { describeGroup } from '../analysis/sessions/session-groups.ts';
import { tlsOf, tlsVersions } from '../analysis/sessions/session-tls.ts';
import { namePattern } from '../model/name-pattern.ts';
import { AUTHENTICATION, IN_TRANSIT } from '../model/requirement.ts';
import type { SessionCheck } from './check.ts';
import { evaluateClientCertificates } from './pgbouncer/missing-client-certificate.ts';
import { RELOAD } from './remedies/remedy-commands.ts';
import { checkSessions } from './shared/session-check.ts';

const NOT_ASKED_FOR =
  'The service cannot ask clients for certificates: leave the roles of such servers out of policy.clientCertificateRoles.';

export const missingClientCertificate: SessionCheck = {
  id: 'missing-client-certificate',
  title: 'TLS session without the client certificate that the policy wants',
  subject: 'session',
  severity: 'medium',
  severityNote: "info for the provider's own roles",
  transient: true,
  rationale:
    'Without a client certificate the password alone opens these roles, from wherever it has leaked to. Only TLS sessions are evaluated: a Unix socket or GSSAPI carries no certificate and identifies the client by its own means, and plaintext has checks of its own.',
  remedy: {
    everywhere:
      "Client: sslcert=<certificate> sslkey=<key> (libpq, psql, JDBC), ssl: { ca, cert, key } (node-postgres); the certificate's CN is the role's name.",
    selfManaged: `Then demand it on the server:
ALTER SYSTEM SET ssl_ca_file = '<CA of the clients>';
In pg_hba.conf, in each rule that lets these roles in over TLS: write clientcert=verify-full at the end of the line (clientcert=1 in PostgreSQL 10 and 11), and leave the rest as it is. A rule that lets in other roles too: write it twice, first with these roles alone and clientcert, then as it was.
Then ${RELOAD}`,
    rds: NOT_ASKED_FOR,
    neon: NOT_ASKED_FOR,
    cloudSql: `Then demand it of every client of the instance.
gcloud sql instances patch <instance> --ssl-mode=TRUSTED_CLIENT_CERTIFICATE_REQUIRED`,
    azure: NOT_ASKED_FOR,
  },
  requirements: [...IN_TRANSIT, ...AUTHENTICATION],
  findsInsecureClients: true,
  remedyBySide: undefined,
  pgbouncer: evaluateClientCertificates,
  references: [
    'https://www.postgresql.org/docs/current/ssl-tcp.html#SSL-CLIENT-CERTIFICATES',
    'https://www.postgresql.org/docs/current/auth-cert.html',
    'https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-CLIENTCERT',
  ],
  evaluate: (snapshot, { clientCertificateRoles }) => {
    if (clientCertificateRoles.length === 0) {
      return { status: 'not-applicable', reason: 'policy.clientCertificateRoles names no role' };
    }
    const isWanted = namePattern(clientCertificateRoles);
    return checkSessions(
      snapshot,
      (session) =>
        // Without a role it is a walsender whose role was dropped: no policy can mean it.
        session.role !== undefined &&
        tlsOf(session, ({ clientDn }) => clientDn === undefined) &&
        isWanted(session.role),
      (group) => {
        const { evidence, ...who } = describeGroup(group);
        return {
          ...who,
          severity: 'medium',
          title: missingClientCertificate.title,
          evidence: { tlsVersion: tlsVersions(group), clientCertificate: '(none)', ...evidence },
        };
      },
    );
  },
};
