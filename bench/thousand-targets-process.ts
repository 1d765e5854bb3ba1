// Audits many targets in a process of its own, as a function does, or makes as many bare connections in another one.
// The parent says when and how many; it has the server and the local AWS, so that memory and time are this one's alone.

import pMap from 'p-map';
import { auditTargets } from '../lambda/audit.ts';
import { createSecretStore, prefetchSecrets, secretsManagerClients } from '../lambda/collect/secrets/store.ts';
import { parseConfig } from '../lambda/config/index.ts';
import { type BareLogin, bareConnection, newCollector } from './benchmark.ts';
import { timed } from './measure.ts';

/** What a process does at each message, as JSON in a variable of the process. */
export type Work = { readonly kind: 'audit' } | { readonly kind: 'bare'; readonly login: BareLogin };

/** The message: names of targets. */
export interface WorkWanted {
  readonly targets: readonly string[];
}

/** The answer. */
export interface WorkDone {
  readonly milliseconds: number;
  /** Bytes of the process at its highest so far. */
  readonly memory: number;
}

const work = JSON.parse(process.env.BENCH_WORK ?? '{}') as Work;
process.on('message', ({ targets }: WorkWanted) => {
  timed(() => (work.kind === 'audit' ? audit(targets) : connect(work.login, targets))).then(
    (milliseconds) => {
      // maxRSS is in kilobytes.
      const memory = process.resourceUsage().maxRSS * 1024;
      process.send?.({ milliseconds, memory } satisfies WorkDone);
    },
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});

async function connect(login: BareLogin, targets: readonly string[]): Promise<void> {
  const { concurrency } = configOf(targets);
  await pMap(targets, () => bareConnection(login), { concurrency });
}

/** As the handler does it: a secret for each target and one for the CA bundle, by the SDK's real client. */
async function audit(targets: readonly string[]): Promise<void> {
  const config = configOf(targets);
  const secrets = createSecretStore(secretsManagerClients());
  prefetchSecrets(config.targets, secrets);
  const deadline = new AbortController().signal;
  const { audited } = await auditTargets(config, { collector: newCollector(secrets), deadline });
  const missed = audited.find(({ verdict }) => verdict !== 'clean');
  const { target, failure } = missed?.snapshot ?? {};
  if (missed !== undefined) throw new Error(`${target?.name} came out as ${missed.verdict}: ${failure?.message}`);
}

function configOf(names: readonly string[]): ReturnType<typeof parseConfig> {
  return parseConfig(
    { defaults: { ca: { secret: 'ca' } }, targets: names.map((name) => ({ name, secret: `prod/${name}` })) },
    { use: 'deployment' },
  );
}
