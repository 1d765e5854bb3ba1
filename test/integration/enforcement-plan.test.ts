// The proof of the plan as people use it: clients of a real server, runs that keep them, and the printed steps applied.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile, utimes } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, expect, test } from 'vitest';
import { openClientNetwork } from '../../lab/client-network.ts';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { describeEachMajor } from '../../lab/each-major.ts';
import { loopbackAddresses } from '../../lab/free-port.ts';
import { type LogFiles, writeLogFiles } from '../../lab/log-collector.ts';
import { AUDITOR, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { type Answer, answerIn, startupMessage } from '../../lab/startup.ts';
import { renderPlanMarkdown } from '../../lambda/enforcement/markdown.ts';
import { planTarget } from '../../lambda/enforcement/plan.ts';
import { recordSnapshot } from '../../lambda/enforcement/record.ts';
import type { TargetPlan } from '../../lambda/enforcement/schema.ts';
import { type ClientRecord, clientRecordSchema } from '../../lambda/model/client-record.ts';
import type { ClientLogins } from '../../lambda/model/connection-log.ts';
import type { LogStateStore } from '../../lambda/model/log-state.ts';
import { known } from '../../lambda/model/observed.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';
import { DAY_MS, HOUR_MS } from '../../lambda/model/time.ts';

const network = openClientNetwork();

afterAll(async () => {
  if (typeof network !== 'string') await network[Symbol.asyncDispose]();
});

/** How a client connects. */
const WAYS = ['plaintext', 'tls', 'loopback', 'socket'] as const;
interface Client {
  readonly role: string;
  readonly way: (typeof WAYS)[number];
  readonly replication?: boolean;
}

const SURVIVORS: readonly Client[] = [
  { role: 'web', way: 'tls' },
  { role: 'standby', way: 'tls', replication: true },
  { role: 'desk', way: 'loopback' },
  { role: 'cron', way: 'socket' },
];
const MOVING = 'etl';

const HBA = [
  'local all all trust',
  'host all cron,desk all trust',
  '# who comes from elsewhere',
  'host\tall  web,"etl"  0.0.0.0/0  trust # plaintext too',
  'host replication standby 10.0.0.0/8 trust',
  'host all all 127.0.0.1/32 scram-sha-256',
  'host all all ::1/128 scram-sha-256',
  'host all all all scram-sha-256',
];

const run = promisify(execFile);

/** Not every machine has psql: what the steps ask of it is a reload. */
const PSQL = 'psql() { [[ "$*" == *pg_reload_conf* ]] && kill -HUP "$(head -n 1 "$DATA/postmaster.pid")"; }';

/** Each run reads the log as there is. */
const FIRST_RUN: LogStateStore = {
  read: async () => ({ state: undefined, version: 0 }),
  save: async () => true,
};

if (typeof network === 'string') {
  test(`without a second network: ${network}`, ({ skip }) => skip(network));
} else {
  describeEachMajor((major) => {
    test.runIf(major >= 12)(
      'what the plan calls ready does not break when its printed steps are applied',
      {
        timeout: 120_000,
      },
      async () => {
        await using lab = await start(major);
        const { server, files } = lab;

        await lab.visit([...SURVIVORS, { role: MOVING, way: 'plaintext' }]);
        const first = await lab.audit();
        expect(first.connectionLog?.known && first.connectionLog.value.gaps).toEqual([]);
        const before = days(undefined, first, 62, 32);
        const blocked = plan(before);
        expect(blocked).toMatchObject({ name: 'orders', readiness: 'blocked', reasons: ['blocked by 1 client'] });
        expect(blocked.clients.filter(({ breaks }) => breaks).map(({ role }) => role)).toEqual([MOVING]);

        // The run whose rules it goes by was a month ago, the file is older.
        await utimes(join(server.dataFolder, 'pg_hba.conf'), 1, 1);
        await closeStage(lab, blocked);

        // Its owner gives it TLS. The log of those days is that of one visit.
        await files.pauseWhile(async () => run('truncate', ['-s', '0', join(files.folder, 'server.log')]));
        const clients = [...SURVIVORS, { role: MOVING, way: 'tls' }] as const;
        const answers = await lab.visit(clients);
        const then = await lab.audit();
        const waiting = plan(days(before, then, 31, 10));
        expect(waiting).toMatchObject({ readiness: 'waiting', progress: { moved: 1, of: 1 } });
        const ready = plan(days(before, then, 31, 0));
        expect(ready).toMatchObject({ readiness: 'ready', reasons: [] });
        expect(ready.clients.map(({ role }) => role).sort()).toEqual(['etl', 'standby', 'web']);

        const rules = await readFile(join(server.dataFolder, 'pg_hba.conf'), 'utf8');
        const steps = printed(ready);
        for (const step of steps) await lab.follow(step.commands);
        expect(await lab.visit(clients), 'what was ready does not break').toEqual(answers);
        for (const role of [MOVING, 'web']) expect(await lab.knock({ role, way: 'plaintext' })).toBe('refused');
        expect(await lab.knock({ role: 'standby', way: 'plaintext', replication: true })).toBe('refused');
        const after = await lab.audit();
        expect(plan(recorded(undefined, after)).readiness, 'there is nothing left to do').toBe('enforced');

        for (const step of steps.toReversed()) await lab.follow(step.rollback);
        expect(await readFile(join(server.dataFolder, 'pg_hba.conf'), 'utf8')).toBe(rules);
        expect(await lab.knock({ role: MOVING, way: 'plaintext' }), 'the way back').toBe('nothing');
      },
    );
  });
}

/** Takes the steps that may be taken before the plan says ready, and their way back. */
async function closeStage(lab: Lab, blocked: TargetPlan): Promise<void> {
  const file = join(lab.server.dataFolder, 'pg_hba.conf');
  const rules = await readFile(file, 'utf8');
  const visitors: readonly Client[] = [...SURVIVORS, { role: MOVING, way: 'plaintext' }];
  const others: readonly Client[] = [
    { role: MOVING, way: 'tls' },
    { role: 'web', way: 'loopback' },
    { role: 'web', way: 'socket' },
    { role: 'desk', way: 'plaintext' },
    { role: 'standby', way: 'plaintext', replication: true },
  ];
  const answers = await lab.visit([...visitors, ...others]);
  expect(await lab.knock({ role: 'web', way: 'plaintext' })).toBe('nothing');
  const stage = printed(blocked).filter(({ title }) => title.startsWith('Stage 1, now'));
  expect(stage.map(({ title }) => title).join()).toContain('came over TLS in the whole window: web');
  for (const step of stage) await lab.follow(step.commands);
  expect(await readFile(file, 'utf8')).not.toBe(rules);
  expect(await lab.knock({ role: 'web', way: 'plaintext' }), 'the role that is done').toBe('refused');
  expect(await lab.visit([...visitors, ...others]), 'all else stays as it is').toEqual(answers);
  for (const step of stage.toReversed()) await lab.follow(step.rollback);
  expect(await readFile(file, 'utf8')).toBe(rules);
  expect(await lab.knock({ role: 'web', way: 'plaintext' }), 'the way back').toBe('nothing');
}

type Lab = Awaited<ReturnType<typeof start>>;

async function start(major: number) {
  if (typeof network === 'string') throw new Error(network);
  await using stack = new AsyncDisposableStack();
  const roles = ['web', MOVING, 'desk', 'cron'].map((name) => ({ name }));
  const reader = {
    ...AUDITOR,
    executes: [
      ...AUDITOR.executes,
      'pg_catalog.pg_read_binary_file(text, bigint, bigint)',
      // The stage needs to know which words are quoted.
      'pg_catalog.pg_read_file(text, bigint, bigint, boolean)',
    ],
  };
  const server: PostgresServer = stack.use(
    await startPostgres({
      major,
      databases: ['shop'],
      roles: [reader, ...roles, { name: 'standby', attributes: 'REPLICATION' }],
      hba: HBA,
      settings: {
        log_disconnections: false,
        listen_addresses: [...loopbackAddresses(), network.server.ipv4].join(','),
      },
    }),
  );
  const files: LogFiles = stack.use(await writeLogFiles(server, { log_line_prefix: '%m [%p] %q%u@%d ' }));
  const socket = join(server.socketFolder, `.s.PGSQL.${server.port}`);
  const admin = async (sql: string) => {
    const client = new pg.Client({
      host: server.socketFolder,
      port: server.port,
      user: 'postgres',
      database: 'postgres',
    });
    await client.connect();
    try {
      return await client.query(sql);
    } finally {
      await client.end();
    }
  };
  const loadedAt = async (): Promise<string> =>
    String((await admin('SELECT extract(epoch FROM pg_conf_load_time())::text AS at')).rows[0].at);
  const knock = async ({ role, way, replication }: Client): Promise<Answer> => {
    const message = startupMessage(replication ? 'physical-replication' : { database: 'shop' }, role);
    const { port } = server;
    if (way === 'plaintext' || way === 'tls') {
      const [localAddress = ''] = network.clients;
      return answerIn(
        await network.call({ host: network.server.ipv4, port, localAddress, message, tls: way === 'tls' }),
      );
    }
    const channel = way === 'socket' ? connect(socket) : connect({ host: '127.0.0.1', port });
    try {
      channel.write(message);
      const [reply] = (await once(channel, 'data')) as [Buffer];
      return answerIn(reply);
    } finally {
      channel.destroy();
    }
  };
  const held = stack.move();
  return {
    server,
    files,
    knock,
    visit: async (clients: readonly Client[]) => await Promise.all(clients.map(knock)),
    async audit() {
      const secrets = { db: rdsSecret(server, AUDITOR.name), ca: server.ca ?? '' };
      return (await audit({ logs: 'server', timeoutMs: 30_000 }, secrets, undefined, { logs: { state: FIRST_RUN } }))
        .snapshot;
    },
    async follow({ place, text }: Printed) {
      if (text === '' || text.startsWith('npx ')) return;
      if (place !== 'sql') {
        const loaded = await loadedAt();
        await run('bash', ['-euo', 'pipefail', '-c', `${PSQL}\n${text}`], {
          env: { ...process.env, DATA: server.dataFolder },
        });
        if (text.includes('pg_reload_conf')) await expect.poll(loadedAt, { timeout: 20_000 }).not.toBe(loaded);
        return;
      }
      for (const statement of text.split(/;\s*$/m).filter((each) => each.trim() !== '')) {
        const loaded = await loadedAt();
        const { rows } = await admin(statement);
        if (statement.includes('error IS NOT NULL')) expect(rows, statement).toEqual([]);
        if (statement.includes('pg_reload_conf')) await expect.poll(loadedAt, { timeout: 20_000 }).not.toBe(loaded);
      }
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** An hour after the last run. */
function plan(record: ClientRecord | undefined): TargetPlan {
  const now = (record?.lastSeen ?? 0) + HOUR_MS;
  return planTarget({ name: 'orders', record, findings: [], days: 30, now });
}

/** A run a day as one real run was, from so many days before it to so many. */
function days(
  record: ClientRecord | undefined,
  snapshot: Snapshot,
  from: number,
  to: number,
): ClientRecord | undefined {
  let next = record;
  for (let day = from; day >= to; day -= 1) next = recorded(next, daysBefore(snapshot, day));
  return next;
}

function recorded(record: ClientRecord | undefined, snapshot: Snapshot): ClientRecord {
  // As a store keeps it.
  return clientRecordSchema.parse(JSON.parse(JSON.stringify(recordSnapshot(record, snapshot))));
}

/** The same run on an earlier day: a test does not wait for a month. */
function daysBefore(snapshot: Snapshot, count: number): Snapshot {
  const { connectionLog: log } = snapshot;
  if (!log?.known) throw new Error('no connection log was read');
  const at = Date.parse(snapshot.takenAt) - count * DAY_MS;
  const iso = (moment: number): string => new Date(moment).toISOString();
  const clients = log.value.clients.map(
    (row): ClientLogins => ({
      ...row,
      first: row.first === undefined ? undefined : row.first - count * DAY_MS,
      last: row.last === undefined ? undefined : row.last - count * DAY_MS,
      hours: row.hours?.map(([hour, logins]) => [hour - count * 24, logins] as const),
    }),
  );
  const window = { from: iso(at - DAY_MS), to: iso(at) };
  return {
    ...snapshot,
    takenAt: iso(at),
    connectionLog: known({ ...log.value, clients, window, continuousSince: iso(at - 100 * DAY_MS) }),
  };
}

interface Printed {
  readonly place: string;
  readonly text: string;
}

interface PrintedStep {
  readonly title: string;
  readonly commands: Printed;
  readonly rollback: Printed;
}

/** The commands of each step, and its way back, as they stand in the Markdown. */
function printed(target: TargetPlan): readonly PrintedStep[] {
  const at = new Date().toISOString();
  const text = renderPlanMarkdown({ schemaVersion: 1, state: 'state.json', days: 30, at, targets: [target] });
  return text
    .split(/^#### Step \d+$/m)
    .slice(1)
    .map((section) => {
      const [commands = '', rollback = ''] = section.split(/^Roll back:$/m);
      return { title: commands.trimStart(), commands: fenced(commands), rollback: fenced(rollback) };
    });
}

function fenced(section: string): Printed {
  const [, , place = '', text = ''] = /^(`{3,})(\w+)\n([\s\S]*?)\n\1$/m.exec(section) ?? [];
  return { place, text };
}
