// Finds servers that do not offer TLS themselves.

import { displayText } from '../model/display.ts';
import { IN_TRANSIT } from '../model/requirement.ts';
import type { ServerCheck } from './check.ts';
import { evaluateClientTls } from './pgbouncer/client-side.ts';
import { ofSettings } from './pgbouncer/settings.ts';
import { alterSystem, rdsCommands } from './remedies/remedy-commands.ts';
import { readSetting } from './shared/setting.ts';

export const tlsDisabled: ServerCheck = {
  id: 'tls-disabled',
  title: 'TLS is switched off on the server',
  subject: 'server',
  severity: 'critical',
  rationale:
    'With ssl = off the server accepts plaintext only. If this audit reached it over TLS all the same, a pooler or proxy in front ends the TLS, and everything travels in the open from there on, as it does for every client that reaches the server directly.',
  remedy: {
    selfManaged: `Install a certificate (ssl_cert_file, ssl_key_file), then:
${alterSystem('ssl', 'on')}
In the pooler or proxy, make its own connections verify the server, e.g. PgBouncer: server_tls_sslmode = verify-full, server_tls_ca_file = ….`,
    rds: `TLS is always on there, so ask AWS Support what answers; meanwhile refuse plaintext.
${rdsCommands('rds.force_ssl', '1')}`,
    neon: "Nothing to set: Neon's proxy ends TLS before the server; ask Neon's support how it goes on from there.",
    cloudSql: `TLS is always on there, so ask Google's support what answers; meanwhile refuse plaintext.
gcloud sql instances patch <instance> --ssl-mode=ENCRYPTED_ONLY`,
    azure: `TLS is always on there, so ask Azure's support what answers; meanwhile refuse plaintext.
az postgres flexible-server parameter set --resource-group <group> --server-name <server> --name require_secure_transport --value on`,
  },
  requirements: IN_TRANSIT,
  pgbouncer: ofSettings(evaluateClientTls),
  references: [
    'https://www.postgresql.org/docs/current/ssl-tcp.html',
    'https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-SSL',
    'https://www.pgbouncer.org/config.html#server_tls_sslmode',
  ],
  evaluate: (snapshot) => {
    // Found out before the login could read any setting.
    if (snapshot.failure?.cause === 'tls-not-offered') {
      return {
        status: 'not-applicable',
        reason: 'the server does not offer TLS; reported by target-not-audited, with the cause tls-not-offered',
      };
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
