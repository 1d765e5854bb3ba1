// Sessions encrypted by a TLS version that is not to be used any more.

import { describeGroup } from '../analysis/sessions/session-groups.ts';
import { tlsOf, tlsVersions } from '../analysis/sessions/session-tls.ts';
import type { Remedy } from '../model/remedy.ts';
import { isOlderThan, type TlsVersion } from '../model/tls.ts';
import type { Check } from './check.ts';
import { pgbouncerProtocols, settingRemedy } from './remedies/remedy-commands.ts';
import { checkSessions } from './shared/session-check.ts';

export const deprecatedTlsSession: Check = {
  id: 'deprecated-tls-session',
  title: 'Session with a deprecated TLS version',
  severity: 'high',
  severityNote: "info for the provider's own roles",
  transient: true,
  rationale:
    'TLS 1.0 and 1.1 rest on MD5 and SHA-1 and on ciphers with known attacks; RFC 8996 forbids their use, PCI DSS and most audits do too.',
  remedy: remedyOf('TLSv1.2'),
  references: [
    'https://www.rfc-editor.org/rfc/rfc8996',
    'https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-SSL-MIN-PROTOCOL-VERSION',
  ],
  evaluate: (snapshot, { minTlsVersion }) =>
    checkSessions(
      snapshot,
      (session) => tlsOf(session, ({ version }) => isOlderThan(version, minTlsVersion)),
      (group) => {
        const { evidence, ...who } = describeGroup(group);
        return {
          ...who,
          severity: 'high',
          title: deprecatedTlsSession.title,
          remedy: remedyOf(minTlsVersion),
          evidence: { tlsVersion: tlsVersions(group), required: `${minTlsVersion} or newer`, ...evidence },
        };
      },
    ),
};

function remedyOf(minimum: TlsVersion): Remedy {
  return {
    everywhere: `Client: upgrade the driver or the TLS library it uses (OpenSSL 1.0.1, Java 8, .NET Framework 4.6.2 or Windows Server 2016 are the oldest with TLSv1.2), and remove settings that pin an old version (ssl_max_protocol_version, jdk.tls.client.protocols).
Then refuse old versions on the server:`,
    ...settingRemedy('ssl_min_protocol_version', minimum),
    pgbouncer: pgbouncerProtocols(minimum),
  };
}
