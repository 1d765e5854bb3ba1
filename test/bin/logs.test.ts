// The command `logs`, as a person runs it: files, compressed files, standard input, exit codes, and what it refuses.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { logsDocument } from '../../bin/command-line/terminal/logs-document.ts';
import { renderLogs } from '../../bin/command-line/terminal/logs-table.ts';
import { LoginAggregator } from '../../lambda/analysis/connection-log/logins.ts';
import { ConnectionLogReader } from '../../lambda/analysis/connection-log/reader.ts';
import { type LogsDocument, logsJsonSchema } from '../../lambda/report/logs-schema.ts';
import { UNSAFE } from '../report/hostile.ts';
import { command, type Outcome } from './command.ts';

const TAIL = ' SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)';
const login = (host: string, who: string, pid: number): string =>
  `2026-11-28 08:17:06.123 UTC [${pid}] LOG:  connection received: host=${host} port=39450\n` +
  `2026-11-28 08:17:06.124 UTC [${pid}] LOG:  connection authorized: ${who}\n`;
const GOOD = login('10.0.0.8', `user=app database=shop application_name=checkout${TAIL}`, 1);
const BAD = login('10.0.0.7', 'user=etl database=shop', 2);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-logs-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function logs(content: string | Buffer, ...args: readonly string[]): Promise<Outcome> {
  const file = join(folder, 'postgresql.log');
  await writeFile(file, content);
  return await command(['logs', file, ...args], { env: { COLUMNS: '100' } });
}

describe('logs', () => {
  test('shows who connected how, and what is wrong with it', async () => {
    const { exitCode, stdout, stderr } = await logs(BAD + GOOD);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' });
    expect(stdout.split('\n').slice(0, 3).join('\n')).toMatchInlineSnapshot(`
      "Transport  Role  Database  Application  From      Cipher                  Logins  Last (UTC)
      plaintext  etl   shop      (none)       10.0.0.7  -                            1  2026-11-28 08:17
      TLSv1.3    app   shop      checkout     10.0.0.8  TLS_AES_256_GCM_SHA384       1  2026-11-28 08:17"
    `);
    expect(stdout).toContain('HIGH: Unencrypted session over the network (plaintext-session)');
    expect(stdout).toContain('Verdict: 1 finding.');
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('A log can convict and never acquit');
  });

  test('reads compressed files, several and standard input, and says that nothing found proves nothing', async () => {
    const { exitCode, stdout } = await logs(gzipSync(GOOD));
    expect(exitCode).toBe(0);
    expect(stdout).toContain('no insecure login in these lines, which is no proof that there was none');
    const file = join(folder, 'postgresql.log');
    const next = join(folder, 'postgresql.log.1');
    await writeFile(next, BAD);
    const both = await command(['logs', next, file, '--format', 'json']);
    expect(JSON.parse(both.stdout)).toMatchObject({ logins: 2, complete: true });
    // Standard input is empty there.
    expect((await command(['logs'])).exitCode).toBe(2);
  });

  test('prints a document that its schema takes', async () => {
    const { exitCode, stdout } = await logs(BAD + GOOD, '--format', 'json', '--fail-on', 'critical');
    const document = JSON.parse(stdout) as LogsDocument;
    const validate = new Ajv2020({ validateFormats: false }).compile(logsJsonSchema());
    expect(validate(document), JSON.stringify(validate.errors)).toBe(true);
    expect(exitCode).toBe(0);
    expect(document).toMatchObject({
      schemaVersion: 1,
      window: { from: '2026-11-28T08:17:06.123Z', to: '2026-11-28T08:17:06.124Z' },
      lines: { read: 4, recognised: 4 },
      clients: [
        {
          role: 'etl',
          database: 'shop',
          application: '',
          network: '10.0.0.0/24',
          transport: 'plaintext',
          tlsVersion: null,
          logins: 1,
        },
        { role: 'app', transport: 'tls', tlsVersion: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' },
      ],
      findings: [{ check: 'plaintext-session', role: 'etl' }],
    });
  });

  test.each([
    ['markdown', ['# PostgreSQL TLS audit', '❓ partly audited', '## Not verified', '## High']],
    ['sarif', ['"ruleId": "plaintext-session"', '"not-seen"', '"executionSuccessful": true']],
    ['junit', ['failures="1"', 'name="verdict" value="unknown"', 'type="high"', 'type="unknown"']],
    ['ocsf', ['"event_code":"plaintext-session"', '"status":"Warning"', 'could not be seen']],
  ])('as %s shows findings, what was read, and what was not', async (format, parts) => {
    const { exitCode, stdout } = await logs(
      `${BAD}${GOOD}UTC [3] LOG:  connection authorized: user=x\n`,
      '--format',
      format,
    );
    expect(exitCode).toBe(2);
    const gap = '1 line about connections could not be read';
    const window = 'the 5 lines from 2026-11-28 08:17 UTC to 2026-11-28 08:17 UTC';
    for (const part of [...parts, window, gap, 'etl', 'no proof that there was none']) expect(stdout).toContain(part);
    expect(stdout).not.toMatch(/✅|"Pass"|value="clean"/);
  });

  test('is no format in which a log without findings passes', async () => {
    const { exitCode, stdout } = await logs(GOOD, '--format', 'junit');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/<testsuites [^>]*tests="10" failures="0" errors="10"/);
    const refused = await logs(GOOD, '--format', 'asff');
    expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
    expect(refused.stderr).toContain('Allowed choices are table, json, ocsf, sarif, junit, markdown.');
  });

  test.each([
    [
      'holds no login',
      '2026-11-28 08:17:06.123 UTC [1] LOG:  checkpoint starting: time\n',
      'no line about a connection',
    ],
    ['is empty', '', 'the log is empty'],
    [
      'is translated',
      '2026-11-28 08:17:06.123 UTC [1] LOG:  Verbindung autorisiert: Benutzer=app\n',
      "lc_messages = 'C'",
    ],
    ['is torn', `${GOOD}UTC [3] LOG:  connection authorized: user=x\n`, 'could not be read'],
    [
      'shows no host',
      '2026-11-28 08:17:06.123 UTC [1] LOG:  connection authorized: user=app database=shop\n',
      'add %h',
    ],
    ['is cut in its compressed data', gzipSync(GOOD.repeat(500)).subarray(0, 300), 'ends in the middle'],
  ])('is never silent about a log that %s', async (_what, content, reason) => {
    const { exitCode, stdout } = await logs(content);
    expect(exitCode).toBe(2);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(reason);
  });

  test('asks for a prefix where none is known, and shows nothing of the lines', async () => {
    const { exitCode, stdout, stderr } = await logs('\x1b[31mPW_secret something\n');
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain("--prefix '%m [%p] '");
    expect(stderr).not.toContain('PW_secret');
    expect((await logs(GOOD, '--prefix', '%m [%p]')).stderr).toBe('');
    const given = await logs(GOOD, '--prefix', '%t ');
    expect(given.stderr).toContain('Give what SHOW log_line_prefix shows');
    expect((await command(['logs', join(folder, 'nothing.log')])).stderr).toContain('ENOENT');
  });
});

describe('the table', () => {
  test.each([80, 120, 200])('keeps within %i columns, whatever clients call themselves', (columns) => {
    const aggregator = new LoginAggregator();
    const reader = new ConnectionLogReader({ onEvent: (event, record) => aggregator.add(event, record) });
    const names = ['\x1b[2J', 'a'.repeat(300), '字'.repeat(30), '<!channel>', 'https://evil.example'];
    reader.push(
      Buffer.from(
        names
          .map((name, pid) => login('10.0.0.7', `user=${name} database=${name} application_name=${name}`, pid + 1))
          .join(''),
      ),
    );
    reader.end();
    const text = renderLogs(logsDocument({ reader, logins: aggregator.result(), findings: [], fileFaults: [] }), {
      columns,
      colour: false,
    });
    for (const line of text.split('\n')) {
      expect(line).not.toMatch(UNSAFE);
      expect(line.length).toBeLessThanOrEqual(columns);
    }
  });
});
