// Finds unencrypted sessions that stay on the server's own host, as far as PostgreSQL shows.

import { describeGroup } from '../analysis/sessions/session-groups.ts';
import { IN_TRANSIT } from '../model/requirement.ts';
import type { SessionCheck } from './check.ts';
import { RELOAD } from './pgbouncer/settings.ts';
import { checkSessionsAndLogins } from './shared/session-check.ts';

export const loopbackPlaintextSession: SessionCheck = {
  id: 'loopback-plaintext-session',
  title: 'Unencrypted session over loopback',
  subject: 'session',
  severity: 'info',
  transient: true,
  rationale:
    'It does not leave the host as PostgreSQL sees it. A pooler, sidecar or tunnel on that host may have carried it there over a network, though: then its outer leg is what must be encrypted.',
  remedy: `Find out what connects there. If it is a pooler or tunnel, check that clients reach it over TLS, and set policy.loopback to "network" to treat these sessions like any other.
If it is a local program, let it use the Unix socket, or TLS; set policy.loopback to "ignore" once you know them all.`,
  requirements: IN_TRANSIT,
  findsInsecureClients: true,
  remedyBySide: () => ({
    client: `Find out what connects there: where it is a tunnel or proxy, its outer leg is what must be encrypted. A local program may use PgBouncer's Unix socket (unix_socket_dir), or TLS.
Set policy.loopback to "ignore" once you know them all, or to "network" to treat them like any other session.`,
    server: `Where that is a tunnel or proxy, its outer leg is what must be encrypted. A server on the same host is better reached by its Unix socket: host=/var/run/postgresql in [databases] of pgbouncer.ini; ${RELOAD}.
Set policy.loopback to "ignore" once you know them all, or to "network" to treat them like any other session.`,
  }),
  pgbouncer: 'same',
  references: ['https://www.postgresql.org/docs/current/auth-pg-hba-conf.html'],
  evaluate: (snapshot, { loopback }) => {
    if (loopback === 'ignore') return { status: 'not-applicable', reason: 'policy.loopback is "ignore"' };
    if (loopback === 'network') {
      return { status: 'not-applicable', reason: 'policy.loopback is "network": plaintext-session evaluates them' };
    }
    return checkSessionsAndLogins(
      snapshot,
      ({ transport }) => transport === 'loopback',
      (group) => ({ ...describeGroup(group), severity: 'info', title: loopbackPlaintextSession.title }),
    );
  },
};
