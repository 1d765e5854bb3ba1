// Finds clients whose TLS handshakes with the server fail.

import type { FailedLogins } from '../model/connection-log.ts';
import { displayText } from '../model/display.ts';
import type { Problem } from '../model/finding.ts';
import { CRYPTOGRAPHY, IN_TRANSIT } from '../model/requirement.ts';
import type { SessionCheck } from './check.ts';
import { HANDSHAKE_REASONS } from './shared/handshake-reasons.ts';
import { cappedGroups, seenEvidence, totalOf, withLog } from './shared/log-check.ts';

/**
 * What a health check or a scanner leaves too, and what says nothing of TLS. A driver that closes without an alert
 * because it does not trust the certificate, as node-postgres does, is among them and cannot be known.
 */
const SAYS_LITTLE: ReadonlySet<string> = new Set(['closed-early', 'not-tls', 'client-certificate']);
/** Networks that are reported apart: a scanner has many. */
const MOST_NETWORKS = 10;
/** Failures an hour of one network that are more than a client tried by hand. */
const MANY_AN_HOUR = 60;

const ADVICE: Readonly<Record<string, string>> = {
  'version-unsupported':
    'Upgrade the client or its TLS library. Lowering ssl_min_protocol_version on the server would let it in by a broken version.',
  'no-shared-cipher': "Upgrade the client's TLS library, or compare its cipher list with SHOW ssl_ciphers.",
  'server-not-trusted':
    "Give the client the CA that signed the server's certificate: sslrootcert=<CA file>. After a change of the CA, give it to every client before the server uses it.",
  'server-certificate-expired': "Renew the server's certificate, and check the clock of the client.",
  alpn: 'Upgrade the client: for direct TLS it must ask for the protocol postgresql by ALPN.',
};

export const tlsHandshakeFailing: SessionCheck = {
  id: 'tls-handshake-failing',
  title: 'Clients whose TLS handshakes fail',
  subject: 'session',
  severity: 'low',
  severityNote: `medium from ${MANY_AN_HOUR} failures an hour of one network on`,
  transient: true,
  rationale:
    "These clients do not trust the server's certificate, or are too old for its TLS. Either they do not get in, or they fall back to plaintext.",
  remedy: [...new Set(Object.values(ADVICE))].join('\n'),
  requirements: [...IN_TRANSIT, ...CRYPTOGRAPHY],
  findsInsecureClients: false,
  remedyBySide: undefined,
  pgbouncer: 'same',
  references: ['https://www.postgresql.org/docs/current/ssl-tcp.html'],
  evaluate: (snapshot) =>
    withLog(snapshot, ({ failures }) => {
      const shown = failures.filter(({ kind, reason }) => kind === 'handshake-failed' && !SAYS_LITTLE.has(reason));
      // One thing to fix: one cause at one network.
      const keyOf = ({ reason, network = '' }: FailedLogins): string => `${reason} ${network}`;
      const { groups, rest } = cappedGroups(shown, keyOf, MOST_NETWORKS);
      return [...groups.map(([, rows]) => problem(rows)), ...(rest.length === 0 ? [] : [others(rest)])];
    }),
};

function problem(rows: readonly FailedLogins[]): Problem {
  const [first] = rows;
  const { reason = 'other', network } = first ?? {};
  const advice = ADVICE[reason];
  return {
    severity: busiestHour(rows) >= MANY_AN_HOUR ? 'medium' : tlsHandshakeFailing.severity,
    title: tlsHandshakeFailing.title,
    subject: `${reason} ${network ?? ''}`.trim(),
    ...(network === undefined ? {} : { clients: [displayText(network)] }),
    evidence: {
      handshakeFailed: HANDSHAKE_REASONS[reason] ?? HANDSHAKE_REASONS.other,
      times: totalOf(rows),
      ...(network === undefined ? { from: 'the log does not show the address' } : {}),
      ...seenEvidence(rows),
      sources: ['connection log'],
    },
    ...(advice === undefined ? {} : { remedy: advice }),
  };
}

function others(rows: readonly FailedLogins[]): Problem {
  return {
    severity: tlsHandshakeFailing.severity,
    title: tlsHandshakeFailing.title,
    subject: 'other networks',
    evidence: {
      handshakeFailed: [...new Set(rows.map(({ reason }) => HANDSHAKE_REASONS[reason] ?? HANDSHAKE_REASONS.other))],
      networks: new Set(rows.map(({ network }) => network)).size,
      times: totalOf(rows),
      ...seenEvidence(rows),
      sources: ['connection log'],
    },
  };
}

function busiestHour(rows: readonly FailedLogins[]): number {
  const hours = new Map<number, number>();
  for (const [hour, count] of rows.flatMap((row) => row.hours ?? [])) hours.set(hour, (hours.get(hour) ?? 0) + count);
  return Math.max(0, ...hours.values());
}
