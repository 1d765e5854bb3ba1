// Writes the texts of findings about the client side and the server side of a PgBouncer.

import { cipherProfile } from '../../model/cipher-profile.ts';
import type { Problem } from '../../model/finding.ts';
import type { Policy } from '../../model/policy.ts';
import type { Side } from '../../model/snapshot.ts';

const WHERE: Readonly<Record<Side, string>> = {
  client: 'from a client to the pooler',
  server: 'from the pooler to its server',
};

/** @param remedy for that side; undefined keeps the problem's own */
export function onSide(problem: Problem, side: Side, remedy: string | undefined): Problem {
  return {
    ...problem,
    title: `${problem.title}, ${WHERE[side]}`,
    ...(remedy === undefined ? {} : { remedy }),
  };
}

export const OPEN_SESSIONS_STAY = 'Sessions that are open stay as they are until they end';
export const UPGRADE_CLIENT =
  'Client: upgrade the driver or its TLS library, and remove settings that pin an old version or suite.';

/** The setting of pgbouncer.ini that admits the profile's suites only. */
export function suitesSetting(side: Side, profile: Policy['cipherProfile']): string {
  const { sslCiphers } = cipherProfile(profile);
  return sslCiphers === undefined ? `${side}_tls_protocols = tlsv1.3` : `${side}_tls_ciphers = ${sslCiphers}`;
}
