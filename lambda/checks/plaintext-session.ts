// Sessions over the network that nothing encrypts.

import type { Problem } from '../model/finding.ts';
import type { Check } from './check.ts';
import { checkSessions } from './sessions/session-check.ts';
import { describeGroup, type SessionGroup } from './sessions/session-groups.ts';
import { pgbouncerSettings, REFUSE_PLAINTEXT, RELOAD, SYSTEM_ROOTS } from './shared/remedy-commands.ts';

export const plaintextSession: Check = {
  id: 'plaintext-session',
  title: 'Unencrypted session over the network',
  severity: 'high',
  severityNote: "critical for superusers and replication, info for the provider's own roles",
  transient: true,
  rationale:
    'Whoever is on the path reads and changes everything in it: passwords sent, queries, results. A superuser session gives away the whole server, a replication stream the whole data.',
  remedy: {
    everywhere: `Client: connect with sslmode=verify-full and sslrootcert=<CA file> (libpq, psql), ssl: { ca } (node-postgres), sslmode=verify-full&sslrootcert=… (JDBC); where a public CA issued the server's certificate, ${SYSTEM_ROOTS}.
Then refuse plaintext on the server:`,
    selfManaged: `In pg_hba.conf, in place of "host" rules for network addresses:
hostssl all all all scram-sha-256
Then ${RELOAD}`,
    ...REFUSE_PLAINTEXT,
    pgbouncer: pgbouncerSettings(
      'client_tls_sslmode = require (for clients)',
      'server_tls_sslmode = verify-full',
      'server_tls_ca_file = <CA file> (for servers)',
    ),
  },
  references: [
    'https://www.postgresql.org/docs/current/libpq-ssl.html',
    'https://www.postgresql.org/docs/current/auth-pg-hba-conf.html',
    'https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html',
  ],
  evaluate: (snapshot, { loopback }) =>
    checkSessions(
      snapshot,
      ({ transport }) => transport === 'plaintext' || (transport === 'loopback' && loopback === 'network'),
      (group) => ({ ...describeGroup(group), ...judge(group) }),
    ),
};

function judge({ first: { superuser, kind } }: SessionGroup): Pick<Problem, 'severity' | 'title'> {
  if (superuser) return { severity: 'critical', title: 'Unencrypted session of a superuser over the network' };
  if (kind === 'replication') return { severity: 'critical', title: 'Unencrypted replication over the network' };
  return { severity: 'high', title: plaintextSession.title };
}
