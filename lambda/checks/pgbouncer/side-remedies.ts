// What a finding about sessions says when they are a pooler's: on which side of it they are, and what to do there.

import { cipherProfile } from '../../model/cipher-profile.ts';
import type { Problem } from '../../model/finding.ts';
import type { Policy } from '../../model/policy.ts';
import type { Side } from '../../model/snapshot.ts';
import { alterSystem } from '../remedies/remedy-commands.ts';
import { VERIFY_SERVERS } from './insecure-outbound-link.ts';
import { RELOAD, REPLACE_OPEN } from './settings.ts';
import { protocolsFrom } from './tls-protocols.ts';

const WHERE: Readonly<Record<Side, string>> = {
  client: 'from a client to the pooler',
  server: 'from the pooler to its server',
};

/** The problem as it is told of that side. A check that is not known here keeps its own remedy. */
export function onSide(check: string, problem: Problem, side: Side, policy: Policy): Problem {
  const remedy = REMEDIES[check]?.(policy)[side];
  return {
    ...problem,
    title: `${problem.title}, ${WHERE[side]}`,
    ...(remedy === undefined ? {} : { remedy }),
  };
}

const STAY = 'Sessions that are open stay as they are until they end';
const UPGRADE = 'Client: upgrade the driver or its TLS library, and remove settings that pin an old version or suite.';

type Remedies = (policy: Policy) => Readonly<Record<Side, string>>;

const REMEDIES: Readonly<Record<string, Remedies>> = {
  'plaintext-session': () => ({
    client: `Client: connect with sslmode=verify-full and sslrootcert=<CA file>.
Then refuse plaintext in pgbouncer.ini: client_tls_sslmode = require; ${RELOAD}. ${STAY}.`,
    server: VERIFY_SERVERS,
  }),
  'loopback-plaintext-session': () => ({
    client: `Find out what connects there: where it is a tunnel or proxy, its outer leg is what must be encrypted. A local program may use PgBouncer's Unix socket (unix_socket_dir), or TLS.
Set policy.loopback to "ignore" once you know them all, or to "network" to judge them like any other.`,
    server: `Where that is a tunnel or proxy, its outer leg is what must be encrypted. A server on the same host is better reached by its Unix socket: host=/var/run/postgresql in [databases] of pgbouncer.ini; ${RELOAD}.
Set policy.loopback to "ignore" once you know them all, or to "network" to judge them like any other.`,
  }),
  'deprecated-tls-session': ({ minTlsVersion }) => ({
    client: `${UPGRADE}
Then refuse old versions in pgbouncer.ini: client_tls_protocols = ${protocolsFrom(minTlsVersion)}; ${RELOAD}. ${STAY}.`,
    server: `Server: upgrade its OpenSSL, and:
${alterSystem('ssl_min_protocol_version', minTlsVersion, 'ssl_max_protocol_version')}
Then in pgbouncer.ini: server_tls_protocols = ${protocolsFrom(minTlsVersion)}; ${RELOAD}.
${REPLACE_OPEN}`,
  }),
  'below-preferred-tls-session': ({ preferredTlsVersion }) => ({
    client: `${UPGRADE}
When no client is left below it, make it the minimum in pgbouncer.ini: client_tls_protocols = ${protocolsFrom(preferredTlsVersion)}; ${RELOAD}.`,
    server: `Server: upgrade its OpenSSL (1.1.1 or newer). Then in pgbouncer.ini: server_tls_protocols = ${protocolsFrom(preferredTlsVersion)}; ${RELOAD}.
${REPLACE_OPEN}`,
  }),
  'weak-cipher-session': ({ cipherProfile: profile }) => ({
    client: `${UPGRADE}
Then admit strong suites only, in pgbouncer.ini: ${suites('client', profile)}; ${RELOAD}. ${STAY}.`,
    server: `In pgbouncer.ini: ${suites('server', profile)}; ${RELOAD}.
${REPLACE_OPEN}`,
  }),
};

function suites(side: Side, profile: Policy['cipherProfile']): string {
  const { sslCiphers } = cipherProfile(profile);
  return sslCiphers === undefined ? `${side}_tls_protocols = tlsv1.3` : `${side}_tls_ciphers = ${sslCiphers}`;
}
