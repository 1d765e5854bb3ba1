// Servers that don't speak TLS themselves.

import { displayText } from '../model/display.ts';
import type { Check } from './check.ts';
import { readSetting } from './shared/setting.ts';

export const tlsDisabled: Check = {
  id: 'tls-disabled',
  title: 'TLS is switched off on the server',
  severity: 'critical',
  rationale:
    'With ssl = off the server accepts plaintext only. If this audit reached it over TLS all the same, a pooler or proxy in front ends the TLS, and everything travels in the open from there on, as it does for whoever reaches the server directly.',
  remedy: `Install a certificate (ssl_cert_file, ssl_key_file), then ALTER SYSTEM SET ssl = on; SELECT pg_reload_conf();
In the pooler or proxy, make its own connections verify the server, e.g. PgBouncer: server_tls_sslmode = verify-full, server_tls_ca_file = ….
RDS and Aurora: TLS is always on; set rds.force_ssl = 1. Neon: its proxy ends TLS, ask its support how it reaches the server.`,
  references: [
    'https://www.postgresql.org/docs/current/ssl-tcp.html',
    'https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-SSL',
    'https://www.pgbouncer.org/config.html#server_tls_sslmode',
  ],
  evaluate: (snapshot) => {
    // Found out before the login could read any setting.
    if (snapshot.failure?.cause === 'tls-not-offered') {
      return { status: 'not-applicable', reason: 'whoever answers there offers no TLS: target-not-audited tells it' };
    }
    const ssl = readSetting(snapshot, 'ssl');
    if (!ssl.known) return { status: 'unknown', reason: ssl.reason };
    if (ssl.value === 'on') return { status: 'pass' };
    const { link } = snapshot;
    return {
      status: 'fail',
      problems: [
        {
          severity: 'critical',
          title: tlsDisabled.title,
          evidence: {
            ssl: displayText(ssl.value),
            ...(link.known
              ? {
                  note: `this audit came over verified ${displayText(link.value.tlsVersion)}, so something in front of the server ends TLS, and the connection from there to the server is not encrypted by it`,
                }
              : {}),
          },
        },
      ],
    };
  },
};
