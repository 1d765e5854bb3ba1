// Finds sessions whose TLS version is allowed, and older than the one that the policy prefers.

import { describeGroup } from '../analysis/sessions/session-groups.ts';
import { tlsOf, tlsVersions } from '../analysis/sessions/session-tls.ts';
import type { Remedy } from '../model/remedy.ts';
import { CRYPTOGRAPHY, IN_TRANSIT } from '../model/requirement.ts';
import { isOlderThan, type TlsVersion } from '../model/tls.ts';
import type { SessionCheck } from './check.ts';
import { RELOAD, REPLACE_OPEN } from './pgbouncer/settings.ts';
import { UPGRADE_CLIENT } from './pgbouncer/side-remedies.ts';
import { protocolsFrom } from './pgbouncer/tls-protocols.ts';
import { pgbouncerProtocols, settingRemedy } from './remedies/remedy-commands.ts';
import { checkSessionsAndLogins } from './shared/session-check.ts';

export const belowPreferredTlsSession: SessionCheck = {
  id: 'below-preferred-tls-session',
  title: 'Session below the preferred TLS version',
  subject: 'session',
  severity: 'info',
  transient: true,
  rationale:
    'TLS 1.3 takes a round trip less, encrypts certificates, and has no weak suites to choose. TLS 1.2 is not unsafe: this finding shows how far a migration has come.',
  remedy: remedyOf('TLSv1.3'),
  requirements: [...IN_TRANSIT, ...CRYPTOGRAPHY],
  findsInsecureClients: false,
  remedyBySide: ({ preferredTlsVersion }) => ({
    client: `${UPGRADE_CLIENT}
When no client is left below it, make it the minimum in pgbouncer.ini: client_tls_protocols = ${protocolsFrom(preferredTlsVersion)}; ${RELOAD}.`,
    server: `Server: upgrade its OpenSSL (1.1.1 or newer). Then in pgbouncer.ini: server_tls_protocols = ${protocolsFrom(preferredTlsVersion)}; ${RELOAD}.
${REPLACE_OPEN}`,
  }),
  pgbouncer: 'same',
  references: ['https://www.rfc-editor.org/rfc/rfc8446', 'https://www.rfc-editor.org/rfc/rfc9325'],
  evaluate: (snapshot, { minTlsVersion, preferredTlsVersion }) => {
    const remedy = remedyOf(preferredTlsVersion);
    return checkSessionsAndLogins(
      snapshot,
      (session) =>
        tlsOf(
          session,
          ({ version }) => !isOlderThan(version, minTlsVersion) && isOlderThan(version, preferredTlsVersion),
        ),
      (group) => {
        const { evidence, ...who } = describeGroup(group);
        return {
          ...who,
          severity: 'info',
          title: belowPreferredTlsSession.title,
          remedy,
          evidence: { tlsVersion: tlsVersions(group), preferred: `${preferredTlsVersion} or newer`, ...evidence },
        };
      },
    );
  },
};

function remedyOf(preferred: TlsVersion): Remedy {
  return {
    everywhere: `Upgrade the driver or its TLS library (OpenSSL 1.1.1 or newer, Java 11 or newer), and remove settings that pin an older version.
When no session is left below ${preferred}, make it the server's minimum:`,
    ...settingRemedy('ssl_min_protocol_version', preferred),
    pgbouncer: pgbouncerProtocols(preferred),
  };
}
