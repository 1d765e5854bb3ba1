// Sessions that are good enough today, by a TLS version older than the one the policy prefers.

import { isOlderThan } from '../model/tls.ts';
import type { Check } from './check.ts';
import { checkSessions } from './sessions/session-check.ts';
import { describeGroup } from './sessions/session-groups.ts';
import { tlsOf, tlsVersions } from './sessions/session-tls.ts';

export const belowPreferredTlsSession: Check = {
  id: 'below-preferred-tls-session',
  title: 'Session below the preferred TLS version',
  severity: 'info',
  rationale:
    'TLS 1.3 takes a round trip less, encrypts certificates, and has no weak suites to choose. TLS 1.2 is not unsafe: this tells how far a migration has come.',
  remedy: `Upgrade the driver or its TLS library (OpenSSL 1.1.1 or newer, Java 11 or newer), and remove settings that pin TLSv1.2.
When no session is left below it, make it the minimum: ALTER SYSTEM SET ssl_min_protocol_version = 'TLSv1.3'; SELECT pg_reload_conf();`,
  references: ['https://www.rfc-editor.org/rfc/rfc8446', 'https://www.rfc-editor.org/rfc/rfc9325'],
  evaluate: (snapshot, { minTlsVersion, preferredTlsVersion }) =>
    checkSessions(
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
          evidence: { tlsVersion: tlsVersions(group), preferred: `${preferredTlsVersion} or newer`, ...evidence },
        };
      },
    ),
};
