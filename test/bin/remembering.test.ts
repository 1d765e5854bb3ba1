// `audit --state`: what the command line remembers from run to run, and mutes. Real servers, real state.

import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { rdsSecret } from '../../lab/collector.ts';
import { startDynamoDb } from '../../lab/dynamodb.ts';
import { blackHole } from '../../lab/faulty-servers.ts';
import { healthyServer, LOOPBACK_PLAINTEXT_HBA } from '../../lab/healthy-server.ts';
import { type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { openSession } from '../../lab/sessions.ts';
import type { ConfigInput } from '../../lambda/config/index.ts';
import { createFileState } from '../../lambda/deliver/state/file.ts';
import { type Report, reportSchema } from '../../lambda/report/schema.ts';
import { daysBefore, openFinding, stateWith, waitLimit } from '../deliver/state/states.ts';
import { type CommandOptions, command, type Outcome } from './command.ts';

let server: PostgresServer;
let parent: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-remembering-'));
  server = await startPostgres(healthyServer({ hba: LOOPBACK_PLAINTEXT_HBA }));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(parent, { recursive: true });
});

/** Of one test: its configuration, its secrets, its state. */
let folder: string;
let state: string;
beforeEach(async () => {
  folder = await mkdtemp(join(parent, 'run-'));
  state = join(folder, 'state.json');
  await writeFile(join(folder, 'ca.pem'), server.ca ?? '');
  await writeFile(join(folder, 'login.json'), rdsSecret(server), { mode: 0o600 });
});

const target = (name: string): NonNullable<ConfigInput['targets']>[number] => ({
  name,
  credentials: { file: 'login.json' },
  ca: { file: 'ca.pem' },
});

const ONE: ConfigInput = { policy: { loopback: 'network' }, targets: [target('orders')] };
const TWO: ConfigInput = { ...ONE, targets: [target('orders'), target('billing')] };

/** To be muted, or not: `plaintext-session` of the role app. */
function offender(): Promise<AsyncDisposable> {
  return openSession(server, { kind: 'plaintext', role: 'app', applicationName: 'checkout' });
}

async function audit(config: ConfigInput, args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
  await writeFile(join(folder, 'auditor.config.json'), JSON.stringify(config));
  return await command(['audit', '--fail-on', 'high', ...args], { cwd: folder, ...options });
}

async function auditToJson(
  config: ConfigInput,
  args: readonly string[] = ['--state', 'state.json'],
  options?: CommandOptions,
): Promise<Outcome & { readonly report: Report }> {
  const outcome = await audit(config, [...args, '--format', 'json'], options);
  return { ...outcome, report: reportSchema.strict().parse(JSON.parse(outcome.stdout)) };
}

/** That the server lets the client in is found as well, in every run: not what these tests are about. */
const isOfClient = ({ check }: { readonly check: string }): boolean => check !== 'plaintext-allowed';

/** Targets with the reasons of their findings, and why what is over is. */
function reasons({ findings, carriedOver = [], resolved = [] }: Report): string[] {
  return [
    ...findings.filter(isOfClient).map(({ target: name, lifecycle }) => `${name}: ${lifecycle?.reason}`),
    ...carriedOver.filter(isOfClient).map(({ target: name, lifecycle }) => `${name}: ${lifecycle?.reason}, unseen`),
    ...resolved.filter(isOfClient).map(({ target: name, resolution }) => `${name}: ${resolution}`),
  ].sort();
}

async function recorded(): Promise<Map<string, { readonly status: string; readonly notified: boolean }>> {
  const { findings } = await createFileState(state, { clock: () => new Date() }).read();
  return new Map(
    [...findings.values()]
      .filter(({ finding }) => isOfClient(finding))
      .map(({ finding, status, lastNotified }) => [
        `${finding.target}: ${finding.check}`,
        { status, notified: lastNotified !== undefined },
      ]),
  );
}

describe('--state', () => {
  test('tells what is new once, what is still there after that, and what the run did not see', async () => {
    {
      await using _client = await offender();
      const first = await auditToJson(ONE);
      expect([first.exitCode, first.stderr, first.report.state, reasons(first.report)]).toEqual([
        1,
        '',
        'kept',
        ['orders: new'],
      ]);
      const second = await audit(ONE, ['--state', 'state.json']);
      expect(second.exitCode).toBe(1);
      expect(second.stdout).toContain('STILL THERE since ');
    }
    // Gone for a moment is not gone: pooled clients come and go.
    const third = await auditToJson(ONE);
    expect([third.exitCode, reasons(third.report)]).toEqual([0, ['orders: ongoing, unseen']]);
    expect((await stat(state)).mode & 0o777).toBe(0o600);
  });

  test('without it every run stands alone, and writes nothing', async () => {
    await using _client = await offender();
    const { report } = await auditToJson(ONE, []);
    expect([report.state, reasons(report)]).toEqual(['none', ['orders: observed']]);
    await expect(stat(state)).rejects.toThrow('ENOENT');
  });

  test('--target leaves what is remembered of the other targets open; a configuration without them does not', async () => {
    await using _client = await offender();
    await auditToJson(TWO);
    const picked = await auditToJson(TWO, ['--state', 'state.json', '--target', 'orders']);
    expect(reasons(picked.report)).toEqual(['billing: ongoing, unseen', 'orders: ongoing']);
    const removed = await auditToJson(ONE);
    expect(reasons(removed.report)).toEqual(['billing: target-removed', 'orders: ongoing']);
  });

  test('--url remembers that server, and leaves alone what runs of a configuration remember, mutes included', async () => {
    await using _client = await offender();
    const mutes = [{ check: 'tls-disabled', reason: 'being replaced', owner: 'dba', expires: '2999-12-31' }];
    await auditToJson({ ...ONE, mutes });
    const before = await createFileState(state, { clock: () => new Date() }).read();
    expect(before.mutes.size).toBe(1);
    const url = `postgres://tls_auditor@${server.host}:${server.port}/postgres`;
    const args = ['--url', url, '--ca', 'ca.pem', '--loopback', 'network', '--state', 'state.json'];
    const env = { PGPASSWORD: server.connectionConfig('tls_auditor').password };
    const { report } = await auditToJson(ONE, args, { env });
    const name = `${server.host}:${server.port}`;
    expect(reasons(report)).toEqual([`${name}: new`, 'orders: ongoing, unseen']);
    const after = await createFileState(state, { clock: () => new Date() }).read();
    expect(after.mutes).toEqual(before.mutes);
    const again = await auditToJson(ONE, args, { env });
    expect(reasons(again.report)).toEqual([`${name}: ongoing`, 'orders: ongoing, unseen']);
  });

  test('is told and saved in a table too, and the mail and chat of a function with that table are not cheated of it', async () => {
    await using dynamodb = await startDynamoDb({ tableName: 'shared-state' });
    await using _client = await offender();
    const args = ['--state', 'dynamodb:shared-state'];
    const options = { env: dynamodb.environment() };
    const [first, second] = [await auditToJson(ONE, args, options), await auditToJson(ONE, args, options)];
    expect([first.stderr, second.stderr]).toEqual(['', '']);
    expect([reasons(first.report), reasons(second.report)]).toEqual([['orders: new'], ['orders: ongoing']]);
    const items = await dynamodb.items();
    expect(items).not.toEqual([]);
    // What is kept of clients is no receiver's.
    const others = new Set(items.map(({ pk }) => String(pk)).filter((pk) => !pk.startsWith('all#command-line#')));
    expect([...others]).toEqual([expect.stringMatching(/^clients-[0-9a-f]$/)]);
  });
});

describe('print, then save', () => {
  test('what could not be read is notified again', async () => {
    await using _client = await offender();
    const args = ['--state', 'state.json', '--format', 'json'];
    const unread = await audit(ONE, args, { onStart: ({ stdout }) => stdout?.destroy() });
    expect(unread.stderr).toBe('the report was not read to its end: file state.json was not changed\n');
    await expect(stat(state)).rejects.toThrow('ENOENT');
    expect(reasons((await auditToJson(ONE)).report)).toEqual(['orders: new']);
  });

  test('what could not be saved was printed, makes the exit code 2, and is notified again', async () => {
    await using dynamodb = await startDynamoDb();
    await using _client = await offender();
    const args = ['--state', `dynamodb:${dynamodb.tableName}`];
    const options = { env: dynamodb.environment() };
    // The first is the turn's.
    dynamodb.failNext('PutItem', { after: 1, times: 50, code: 'AccessDeniedException' });
    const failed = await auditToJson(ONE, args, options);
    expect([failed.exitCode, failed.report.state, reasons(failed.report)]).toEqual([2, 'kept', ['orders: new']]);
    expect(failed.stderr).toMatch(
      /^error: The state in DynamoDB table pg-tls-auditor-state could not be saved.*\(AccessDeniedException\)\. Allow /,
    );
    dynamodb.clearFaults();
    expect(reasons((await auditToJson(ONE, args, options)).report)).toEqual(['orders: new']);
  });

  test('a state that is none is left as it is: the report stands alone, and the exit code is 2', async () => {
    await using _client = await offender();
    await writeFile(state, '{"targets": "of somebody else"}');
    const { exitCode, report, stderr } = await auditToJson(ONE);
    expect([exitCode, report.state, reasons(report)]).toEqual([2, 'none', ['orders: observed']]);
    expect(stderr).toBe(
      'error: state.json is not a state file of this auditor: it has no schemaVersion. It was left as it is: name another file, or remove this one to start with an empty state.\n',
    );
    expect(await readFile(state, 'utf8')).toBe('{"targets": "of somebody else"}');
  });

  test('a state that is none is reported also where the report is not read', async () => {
    await writeFile(state, '[]');
    const { exitCode, stderr } = await audit(ONE, ['--state', 'state.json'], {
      onStart: ({ stdout }) => stdout?.destroy(),
    });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^error: state\.json is not a state file of this auditor: [^\n]+\n$/);
  });

  test('who will not wait for another run gets the report all the same', async () => {
    await using _client = await offender();
    const lock = { token: 'another', pid: process.pid, host: hostname(), since: new Date().toISOString() };
    await writeFile(`${state}.lock`, JSON.stringify(lock));
    let said = '';
    let interrupted = false;
    const { exitCode, report, stderr } = await auditToJson(ONE, undefined, {
      onStart: (child) => {
        child.stderr?.on('data', (chunk) => {
          said += chunk;
          if (interrupted || !said.includes('waiting for another run')) return;
          interrupted = child.kill('SIGINT');
        });
      },
    });
    expect([exitCode, report.state, reasons(report)]).toEqual([2, 'none', ['orders: observed']]);
    expect(stderr).toMatch(/^waiting for another run that uses file state\.json\ninterrupted \(SIGINT\)/);
    expect(stderr).toContain(`process ${process.pid} on`);
    await expect(stat(state)).rejects.toThrow('ENOENT');
  });

  test('an interrupted run is compared with what is remembered, and changes nothing of it', async () => {
    await using exclusion = await blackHole();
    const config: ConfigInput = {
      ...ONE,
      targets: [{ ...target('silent'), host: exclusion.host, port: exclusion.port, timeoutSeconds: 600 }],
    };
    {
      await using turn = await createFileState(state, { clock: () => new Date() }).acquire(waitLimit());
      const at = daysBefore(1, new Date());
      await turn.save(stateWith({ findings: [openFinding(1, { target: 'silent' }, { lastSeen: at })] }));
    }
    const before = await readFile(state, 'utf8');
    const { exitCode, report, stderr } = await auditToJson(config, undefined, {
      onStart: (child) => {
        void vi.waitFor(() => expect(exclusion.connections).toHaveLength(1), 20_000).then(() => child.kill('SIGTERM'));
      },
    });
    expect([exitCode, reasons(report)]).toEqual([2, ['silent: new', 'silent: ongoing, unseen']]);
    expect(stderr).toContain('interrupted: file state.json was not changed\n');
    expect(await readFile(state, 'utf8')).toBe(before);
  });
});

describe('a mute of the configuration', () => {
  const mute = { check: 'plaintext-session', reason: 'driver replaced in March', owner: 'payments' };

  test.each([[[]], [['--state', 'state.json']]])('keeps a finding from failing the audit: %j', async (args) => {
    await using _client = await offender();
    const { exitCode, report } = await auditToJson({ ...ONE, mutes: [{ ...mute, expires: '2999-12-31' }] }, args);
    expect([exitCode, reasons(report)]).toEqual([0, ['orders: muted']]);
    expect(report.mutes).toMatchObject([{ owner: 'payments', expired: false, matched: 1 }]);
  });

  test.each([[[]], [['--state', 'state.json']]])('does nothing of the kind once it has ended: %j', async (args) => {
    await using _client = await offender();
    const { exitCode, stdout } = await audit({ ...ONE, mutes: [{ ...mute, expires: '2020-01-31' }] }, args);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('Expired mute');
  });

  test('with state is remembered with what it muted', async () => {
    await using _client = await offender();
    await audit({ ...ONE, mutes: [{ ...mute, expires: '2999-12-31' }] }, ['--state', 'state.json']);
    expect(await recorded()).toEqual(new Map([['orders: plaintext-session', { status: 'open', notified: false }]]));
    expect(reasons((await auditToJson(ONE)).report)).toEqual(['orders: mute-expired']);
  });
});
