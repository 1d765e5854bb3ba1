// Workers that are killed at any moment: what they did not bring is a finding, and nothing else changes.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { expect, test, vi } from 'vitest';
import { rdsSecret } from '../../lab/collector.ts';
import { compileCache } from '../../lab/compile-cache.ts';
import { closedPort } from '../../lab/faulty-servers.ts';
import { type Execution, type ExecutionOutcome, startFleetLab } from '../../lab/fleet-lab.ts';
import { startFunctionLab } from '../../lab/function-lab.ts';
import { healthyServer } from '../../lab/healthy-server.ts';
import { startPostgres } from '../../lab/postgres.ts';
import { seededRandom } from '../../lab/seeded-random.ts';
import type { ConfigInput } from '../../lambda/config/index.ts';
import type { Report } from '../../lambda/report/schema.ts';

/** Each has some processes to start: only where larger runs are asked for. */
const IS_LARGE = process.env.PG_TLS_AUDITOR_FLEET === 'large';
if (!IS_LARGE) process.stderr.write('killed workers skipped: set PG_TLS_AUDITOR_FLEET=large\n');

const NAMES = ['orders', 'billing', 'ledger', 'down'];
const CONFIG: ConfigInput = {
  alerts: { email: ['dba@example.com'], minSeverity: 'high' },
  defaults: { ca: { secret: 'ca' } },
  deployment: { fleet: { batch: 2, concurrency: 2 } },
  targets: NAMES.map((name) => ({ name, secret: `prod/${name}` })),
};

/** What the functions log is not what is observed here. */
function silence(stream: NodeJS.WriteStream): void {
  const { write } = stream;
  vi.spyOn(stream, 'write').mockImplementation((chunk: unknown, ...rest: unknown[]) =>
    String(chunk).startsWith('{') ? true : write.call(stream, chunk as string, ...(rest as [])),
  );
}

/** Runs a worker in a process of its own. @param killAfter milliseconds; undefined: it lives */
async function inProcess(
  input: unknown,
  variables: NodeJS.ProcessEnv,
  killAfter: number | undefined,
): Promise<unknown> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../lab/network-worker.ts')], {
    env: { PATH: process.env.PATH, ...compileCache(), ...variables, PASSAGES: '[]' },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter);
  child.stdin.on('error', () => undefined).end(JSON.stringify(input));
  const [, answer] = /^ANSWER (.*)$/m.exec(await text(child.stdout)) ?? [];
  clearTimeout(timer);
  if (answer === undefined) throw new Error('Runtime exited with error: signal: killed');
  return JSON.parse(answer);
}

test.runIf(IS_LARGE).each([1, 2, 3, 4])(
  'seed %d: only their targets are findings, and the next run is as the one before',
  async (seed) => {
    for (const stream of [process.stdout, process.stderr]) silence(stream);
    await using server = await startPostgres(healthyServer());
    const down = JSON.stringify({ ...(await closedPort()), username: 'a', password: 'b', dbname: 'd' });
    const secrets = Object.fromEntries(NAMES.map((name) => [`prod/${name}`, rdsSecret(server)]));
    await using lab = await startFunctionLab({ secrets: { ...secrets, 'prod/down': down, ca: server.ca ?? '' } });
    lab.setEnvironment({ EVIDENCE_BUCKET: lab.aws.bucket });
    await lab.configure(CONFIG);
    await lab.useTable();
    const fleet = await startFleetLab(lab, CONFIG);
    const random = seededRandom(seed);
    const variables = {
      ...lab.aws.environment(),
      AUDITOR_CONFIG_FILE: process.env.AUDITOR_CONFIG_FILE,
      EVIDENCE_BUCKET: lab.aws.bucket,
    };
    const killing: Execution['calls'] = {
      'Audit by default': (input) =>
        inProcess(input, variables, random() < 0.7 ? Math.round(random() * 6_000) : undefined),
    };
    const reportOf = ({ output, error }: ExecutionOutcome): Report => {
      if (error !== undefined) throw error;
      const { key } = (output as { readonly report: { readonly key: string } }).report;
      return JSON.parse(String(gunzipSync(lab.aws.objects.find((one) => one.key === key)?.body ?? ''))) as Report;
    };
    const causes = ({ findings }: Report): Readonly<Record<string, unknown>> =>
      Object.fromEntries(findings.map(({ target, evidence }) => [target, evidence.cause]));
    const as = { down: 'connection-refused' };

    const before = await fleet.execute({ at: new Date() });
    expect(causes(reportOf(before))).toEqual(as);
    const killed = await fleet.execute({ at: new Date(), calls: killing });
    const report = reportOf(killed);
    const lost = report.targets.map(({ name }) => name).filter((name) => causes(report)[name] === 'worker-failed');
    expect(causes(report)).toEqual({ ...as, ...Object.fromEntries(lost.map((name) => [name, 'worker-failed'])) });
    expect(report.resolved).toEqual([]);
    // What was notified of before is not notified of again, whatever its cause is now.
    const isNew = lost.some((name) => name !== 'down');
    expect(killed.published).toHaveLength(isNew ? 1 : 0);

    const after = await fleet.execute({ at: new Date() });
    expect(causes(reportOf(after))).toEqual(as);
    expect(
      reportOf(after)
        .resolved?.map(({ target }) => target)
        .sort(),
    ).toEqual(lost.filter((name) => name !== 'down').sort());
    expect(after.published).toHaveLength(isNew ? 1 : 0);
    expect((await fleet.execute({ at: new Date() })).published).toEqual([]);
  },
  300_000,
);
