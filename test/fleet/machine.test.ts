// The synthesised state machine, with the real functions: what it audits, what it notifies of, and what it answers.

import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { bodyFor } from '../../lab/aws.ts';
import type { StoredObject } from '../../lab/aws-s3.ts';
import { rdsSecret } from '../../lab/collector.ts';
import { closedPort } from '../../lab/faulty-servers.ts';
import {
  type Execution,
  type ExecutionOutcome,
  type FleetLab,
  type MachineDefinition,
  startFleetLab,
} from '../../lab/fleet-lab.ts';
import { type FunctionLab, startFunctionLab } from '../../lab/function-lab.ts';
import { healthyServer } from '../../lab/healthy-server.ts';
import { type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { openSession } from '../../lab/sessions.ts';
import type { ConfigInput } from '../../lambda/config/index.ts';
import { planSchema } from '../../lambda/enforcement/schema.ts';
import { known } from '../../lambda/model/observed.ts';
import type { Target } from '../../lambda/model/target.ts';
import type { Report } from '../../lambda/report/schema.ts';
import type { TargetSourceFactory } from '../../lambda/targets/index.ts';
import { command } from '../bin/command.ts';

/** 2,500 batches take most of a minute: they are run where larger runs are asked for. */
const BATCHES = process.env.PG_TLS_AUDITOR_FLEET === 'large' ? [100, 2_500] : [100];

const WORKER = 'Audit by default';
const START = Math.floor(Date.now() / 1_000) * 1_000;
const names = ['orders', 'billing', 'ledger', 'stock', 'users'];

const CONFIG: ConfigInput = {
  alerts: { email: ['dba@example.com'], minSeverity: 'high' },
  defaults: { ca: { secret: 'ca' } },
  deployment: { fleet: { batch: 3, concurrency: 2 } },
  targets: [...names, 'down'].map((name) => ({ name, secret: `prod/${name}` })),
};

let server: PostgresServer;
let lab: FunctionLab;
let fleet: FleetLab;

beforeAll(async () => {
  for (const stream of [process.stdout, process.stderr]) silence(stream);
  server = await startPostgres(healthyServer());
  const down = JSON.stringify({ ...(await closedPort()), username: 'a', password: 'b', dbname: 'd' });
  lab = await startFunctionLab({
    secrets: {
      ...Object.fromEntries(names.map((name) => [`prod/${name}`, rdsSecret(server)])),
      'prod/down': down,
      ca: server.ca ?? '',
    },
  });
  lab.setEnvironment({ EVIDENCE_BUCKET: lab.aws.bucket });
  await lab.configure(CONFIG);
  fleet = await startFleetLab(lab, CONFIG);
});
afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await lab.useTable();
});

/** What the functions log is not what is observed here. */
function silence(stream: NodeJS.WriteStream): void {
  const { write } = stream;
  vi.spyOn(stream, 'write').mockImplementation((chunk: unknown, ...rest: unknown[]) =>
    String(chunk).startsWith('{') ? true : write.call(stream, chunk as string, ...(rest as [])),
  );
}

function hours(count: number): Date {
  return new Date(START + count * 3_600_000);
}

/** The archived report of an execution. */
function reportOf({ output, error }: ExecutionOutcome): Report {
  if (error !== undefined) throw error;
  const { key } = (output as { readonly report: { readonly key: string } }).report;
  const object = lab.aws.objects.find((stored) => stored.key === key);
  return JSON.parse(gunzipSync(object?.body ?? Buffer.alloc(0)).toString()) as Report;
}

/** Of each target its verdict, or the cause for which it was not audited. */
function outcomes({ targets, findings }: Report): Readonly<Record<string, string>> {
  const causes = findings.filter(({ check }) => check === 'target-not-audited');
  return {
    ...Object.fromEntries(targets.map(({ name, verdict }) => [name, verdict])),
    ...Object.fromEntries(causes.map(({ target, evidence }) => [target, String(evidence.cause)])),
  };
}

const AS_THEY_ARE = { ...Object.fromEntries(names.map((name) => [name, 'clean'])), down: 'connection-refused' };

type Call = (input: unknown) => Promise<unknown>;

interface Batch {
  readonly from: number;
  readonly to: number;
}

function batchesOf({ calls }: ExecutionOutcome): readonly string[] {
  return calls
    .filter(({ state }) => state === WORKER)
    .map(({ input }) => `${(input as Batch).from}-${(input as Batch).to}`);
}

function partOf(run: string, range: string): StoredObject[] {
  return lab.aws.objects.filter(({ key }) => key === `runs/default/${run}/parts/${range}.json.gz`);
}

const CATCH = { ResultPath: null, Next: 'No part came back' };

type State = Readonly<Record<string, unknown>>;

/** The definition with another state for the worker. */
function changed(definition: MachineDefinition, change: (worker: State) => State): MachineDefinition {
  const { Fleet, ...others } = definition.States;
  const { ItemProcessor, ...map } = Fleet as {
    readonly ItemProcessor: { readonly States: Readonly<Record<string, State>> };
  };
  const { [WORKER]: worker = {}, ...states } = ItemProcessor.States;
  const processor = { ...ItemProcessor, States: { ...states, [WORKER]: change(worker) } };
  return { ...definition, States: { ...others, Fleet: { ...map, ItemProcessor: processor } } };
}

function holds(input: unknown, index: number): boolean {
  const { from, to } = input as Batch;
  return from <= index && index < to;
}

describe('a run of the fleet', () => {
  test('audits every target in batches, publishes one message, and answers with counts and the place of the report', async () => {
    const execution = await fleet.execute({ at: hours(0), name: 'by-hand.1' });
    expect(batchesOf(execution)).toEqual(['0-3', '3-6']);
    expect(execution.published).toHaveLength(1);
    expect(execution.published.map((message) => bodyFor(message, 'email')).join()).toContain('down');
    expect(execution.output).toMatchObject({
      run: 'by-hand.1',
      report: { bucket: lab.aws.bucket, key: expect.stringMatching(/^reports\/.*by-hand_1/) },
      targets: { clean: 5, findings: 0, unknown: 0, 'not-audited': 1 },
      findings: { critical: 0, high: 1 },
    });
    expect(outcomes(reportOf(execution))).toEqual(AS_THEY_ARE);
    expect(JSON.stringify(execution.output).length).toBeLessThan(1_000);
  });

  test('takes the events that the function takes', async () => {
    const some = await fleet.execute({ at: hours(0), event: { targets: ['stock', 'down'], notify: false } });
    expect(outcomes(reportOf(some))).toEqual({ stock: 'clean', down: 'connection-refused' });
    expect(some.published).toEqual([]);

    const tried = await fleet.execute({ at: hours(0), event: { testAlert: true, notify: false } });
    expect(tried.published).toHaveLength(1);

    const wrong = await fleet.execute({ at: hours(0), event: { targets: ['nothing'] } });
    expect(wrong.output).toMatchObject({ refused: true, problem: expect.stringContaining('nothing') });
    expect([wrong.error, batchesOf(wrong), wrong.published]).toEqual([undefined, [], []]);
  });

  test('refuses an execution whose name would not be one of objects', async () => {
    const { error, calls } = await fleet.execute({ at: hours(0), name: '../reports' });
    expect(error?.message).toContain('letters, digits');
    expect(calls).toHaveLength(1);
  });

  test('fails where Plan fails, and audits nothing', async () => {
    lab.aws.failNext('PutObject', { code: 'AccessDenied', status: 403 });
    const { error, published, calls } = await fleet.execute({ at: hours(0) });
    expect(error?.message).toContain('AccessDenied');
    expect([published, calls.map(({ state }) => state)]).toEqual([[], ['Plan']]);
  });
});

test('what Digest keeps of clients is what "plan" reads', async () => {
  const table = await lab.useTable();
  {
    await using _ = await openSession(server, { kind: 'tlsv1.3', applicationName: 'Metabase v0.50' });
    expect((await fleet.execute({ at: new Date() })).error).toBeUndefined();
  }
  const env = { ...lab.dynamodb.environment(), AWS_SECRET_ACCESS_KEY: 'not-a-secret' };
  const { stdout } = await command(['plan', '--state', `dynamodb:${table}`, '--format', 'json'], { env });
  const { targets } = planSchema.parse(JSON.parse(stdout));
  expect(targets.map(({ name }) => name)).toEqual([...names, 'down'].sort());
  for (const { name, platform, clients, reasons } of targets) {
    const applications = clients.map(({ application }) => application);
    expect([name, platform, applications.includes('Metabase v#.#')]).toEqual(
      name === 'down' ? [name, 'unknown', false] : [name, 'self-managed', true],
    );
    expect(reasons.join()).toContain(name === 'down' ? 'no run has kept anything' : 'snapshots only');
  }
});

test('clients that could not be kept fail the run, which notifies all the same', async () => {
  lab.dynamodb.failNext('PutItem', { code: 'AccessDeniedException', after: 4, times: 200 });
  const { error, published } = await fleet.execute({ at: hours(0) });
  lab.dynamodb.clearFaults();
  expect(error?.message).toMatch(/AccessDenied/);
  expect(published).toHaveLength(1);
});

describe('a worker', () => {
  test('that one database stops costs this database only', async () => {
    const execution = await fleet.execute({
      at: hours(0),
      calls: {
        [WORKER]: async (input, fn) => {
          if (holds(input, 2)) throw new Error('Runtime exited with error: signal: killed');
          return await fn(input);
        },
      },
    });
    expect(batchesOf(execution)).toEqual(['0-3', '3-6', '0-1', '1-2', '2-3']);
    expect(outcomes(reportOf(execution))).toEqual({ ...AS_THEY_ARE, ledger: 'worker-failed' });
  });

  test('that always fails leaves findings, and resolves none of those there were', async () => {
    const before = await fleet.execute({ at: hours(0) });
    const execution = await fleet.execute({
      at: hours(1),
      calls: { [WORKER]: () => Promise.reject(new Error('no such function')) },
    });
    expect(new Set(Object.values(outcomes(reportOf(execution))))).toEqual(new Set(['worker-failed']));
    expect(execution.output).toMatchObject({ targets: { clean: 0, 'not-audited': 6 }, findings: { high: 6 } });
    expect(reportOf(execution).resolved).toEqual([]);
    // It is the same finding, whatever keeps the target from being audited.
    const after = await fleet.execute({ at: hours(2) });
    expect(outcomes(reportOf(after))).toEqual(AS_THEY_ARE);
    const ofDown = ({ findings }: Report): unknown =>
      findings.filter(({ target }) => target === 'down').map(({ fingerprint }) => fingerprint);
    expect(ofDown(reportOf(after))).toEqual(ofDown(reportOf(before)));
  });

  test('that hangs is given up, and what it writes too late does no harm', async () => {
    let late: Promise<unknown> | undefined;
    const execution = await fleet.execute({
      at: hours(0),
      name: 'slow',
      calls: {
        [WORKER]: async (input, fn) => {
          if (!holds(input, 0) || late !== undefined) return await fn(input);
          late = new Promise((resolve) => setTimeout(resolve, 1_500)).then(() => fn(input));
          return await late;
        },
      },
      spoil: (definition) => changed(definition, (state) => ({ ...state, TimeoutSeconds: 1 })),
    });
    await late;
    expect(partOf('slow', '0-3')).toHaveLength(1);
    expect(batchesOf(execution)).toEqual(['0-3', '3-6', '0-1', '1-2', '2-3']);
    expect(outcomes(reportOf(execution))).toEqual(AS_THEY_ARE);
    expect(execution.published).toHaveLength(1);
  });

  test('that is called twice writes one part', async () => {
    const execution = await fleet.execute({
      at: hours(0),
      name: 'twice',
      calls: { [WORKER]: async (input, fn) => [await fn(input), await fn(input)].at(-1) },
    });
    expect([partOf('twice', '0-3').length, partOf('twice', '3-6').length]).toEqual([1, 1]);
    expect(outcomes(reportOf(execution))).toEqual(AS_THEY_ARE);
  });

  test.each([
    ['half of it', (part: Buffer) => part.subarray(0, part.length / 2), 'not complete gzip'],
    ['nothing', () => Buffer.alloc(0), 'not complete gzip'],
    ['a part of other targets', () => partOf('part-1', '3-6')[0]?.body ?? Buffer.alloc(0), 'other targets'],
  ] as const)('whose part holds %s has its targets reported, and the others as they are', async (what, spoilt, why) => {
    const run = { 'half of it': 'part-1', nothing: 'part-2', 'a part of other targets': 'part-3' }[what];
    const execution = await fleet.execute({
      at: hours(0),
      name: run,
      calls: {
        Repair: async (input, fn) => {
          const [part] = partOf(run, '0-3');
          Object.assign(part ?? {}, { body: spoilt(part?.body ?? Buffer.alloc(0)) });
          return await fn(input);
        },
      },
    });
    const report = reportOf(execution);
    expect(outcomes(report)).toEqual({
      ...AS_THEY_ARE,
      ...Object.fromEntries(names.slice(0, 3).map((name) => [name, 'worker-failed'])),
    });
    expect(report.findings.find(({ target }) => target === 'orders')?.evidence.what).toContain(why);
  });

  test('can be missed by the map itself: what the others brought is digested', async () => {
    const execution = await fleet.execute({
      at: hours(0),
      calls: { [WORKER]: async (input, fn) => (holds(input, 3) ? Promise.reject(new Error('lost')) : await fn(input)) },
      // A worker that fails fails the map.
      spoil: (definition) =>
        changed(definition, (state) => ({ ...state, Catch: [{ ...CATCH, ErrorEquals: ['Another'] }] })),
    });
    expect(outcomes(reportOf(execution)).stock).toBe('worker-failed');
    expect(execution.published).toHaveLength(1);
  });

  test('begins no audit when the time of the run is over, and none is tried again', async () => {
    const execution = await fleet.execute({ at: hours(0), startedAt: hours(-1) });
    expect(new Set(Object.values(outcomes(reportOf(execution))))).toEqual(new Set(['out-of-time']));
    const lost = await fleet.execute({ at: hours(0), startedAt: hours(-1), calls: { [WORKER]: async () => null } });
    expect(batchesOf(lost)).toEqual(['0-3', '3-6']);
  });
});

describe('a report warns once of time', () => {
  const warned = async (execution: Omit<Execution, 'at'>): Promise<readonly string[]> =>
    (reportOf(await fleet.execute({ at: hours(0), ...execution })).warnings ?? [])
      .filter(({ id }) => id === 'nearly-out-of-time')
      .map(({ message }) => message);
  const OF_WORKERS =
    '2 of 2 workers had little time left when the turn of the last database came, at the least 9 s of 45 s: with more ' +
    'databases in a batch, or more that do not answer, the last ones are not audited. Lower deployment.fleet.batch, or ' +
    'raise deployment.timeoutMinutes or concurrency.';
  const OF_RUN =
    'The last worker began when 5 min of the 35 min in which audits may begin were left: with more databases, the last ' +
    'ones are not audited. Raise deployment.fleet.concurrency or deployment.fleet.timeoutMinutes.';

  test.each([
    // 45 s for audits, and 15 s behind them.
    ['that is left', { leftMs: 24_001 }, []],
    ['of workers', { leftMs: 23_999 }, [OF_WORKERS]],
    ['of the whole run', { startedAt: hours(-0.5) }, [OF_RUN]],
    ['of both', { leftMs: 23_999, startedAt: hours(-0.5) }, [`${OF_WORKERS} ${OF_RUN}`]],
  ])('%s', async (_, execution, expected) => {
    expect(await warned(execution)).toEqual(expected);
  });

  test('of the workers that brought a result, and publishes nothing for it: one that is lost has findings', async () => {
    const calls = { [WORKER]: (input: unknown, fn: Call) => (holds(input, 0) ? Promise.resolve(null) : fn(input)) };
    const [warning] = await warned({ leftMs: 23_999, calls });
    expect(warning).toMatch(/^3 of 3 workers/);
    expect((await fleet.execute({ at: hours(1), leftMs: 23_999, calls })).published).toEqual([]);
  });
});

describe('Digest', () => {
  test('that ends between publishing and saving notifies again in the next run, and then no more', async () => {
    lab.dynamodb.failNext('PutItem', { code: 'AccessDeniedException', after: 1, times: 20 });
    const first = await fleet.execute({ at: hours(0) });
    expect([first.error?.message, first.published.length]).toEqual([expect.stringContaining('DynamoDB'), 1]);
    lab.dynamodb.clearFaults();
    expect((await fleet.execute({ at: hours(1) })).published).toHaveLength(1);
    expect((await fleet.execute({ at: hours(2) })).published).toHaveLength(0);
  });

  test('of two runs at once publishes once', async () => {
    const both = await Promise.all([fleet.execute({ at: hours(0) }), fleet.execute({ at: hours(0) })]);
    expect(both.map(({ error }) => error)).toEqual([undefined, undefined]);
    expect(lab.aws.published.length - Math.min(...both.map(({ published }) => published.length))).toBeGreaterThan(0);
    const messages = new Set(both.flatMap(({ published }) => published.map(({ messageId }) => messageId)));
    expect(messages.size).toBe(1);
  });
});

describe('moving between the function and the fleet', () => {
  test('keeps alerts and fingerprints, and notifies of nothing twice', async () => {
    const alone = await lab.invoke({ at: hours(0) });
    expect(alone.published).toHaveLength(1);
    const many = await fleet.execute({ at: hours(1) });
    expect(many.published).toEqual([]);
    const again = await lab.invoke({ at: hours(2) });
    expect(again.published).toEqual([]);
    const fingerprints = (report: Report | undefined): unknown =>
      report?.findings.map(({ fingerprint, severity, check, target }) => [target, check, severity, fingerprint]);
    expect(fingerprints(reportOf(many))).toEqual(fingerprints(alone.report));
    expect(fingerprints(again.report)).toEqual(fingerprints(alone.report));
    expect(outcomes(reportOf(many))).toEqual(alone.report && outcomes(alone.report));
  });
});

describe('a plan', () => {
  const target = (name: string): Target => ({
    name,
    kind: 'postgresql',
    credentials: { secret: 'prod/down' },
    ca: ['system'],
    sslNegotiation: 'postgres',
    authentication: ['scram-sha-256'],
    minScramIterations: 4096,
    timeoutMs: 5_000,
    probe: false,
    logs: 'none',
    sampleMs: 0,
    labels: {},
  });
  const listing = (count: number): readonly TargetSourceFactory[] => [
    () => async () => known(Array.from({ length: count }, (_, index) => target(`database-${index}`))),
  ];
  const run = (count: number, options: Partial<Execution> = {}): Promise<ExecutionOutcome> =>
    fleet.execute({ at: hours(0), sources: listing(count), ...options });

  test('without a target hands out nothing, and the run is digested', async () => {
    const execution = await run(0);
    expect(batchesOf(execution)).toEqual([]);
    expect(outcomes(reportOf(execution))).toEqual({});
  });

  test('of one target is one batch', async () => {
    const execution = await run(1);
    expect(batchesOf(execution)).toEqual(['0-1']);
    expect(outcomes(reportOf(execution))).toEqual({ 'database-0': 'connection-refused' });
  });

  test.each(BATCHES)('of %d batches loses no target, also where every worker is lost', async (batches) => {
    const lost = await run(3 * batches, { event: { notify: false }, calls: { [WORKER]: async () => null } });
    expect(lost.error).toBeUndefined();
    const first = batchesOf(lost).slice(0, batches);
    expect(first).toEqual(Array.from({ length: batches }, (_, index) => `${3 * index}-${3 * index + 3}`));
    expect(lost.output).toMatchObject({ targets: { clean: 0, 'not-audited': 3 * batches } });
  });
});
