// Measures one audit, from secrets to report, beside a bare verified connection with one query.

import { rdsSecret } from '../lab/collector.ts';
import type { PostgresServer } from '../lab/postgres.ts';
import { countRoundTrips } from '../lab/round-trip-counter.ts';
import { auditTargets } from '../lambda/audit.ts';
import type { SecretStore } from '../lambda/collect/secrets/store.ts';
import { parseConfig } from '../lambda/config/index.ts';
import type { Verdict } from '../lambda/model/finding.ts';
import { type Benchmark, bareConnection, bareLogin, caOf, newCollector } from './benchmark.ts';
import { alternated, atMost, median, milliseconds, timed } from './measure.ts';

const PAIRS = 150;
const WARM_UP = 20;
const MOST_TIMES = 1.4;
const MOST_ROUND_TRIPS = 1;

const CONFIG = parseConfig(
  { defaults: { ca: { secret: 'ca' } }, targets: [{ name: 'orders', secret: 'orders' }] },
  { use: 'deployment' },
);

export const oneAudit: Benchmark = {
  name: 'one-audit',
  title: 'One audit against a bare verify-full connect, one query and end',
  run: async (server) => {
    const audit = auditOf(server, server.port);
    const login = bareLogin(server);
    const { ours, theirs, ratio } = await alternated(
      { pairs: PAIRS, warmUp: WARM_UP },
      () => timed(audit),
      () => timed(() => bareConnection(login, 'select 1')),
    );
    return [
      atMost(`wall time, median of ${PAIRS} alternated pairs`, ratio, MOST_TIMES),
      { what: 'one audit, median', value: milliseconds(median(ours)) },
      { what: 'bare connection, median', value: milliseconds(median(theirs)) },
      atMost('round trips after login, counted', await roundTripsOfOne(server), MOST_ROUND_TRIPS, String),
    ];
  },
};

/** Secrets come from memory, as the password of the bare connection does; the CA bundle is read again, as there too. */
function auditOf(server: PostgresServer, port: number, expected: Verdict = 'clean'): () => Promise<void> {
  const values = new Map([
    ['orders', rdsSecret(server, undefined, { port })],
    ['ca', caOf(server)],
  ]);
  const get: SecretStore['get'] = async (id) => values.get(id) ?? '';
  const deadline = new AbortController().signal;
  return async () => {
    const { audited } = await auditTargets(CONFIG, { collector: newCollector({ get, refresh: get }), deadline });
    const { snapshot, verdict } = audited[0] ?? {};
    if (verdict !== expected) throw new Error(`the audit came out as ${verdict}: ${snapshot?.failure?.message}`);
  };
}

async function roundTripsOfOne(server: PostgresServer): Promise<number> {
  await using counter = await countRoundTrips(server);
  // To count messages, TLS is ended in between: a finding.
  await auditOf(server, counter.port, 'findings')();
  return counter.counts[0] ?? Number.NaN;
}
