// Finds unencrypted sessions over the network.

import { decide } from '../analysis/pg-hba/decision.ts';
import { rulesOf } from '../analysis/pg-hba/rules-of.ts';
import type { SeenSession } from '../analysis/sessions/seen-sessions.ts';
import { describeGroup, type SessionGroup } from '../analysis/sessions/session-groups.ts';
import type { Problem } from '../model/finding.ts';
import type { HbaFacts } from '../model/hba.ts';
import { IN_TRANSIT } from '../model/requirement.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { SessionCheck } from './check.ts';
import { VERIFY_SERVERS } from './pgbouncer/insecure-outbound-link.ts';
import { RELOAD } from './pgbouncer/settings.ts';
import { OPEN_SESSIONS_STAY } from './pgbouncer/side-remedies.ts';
import { probeOf } from './probe/wire-facts.ts';
import { withDriver } from './remedies/driver-remedy.ts';
import { pgbouncerSettings, REFUSE_PLAINTEXT, REQUIRE_TLS_IN_HBA, SYSTEM_ROOTS } from './remedies/remedy-commands.ts';
import { checkSessionsAndLogins } from './shared/session-check.ts';

export const plaintextSession: SessionCheck = {
  id: 'plaintext-session',
  title: 'Unencrypted session over the network',
  subject: 'session',
  severity: 'high',
  severityNote: "critical for superusers and replication, info for the provider's own roles",
  transient: true,
  rationale:
    'An attacker on the path can read and change everything in it: passwords sent, queries, results. A superuser session gives away the whole server, a replication stream the whole data.',
  remedy: {
    everywhere: `1. Make the client verify the server:
- libpq, psql: sslmode=verify-full sslrootcert=<CA file>
- node-postgres: ssl: { ca }
- JDBC: sslmode=verify-full&sslrootcert=<CA file>
Where a public CA issued the server's certificate: ${SYSTEM_ROOTS}.
2. Refuse plaintext on the server. Then let the clients connect again: sessions that are open stay as they are until they end.`,
    selfManaged: REQUIRE_TLS_IN_HBA,
    ...REFUSE_PLAINTEXT,
    pgbouncer: pgbouncerSettings(
      'client_tls_sslmode = require (for clients)',
      'server_tls_sslmode = verify-full',
      'server_tls_ca_file = <CA file> (for servers)',
    ),
  },
  requirements: IN_TRANSIT,
  findsInsecureClients: true,
  remedyBySide: () => ({
    client: `Client: connect with sslmode=verify-full and sslrootcert=<CA file>.
Then refuse plaintext in pgbouncer.ini: client_tls_sslmode = require; ${RELOAD}. ${OPEN_SESSIONS_STAY}.`,
    server: VERIFY_SERVERS,
  }),
  pgbouncer: 'same',
  references: [
    'https://www.postgresql.org/docs/current/libpq-ssl.html',
    'https://www.postgresql.org/docs/current/auth-pg-hba-conf.html',
    'https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html',
  ],
  evaluate: (snapshot, { loopback }) => {
    const refuses = whatRefuses(snapshot);
    return checkSessionsAndLogins(
      snapshot,
      ({ transport }) => transport === 'plaintext' || (transport === 'loopback' && loopback === 'network'),
      (group) => {
        const described = describeGroup(group);
        const refusal = refuses(group);
        const { application, kind, side } = group.first;
        const remedy =
          side === undefined
            ? withDriver(plaintextSession.remedy, { application, replication: kind === 'replication' })
            : undefined;
        return {
          ...described,
          ...severityAndTitle(group),
          ...(remedy === undefined ? {} : { remedy }),
          ...(refusal === undefined
            ? {}
            : {
                evidence: { ...described.evidence, now: refusal.says },
                ...(refusal.certain ? { remedy: END_SESSIONS } : {}),
              }),
        };
      },
    );
  },
};

function severityAndTitle({ first: { superuser, kind } }: SessionGroup): Pick<Problem, 'severity' | 'title'> {
  if (superuser) return { severity: 'critical', title: 'Unencrypted session of a superuser over the network' };
  if (kind === 'replication') return { severity: 'critical', title: 'Unencrypted replication over the network' };
  return { severity: 'high', title: plaintextSession.title };
}

/** Where the server refuses plaintext already, there is nothing to change in its configuration. */
const END_SESSIONS = `Client: connect with sslmode=verify-full and sslrootcert=<CA file>, and connect again. The server ends no session for a rule that came after it.
What is still open, while its client may lose work, can be ended with pg_terminate_backend(pid); these are:
SELECT s.pid, a.usename, a.application_name, a.client_addr FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE NOT s.ssl AND a.client_addr IS NOT NULL;`;

interface Refusal {
  readonly says: string;
  readonly certain: boolean;
}

/** Adds to sessions that the server would now refuse them, where the rules or the wire show it. */
function whatRefuses(snapshot: Snapshot): (group: SessionGroup) => Refusal | undefined {
  const { pooler } = snapshot;
  if (pooler !== undefined) return () => undefined;
  const hba = rulesOf(snapshot);
  if (hba.known && hba.value.changedSinceLoad !== true) {
    const budget = { left: MOST_DECISIONS };
    return ({ sessions }) => (areRefused(sessions, hba.value, budget) ? OLDER : undefined);
  }
  const probe = probeOf(snapshot);
  if (!probe?.plaintext.known || probe.plaintext.value.accepted) return () => undefined;
  return () => OLDER_PERHAPS;
}

const OLDER: Refusal = { says: 'the server refuses plaintext now; this session is older', certain: true };
const OLDER_PERHAPS: Refusal = {
  says: "the server refuses the auditor's login in plaintext now; if it refuses this one too, this session is older",
  certain: false,
};

/** How many connections of one snapshot are held against the rules: enough to help, and few beside its sessions. */
const MOST_DECISIONS = 200;

/** Whether the rules refuse such connections. Not evaluated for replication, which names no database. */
function areRefused(sessions: readonly SeenSession[], facts: HbaFacts, budget: { left: number }): boolean {
  const seen = new Set<string>();
  for (const { role, database, clientAddress, logins } of sessions) {
    const addresses = logins?.addresses ?? (clientAddress === undefined ? [] : [clientAddress]);
    // Of very many addresses not all are known.
    if (role === undefined || database === undefined || addresses.length === 0 || logins?.moreAddresses) return false;
    for (const address of addresses) {
      if (seen.has(address)) continue;
      seen.add(address);
      budget.left -= 1;
      if (budget.left < 0) return false;
      if (decide(facts, { encryption: 'plaintext', role, database, address }).status !== 'rejected') return false;
    }
  }
  return true;
}
