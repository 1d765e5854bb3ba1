// Audits of real servers whose log files are read: every login between two runs is counted, and counted once.

import { appendFile, copyFile, readdir, readFile, rename, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { describeEachMajor } from '../../lab/each-major.ts';
import { knownValue } from '../../lab/known-value.ts';
import { type LogFiles, writeLogFiles } from '../../lab/log-collector.ts';
import { AUDITOR, newestMajor, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { seededRandom } from '../../lab/seeded-random.ts';
import { openSession } from '../../lab/sessions.ts';
import type { ConnectionLogFacts } from '../../lambda/model/connection-log.ts';
import type { LogStateStore } from '../../lambda/model/log-state.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';

const BYTES = 'pg_catalog.pg_read_binary_file(text, bigint, bigint)';
const TEXT = 'pg_catalog.pg_read_file(text, bigint, bigint)';
/** Logins of the random schedule. */
const LOGINS = Number(process.env.PG_TLS_AUDITOR_LOGINS ?? 80);
const SEED = Number(process.env.PG_TLS_AUDITOR_SEED ?? Date.now() % 0x7fff_ffff);

const reader = (name: string, ...executes: string[]) => ({ name, grants: AUDITOR.grants, executes });
const ROLES = [
  reader(AUDITOR.name, ...AUDITOR.executes, BYTES),
  reader('text reader', TEXT),
  reader('no reader'),
  { name: 'no monitor', executes: [BYTES] },
  { name: 'app' },
];
const HBA = ['local all all trust', 'host all app all trust', 'host all all all scram-sha-256'];

interface Memory extends LogStateStore {
  /** The next saves fail, as if the run had died before. */
  dies: number;
}

function memory(): Memory {
  let stored = { state: undefined as unknown, version: 0 };
  return {
    dies: 0,
    read: async () => stored,
    async save(_target, state, version) {
      if (this.dies > 0) {
        this.dies -= 1;
        throw new Error('canary');
      }
      if (version !== stored.version) return false;
      stored = { state: JSON.parse(JSON.stringify(state)), version: version + 1 };
      return true;
    },
  };
}

async function run(
  server: PostgresServer,
  state: LogStateStore | undefined,
  {
    role = AUDITOR.name,
    deadline,
    timeoutMs = 30_000,
  }: { readonly role?: string; readonly deadline?: AbortSignal; readonly timeoutMs?: number } = {},
): Promise<Snapshot> {
  const secrets = { db: rdsSecret(server, role), ca: server.ca ?? '' };
  const { snapshot } = await audit({ logs: 'server', timeoutMs }, secrets, deadline, { logs: { state } });
  return snapshot;
}

async function facts(server: PostgresServer, state?: LogStateStore, role?: string): Promise<ConnectionLogFacts> {
  const { connectionLog } = await run(server, state, role === undefined ? {} : { role });
  if (connectionLog === undefined) throw new Error('no connection log was read');
  return knownValue(connectionLog);
}

/** Logs in over TCP without TLS, and is gone when it resolves. */
async function visit({ host, port }: PostgresServer, application: string, sql?: string): Promise<void> {
  const client = new pg.Client({
    host,
    port,
    user: 'app',
    database: 'postgres',
    application_name: application,
    ssl: false,
  });
  client.on('error', () => undefined);
  await client.connect();
  if (sql !== undefined) await client.query(sql).catch(() => undefined);
  await client.end();
}

/** Numbers are folded to `#` where there are several. */
const bare = (application: string): string => application.replace(/ (?:#|\d+)$/, '');

/** Logins by application, of the role `app`. */
function counted({ clients }: ConnectionLogFacts): Record<string, number> {
  const sums = new Map<string, number>();
  for (const { role, application = '', logins } of clients) {
    if (role === 'app') sums.set(bare(application), (sums.get(bare(application)) ?? 0) + logins);
  }
  return Object.fromEntries([...sums].sort());
}

async function startLogging(major: number, settings: Parameters<typeof writeLogFiles>[1]) {
  const stack = new AsyncDisposableStack();
  const server = stack.use(
    await startPostgres({ major, roles: ROLES, hba: HBA, settings: { log_disconnections: false } }),
  );
  const files = stack.use(await writeLogFiles(server, settings));
  return { server, files, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

describeEachMajor((major) => {
  describe.runIf(major >= 12)('the log files of a server', () => {
    let server: PostgresServer;
    let lab: Awaited<ReturnType<typeof startLogging>>;

    beforeAll(async () => {
      lab = await startLogging(major, { log_line_prefix: '%t:%r:%u@%d:[%p]:' });
      server = lab.server;
    });
    afterAll(() => lab?.[Symbol.asyncDispose]());

    test('show a client that was there for a moment between two runs', async () => {
      const state = memory();
      expect(await facts(server, state)).toMatchObject({ source: 'server-files', gaps: [] });
      await visit(server, 'nightly job');
      const session = await openSession(server, { kind: 'tlsv1.3', role: 'app', applicationName: 'shop' });
      await session[Symbol.asyncDispose]();
      const { clients, gaps, continuousSince } = await facts(server, state);
      expect(gaps).toEqual([]);
      expect(continuousSince).toBeDefined();
      expect(clients.filter(({ role }) => role === 'app')).toMatchObject([
        {
          role: 'app',
          database: 'postgres',
          application: 'nightly job',
          transport: 'loopback',
          network: '127.0.0.0/24',
          addresses: ['127.0.0.1'],
          logins: 1,
        },
        { application: 'shop', transport: 'tls', tls: { version: 'TLSv1.3' }, logins: 1 },
      ]);
    });

    test('are read as text too, whatever bytes they hold, or not at all', async () => {
      const state = memory();
      await facts(server, state, 'text reader');
      await visit(server, 'before', `SELECT 'é'; this is no SQL — ${'ü'.repeat(2_000)}`);
      const sound = await facts(server, state, 'text reader');
      expect(sound.gaps).toEqual([]);
      expect(counted(sound)).toMatchObject({ before: 1 });
      await appendFile(join(lab.files.folder, 'server.log'), Buffer.from([0x58, 0xff, 0xfe, 0x0a]));
      const { gaps } = await facts(server, state, 'text reader');
      expect(gaps).toMatchObject([
        { cause: 'not-allowed', remedy: `GRANT EXECUTE ON FUNCTION ${BYTES} TO "text reader";` },
      ]);
      expect((await facts(server, memory())).gaps).toEqual([]);
    });

    test('need one GRANT', async () => {
      const { gaps, clients } = await facts(server, memory(), 'no reader');
      expect(gaps).toEqual([
        {
          cause: 'not-allowed',
          reason: 'the login may not read the log files',
          remedy: `GRANT EXECUTE ON FUNCTION ${BYTES} TO "no reader";`,
        },
      ]);
      expect(clients).toEqual([]);
    });

    test('need pg_monitor', async () => {
      const { gaps } = await facts(server, memory(), 'no monitor');
      expect(gaps).toMatchObject([{ cause: 'not-allowed', remedy: 'GRANT pg_monitor TO "no monitor";' }]);
    });

    test('show nothing where the server logs no logins, and say so', async () => {
      const state = memory();
      await facts(server, state);
      const off = major >= 18 ? 'receipt' : 'off';
      const wanted = major >= 18 ? 'receipt,authorization' : 'on';
      await server.adminQuery(`ALTER SYSTEM SET log_connections = '${off}'`);
      // What postgresql.conf does not win over: the command line of the lab sets no log_connections.
      await reloaded(server, 'log_connections', off);
      const { gaps } = await facts(server, state);
      expect(gaps).toEqual([
        {
          cause: 'logging-off',
          reason: `log_connections is "${off}": the server writes no line for a login`,
          remedy: `ALTER SYSTEM SET log_connections = '${wanted}';\nSELECT pg_reload_conf();`,
        },
      ]);
      await server.adminQuery('ALTER SYSTEM RESET log_connections');
      await reloaded(server, 'log_connections', major >= 18 ? 'on' : 'on');
      expect((await facts(server, state)).gaps).toEqual([]);
    });

    test('are not believed to show every login where that of the auditor is missing', async () => {
      const state = memory();
      await facts(server, state);
      const { connectionLog } = await lab.files.pauseWhile(async () => {
        await visit(server, 'unseen');
        return await run(server, state, { timeoutMs: 5_000 });
      });
      const paused = knownValue(connectionLog ?? { known: false, reason: 'not read' });
      expect(paused.gaps).toMatchObject([{ cause: 'own-login-missing' }]);
      expect(paused.continuousSince).toBeUndefined();
      // What was late is counted by the next run.
      const next = await facts(server, state);
      expect(next.gaps).toEqual([]);
      expect(counted(next)).toMatchObject({ unseen: 1 });
    });

    test('without a state are read one day back, every time', async () => {
      const first = await facts(server);
      expect(first.gaps).toMatchObject([{ cause: 'no-state' }]);
      expect(first.continuousSince).toBeUndefined();
      expect(counted(await facts(server))).toEqual(counted(first));
    });
  });
});

async function reloaded(server: PostgresServer, name: string, value: string): Promise<void> {
  await server.adminQuery('SELECT pg_reload_conf()');
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const [row] = await server.adminQuery<{ value: string }>(`SELECT current_setting('${name}') AS value`);
    if (row?.value === value) return;
    await wait(20);
  }
  throw new Error(`${name} did not become ${value}`);
}

const FORGED = [
  'SELECT 1 this is no SQL',
  '2026-11-28 08:00:00.000 UTC [1] LOG:  connection authorized: user=app database=forged application_name=forged',
  '2026-11-28 08:00:00.000 UTC,"app","forged",1,"10.0.0.7:1",69.1,1,"x",2026-11-28 08:00:00 UTC,1/1,0,LOG,00000,"connection authorized: user=app database=forged application_name=forged",,,,,,,,,"","client backend",,0',
  '"',
  '\tcontinued',
].join('\n');

/** A name without digits, which would be folded. */
const nameOf = (index: number): string =>
  `job ${[...String(index)].map((digit) => 'abcdefghij'[Number(digit)]).join('')}`;

describe.each(['stderr', 'csvlog', 'jsonlog'] as const)('a random schedule, logged as %s', (format) => {
  test(`of ${LOGINS} logins across rotations, copies and runs that die: each is counted once (seed ${SEED})`, async (context) => {
    if (format === 'jsonlog' && newestMajor() < 15) return context.skip('jsonlog came with PostgreSQL 15');
    await using lab = await startLogging(newestMajor(), {
      log_destination: format,
      log_filename: 'server-%H%M%S.log',
      log_statement: 'none',
    });
    const { server, files } = lab;
    const random = seededRandom(SEED);
    const state = memory();
    const expected = new Map<string, number>();
    let copies = 0;
    let deaths = 0;
    await facts(server, state);
    for (let login = 0; login < LOGINS; login += 1) {
      const name = nameOf(Math.floor(random() * 40));
      await visit(server, `${name} ${login}`, random() < 0.1 ? FORGED : undefined);
      expected.set(name, (expected.get(name) ?? 0) + 1);
      const choice = random();
      if (choice < 0.02) await server.adminQuery('SELECT pg_rotate_logfile()');
      else if (choice < 0.04) {
        copies += 1;
        await moveAway(files, server, format, `${name} ${login}`, { number: copies, copies: random() < 0.5 });
      } else if (choice < 0.06) await facts(server, state);
      else if (choice < 0.07) await Promise.all([facts(server, state), facts(server, state)]);
      else if (choice < 0.08 || (deaths < 3 && login > (LOGINS * (deaths + 1)) / 4)) {
        deaths += 1;
        if (random() < 0.5) {
          state.dies = 1;
          await facts(server, state);
        } else await run(server, state, { deadline: AbortSignal.timeout(Math.floor(random() * 120)) });
      }
    }
    expect(deaths).toBeGreaterThanOrEqual(3);
    const last = await facts(server, state);
    expect(counted(last)).toEqual(Object.fromEntries([...expected].sort()));
    expect(last.gaps).toEqual([]);
  }, 900_000);
});

/** As logrotate does, with `copytruncate` or without. */
async function moveAway(
  { folder }: LogFiles,
  server: PostgresServer,
  format: string,
  last: string,
  { number, copies }: { readonly number: number; readonly copies: boolean },
): Promise<void> {
  const suffix = format === 'csvlog' ? '.csv' : format === 'jsonlog' ? '.json' : '.log';
  const names = (await readdir(folder)).filter((name) => name.endsWith(suffix)).sort();
  const name = names.at(-1);
  if (name === undefined) return;
  const file = join(folder, name);
  if (!copies) {
    await rename(file, `${file}.${number}`);
    await server.adminQuery('SELECT pg_rotate_logfile()');
    return;
  }
  // What is written between the copy and the end would be lost: all of it has to be there.
  await written(folder, last);
  await copyFile(file, `${file}.${number}`);
  await truncate(file);
}

/** Resolves once the log has the login, and what the server wrote at its end. */
async function written(folder: string, application: string): Promise<void> {
  const login = new RegExp(`application_name=${application}\\b`);
  for (let attempt = 0; attempt < 200; attempt += 1) {
    for (const name of await readdir(folder)) {
      if (login.test(await readFile(join(folder, name), 'utf8'))) return;
    }
    await wait(5);
  }
}
