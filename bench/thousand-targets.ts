// Measures 1,000 targets in one invocation, beside as many bare verified connections.

import pMap from 'p-map';
import { startAwsEndpoint } from '../lab/aws.ts';
import { rdsSecret } from '../lab/collector.ts';
import type { PostgresServer } from '../lab/postgres.ts';
import { auditTargets } from '../lambda/audit.ts';
import { createSecretStore, prefetchSecrets, secretsManagerClients } from '../lambda/collect/secrets/store.ts';
import { parseConfig } from '../lambda/config/index.ts';
import { type Benchmark, bareConnection, caOf, newCollector } from './benchmark.ts';
import { atLeast, atMost, median, megabytes, type Row, timed } from './measure.ts';

const TARGETS = 1_000;
const ROUNDS = 3;
const LEAST_SHARE = 0.8;
const MOST_MEMORY = 400e6;

const names = Array.from({ length: TARGETS }, (_, index) => `database-${index}`);
const CONFIG = parseConfig(
  { defaults: { ca: { secret: 'ca' } }, targets: names.map((name) => ({ name, secret: `prod/${name}` })) },
  { use: 'deployment' },
);

export const thousandTargets: Benchmark = {
  name: 'thousand-targets',
  title: `${TARGETS.toLocaleString('en')} targets in one invocation against bare verify-full connects`,
  run: async (server) => {
    const secrets = Object.fromEntries(names.map((name) => [`prod/${name}`, rdsSecret(server)]));
    await using aws = await startAwsEndpoint({ secrets: { ...secrets, ca: caOf(server) } });
    Object.assign(process.env, aws.environment());
    await connect(server, TARGETS / 10);
    const rounds: { readonly ours: number; readonly theirs: number }[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      // Half of the bare ones before and half after: what else the machine does meets both alike.
      const before = await timed(() => connect(server, TARGETS / 2));
      const ours = await timed(audit);
      const after = await timed(() => connect(server, TARGETS / 2));
      rounds.push({ ours, theirs: before + after });
    }
    return [
      atLeast(`share of the bare rate, median of ${ROUNDS} rounds`, share(rounds), LEAST_SHARE),
      rate(
        'targets audited a second',
        rounds.map(({ ours }) => ours),
      ),
      rate(
        `bare connections a second, ${CONFIG.concurrency} at once too`,
        rounds.map(({ theirs }) => theirs),
      ),
      // maxRSS is in kilobytes.
      atMost('memory at its highest, with AWS in it', process.resourceUsage().maxRSS * 1024, MOST_MEMORY, megabytes),
    ];
  },
};

function share(rounds: readonly { readonly ours: number; readonly theirs: number }[]): number {
  return median(rounds.map(({ ours, theirs }) => theirs / ours));
}

function rate(what: string, times: readonly number[]): Row {
  return { what, value: (TARGETS / (median(times) / 1000)).toFixed(0) };
}

async function connect(server: PostgresServer, count: number): Promise<void> {
  await pMap(Array.from({ length: count }), () => bareConnection(server), { concurrency: CONFIG.concurrency });
}

/** As the handler does it: a secret for each target and one for the CA bundle, by the SDK's real client. */
async function audit(): Promise<void> {
  const secrets = createSecretStore(secretsManagerClients());
  prefetchSecrets(CONFIG.targets, secrets);
  const deadline = new AbortController().signal;
  const { audited } = await auditTargets(CONFIG, { collector: newCollector(secrets), deadline });
  const missed = audited.find(({ verdict }) => verdict !== 'clean');
  const { target, failure } = missed?.snapshot ?? {};
  if (missed !== undefined) throw new Error(`${target?.name} came out as ${missed.verdict}: ${failure?.message}`);
}
