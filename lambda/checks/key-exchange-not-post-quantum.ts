// Finds servers whose key exchange a quantum computer could undo on traffic recorded today.

import type { Outcome } from '../model/finding.ts';
import type { WireProbe } from '../model/probe.ts';
import { IN_TRANSIT } from '../model/requirement.ts';
import type { ServerCheck } from './check.ts';
import { withProbe } from './probe/wire-facts.ts';

export const keyExchangeNotPostQuantum: ServerCheck = {
  id: 'key-exchange-not-post-quantum',
  title: 'Key exchange is not post-quantum',
  subject: 'server',
  severity: 'info',
  rationale:
    'Offered a hybrid of a classical group and ML-KEM first, the server chose a classical group alone, or does not speak TLSv1.3. An attacker who records sessions now can read them once a quantum computer breaks that group: it matters for data that must stay secret for decades.',
  remedy: {
    selfManaged: `The server needs OpenSSL 3.5 or newer. PostgreSQL 18 and newer, in postgresql.conf:
ssl_groups = 'X25519MLKEM768:X25519:prime256v1'
Then SELECT pg_reload_conf(); PostgreSQL 17 and older offer one classical curve (ssl_ecdh_curve): upgrade.`,
    rds: 'Nothing to set: the service decides which groups its servers accept. See its release notes.',
    neon: "Nothing to set: Neon's own proxy decides which groups it accepts.",
    cloudSql: 'Nothing to set: the service decides which groups its servers accept. See its release notes.',
    azure: 'Nothing to set: the service decides which groups its servers accept. See its release notes.',
    pgbouncer:
      'PgBouncer needs OpenSSL 3.5 or newer, and client_tls_ecdhcurve = auto (the default) in pgbouncer.ini, which leaves the groups to it; then restart it.',
  },
  requirements: IN_TRANSIT,
  pgbouncer: 'same',
  references: [
    'https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-SSL-GROUPS',
    'https://datatracker.ietf.org/doc/draft-ietf-tls-ecdhe-mlkem/',
    'https://csrc.nist.gov/pubs/fips/203/final',
  ],
  evaluate: (snapshot) => withProbe(snapshot, evaluateKeyExchange),
};

function evaluateKeyExchange({ offersTls, keyExchange }: WireProbe): Outcome {
  if (offersTls.known && !offersTls.value) {
    return { status: 'not-applicable', reason: 'the server offers no TLS on the wire' };
  }
  if (!keyExchange.known) return { status: 'unknown', reason: keyExchange.reason };
  const { group, postQuantum } = keyExchange.value;
  if (postQuantum) return { status: 'pass' };
  return {
    status: 'fail',
    problems: [
      {
        severity: keyExchangeNotPostQuantum.severity,
        title: keyExchangeNotPostQuantum.title,
        evidence: group === undefined ? { 'TLSv1.3': 'not accepted' } : { chosen: group },
      },
    ],
  };
}
