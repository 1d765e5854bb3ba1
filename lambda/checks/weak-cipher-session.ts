// Sessions of a present TLS version with a cipher suite that is too weak.

import { cipherProfile as profileOf } from '../model/cipher-profile.ts';
import type { CipherProfileName } from '../model/policy.ts';
import { isOlderThan } from '../model/tls.ts';
import type { Check } from './check.ts';
import { weaknesses } from './ciphers/cipher-strength.ts';
import { checkSessions } from './sessions/session-check.ts';
import { describeGroup } from './sessions/session-groups.ts';
import { cipherSuites, tlsOf, tlsVersions } from './sessions/session-tls.ts';

export const weakCipherSession: Check = {
  id: 'weak-cipher-session',
  title: 'Session with a weak cipher suite',
  severity: 'medium',
  severityNote: "info for the provider's own roles",
  rationale:
    'Without forward secrecy, a server key that leaks later opens every session recorded before. CBC, RC4, 3DES, NULL, export and anonymous suites have known attacks; fewer than 128 bits can be searched.',
  remedy: remedyOf('mozilla-intermediate'),
  references: [
    'https://wiki.mozilla.org/Security/Server_Side_TLS',
    'https://doi.org/10.6028/NIST.SP.800-52r2',
    'https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-SSL-CIPHERS',
  ],
  evaluate: (snapshot, { minTlsVersion, cipherProfile }) =>
    checkSessions(
      snapshot,
      // Sessions below the minimum are deprecated-tls-session's: one thing to fix is told once.
      (session) =>
        tlsOf(
          session,
          ({ version, cipher, bits }) =>
            !isOlderThan(version, minTlsVersion) && weaknesses(cipher, bits, cipherProfile).length > 0,
        ),
      (group) => {
        const { evidence, ...who } = describeGroup(group);
        const why = group.sessions.flatMap(({ tls }) =>
          tls === undefined ? [] : weaknesses(tls.cipher, tls.bits, cipherProfile),
        );
        return {
          ...who,
          severity: 'medium',
          title: weakCipherSession.title,
          remedy: remedyOf(cipherProfile),
          evidence: {
            cipher: cipherSuites(group),
            weakness: [...new Set(why)].sort().join(', '),
            tlsVersion: tlsVersions(group),
            ...evidence,
          },
        };
      },
    ),
};

/** What the profile lets in, so that whoever follows the advice is rid of the finding. */
function remedyOf(profile: CipherProfileName): string {
  const { sslCiphers } = profileOf(profile);
  const server =
    sslCiphers === undefined
      ? `Then let the server offer TLSv1.3 only, as ${profile} wants it: ALTER SYSTEM SET ssl_min_protocol_version = 'TLSv1.3'; SELECT pg_reload_conf();
RDS and Aurora: set ssl_min_protocol_version in the parameter group.`
      : `Then let the server offer strong suites only: ALTER SYSTEM SET ssl_ciphers = '${sslCiphers}'; SELECT pg_reload_conf();
RDS and Aurora: set ssl_ciphers in the parameter group.`;
  return `Client: remove cipher settings that pin an old suite, and upgrade the driver or its TLS library.\n${server}`;
}
