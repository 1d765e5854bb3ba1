// Finds clients that connect in plaintext after their TLS handshake has failed, as sslmode=prefer does.

import { clientNetworks } from '../analysis/sessions/client-networks.ts';
import type { TlsFallback } from '../model/connection-log.ts';
import { displayText } from '../model/display.ts';
import type { Problem } from '../model/finding.ts';
import { IN_TRANSIT } from '../model/requirement.ts';
import type { SessionCheck } from './check.ts';
import { withDriver } from './remedies/driver-remedy.ts';
import { HANDSHAKE_REASONS } from './shared/handshake-reasons.ts';
import { seenEvidence, withLog } from './shared/log-check.ts';

/** One failed handshake and one plaintext login may be those of two clients at one address. */
const FEWEST = 2;

export const tlsFallback: SessionCheck = {
  id: 'tls-fallback',
  title: 'Client that falls back to plaintext',
  subject: 'session',
  severity: 'high',
  transient: true,
  rationale:
    'With sslmode=prefer, the default of libpq, a client whose TLS handshake fails connects again without encryption and works on: an expired CA bundle, or an attacker who breaks the handshake, switches its encryption off, and no one sees an error.',
  remedy: `The server's log shows what makes the handshake fail.
1. Mend that first: the evidence says what it is.
2. Make the client verify the server, so that it never falls back: sslmode=verify-full sslrootcert=<CA file>. sslmode=require never falls back either, but verifies nothing.
3. Refuse plaintext on the server, see plaintext-session.`,
  requirements: IN_TRANSIT,
  findsInsecureClients: true,
  remedyBySide: undefined,
  pgbouncer: 'same',
  references: ['https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION'],
  evaluate: (snapshot, { loopback }) =>
    withLog(snapshot, ({ fallbacks }) => {
      const onNetwork = fallbacks.filter(({ transport }) => transport === 'plaintext' || loopback === 'network');
      const groups = Map.groupBy(onNetwork, ({ role, database, application }) =>
        JSON.stringify([role, database, application]),
      );
      return [...groups.values()].filter((rows) => pairs(rows) >= FEWEST).map(problem);
    }),
};

function problem(rows: readonly TlsFallback[]): Problem {
  const [first] = rows;
  const why = [...new Set(rows.map(({ reason }) => HANDSHAKE_REASONS[reason] ?? HANDSHAKE_REASONS.other))];
  return {
    severity: tlsFallback.severity,
    title: tlsFallback.title,
    role: first?.role === undefined ? undefined : displayText(first.role),
    database: first?.database === undefined ? undefined : displayText(first.database),
    application: first?.application === undefined ? undefined : displayText(first.application),
    clients: clientNetworks(rows.flatMap(({ addresses }) => addresses)),
    evidence: {
      what: 'a TLS handshake failed, and within 5 seconds the same address logged in without encryption',
      times: pairs(rows),
      handshakeFailed: why,
      ...seenEvidence(rows),
      sources: ['connection log'],
    },
    remedy: withDriver(tlsFallback.remedy, { application: first?.application, fellBack: true }),
  };
}

function pairs(rows: readonly TlsFallback[]): number {
  return rows.reduce((sum, { count }) => sum + count, 0);
}
