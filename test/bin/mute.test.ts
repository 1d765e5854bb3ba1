// `mute`: an entry that the configuration takes as it is, and every way to get it wrong. No server is needed.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Config, type ConfigInput, parseConfig } from '../../lambda/config/index.ts';
import { createFileState } from '../../lambda/deliver/state/file.ts';
import { daysBefore, fingerprint, openFinding, stateWith, waitLimit } from '../deliver/state/states.ts';
import { HOSTILE_NAMES, UNSAFE } from '../report/hostile.ts';
import { type CommandOptions, command, type Outcome } from './command.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-mute-'));
  await using turn = await createFileState(join(folder, 'state.json'), { clock: () => new Date() }).acquire(
    waitLimit(),
  );
  const yesterday = daysBefore(1, new Date());
  await turn.save(
    stateWith({
      findings: [
        openFinding(0xa1, { application: 'checkout' }),
        openFinding(0xb2, { severity: 'critical', target: 'billing' }),
        openFinding(
          0xc3,
          {},
          {
            status: 'resolved',
            lastSeen: yesterday,
            resolved: { at: yesterday, resolution: 'gone' },
            mute: { match: { role: '*' }, reason: 'old', owner: 'dba', expires: '2999-01-01T00:00:00.000Z' },
          },
        ),
        openFinding(0xd4, {
          severity: 'low',
          role: HOSTILE_NAMES.map(([, name]) => name).join('|'),
          title: '\u001b[2J<!channel>',
        }),
      ],
    }),
  );
});
afterAll(() => rm(folder, { recursive: true }));

const PRINT = '0123456789abcdef';
const UNTIL = ['--until', '2999-03-31'];
const REASON = ['--reason', 'driver replaced in March'];
const OWNER = ['--owner', 'payments'];
const GOOD = [...UNTIL, ...REASON, ...OWNER];

function mute(args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
  return command(['mute', ...args], { cwd: folder, ...options });
}

async function complaint(args: readonly string[], options?: CommandOptions): Promise<string> {
  const { exitCode, stdout, stderr } = await mute(args, options);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  return stderr;
}

/** What the configuration makes of it. */
function pasted(entry: string): Config['mutes'] {
  const document = { targets: [{ name: 'orders', secret: 'x' }], mutes: [JSON.parse(entry)] };
  return parseConfig(document, { use: 'deployment' }).mutes;
}

describe('the entry', () => {
  test('is one JSON object, alone on standard output, that the configuration takes', async () => {
    const { exitCode, stdout, stderr } = await mute([PRINT, ...GOOD]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatchInlineSnapshot(`
      "{
        "fingerprint": "0123456789abcdef",
        "reason": "driver replaced in March",
        "owner": "payments",
        "expires": "2999-03-31"
      }
      "
    `);
    expect(pasted(stdout)).toEqual([
      {
        match: { fingerprint: PRINT },
        reason: 'driver replaced in March',
        owner: 'payments',
        expires: '2999-04-01T00:00:00.000Z',
      },
    ]);
    expect(stderr).toMatchInlineSnapshot(`
      "the fingerprint must come from a run with this configuration: a run with --url gives the same finding another fingerprint, which matches nothing here
      it mutes until 2999-04-01 00:00 UTC; its owner is payments
      paste it into the list "mutes" of auditor.config.json
      "
    `);
  });

  test.each([
    ['a time with an offset', '2999-03-31T18:00:00+02:00', '2999-03-31T16:00:00.000Z'],
    ['a time in UTC', '2999-03-31T18:00:00Z', '2999-03-31T18:00:00.000Z'],
  ])('ends at %s', async (_, until, expected) => {
    const { exitCode, stdout } = await mute([PRINT, '--until', until, ...REASON, ...OWNER]);
    expect(exitCode).toBe(0);
    expect(pasted(stdout)[0]?.expires).toBe(expected);
  });

  test('may end today: a day is muted to its end', async () => {
    const today = new Date().toISOString().slice(0, 10);
    expect((await mute([PRINT, '--until', today, ...REASON, ...OWNER])).exitCode).toBe(0);
  });

  test('is of whoever is logged in, but never of root: a name that nobody has answers for nothing', async () => {
    const args = [PRINT, ...UNTIL, ...REASON];
    const [person, named] = [
      await mute(args, { env: { USER: 'anna' } }),
      await mute([...args, ...OWNER], { env: { USER: 'anna' } }),
    ];
    expect([person, named].map(({ stdout }) => pasted(stdout)[0]?.owner)).toEqual(['anna', 'payments']);
    for (const env of [{ USER: 'root' }, { USER: '' }, {}]) {
      expect(await complaint(args, { env })).toBe('error: --owner is required: a text\n');
    }
  });

  test('keeps what is said in any language and with any signs, and does nothing to the terminal', async () => {
    const reason = 'Größe "1" \\ ключ; \u001b[31m';
    const { stdout, stderr } = await mute([PRINT, ...UNTIL, '--reason', reason, '--owner', 'a\u001b[2J']);
    expect(pasted(stdout)[0]?.reason).toBe(reason);
    expect((stdout + stderr).replaceAll('\n', '')).not.toMatch(UNSAFE);
  });
});

describe('a mistake', () => {
  test.each([
    ['no hexadecimal', 'xyz', 'got "xyz"'],
    ['too short', PRINT.slice(1), `got "${PRINT.slice(1)}"`],
    ['empty', '', 'got ""'],
    ['a connection string', 'postgres://u:hunter2@h/d', 'got a text that may hold a secret (not shown)'],
  ])('in the fingerprint is reported with what is allowed: %s', async (_, typed, got) => {
    expect(await complaint([typed, ...GOOD])).toBe(
      `error: the fingerprint must be the 16 hexadecimal characters of a finding, ${got}\n`,
    );
  });

  test('in its case is none', async () => {
    const { stdout } = await mute([` ${PRINT.toUpperCase()} `, ...GOOD]);
    expect(pasted(stdout)[0]?.match).toEqual({ fingerprint: PRINT });
  });

  test.each(['31.3.2999', '2999-02-30', '2999-03-31 18:00', '2999-03-31T18:00', 'tomorrow', ''])(
    'in --until is reported with what is allowed: %j',
    async (until) => {
      expect(await complaint([PRINT, '--until', until, ...REASON, ...OWNER])).toBe(
        `error: --until must be a day such as 2027-03-31 or an ISO 8601 time, got ${JSON.stringify(until)}\n`,
      );
    },
  );

  test.each(['2020-01-01', '2020-01-01T00:00:00Z'])('is a mute that has ended before it began: %s', async (until) => {
    expect(await complaint([PRINT, '--until', until, ...REASON, ...OWNER])).toBe(
      `error: --until must be in the future, got "${until}": a mute that has ended matches nothing\n`,
    );
  });

  test('is reported with all the others at once', async () => {
    expect(await complaint(['xyz', '--reason', '  '])).toMatchInlineSnapshot(`
      "error: the fingerprint must be the 16 hexadecimal characters of a finding, got "xyz"
      --reason must not be empty
      --owner is required: a text
      --until must be a day such as 2027-03-31 or an ISO 8601 time
      "
    `);
  });

  test('of the grammar is reported in the manner of every command', async () => {
    expect(await complaint([])).toBe(
      "error: missing required argument 'fingerprint'\n(--help shows what is allowed)\n",
    );
    expect(await complaint([PRINT, '--untli', 'x'])).toMatch(
      /^error: unknown option '--untli'\n\(Did you mean --until/,
    );
  });
});

describe('where it belongs', () => {
  async function withConfig(name: string, config: ConfigInput, args: readonly string[] = ['--config', name]) {
    await writeFile(join(folder, name), JSON.stringify(config));
    const before = await readFile(join(folder, name), 'utf8');
    const outcome = await mute([PRINT, ...GOOD, ...args]);
    expect(await readFile(join(folder, name), 'utf8')).toBe(before);
    return outcome;
  }
  const targets: ConfigInput['targets'] = [{ name: 'orders', secret: 'x' }];

  test('is the list of the configuration that is named, which is not changed', async () => {
    const { stderr } = await withConfig('fleet.json', {
      targets,
      mutes: [{ check: 'x', reason: 'r', owner: 'o', expires: '2999-01-01' }],
    });
    expect(stderr).toMatch(/\npaste it into the list "mutes" of fleet\.json\n$/);
  });

  test('is a new list where there is none', async () => {
    const { stderr } = await withConfig('bare.json', { targets });
    expect(stderr).toContain('of bare.json, which has no such list yet: add "mutes": [ … ] beside "targets"\n');
  });

  test('is the place of the one before, where the finding has been muted', async () => {
    const mutes = [
      { role: 'x', reason: 'r', owner: 'o', expires: '2020-01-01' },
      { fingerprint: PRINT, reason: 'r', owner: 'o', expires: '2020-01-01' },
    ];
    const { stderr } = await withConfig('muted.json', { targets, mutes });
    expect(stderr).toContain('replace mutes[1] of muted.json by it, which mutes the same finding');
  });

  test('must be a configuration, if one is named', async () => {
    await writeFile(join(folder, 'wrong.json'), '{"targets": []}');
    expect(await complaint([PRINT, ...GOOD, '--config', 'wrong.json'])).toMatch(/^error: wrong\.json has a problem:/);
    expect(await complaint([PRINT, ...GOOD, '--config', 'missing.json'])).toMatch(
      /^error: missing\.json can't be read \(ENOENT\)/,
    );
  });
});

describe('--state', () => {
  test('refuses a finding of a target that the configuration does not have, as a run with --url has it', async () => {
    const config = { targets: [{ name: 'orders', secret: 'x' }] };
    await writeFile(join(folder, 'orders.json'), JSON.stringify(config));
    const args = ['--state', 'state.json', '--config', 'orders.json'];
    expect(await complaint([fingerprint(0xb2), ...GOOD, ...args])).toBe(
      'error: this finding is of billing, and orders.json has no target of that name: the mute would match nothing there. ' +
        'Take the fingerprint from a run with that configuration: a run with --url gives the same finding another fingerprint, ' +
        'which matches nothing here\n',
    );
    expect((await mute([fingerprint(0xa1), ...GOOD, ...args])).exitCode).toBe(0);
  });

  const withState = (print: string): Promise<Outcome> => mute([print, ...GOOD, '--state', 'state.json']);

  test('says what would be muted, beside the entry', async () => {
    const { stdout, stderr } = await withState(fingerprint(0xa1));
    expect(pasted(stdout)[0]?.match).toEqual({ fingerprint: fingerprint(0xa1) });
    expect(stderr.split('\n')[0]?.replace(/\d{4}-\d\d-\d\d \d\d:\d\d/, '…')).toBe(
      'this is orders: role app_161 connects in plaintext (high, plaintext-session); role "app_161", application "checkout"; 3 sessions from 10.0.0.0/24; last seen … UTC',
    );
  });

  test('says so when it is over, or was muted already', async () => {
    const { stderr } = await withState(fingerprint(0xc3));
    expect(stderr).toMatch(/\nit was resolved at .* UTC: the entry mutes it if it comes back\n/);
    expect(stderr).toContain('it was muted already when last seen, by dba until 2999-01-01 00:00 UTC: old\n');
  });

  test('refuses a fingerprint that it does not remember, names the one meant, and what is open, worst first', async () => {
    const { exitCode, stdout, stderr } = await withState(fingerprint(0xa2));
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    const [first, ...others] = stderr.trimEnd().split('\n');
    expect(first).toBe(
      `error: file state.json has no finding ${fingerprint(0xa2)} (Did you mean ${fingerprint(0xa1)}?); its open findings are:`,
    );
    expect(others.map((line) => line.trim().split(' on ')[0])).toEqual([
      `${fingerprint(0xb2)}  critical: plaintext-session`,
      `${fingerprint(0xa1)}  high: plaintext-session`,
      `${fingerprint(0xd4)}  low: plaintext-session`,
    ]);
    expect(others.join('')).not.toMatch(UNSAFE);
  });

  test('makes no guess where nothing is near', async () => {
    const { stderr } = await withState('f'.repeat(16));
    expect(stderr).toContain(`has no finding ${'f'.repeat(16)}; its open findings are:`);
  });

  test('shows what clients chose without doing what it says', async () => {
    const { exitCode, stderr } = await withState(fingerprint(0xd4));
    expect(exitCode).toBe(0);
    expect(stderr.replaceAll('\n', '')).not.toMatch(UNSAFE);
    expect(stderr).not.toContain('<!channel>');
  });

  test('that is none is told, and nothing is printed', async () => {
    await writeFile(join(folder, 'other.json'), '[]');
    expect(await complaint([PRINT, ...GOOD, '--state', 'other.json'])).toMatch(
      /^error: other\.json is not a state file of this auditor/,
    );
    expect(await complaint([PRINT, ...GOOD, '--state', 'missing.json'])).toBe(
      `error: file missing.json has no finding ${PRINT}; it has no open finding\n`,
    );
  });
});
