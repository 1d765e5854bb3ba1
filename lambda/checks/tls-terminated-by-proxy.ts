// Finds proxies that end TLS before the server, whose sessions then show the proxy's side only.

import { cloudDatabaseOf } from '../analysis/provider/cloud-facts.ts';
import { displayText } from '../model/display.ts';
import type { Outcome } from '../model/finding.ts';
import { IN_TRANSIT } from '../model/requirement.ts';
import type { AuditConnection, Snapshot } from '../model/snapshot.ts';
import type { AuditCheck } from './check.ts';
import { evaluateProxyBeforePooler } from './pgbouncer/tls-terminated-by-proxy.ts';

export const tlsTerminatedByProxy: AuditCheck = {
  id: 'tls-terminated-by-proxy',
  title: 'TLS ends before the server',
  subject: 'audit',
  severity: 'medium',
  rationale:
    "A pooler or proxy answers in the server's place, and pg_stat_ssl shows its connections, not those of the clients behind it: how they travel cannot be seen here, and from the proxy to the server data may go unencrypted.",
  remedy: {
    everywhere:
      'Audit the server itself: point the target at its own host and port, and audit the pooler as a target of its own.',
    selfManaged: `PgBouncer, in pgbouncer.ini: client_tls_sslmode = require (or verify-full), server_tls_sslmode = verify-full, server_tls_ca_file = <CA file>; then RELOAD; in its console.`,
    rds: `Behind RDS Proxy: target the endpoint of the instance or cluster, and have the proxy require TLS.
aws rds modify-db-proxy --db-proxy-name <proxy> --require-tls`,
    neon: "Target the host without -pooler. Neon's own proxy ends TLS before that one too: what follows is Neon's to answer for; mute the finding once you have its word.",
    cloudSql: "Target the instance's own address rather than the Cloud SQL Auth Proxy or the pooler.",
    azure: 'Target port 5432: the built-in PgBouncer is at 6432.',
  },
  requirements: IN_TRANSIT,
  hidesSessions: false,
  needsNoLogin: true,
  pgbouncer: evaluateProxyBeforePooler,
  references: [
    'https://www.pgbouncer.org/config.html#tls-settings',
    'https://www.postgresql.org/docs/current/sasl-authentication.html',
    'https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-security.html',
  ],
  evaluate: (snapshot) => {
    const { link, networkPath } = snapshot;
    const seen: Outcome = link.known
      ? compareViews(link.value, networkPath?.isDirect ?? false)
      : { status: 'unknown', reason: link.reason };
    return seen.status === 'fail' ? seen : (byInternetGateway(snapshot, seen) ?? seen);
  },
};

/** An Aurora cluster in express configuration is reached through a proxy that RDS manages, and in no other way. */
function byInternetGateway(snapshot: Snapshot, seen: Outcome): Outcome | undefined {
  const database = cloudDatabaseOf(snapshot);
  // The gateway may pass on what the connection shows: while the API does not answer, nothing rules it out.
  if (database?.known === false && seen.status === 'pass') return { status: 'unknown', reason: database.reason };
  if (!database?.known || !database.value.internetGateway) return undefined;
  return {
    status: 'fail',
    problems: [
      {
        severity: 'medium',
        title: tlsTerminatedByProxy.title,
        evidence: {
          accordingTo: 'the API of RDS',
          internetAccessGateway: true,
          publiclyAccessible: true,
          note: "the gateway ends TLS and has sessions of its own with the server: how these travel is the provider's to answer for",
        },
        remedy:
          'Move the data to a cluster with VPC networking, which is reached without the gateway, or mute the finding once the risk is accepted.',
      },
    ],
  };
}

/**
 * A difference is proof that there are two legs, whatever else holds: a proxy with the server's own certificate passes
 * channel binding through, because it is the certificate that SCRAM is bound to (RFC 5929, tls-server-end-point).
 *
 * Sameness proves nothing: TLS with the same cipher suite on both legs looks like one leg, and is what a well-kept
 * RDS Proxy or PgBouncer has. A pooler is known by its BackendKeyData, in which PostgreSQL announces the process that
 * pg_backend_pid() names and PgBouncer a random number. That a proxy passes messages on as they are, the same number
 * does not rule out: it takes channel binding, or the server to see our very socket; without either the audit may be of
 * the proxy's sessions, and to call that clean would be a guess. SCRAM without channel binding is no proof of a proxy:
 * services leave it out of their servers too.
 */
function compareViews(link: AuditConnection, isDirect: boolean): Outcome {
  const { serverView, channelBinding, tlsVersion, cipher, backendPid } = link;
  if (serverView.known && !isSame(link, serverView.value)) {
    return {
      status: 'fail',
      problems: [
        {
          severity: 'medium',
          title: tlsTerminatedByProxy.title,
          evidence: {
            auditorsSocket: describe({ tlsVersion, cipher }),
            serversView: describe(serverView.value),
            channelBinding,
          },
        },
      ],
    };
  }
  if (isDirect) return { status: 'pass' };
  if (backendPid !== undefined && backendPid.announced >>> 0 !== backendPid.own >>> 0) {
    return {
      status: 'fail',
      problems: [
        {
          severity: 'medium',
          title: tlsTerminatedByProxy.title,
          evidence: {
            announcedAtLogin: `process ${backendPid.announced}`,
            serversView: `process ${backendPid.own}`,
            note: 'PostgreSQL announces its own process (BackendKeyData): a pooler or proxy logged us in, and has a session of its own with the server',
            channelBinding,
          },
        },
      ],
    };
  }
  if (channelBinding) return { status: 'pass' };
  if (!serverView.known) return { status: 'unknown', reason: serverView.reason };
  return {
    status: 'unknown',
    reason: `the server sees ${describe(serverView.value)}, as the auditor does, and so it would behind a proxy with TLS on both sides: there was no channel binding, which password_encryption = 'scram-sha-256' gives, and the server sees another address or port than the auditor's`,
  };
}

type ServerView = Extract<AuditConnection['serverView'], { readonly known: true }>['value'];

function isSame({ tlsVersion, cipher }: AuditConnection, view: ServerView): boolean {
  return view !== 'not-tls' && view.tlsVersion === tlsVersion && view.cipher === cipher;
}

function describe(view: ServerView): string {
  return view === 'not-tls' ? 'no TLS' : `${displayText(view.tlsVersion)} with ${displayText(view.cipher)}`;
}
