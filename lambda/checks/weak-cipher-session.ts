// Sessions of a present TLS version with a cipher suite that is too weak.

import type { CipherProfileName } from '../model/policy.ts';
import type { Remedy } from '../model/remedy.ts';
import { isOlderThan } from '../model/tls.ts';
import type { Check } from './check.ts';
import { cipherRemedy, pgbouncerCiphers } from './ciphers/cipher-remedy.ts';
import { weaknesses } from './ciphers/cipher-strength.ts';
import { checkSessions } from './sessions/session-check.ts';
import { describeGroup } from './sessions/session-groups.ts';
import { cipherSuites, tlsOf, tlsVersions } from './sessions/session-tls.ts';

export const weakCipherSession: Check = {
  id: 'weak-cipher-session',
  title: 'Session with a weak cipher suite',
  severity: 'medium',
  severityNote: "info for the provider's own roles",
  transient: true,
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

function remedyOf(profile: CipherProfileName): Remedy {
  return {
    everywhere: `Client: remove cipher settings that pin an old suite, and upgrade the driver or its TLS library.
Then let the server offer only what ${profile} lets in:`,
    ...cipherRemedy(profile),
    pgbouncer: pgbouncerCiphers(profile),
  };
}
