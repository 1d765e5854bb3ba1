// Sessions of a present TLS version with a cipher suite that is too weak.

import { isOlderThan } from '../model/tls.ts';
import type { Check } from './check.ts';
import { weaknesses } from './cipher-strength.ts';
import { checkSessions } from './session-check.ts';
import { describeGroup } from './session-groups.ts';
import { cipherSuites, tlsOf, tlsVersions } from './session-tls.ts';

export const weakCipherSession: Check = {
  id: 'weak-cipher-session',
  title: 'Session with a weak cipher suite',
  severity: 'medium',
  rationale:
    'Without forward secrecy, a server key that leaks later opens every session recorded before. CBC, RC4, 3DES, NULL, export and anonymous suites have known attacks; fewer than 128 bits can be searched.',
  remedy: `Client: remove cipher settings that pin an old suite, and upgrade the driver or its TLS library.
Then let the server offer strong suites only: ALTER SYSTEM SET ssl_ciphers = 'ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20'; SELECT pg_reload_conf();
RDS and Aurora: set ssl_ciphers in the parameter group.`,
  references: [
    'https://wiki.mozilla.org/Security/Server_Side_TLS',
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
