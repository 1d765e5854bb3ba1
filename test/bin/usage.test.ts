// Help, the catalogue, and every way to get the command or its configuration wrong. No server is needed.

import { closeSync, openSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHECKS } from '../../lambda/checks/registry.ts';
import { command } from './command.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-usage-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** What a command that must fail says. */
async function complaint(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await command(args, { cwd: folder, env });
  expect(exitCode).toBe(2);
  expect(stdout).toBe('');
  return stderr;
}

describe('help', () => {
  test('shows a newcomer what there is, with examples and exit codes', async () => {
    const { exitCode, stdout, stderr } = await command(['--help']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatchInlineSnapshot(`
      "Usage: npx pg-tls-auditor <command> [options]

      Shows whether the sessions of PostgreSQL servers are properly encrypted: which
      clients connect in plaintext or with deprecated TLS, what is wrong with the
      servers' certificates, and what to change. It only reads, and never calls a
      server clean when it could not observe everything.

      Options:
        -V, --version                 print the version
        -h, --help                    show this help

      Commands:
        audit [options]               audit the servers of a configuration file, or
                                      one server
        discover [options]            list the databases that an audit would cover,
                                      and why
        checks [options]              list what is checked, why, and how to fix what
                                      is found
        explain [options] <check>     explain one check: why it matters, and how to
                                      fix what it finds
        mute [options] <fingerprint>  print the entry that mutes a finding until a day
        history [options]             list the clients that connected insecurely over
                                      the last days
        plan [options]                plan how plaintext is switched off: who would
                                      break, and the exact steps
        logs [options] [file...]      show from log files who connected how
        help [command]                show the help of a command

      Examples:
        read -rs PGPASSWORD && export PGPASSWORD
        npx pg-tls-auditor audit --url postgres://tls_auditor@db.example.com --ca ca.pem
        npx pg-tls-auditor audit --url postgres://tls_auditor@pooler:6432 --kind pgbouncer --ca ca.pem
        npx pg-tls-auditor audit --config auditor.config.json --target orders
        npx pg-tls-auditor audit --format json --fail-on high > report.json
        npx pg-tls-auditor audit --state state.json
        npx pg-tls-auditor history --state state.json
        npx pg-tls-auditor checks
        npx pg-tls-auditor explain plaintext-session

      Exit codes:
        0  every server was fully audited, and no finding is as severe as --fail-on
        1  there are findings as severe as --fail-on, or worse
        2  a server could not be audited, or only in part; or the command, the
           configuration or the state is wrong
      "
    `);
  });

  test.each([
    ['pg-tls-auditor audit --help', ['audit', '--help']],
    ['pg-tls-auditor help audit', ['help', 'audit']],
  ])('of the audit names every option, the environment and the role: %s', async (_, args) => {
    const { exitCode, stdout } = await command(args);
    expect(exitCode).toBe(0);
    for (const word of [
      '--url',
      '--ca',
      '--state',
      '--fail-on',
      'sarif',
      'AWS_ACCOUNT_ID',
      'PGPASSWORD',
      'PGSSLROOTCERT',
      'NO_COLOR',
      'GRANT pg_monitor',
    ]) {
      expect(stdout).toContain(word);
    }
  });

  test.each([40, 80].flatMap((columns) => ['audit', 'mute', 'history'].map((name) => [name, columns] as const)))(
    'of %s fits into %i columns, but for what is to be copied',
    async (name, columns) => {
      const { stdout } = await command([name, '--help'], { env: { COLUMNS: String(columns) } });
      const long = stdout.split('\n').filter((line) => line.length > columns);
      expect(
        long.filter(
          (line) =>
            !/^Usage: |^ {2}(read|npx pg-tls-auditor|CREATE ROLE|GRANT EXECUTE) |^ *postgres:\/\/\S+$/.test(line),
        ),
      ).toEqual([]);
    },
  );

  test('has colours when they are asked for, and none in a pipe', async () => {
    const [piped, forced] = await Promise.all([
      command(['--help']),
      command(['--help'], { env: { FORCE_COLOR: '1' } }),
    ]);
    expect(piped.stdout).not.toContain('\x1b');
    expect(forced.stdout).toContain('\x1b[1mExamples:');
  });

  test('is no success when it was not asked for', async () => {
    expect(await complaint([])).toMatch(/^Usage: /);
  });

  test('and the version agree with the package', async () => {
    expect(await command(['--version'])).toEqual({ exitCode: 0, stdout: '0.1.0\n', stderr: '' });
  });
});

describe('the catalogue', () => {
  test('lists every check in JSON', async () => {
    const { exitCode, stdout } = await command(['checks', '--format', 'json']);
    const document = JSON.parse(stdout) as { schemaVersion: number; checks: object[] };
    expect(exitCode).toBe(0);
    expect(document.schemaVersion).toBe(1);
    expect(document.checks).toEqual(
      JSON.parse(
        JSON.stringify(
          CHECKS.map(({ pgbouncer: _, remedy, ...entry }) => ({
            ...entry,
            remedy: typeof remedy === 'string' ? { everywhere: remedy } : remedy,
          })),
        ),
      ),
    );
  });

  test.each([40, 80])('is text that fits into %i columns, but for what is to be copied', async (columns) => {
    const { stdout } = await command(['checks'], { env: { COLUMNS: String(columns) } });
    for (const { id } of CHECKS) expect(stdout).toContain(`${id}:`);
    const long = stdout.split('\n').filter((line) => line.length > columns);
    expect(long.filter((line) => !/^( {2}See: | {7})\S+$/.test(line))).toEqual([]);
  });
});

describe('a command that is wrong', () => {
  test.each([
    [
      'an unknown command',
      ['audti'],
      ["error: unknown command 'audti'", '(Did you mean audit?)', '(--help shows what is allowed)'],
    ],
    [
      'an unknown option',
      ['audit', '--fail-no', 'high'],
      ["error: unknown option '--fail-no'", '(Did you mean --fail-on?)', '(--help shows what is allowed)'],
    ],
    [
      'a format that does not exist',
      ['audit', '--format', 'xml'],
      [
        "error: option '-f, --format <format>' argument 'xml' is invalid. Allowed choices are table, json, ocsf, asff, sarif, junit, markdown, html.",
        '(--help shows what is allowed)',
      ],
    ],
    [
      'a format of reports, for what is none',
      ['checks', '--format', 'sarif'],
      [
        "error: option '-f, --format <format>' argument 'sarif' is invalid. Allowed choices are table, json.",
        '(--help shows what is allowed)',
      ],
    ],
    [
      'a state that is neither a file nor a table',
      ['audit', '--url', 'postgres://u@h', '--state', 'dynamodb:x'],
      [
        'error: --state "dynamodb:x": name a file, which need not exist yet, or a table as dynamodb:TABLE (3 to 255 letters, digits, dots, dashes or underscores, or its ARN)',
      ],
    ],
    [
      'an empty state',
      ['audit', '--state', ''],
      [
        "error: option '--state <file|dynamodb:table>' argument '' is invalid. It is empty.",
        '(--help shows what is allowed)',
      ],
    ],
    [
      'a severity that does not exist',
      ['audit', '--fail-on', 'severe'],
      [
        "error: option '--fail-on <severity>' argument 'severe' is invalid. Allowed choices are info, low, medium, high, critical.",
        '(--help shows what is allowed)',
      ],
    ],
    [
      'a server that is not named with --url',
      ['audit', 'postgres://u:hunter2@h/d'],
      [
        "error: too many arguments for 'audit'. Expected 0 arguments but got 1: (not shown).",
        '(--help shows what is allowed)',
        '(a server is named with --url)',
      ],
    ],
    [
      'two sources of targets',
      ['audit', '--url', 'postgres://u@h', '--target', 'orders'],
      [
        "error: option '-u, --url <url>' cannot be used with option '-t, --target <name>'",
        '(--help shows what is allowed)',
      ],
    ],
    [
      'options of --url without it',
      ['audit', '--ca', 'ca.pem', '--timeout', '5', '--probe', '--logs', 'server', '--sample', '5'],
      [
        'error: --ca, --timeout, --probe, --logs, --sample can only be used with --url: in a configuration file each target has settings of its own for that',
      ],
    ],
    [
      'a URL that is none',
      ['audit', '--url', 'db.example.com'],
      ['error: --url must be a connection string such as postgres://USER@HOST:5432/DATABASE'],
    ],
    [
      'a URL without a user',
      ['audit', '--url', 'postgres://db.example.com'],
      ['error: --url names no user: postgres://USER@HOST:5432/DATABASE'],
    ],
    [
      'a URL of several hosts',
      ['audit', '--url', 'postgres://u@a,b/d'],
      ['error: --url: the connection string names several hosts: give each server a target of its own'],
    ],
    [
      'a key without its certificate',
      ['audit', '--url', 'postgres://u@h', '--client-key', 'k.pem'],
      ['error: --client-certificate and --client-key go together: each names a PEM file'],
    ],
    [
      'a passphrase without a key',
      ['audit', '--url', 'postgres://u@h', '--client-key-passphrase-file', 'p'],
      ['error: --client-key-passphrase-file goes with --client-key'],
    ],
    [
      'values out of bounds, all at once',
      ['audit', '--url', 'postgres://u@h', '--timeout', '900', '--tls-server-name', 'a/b'],
      [
        'error: --tls-server-name must be a host name or an IP address, without a port, got "a/b"',
        '--timeout must be a whole number from 1 to 600, got 900',
      ],
    ],
    [
      'a time that is no number',
      ['audit', '--url', 'postgres://u@h', '--timeout', '5s'],
      [
        "error: option '--timeout <seconds>' argument '5s' is invalid. It must be a whole number of seconds.",
        '(--help shows what is allowed)',
      ],
    ],
    [
      'no source of targets',
      ['audit'],
      [
        "error: auditor.config.json can't be read (ENOENT): name a configuration file with --config FILE, one server with --url postgres://USER@HOST:5432/DATABASE, or the databases of an AWS account with --discover. An example of such a file is …/auditor.config.example.json",
      ],
    ],
  ])('is told, with what is allowed: %s', async (_, args, lines) => {
    const said = await complaint(args);
    // The example is in the project's folder, wherever that is.
    expect(said.replace(/ \S*\/(?=auditor\.config\.example\.json)/, ' …/').split('\n')).toEqual([...lines, '']);
  });
});

describe('a configuration that is wrong', () => {
  test('is reported with all its problems at once', async () => {
    const config = {
      polcy: {},
      targets: [
        { name: 'a b', secret: 'x' },
        { name: 'ok', port: 0 },
      ],
    };
    await writeFile(join(folder, 'wrong.json'), JSON.stringify(config));
    expect(await complaint(['audit', '--config', 'wrong.json'])).toMatchInlineSnapshot(`
      "error: wrong.json has 4 problems:
        targets[0].name: must be 1 to 63 letters, digits, dots, dashes or underscores, starting with a letter or digit; a slash may join up to four such parts, got "a b"
        targets[1].port: must be a whole number from 1 to 65535, got 0
        polcy: is not a setting; allowed here: $schema, schedule, timezone, alerts, defaults, policy, concurrency, mutes, deployment, networks, satellites, targets, discovery
        targets[1]: names no credentials: give "secret" (or, on the command line, "credentials" with "env" or "file")
      "
    `);
  });

  test('is not quoted when it is not JSON', async () => {
    await writeFile(join(folder, 'broken.json'), '{\n  "targets": [\n    { "password": "hunter2" },\n  ]\n}\n');
    const said = await complaint(['audit', '--config', 'broken.json']);
    expect(said).not.toContain('hunter2');
    expect(said).toMatchInlineSnapshot(`
      "error: broken.json is not JSON: look at line 4, column 3. Comments and trailing commas are not allowed
      "
    `);
  });

  test('lacks a target that was asked for: it says which there are', async () => {
    const targets = ['orders', 'billing'].map((name) => ({ name, secret: `prod/${name}` }));
    await writeFile(join(folder, 'fleet.json'), JSON.stringify({ targets }));
    const args = ['audit', '--config', 'fleet.json', '--target', 'ordrs', '--target', 'billing'];
    expect(await complaint(args)).toMatchInlineSnapshot(`
      "error: fleet.json has no target named "ordrs"; it has "orders", "billing"
      "
    `);
  });
});

describe('whatever goes wrong besides', () => {
  test('a reader that has seen enough, as head has, is no mistake', async () => {
    const { exitCode, stderr } = await command(['checks'], { onStart: ({ stdout }) => stdout?.destroy() });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });

  test.each([[['checks']], [['--help']]])('output that can not be written is never a success: %s', async (args) => {
    const readOnly = openSync(import.meta.filename, 'r');
    const { exitCode, stderr } = await command(args, { stdout: readOnly });
    closeSync(readOnly);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^error: the output could not be written \(EBADF\)/);
  });

  test('a crash is neither a success nor a finding, and does not show what the error says', async () => {
    const sabotage = 'process.stdout.write=()=>{throw new TypeError("hunter"+2)}';
    const said = await complaint(['checks'], {
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(sabotage)}`,
    });
    expect(said).toMatch(
      /^error: pg-tls-auditor crashed \(TypeError\)\. Report it as a defect, with these lines:\n +at /,
    );
    expect(said).not.toContain('hunter2');
  });
});
