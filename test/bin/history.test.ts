// `history`: what runs of the real program remember of who has connected insecurely.

import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HistoryDocument } from '../../bin/command-line/terminal/history-document.ts';
import { startDynamoDb } from '../../lab/dynamodb.ts';
import { healthyServer, LOOPBACK_PLAINTEXT_HBA } from '../../lab/healthy-server.ts';
import { startPostgres } from '../../lab/postgres.ts';
import { openSession } from '../../lab/sessions.ts';
import { insecureClientChecks } from '../../lambda/checks/catalogue.ts';
import { CHECKS } from '../../lambda/checks/registry.ts';
import { createDynamoDbState } from '../../lambda/deliver/state/dynamodb.ts';
import { createFileState } from '../../lambda/deliver/state/file.ts';
import type { Finding } from '../../lambda/model/finding.ts';
import type { FindingRecord } from '../../lambda/model/lifecycle.ts';
import { daysBefore, openFinding, type StateParts, stateWith, waitLimit } from '../deliver/state/states.ts';
import { HOSTILE_NAMES, UNSAFE } from '../report/hostile.ts';
import { type CommandOptions, command, type Outcome } from './command.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-history-'));
});
afterAll(() => rm(folder, { recursive: true }));

const ago = (days: number): string => daysBefore(days, new Date());

/** Seen so many days ago for the last time. */
function client(days: number, finding: Partial<Finding> = {}, record: Partial<FindingRecord> = {}): FindingRecord {
  const number = days * 1000 + Math.floor(Math.random() * 1000);
  const seen = { firstSeen: ago(days + 1), openedAt: ago(days + 1), lastSeen: ago(days) };
  return openFinding(number, { role: 'app', ...finding }, { ...seen, ...record });
}

const AUDITED = [
  { name: 'orders', takenAt: ago(0) },
  { name: 'billing', takenAt: ago(0) },
];

async function stateFile(parts: StateParts): Promise<string> {
  const path = join(await mkdtemp(join(folder, 'state-')), 'state.json');
  await using turn = await createFileState(path, { clock: () => new Date() }).acquire(waitLimit());
  await turn.save(stateWith({ targets: AUDITED, ...parts }));
  return path;
}

function history(args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
  return command(['history', ...args], { cwd: folder, ...options });
}

async function historyOf(
  parts: StateParts,
  args: readonly string[] = [],
): Promise<{ readonly exitCode: number | null; readonly document: HistoryDocument }> {
  const { exitCode, stdout } = await history(['--state', await stateFile(parts), '--format', 'json', ...args]);
  return { exitCode, document: JSON.parse(stdout) as HistoryDocument };
}

const roles = ({ clients }: HistoryDocument): (string | undefined)[] => clients.map(({ role }) => role);

describe('who has connected', () => {
  test('is what real runs saw, still there or gone', async () => {
    await using server = await startPostgres(healthyServer({ hba: LOOPBACK_PLAINTEXT_HBA }));
    await writeFile(join(folder, 'ca.pem'), server.ca ?? '');
    const url = `postgres://tls_auditor@${server.host}:${server.port}/postgres`;
    const audit = (): Promise<Outcome> =>
      command(['audit', '--url', url, '--ca', 'ca.pem', '--loopback', 'network', '--state', 'real.json'], {
        cwd: folder,
        env: { PGPASSWORD: server.connectionConfig('tls_auditor').password },
      });
    {
      await using _client = await openSession(server, { kind: 'plaintext', role: 'app', applicationName: 'etl' });
      expect((await audit()).exitCode).toBe(1);
    }
    await audit();
    const { exitCode, stdout, stderr } = await history(['--state', 'real.json', '--format', 'json']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      schemaVersion: 1,
      state: 'file real.json',
      days: 7,
      targets: [{ name: `127.0.0.1:${server.port}` }],
      clients: [
        { role: 'app', database: 'postgres', application: 'etl', checks: ['plaintext-session'], severity: 'high' },
      ],
      notSeen: [],
    });
    const table = await history(['--state', 'real.json']);
    expect(table.exitCode).toBe(0);
    expect(table.stdout).toContain('1 client connected insecurely (1 high).');
  });

  test('is counted from so many days back, 7 without being told', async () => {
    const parts = {
      findings: [client(2, { role: 'two' }), client(20, { role: 'twenty' }), client(0, { role: 'now' })],
    };
    expect(roles((await historyOf(parts)).document)).toEqual(['now', 'two']);
    expect(roles((await historyOf(parts, ['--days', '30'])).document)).toEqual(['now', 'two', 'twenty']);
    expect(roles((await historyOf(parts, ['--days', '1'])).document)).toEqual(['now']);
  });

  test('is not whoever nothing is wrong with, nor what is wrong with the server', async () => {
    const findings = [
      client(1, { check: 'below-preferred-tls-session', severity: 'info', role: 'tls12' }),
      client(1, { check: 'replica-not-covered', role: undefined }),
      client(1, { check: 'plaintext-allowed', role: undefined }),
      client(1, { check: 'loopback-plaintext-session', severity: 'info', role: 'local' }),
    ];
    expect(roles((await historyOf({ findings })).document)).toEqual(['local']);
  });

  test('can be asked of single targets', async () => {
    const parts = { findings: [client(1, { role: 'a' }), client(1, { role: 'b', target: 'billing' })] };
    const { document } = await historyOf(parts, ['--target', 'billing']);
    expect([roles(document), document.targets.map(({ name }) => name)]).toEqual([['b'], ['billing']]);
    const both = await historyOf(parts, ['--target', 'billing', '--target', 'orders']);
    expect(roles(both.document).sort()).toEqual(['a', 'b']);
  });

  test('comes from a table too: what the runs of a function saw, and those of the command line', async () => {
    await using dynamodb = await startDynamoDb();
    const { tableName } = dynamodb;
    for (const [receiver, role] of [
      ['all', 'seen by the function'],
      ['all#command-line', 'seen by the command line'],
      ['payments', 'of a route'],
    ] as const) {
      const store = createDynamoDbState(dynamodb.client, tableName, {
        clock: () => new Date(),
        owner: 'test',
        receiver,
      });
      await using turn = await store.acquire(waitLimit());
      await turn.save(stateWith({ targets: AUDITED, findings: [client(1, { role })] }));
    }
    const args = ['--state', `dynamodb:${tableName}`, '--format', 'json'];
    const { exitCode, stdout, stderr } = await history(args, { env: dynamodb.environment() });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const document = JSON.parse(stdout) as HistoryDocument;
    expect(document.state).toBe(`DynamoDB table ${tableName}`);
    expect(roles(document).sort()).toEqual(['seen by the command line', 'seen by the function']);
  });

  test('is shown by names that do no harm', async () => {
    const findings = HOSTILE_NAMES.map(([, name]) => client(1, { role: name, application: name, clients: [name] }));
    const path = await stateFile({ findings });
    for (const format of ['table', 'json']) {
      const { exitCode, stdout } = await history(['--state', path, '--format', format]);
      expect(exitCode).toBe(0);
      expect(stdout.replaceAll('\n', '')).not.toMatch(UNSAFE);
    }
  });
});

describe('nobody', () => {
  test('is said, and the exit code is 0: it is an answer', async () => {
    const { exitCode, stdout } = await history(['--state', await stateFile({})]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/\nNo insecure client was seen\.\n$/);
    expect(stdout).toContain('on billing and orders.');
  });

  test('is not said of what could not be seen, or was not looked at', async () => {
    const findings = [
      client(3, { check: 'target-not-audited', role: undefined, title: 'The target was not audited' }),
      client(
        3,
        { check: 'insufficient-privileges', role: undefined, target: 'billing' },
        {
          status: 'resolved',
          resolved: { at: ago(2), resolution: 'gone' },
        },
      ),
    ];
    const targets = [...AUDITED, { name: 'ledger', takenAt: ago(9) }];
    const { document } = await historyOf({ findings, targets });
    expect(document.notSeen.map(({ target, reason }) => [target, reason])).toEqual([
      ['orders', 'target-not-audited: The target was not audited'],
      ['ledger', 'no run has audited it since'],
    ]);
    const { stdout } = await history(['--state', await stateFile({ findings, targets })]);
    expect(stdout).toContain('NOT VERIFIED:');
    expect(stdout).toMatch(/\nNo insecure client was seen, as far as this could be verified\.\n$/);
  });

  test('is not said by a state of no run: it is not known', async () => {
    const { exitCode, stdout, stderr } = await history(['--state', 'missing.json']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toBe(
      'error: file missing.json has no record of a run: run "npx pg-tls-auditor audit --state …" first, or name the state that your runs use\n',
    );
  });
});

describe('a mistake', () => {
  test.each([
    ['no state', [], 'error: history needs --state: the file, or dynamodb:TABLE, in which runs keep their state\n'],
    [
      'no day',
      ['--state', 's', '--days', '0'],
      /^error: option '--days <number>' argument '0' is invalid\. It must be/,
    ],
    ['too many', ['--state', 's', '--days', '91'], /whole number of days from 1 to 90: resolved findings are deleted/],
    ['half a day', ['--state', 's', '--days', '1.5'], /argument '1\.5' is invalid/],
    ['a format of reports', ['--state', 's', '--format', 'sarif'], /Allowed choices are table, json, html\.\n/],
    ['no table', ['--state', 'dynamodb:x'], /^error: --state "dynamodb:x": name a file/],
    ['an argument', ['orders'], /^error: too many arguments for 'history'/],
  ])('is told, with what is allowed: %s', async (_, args, expected) => {
    const { exitCode, stdout, stderr } = await history(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    if (typeof expected === 'string') expect(stderr).toBe(expected);
    else expect(stderr).toMatch(expected);
  });

  test('in the name of a target is reported with those there are', async () => {
    const { exitCode, stderr } = await history(['--state', await stateFile({}), '--target', 'ordrs']);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/has no target named "ordrs"; it has "billing", "orders"\n$/);
  });

  test('in the table is reported without a stack trace', async () => {
    await using dynamodb = await startDynamoDb();
    const args = ['--state', 'dynamodb:not-there'];
    const { exitCode, stdout, stderr } = await history(args, { env: dynamodb.environment() });
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(
      /^error: The state in DynamoDB table not-there could not be read \(ResourceNotFoundException\)\. .*\n$/,
    );
  });
});

/** They look at sessions too, and name nobody who has to change anything before TLS is enforced. */
const NOT_INSECURE = [
  'below-preferred-tls-session',
  'replica-not-covered',
  'tls-handshake-failing',
  'client-certificate-rejected',
  'plaintext-login-refused',
];

test('every check of sessions is among those asked for, but those that say nothing of insecure clients', () => {
  const ofSessions = CHECKS.map(({ id }) => id).filter((id) =>
    /\b(?:checkSessions|checkSessionsAndLogins|withLog)\(/.test(
      readFileSync(join(import.meta.dirname, '..', '..', 'lambda', 'checks', `${id}.ts`), 'utf8'),
    ),
  );
  expect([...insecureClientChecks(), ...NOT_INSECURE].sort()).toEqual(ofSessions.sort());
});
