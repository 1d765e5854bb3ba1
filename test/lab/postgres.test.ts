import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import pg from 'pg';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createAuthority } from '../../lab/certificates.ts';
import {
  availableMajors,
  majorsUnderTest,
  newestMajor,
  type PostgresServer,
  startPostgres,
} from '../../lab/postgres.ts';
import { binaries } from '../../lab/postgres-binaries.ts';
import { openSession } from '../../lab/sessions.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Logs in and out with everything verified; resolves with the server's version, or the error. */
async function logIn(server: PostgresServer, config: pg.ClientConfig = {}): Promise<unknown> {
  const client = new pg.Client({
    ...server.connectionConfig(),
    ssl: server.ca === undefined ? false : { ca: server.ca },
    ...config,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query('show server_version');
    await client.end();
    return rows[0]?.server_version;
  } catch (error) {
    return error;
  }
}

/** Whether the process runs: one that has ended and waits for its parent to ask how does not. */
function isRunning(pid: number): boolean {
  try {
    return !/^\s*Z/.test(execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }));
  } catch {
    return false;
  }
}

describe.each(majorsUnderTest())('PostgreSQL %i', (major) => {
  test('starts with TLS, roles that log in with their passwords, and databases', async () => {
    await using server = await startPostgres({
      major,
      roles: [{ name: 'o"dd', password: "it's", grants: ['pg_monitor'], attributes: 'CONNECTION LIMIT 3' }],
      databases: ['Orders', 'billing'],
    });
    expect(await logIn(server)).toMatch(new RegExp(`^${major}\\.`));
    expect(await logIn(server, { password: 'wrong' })).toMatchObject({ code: '28P01' });
    expect(server.connectionConfig()).toMatchObject({ user: 'o"dd', password: "it's", database: 'Orders' });
    expect(server.connectionString()).toBe(`postgres://o%22dd:it's@127.0.0.1:${server.port}/Orders`);
    const [role] = await server.adminQuery(
      `select rolconnlimit, pg_has_role(rolname, 'pg_monitor', 'member') as monitors from pg_roles where rolname = $1`,
      ['o"dd'],
    );
    expect(role).toEqual({ rolconnlimit: 3, monitors: true });
    expect(
      await server.adminQuery(`select datname from pg_database where datname in ('Orders', 'billing')`),
    ).toHaveLength(2);
  });

  test('listens without TLS when asked to', async () => {
    await using server = await startPostgres({ major, tls: false });
    expect(server.ca).toBeUndefined();
    expect(await logIn(server)).toMatch(new RegExp(`^${major}\\.`));
    expect(await server.adminQuery('show ssl')).toEqual([{ ssl: 'off' }]);
  });
});

test('the newest major comes with the ordinary installation', () => {
  expect(newestMajor()).toBeGreaterThanOrEqual(18);
  expect(availableMajors()).toContain(newestMajor());
});

test('a major that is not installed says what to run', async () => {
  await expect(startPostgres({ major: 4 })).rejects.toThrow(
    /PostgreSQL 4 for [\w-]+ is not installed: run npm ci --prefix test\/majors/,
  );
  vi.stubEnv('PG_TLS_AUDITOR_MAJORS', '4');
  expect(() => majorsUnderTest()).toThrow('PG_TLS_AUDITOR_MAJORS is "4", but PostgreSQL 4');
});

test('programs out of the server user’s reach and without library links are copied and mended', async () => {
  // Given: a package like one whose install script was refused, in a folder only its owner can enter.
  const folder = mkdtempSync(join(tmpdir(), 'majors-'));
  try {
    const pack = join(folder, 'node_modules', `pg9-${process.platform}-${process.arch}`);
    mkdirSync(pack, { recursive: true });
    const native = dirname(dirname(binaries(newestMajor()).postgres));
    execFileSync('cp', ['-R', native, join(pack, 'native')]);
    execFileSync('find', [join(pack, 'native'), '-type', 'l', '-delete']);
    chmodSync(folder, 0o700);
    vi.stubEnv('PG_TLS_AUDITOR_MAJORS_DIR', folder);
    // When it is started, under a number that no real package has,
    await using server = await startPostgres({ major: 9 });
    // Then it runs.
    expect(await logIn(server)).toMatch(new RegExp(`^${newestMajor()}\\.`));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a server that cannot start says why, and leaves nothing', async () => {
  await expect(startPostgres({ settings: { no_such_setting: 1 } })).rejects.toThrow(
    /did not start:[\s\S]*unrecognized configuration parameter "no_such_setting"/,
  );
});

test('listens on both loopbacks and presents its chain, intermediates included', async () => {
  const intermediate = await createAuthority({ parent: await createAuthority() });
  await using server = await startPostgres({ tls: { certificate: await intermediate.issue() } });
  for (const host of ['127.0.0.1', '::1', 'localhost'] as const) {
    await using session = await openSession(server, { kind: 'tlsv1.3', host });
    expect(await session.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()')).toEqual([{ ssl: true }]);
  }
});

test('takes direct TLS negotiation', async () => {
  await using server = await startPostgres();
  const socket = connectTls({
    host: server.host,
    port: server.port,
    ca: server.ca ?? '',
    ALPNProtocols: ['postgresql'],
  });
  await once(socket, 'secureConnect');
  expect(socket).toMatchObject({ authorized: true, alpnProtocol: 'postgresql' });
  socket.destroy();
});

test('a new pg_hba.conf and new settings hold for the next login', async () => {
  await using server = await startPostgres();
  await server.setHba(['hostssl all all all scram-sha-256']);
  expect(await logIn(server, { ssl: false })).toMatchObject({ code: '28000' });
  expect(await logIn(server)).toMatch(/^\d/);
  await server.set({ ssl: false });
  expect(await logIn(server)).toMatchObject({ message: 'The server does not support SSL connections' });
  await server.set({ ssl: true, application_name: "it's" });
  expect(await logIn(server)).toMatch(/^\d/);
});

test('the administrator’s session is gone when its query has returned', async () => {
  await using server = await startPostgres();
  const [first] = await server.adminQuery<{ pid: number }>('select pg_backend_pid() as pid');
  const rows = await server.adminQuery(`select pid from pg_stat_activity where backend_type = 'client backend'`);
  expect(rows).toHaveLength(1);
  expect(rows[0]).not.toEqual(first);
});

test('while it shuts down it refuses logins with 57P03, and ends its sessions with 57P01', async () => {
  await using server = await startPostgres();
  await using session = await openSession(server, { kind: 'plaintext' });
  const stopped = server.stop('smart');
  await server.waitForLog(/received smart shutdown request/);
  expect(await logIn(server)).toMatchObject({ code: '57P03' });
  const fast = server.stop('fast');
  expect(await session.ended).toMatchObject({ code: '57P01' });
  await Promise.all([stopped, fast]);
  expect(server.pid).toBeUndefined();
});

test('comes back on its port after a stop', async () => {
  await using server = await startPostgres();
  const { port } = server;
  await server.stop();
  expect(await logIn(server)).toMatchObject({ code: 'ECONNREFUSED' });
  await server.start();
  expect(server.port).toBe(port);
  expect(await logIn(server)).toMatch(/^\d/);
});

test('takes another port when its own is taken meanwhile, on one address even', async () => {
  await using server = await startPostgres();
  const { port } = server;
  await server.stop();
  const squatter = createServer().listen(port, '127.0.0.1');
  await once(squatter, 'listening');
  await server.start();
  squatter.close();
  expect(server.port).not.toBe(port);
  expect(await logIn(server)).toMatch(/^\d/);
});

test('waiting for a log line that does not come ends with the log', async () => {
  await using server = await startPostgres();
  await expect(server.waitForLog(/never said/, { timeoutMs: 50 })).rejects.toThrow(
    /matched \/never said\/ in 50 ms[\s\S]*ready to accept connections/,
  );
});

test('a full server says 53300', async () => {
  await using server = await startPostgres({ roles: [{ name: 'app', attributes: 'CONNECTION LIMIT 1' }] });
  await using _session = await openSession(server, { kind: 'tlsv1.3' });
  expect(await logIn(server)).toMatchObject({ code: '53300' });
});

test('disposing takes away the process, its sessions and its files', async () => {
  const server = await startPostgres();
  const session = await openSession(server, { kind: 'tlsv1.3' });
  const { pid, socketFolder } = server;
  await server[Symbol.asyncDispose]();
  expect(await session.ended).toBeInstanceOf(Error);
  await session[Symbol.asyncDispose]();
  expect(pid !== undefined && isRunning(pid)).toBe(false);
  expect(existsSync(socketFolder)).toBe(false);
  await server[Symbol.asyncDispose]();
});

const isRoot = process.getuid?.() === 0;
if (!isRoot)
  process.stderr.write('skipped: servers under root belong to another user: these tests do not run as root\n');

test.runIf(isRoot)('under root the server and its key belong to another user (for root only)', async () => {
  await using server = await startPostgres();
  const key = statSync(join(server.dataFolder, 'server.key'));
  expect(key.uid).not.toBe(0);
  expect(key.mode & 0o777).toBe(0o600);
  expect(key.uid).toBe(statSync(server.dataFolder).uid);
});

describe('a process that ends without disposing leaves neither servers nor files', () => {
  test.each([
    ['by returning from its work', `process.exit(0)`, undefined],
    ['by an error nobody catches', `throw new Error('on purpose')`, undefined],
    ['on Ctrl-C', `setInterval(() => {}, 1000)`, 'SIGINT'],
    ['when it is killed', `setInterval(() => {}, 1000)`, 'SIGKILL'],
  ] as const)('%s', async (_name, ending, signal) => {
    // Given: a process with a temporary folder of its own, two servers and a session.
    const folder = mkdtempSync(join(tmpdir(), 'lab-'));
    chmodSync(folder, 0o755);
    const script = `
      const { startPostgres } = await import(${JSON.stringify(new URL('../../lab/postgres.ts', import.meta.url).href)});
      const { openSession } = await import(${JSON.stringify(new URL('../../lab/sessions.ts', import.meta.url).href)});
      const servers = [await startPostgres(), await startPostgres()];
      await openSession(servers[0], { kind: 'tlsv1.3' });
      console.log(JSON.stringify(servers.map(({ pid }) => pid)));
      ${ending};
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, TMPDIR: folder },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = once(child, 'close');
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const pids = JSON.parse(line.toString()) as number[];
    expect(readdirSync(folder)).toHaveLength(1);
    // When it ends,
    if (signal !== undefined) child.kill(signal);
    await ended;
    // Then all is gone a moment later: the guard is another process.
    await expect.poll(() => readdirSync(folder), { timeout: 10_000, interval: 20 }).toEqual([]);
    for (const pid of pids) expect(isRunning(pid)).toBe(false);
    rmSync(folder, { recursive: true });
  });
});
