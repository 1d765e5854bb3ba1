// Measures a simulated fleet from the start of a run to the published digest: a plan, workers in processes, a digest.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import pMap from 'p-map';
import { type AwsEndpoint, startAwsEndpoint } from '../lab/aws.ts';
import { audit, rdsSecret } from '../lab/collector.ts';
import type { PostgresServer } from '../lab/postgres.ts';
import { openSessions } from '../lab/sessions.ts';
import type { ConfigInput } from '../lambda/config/index.ts';
import { type Benchmark, caOf } from './benchmark.ts';
import type { FleetAnswer, FleetWork } from './fleet-process.ts';
import { atMost, median, megabytes, type Row, timed } from './measure.ts';
import { FUNCTION_MEMORY, startWorkProcess, type WorkProcess } from './work-process.ts';

const FEW = 1_000;
const MANY = 10_000;
const MOST_TIMES = 11;
/** Sessions of each recorded server. */
const SESSIONS = 20;
/** Lambda's memory of Digest, in MiB. */
const DIGEST_MEMORY = 1_769;

const CONFIG: ConfigInput = {
  alerts: { email: ['dba@example.com'] },
  deployment: { fleet: { batch: 100 } },
  targets: [{ name: 'not-listed', secret: 'prod/not-listed' }],
};

export const fleet: Benchmark = {
  name: 'fleet',
  title: `A simulated fleet of ${MANY.toLocaleString('en')} targets, from the start of a run to its published digest`,
  run: async (server) => {
    const folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-fleet-'));
    try {
      const recorded = join(folder, 'recorded.json');
      await writeFile(recorded, await record(server));
      await writeFile(join(folder, 'auditor.config.json'), JSON.stringify(CONFIG));
      const before = await runOf(FEW, { folder, recorded });
      const many = await runOf(MANY, { folder, recorded });
      const after = await runOf(FEW, { folder, recorded });
      const few = median([before.ms, after.ms]);
      const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
      return [
        { what: `${FEW} targets`, value: seconds(few) },
        { what: `${MANY} targets`, value: seconds(many.ms) },
        ...Object.entries(many.steps).map(([step, ms]): Row => ({ what: `  of these, ${step}`, value: seconds(ms) })),
        atMost(`${MANY} targets to ${FEW}`, many.ms / few, MOST_TIMES),
        { what: 'memory of Plan at its highest', value: megabytes(many.memory.plan) },
        { what: 'memory of a worker at its highest', value: megabytes(many.memory.worker) },
        atMost('memory of Digest at its highest', many.memory.digest, DIGEST_MEMORY * 2 ** 20, megabytes),
        { what: 'bytes of all parts', value: megabytes(many.bytes) },
      ];
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

/** A real audit of a server with sessions: its snapshot, as JSON. */
async function record(server: PostgresServer): Promise<string> {
  const wanted = Array.from({ length: SESSIONS }, () => ({ kind: 'tlsv1.3' as const }));
  await using _ = await openSessions(server, wanted);
  const { snapshot } = await audit({}, { db: rdsSecret(server), ca: caOf(server) });
  return JSON.stringify(snapshot);
}

interface Files {
  readonly folder: string;
  readonly recorded: string;
}

interface Measured {
  readonly ms: number;
  readonly steps: Readonly<Record<'Plan' | 'workers' | 'Digest', number>>;
  readonly memory: Readonly<Record<FleetWork['fn'], number>>;
  readonly bytes: number;
}

async function runOf(targets: number, { folder, recorded }: Files): Promise<Measured> {
  await using aws = await startAwsEndpoint();
  const start = (fn: FleetWork['fn']): FleetProcess => startProcess({ fn, targets, recorded }, aws, folder);
  const startedAt = new Date().toISOString();
  const memory = { plan: 0, worker: 0, digest: 0 };

  const plan = start('plan');
  let batches: readonly object[] = [];
  const planned = await timed(async () => {
    const answer = await plan.call({ run: 'bench', startedAt, workers: ['default'], event: {} });
    batches = (answer.output as { readonly batches: readonly object[] }).batches;
    memory.plan = answer.memory;
    await plan.end();
  });
  const audited = await timed(async () => {
    const workers = Array.from({ length: availableParallelism() }, () => start('worker'));
    const free = [...workers];
    await pMap(
      batches,
      async (batch) => {
        const worker = free.pop();
        if (worker === undefined) throw new Error('no worker is free');
        const answer = await worker.call({ run: 'bench', ...batch });
        memory.worker = Math.max(memory.worker, answer.memory);
        free.push(worker);
      },
      { concurrency: workers.length },
    );
    await Promise.all(workers.map((worker) => worker.end()));
  });
  const digest = start('digest');
  const digested = await timed(async () => {
    const answer = await digest.call({ run: 'bench' });
    memory.digest = answer.memory;
    check(answer, targets, aws);
    await digest.end();
  });
  const parts = aws.objects.filter(({ key }) => key.includes('/parts/'));
  return {
    ms: planned + audited + digested,
    steps: { Plan: planned, workers: audited, Digest: digested },
    memory,
    bytes: parts.reduce((sum, { body }) => sum + body.length, 0),
  };
}

/** The run must be one that audited every target: a fast failure is no measurement. */
function check({ output }: FleetAnswer, targets: number, { objects }: AwsEndpoint): void {
  const { targets: verdicts } = output as { readonly targets: Readonly<Record<string, number>> };
  const audited = Object.values(verdicts).reduce((sum, count) => sum + count, 0) - (verdicts['not-audited'] ?? 0);
  if (audited !== targets || !objects.some(({ key }) => key.startsWith('reports/'))) {
    throw new Error(`${audited} of ${targets} targets were audited`);
  }
}

type FleetProcess = WorkProcess<object, FleetAnswer>;

function startProcess(work: FleetWork, aws: AwsEndpoint, folder: string): FleetProcess {
  const env = {
    ...aws.environment(),
    FLEET_WORK: JSON.stringify(work),
    ALERT_TOPIC_ARN: aws.topicArn,
    EVIDENCE_BUCKET: aws.bucket,
    AUDITOR_CONFIG_FILE: join(folder, 'auditor.config.json'),
    POWERTOOLS_SERVICE_NAME: 'bench',
    POWERTOOLS_METRICS_NAMESPACE: 'PgTlsAuditor',
  };
  return startWorkProcess('fleet-process.ts', env, work.fn === 'digest' ? DIGEST_MEMORY : FUNCTION_MEMORY);
}
