// Finds sessions with a weak cipher suite in a TLS version that is not deprecated.

import { type SuiteClass, suiteClass, weaknesses, worstClass } from '../analysis/openssl-ciphers/cipher-strength.ts';
import { describeGroup, type SessionGroup } from '../analysis/sessions/session-groups.ts';
import { cipherSuites, tlsOf, tlsVersions } from '../analysis/sessions/session-tls.ts';
import type { Problem } from '../model/finding.ts';
import type { CipherProfileName } from '../model/policy.ts';
import type { Remedy } from '../model/remedy.ts';
import { CRYPTOGRAPHY, IN_TRANSIT } from '../model/requirement.ts';
import { isOlderThan } from '../model/tls.ts';
import type { SessionCheck } from './check.ts';
import { RELOAD, REPLACE_OPEN } from './pgbouncer/settings.ts';
import { OPEN_SESSIONS_STAY, suitesSetting, UPGRADE_CLIENT } from './pgbouncer/side-remedies.ts';
import { cipherRemedy, pgbouncerCiphers } from './remedies/cipher-remedy.ts';
import { checkSessionsAndLogins } from './shared/session-check.ts';

export const weakCipherSession: SessionCheck = {
  id: 'weak-cipher-session',
  title: 'Session with a weak cipher suite',
  subject: 'session',
  severity: 'medium',
  severityNote:
    "high where nothing is encrypted, the server does not prove who it is, or the suite is of export grade; critical for superusers and replication where nothing is encrypted; info for the provider's own roles",
  transient: true,
  rationale:
    'Without forward secrecy, a server key that leaks later opens every session recorded before. CBC, RC4, 3DES, NULL, export and anonymous suites have known attacks; fewer than 128 bits can be searched.',
  remedy: remedyOf('mozilla-intermediate'),
  requirements: [...IN_TRANSIT, ...CRYPTOGRAPHY],
  findsInsecureClients: true,
  remedyBySide: ({ cipherProfile: profile }) => ({
    client: `${UPGRADE_CLIENT}
Then admit strong suites only, in pgbouncer.ini: ${suitesSetting('client', profile)}; ${RELOAD}. ${OPEN_SESSIONS_STAY}.`,
    server: `In pgbouncer.ini: ${suitesSetting('server', profile)}; ${RELOAD}.
${REPLACE_OPEN}`,
  }),
  pgbouncer: 'same',
  references: [
    'https://wiki.mozilla.org/Security/Server_Side_TLS',
    'https://doi.org/10.6028/NIST.SP.800-52r2',
    'https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-SSL-CIPHERS',
  ],
  evaluate: (snapshot, { minTlsVersion, cipherProfile }) => {
    const remedy = remedyOf(cipherProfile);
    return checkSessionsAndLogins(
      snapshot,
      (session) =>
        tlsOf(session, ({ version, cipher, bits }) => {
          if (weaknesses(cipher, bits, cipherProfile).length === 0) return false;
          // Sessions below the minimum are deprecated-tls-session's: one thing to fix is one finding. But what protects
          // nothing is worse than that.
          return !isOlderThan(version, minTlsVersion) || isUnprotected(suiteClass(cipher));
        }),
      (group) => {
        const { evidence, ...who } = describeGroup(group);
        const facts = [...new Set(group.sessions.map(({ tls }) => tls))].filter((tls) => tls !== undefined);
        const why = facts.flatMap(({ cipher, bits }) => weaknesses(cipher, bits, cipherProfile));
        const worst = worstClass(facts.map(({ cipher }) => cipher));
        return {
          ...who,
          ...severityAndTitle(worst, group),
          remedy,
          evidence: {
            cipher: cipherSuites(group),
            weakness: [...new Set(why)].sort().join(', '),
            tlsVersion: tlsVersions(group),
            ...evidence,
          },
        };
      },
    );
  },
};

function isUnprotected(of: SuiteClass): boolean {
  return of === 'unencrypted' || of === 'unauthenticated';
}

/** Without encryption it is what plaintext is, and seems to be more. */
function severityAndTitle(
  of: SuiteClass,
  { first: { superuser, kind } }: SessionGroup,
): Pick<Problem, 'severity' | 'title'> {
  switch (of) {
    case 'unencrypted':
      return {
        severity: superuser || kind === 'replication' ? 'critical' : 'high',
        title: 'Session over TLS that encrypts nothing',
      };
    case 'unauthenticated':
      return { severity: 'high', title: 'Session over TLS that anybody on the path could have answered or can break' };
    default:
      return { severity: 'medium', title: weakCipherSession.title };
  }
}

function remedyOf(profile: CipherProfileName): Remedy {
  return {
    everywhere: `Client: remove cipher settings that pin an old suite, and upgrade the driver or its TLS library.
Then let the server offer only what ${profile} lets in:`,
    ...cipherRemedy(profile),
    pgbouncer: pgbouncerCiphers(profile),
  };
}
