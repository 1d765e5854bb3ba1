// Finds sessions whose TLS version is below the policy's minimum.

import { describeGroup } from '../analysis/sessions/session-groups.ts';
import { tlsOf, tlsVersions } from '../analysis/sessions/session-tls.ts';
import type { Remedy } from '../model/remedy.ts';
import { CRYPTOGRAPHY, IN_TRANSIT } from '../model/requirement.ts';
import { isOlderThan, type TlsVersion } from '../model/tls.ts';
import type { SessionCheck } from './check.ts';
import { RELOAD, REPLACE_OPEN } from './pgbouncer/settings.ts';
import { OPEN_SESSIONS_STAY, UPGRADE_CLIENT } from './pgbouncer/side-remedies.ts';
import { protocolsFrom } from './pgbouncer/tls-protocols.ts';
import { alterSystem, pgbouncerProtocols, settingRemedy } from './remedies/remedy-commands.ts';
import { checkSessionsAndLogins } from './shared/session-check.ts';

export const deprecatedTlsSession: SessionCheck = {
  id: 'deprecated-tls-session',
  title: 'Session with a deprecated TLS version',
  subject: 'session',
  severity: 'high',
  severityNote: "info for the provider's own roles",
  transient: true,
  rationale:
    'TLS 1.0 and 1.1 rest on MD5 and SHA-1 and on ciphers with known attacks; RFC 8996 forbids their use, PCI DSS and most audits do too.',
  remedy: remedyOf('TLSv1.2'),
  requirements: [...IN_TRANSIT, ...CRYPTOGRAPHY],
  findsInsecureClients: true,
  remedyBySide: ({ minTlsVersion }) => ({
    client: `${UPGRADE_CLIENT}
Then refuse old versions in pgbouncer.ini: client_tls_protocols = ${protocolsFrom(minTlsVersion)}; ${RELOAD}. ${OPEN_SESSIONS_STAY}.`,
    server: `Server: upgrade its OpenSSL, and:
${alterSystem('ssl_min_protocol_version', minTlsVersion, 'ssl_max_protocol_version')}
Then in pgbouncer.ini: server_tls_protocols = ${protocolsFrom(minTlsVersion)}; ${RELOAD}.
${REPLACE_OPEN}`,
  }),
  pgbouncer: 'same',
  references: [
    'https://www.rfc-editor.org/rfc/rfc8996',
    'https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-SSL-MIN-PROTOCOL-VERSION',
  ],
  evaluate: (snapshot, { minTlsVersion }) => {
    const remedy = remedyOf(minTlsVersion);
    return checkSessionsAndLogins(
      snapshot,
      (session) => tlsOf(session, ({ version }) => isOlderThan(version, minTlsVersion)),
      (group) => {
        const { evidence, ...who } = describeGroup(group);
        return {
          ...who,
          severity: 'high',
          title: deprecatedTlsSession.title,
          remedy,
          evidence: { tlsVersion: tlsVersions(group), required: `${minTlsVersion} or newer`, ...evidence },
        };
      },
    );
  },
};

function remedyOf(minimum: TlsVersion): Remedy {
  return {
    everywhere: `Client: upgrade the driver or the TLS library it uses (OpenSSL 1.0.1, Java 8, .NET Framework 4.6.2 or Windows Server 2016 are the oldest with TLSv1.2), and remove settings that pin an old version (ssl_max_protocol_version, jdk.tls.client.protocols).
Then refuse old versions on the server:`,
    ...settingRemedy('ssl_min_protocol_version', minimum),
    pgbouncer: pgbouncerProtocols(minimum),
  };
}
