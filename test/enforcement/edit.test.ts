// Runs the printed commands for pg_hba.conf on files as people have them: what they change, and what they leave.

import { spawnSync } from 'node:child_process';
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { type HbaPlan, planRules } from '../../lambda/enforcement/hba/change.ts';
import { type FileEdit, fileEdits } from '../../lambda/enforcement/hba/edit.ts';
import { planStage } from '../../lambda/enforcement/hba/stage.ts';
import type { HbaFacts, HbaRule } from '../../lambda/model/hba.ts';

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hba's edit-"));
  file = join(folder, 'pg_hba.conf');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What PostgreSQL shows of `host all all all trust` in that line, by the file. */
function rule(overrides: Partial<HbaRule> = {}): HbaRule {
  return {
    ...{ fileName: file, lineNumber: 2, type: 'host', databases: ['all'], users: ['all'], address: 'all' },
    ...{ method: 'trust', options: [], quotes: { databases: [false], users: [false], address: false } },
    ...overrides,
  };
}

const NETWORK: Partial<HbaRule> = { address: '10.0.0.0', netmask: '255.0.0.0' };

/** No file of a test was written after an audit of then. */
const LATER = '2099-01-01T00:00:00.000Z';

function editOf(rules: readonly HbaRule[], overrides: Partial<HbaFacts> = {}): FileEdit {
  const facts = make.hbaFacts({ rules, major: 18, ...overrides });
  const plan = planRules(facts) as Extract<HbaPlan, { status: 'open' }>;
  expect(plan.status).toBe('open');
  const [edit, ...others] = fileEdits(plan.changes, facts.major, LATER);
  if (edit === undefined || others.length > 0) throw new Error('not one file');
  return edit;
}

/** As root has it on Red Hat: `cp` asks before it writes over a file. What is pasted next is the answer. */
const ALIASES = "shopt -s expand_aliases; alias cp='cp -i' rm='rm -i' mv='mv -i'; set -o noclobber";

function paste(...commands: readonly string[]): { readonly output: string; readonly status: number | null } {
  const { stdout, stderr, status } = spawnSync('bash', ['-s'], {
    input: `${ALIASES}\n${commands.join('\n')}\n`,
    encoding: 'utf8',
  });
  return { output: stdout + stderr, status };
}

const text = (): string => readFileSync(file, 'utf8');
const HEAD = '# first\n';
const COPIES = 'host all all 127.0.0.0/8 trust\nhost all all ::1/128 trust\n';

describe('changes', () => {
  test.each([
    ['as it is', 'host all all all trust\n', `${COPIES}hostssl all all all trust\n`],
    ['without a last line end', 'host all all all trust', `${COPIES}hostssl all all all trust`],
    ['with a backslash at the end of the file', 'host all all all trust\\', `${COPIES}hostssl all all all trust`],
    ['with a backslash before an empty line', 'host all all all trust\\\n\n', `${COPIES}hostssl all all all trust\n`],
    [
      'with CRLF',
      'host all all all trust\r\nlocal all all peer\r\n',
      `${COPIES.replaceAll('\n', '\r\n')}hostssl all all all trust\r\nlocal all all peer\r\n`,
    ],
    [
      'over several lines with CRLF',
      'host all\\\r\n all all \\\r\n trust\r\n',
      `${COPIES.replaceAll('\n', '\r\n')}hostssl all all all trust\r\n`.replaceAll(' trust', '  trust'),
    ],
    ['with tabs and blanks', '\t"host"\tall  all\tall\ttrust # x\n', undefined],
  ])('a line %s', (_, line, expected) => {
    writeFileSync(file, HEAD + line);
    const { command, rollback } = editOf([rule()]);
    expect(paste(command)).toEqual({ output: '', status: 0 });
    if (expected !== undefined) expect(text()).toBe(HEAD + expected);
    expect(text().match(/^\s*hostssl\s/gm)).toHaveLength(1);
    expect(text().match(/^\s*host\s/gm)).toHaveLength(2);
    expect(paste(rollback)).toEqual({ output: '', status: 0 });
    expect(text()).toBe(HEAD + line);
    expect(readdirSync(folder)).toEqual(['pg_hba.conf']);
  });

  test('a line that moves behind one that ends in a backslash is a line of its own', () => {
    const first = rule({ ...NETWORK, type: 'hostnossl' });
    const second = rule({ ...NETWORK, lineNumber: 3, type: 'hostssl', method: 'scram-sha-256' });
    writeFileSync(file, `${HEAD}hostnossl all all 10.0.0.0/8 trust\nhostssl all all 10.0.0.0/8 scram-sha-256\\`);
    expect(paste(editOf([first, second]).command)).toEqual({ output: '', status: 0 });
    expect(text().split('\n').slice(-3)).toEqual(['', 'hostssl all all 10.0.0.0/8 trust', '']);
  });

  test('the file that a link leads to, with its mode, and the link stays one', () => {
    const real = join(folder, 'real.conf');
    writeFileSync(real, `${HEAD}host all all all trust\n`, { mode: 0o640 });
    symlinkSync('real.conf', file);
    const inode = statSync(real).ino;
    const { command, rollback } = editOf([rule()]);
    expect(paste(command).status).toBe(0);
    expect(readFileSync(real, 'utf8')).toContain('hostssl');
    expect(paste(rollback).status).toBe(0);
    expect(readFileSync(real, 'utf8')).toBe(`${HEAD}host all all all trust\n`);
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    expect(statSync(real)).toMatchObject({ ino: inode, mode: 0o100_640 });
  });

  test('a second time nothing, and the copy is the one of the first', () => {
    writeFileSync(file, `${HEAD}host all all all trust\n`);
    const { command, rollback } = editOf([rule()]);
    paste(command);
    const changed = text();
    expect(paste(command)).toEqual({ output: 'done already: the copy is there\n', status: 0 });
    expect(text()).toBe(changed);
    // With the reload behind it, as it is pasted.
    paste(rollback, 'no such command');
    expect(text()).toBe(`${HEAD}host all all all trust\n`);
  });
});

describe('nothing is changed, and that is said,', () => {
  const hidden = rule({ quotes: undefined });
  test.each([
    ['where the file has another line there', [rule()], '# new\nhost all all all trust\n'],
    ['where it has fewer lines', [rule({ ...NETWORK })], ''],
    [
      'where another line is not as expected',
      [rule(), rule({ ...NETWORK, lineNumber: 3 })],
      'host all all all trust\n#\n',
    ],
    ['where the address is another', [rule()], 'host all all 10.0.0.0/8 trust\n'],
    ['where blanks stand before a comma', [rule({ users: ['a', 'b'] })], 'host all ,a,b all trust\n'],
    ['where a word is half in quotes', [rule()], 'ho"st" all all all trust\n'],
    ['where it is not known whether the address is a name', [hidden], 'host all all 10.0.0.0/8 trust\n'],
  ])('%s', (_, rules, lines) => {
    writeFileSync(file, HEAD + lines);
    const { command } = editOf(rules);
    const { output, status } = paste(command);
    expect({ output, status }).toEqual({ output: expect.stringContaining('not changed'), status: 1 });
    expect(text()).toBe(HEAD + lines);
    expect(readdirSync(folder), 'the next run is no second one').toEqual(['pg_hba.conf']);
  });

  test('where no copy can be made', () => {
    const { command } = editOf([rule()]);
    const { output, status } = paste(command);
    expect({ output, status }).toEqual({ output: expect.stringContaining('not changed: no copy'), status: 1 });
    expect(readdirSync(folder)).toEqual([]);
  });

  test('where the file was written after the audit, whatever its lines are', () => {
    const lines = `${HEAD}host all all all trust\n`;
    writeFileSync(file, lines);
    const facts = make.hbaFacts({ rules: [rule()], major: 18 });
    const plan = planRules(facts) as Extract<HbaPlan, { status: 'open' }>;
    const at = (shift: number): string => new Date(statSync(file).mtimeMs + shift).toISOString();
    const commandAt = (takenAt: string): string => fileEdits(plan.changes, 18, takenAt)[0]?.command ?? '';
    expect(paste(commandAt(at(-2_000))).output).toContain('not changed');
    expect(text()).toBe(lines);
    expect(paste(commandAt(at(2_000)))).toEqual({ output: '', status: 0 });
    expect(text()).toContain('hostssl');
  });

  test('of a stage above a line that is another by now', () => {
    writeFileSync(file, `${HEAD}local all all peer\n`);
    const role = { name: 'web', canLogin: true, superuser: false, replication: false, memberOf: [] };
    const facts = make.hbaFacts({ rules: [rule(NETWORK)], roles: [role], major: 18 });
    const stage = planStage(facts, new Set(['web']));
    const [edit] = fileEdits(stage?.changes ?? [], 18, LATER);
    expect(paste(edit?.command ?? '').output).toContain('not changed');
    expect(text()).toBe(`${HEAD}local all all peer\n`);
  });
});
