// What `logs` is given to read: bombs, pipes, folders, files that change while they are read, and the same file twice.

import { execFile } from 'node:child_process';
import { appendFile, link, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UsageError } from '../../bin/command-line/grammar/usage-error.ts';
import { LogFileError, openLogs } from '../../bin/command-line/targets/log-files.ts';
import { command } from './command.ts';

const LOGIN =
  '2026-11-28 08:17:06.123 UTC [1] LOG:  connection received: host=10.0.0.7 port=39450\n' +
  '2026-11-28 08:17:06.124 UTC [1] LOG:  connection authorized: user=etl database=shop\n';

let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-log-files-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function fileOf(content: string | Buffer): Promise<string> {
  count += 1;
  const file = join(folder, `${count}.log`);
  await writeFile(file, content);
  return file;
}

async function readAll(file: string, onPiece?: (read: number) => Promise<void>): Promise<number> {
  const [log] = await openLogs([file]);
  let size = 0;
  for await (const piece of log?.pieces() ?? []) {
    size += piece.length;
    await onPiece?.(size);
  }
  return size;
}

/** 640 MB of zeros behind what it begins with, in parts of 16 MB. */
function bomb(begin: string): Promise<string> {
  const zeros = gzipSync(Buffer.alloc(16 * 1024 * 1024), { level: 9 });
  return fileOf(Buffer.concat([gzipSync(begin), ...Array.from({ length: 40 }, () => zeros)]));
}

describe('a compressed file', () => {
  test('that unpacks to far more than a log does is left, and not all of it is unpacked', async () => {
    let most = 0;
    const reading = readAll(await bomb(''), async (size) => {
      most = size;
    });
    await expect(reading).rejects.toThrow(/unpacks to more than 250 times its size/);
    expect(most).toBeLessThan(300 * 1024 * 1024);
  });

  test('that begins with a log and goes on as a bomb is a finding, and not read whole', async () => {
    const { exitCode, stdout } = await command(['logs', await bomb(LOGIN), '--format', 'json']);
    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      logins: 1,
      complete: false,
      findings: [{ check: 'plaintext-session', role: 'etl' }],
      gaps: [expect.stringMatching(/^\S+\.log unpacks to more than 250 times its size, and was not read further/)],
    });
  });

  test('that compresses as well as a log does is read', async () => {
    expect(await readAll(await fileOf(gzipSync(LOGIN.repeat(50_000))))).toBe(LOGIN.length * 50_000);
  });

  test('of several parts, as logrotate appends them, is read whole', async () => {
    expect(await readAll(await fileOf(Buffer.concat([gzipSync(LOGIN), gzipSync(LOGIN)])))).toBe(2 * LOGIN.length);
  });

  test('that is cut or broken is said to be', async () => {
    const packed = gzipSync(LOGIN.repeat(1000), { level: 0 });
    await expect(readAll(await fileOf(packed.subarray(0, 5000)))).rejects.toThrow(
      /in the middle of its compressed data/,
    );
    packed.fill(0xff, 40_000, 80_000);
    await expect(readAll(await fileOf(packed))).rejects.toThrow(LogFileError);
  });
});

describe('a file that changes while it is read', () => {
  const large = LOGIN.repeat(10_000);

  test('may grow: what is there when it ends is read', async () => {
    const file = await fileOf(large);
    let grown = false;
    const size = await readAll(file, async () => {
      if (!grown) await appendFile(file, LOGIN);
      grown = true;
    });
    expect(size).toBe(large.length + LOGIN.length);
  });

  test('and becomes shorter was not read whole', async () => {
    const file = await fileOf(large);
    let cut = false;
    const reading = readAll(file, async () => {
      if (!cut) await truncate(file, 0);
      cut = true;
    });
    await expect(reading).rejects.toThrow(/\.log became shorter while it was read$/);
  });
});

describe('what is named', () => {
  test('may be a pipe', async () => {
    const pipe = join(folder, 'pipe');
    await promisify(execFile)('mkfifo', [pipe]);
    const [{ stdout }] = await Promise.all([
      command(['logs', pipe, '--format', 'json']),
      writeFile(pipe, gzipSync(LOGIN)),
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ logins: 1, complete: true });
  });

  test('twice is refused, whatever its names are: its logins would count twice', async () => {
    const file = await fileOf(LOGIN);
    const [hard, soft] = [join(folder, 'hard.log'), join(folder, 'soft.log')];
    await link(file, hard);
    await symlink(file, soft);
    for (const other of [file, hard, soft, `${folder}/./${count}.log`]) {
      const { exitCode, stdout, stderr } = await command(['logs', file, other]);
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
      expect(stderr).toMatch(/(is named twice|are the same file): name each log once$/m);
    }
    await expect(openLogs(['-', '-'])).rejects.toThrow(/^standard input is named twice/);
  });

  test.each<readonly [what: string, name: string, reason: RegExp]>([
    ['a folder', '.', /is a folder: name the log files in it/],
    ['nothing', 'nothing.log', /can't be read \(ENOENT\)/],
    ['a link to itself', 'loop.log', /can't be read \(ELOOP\)/],
  ])('is refused before anything is read where it is %s', async (_what, name, reason) => {
    if (name === 'loop.log') await symlink('loop.log', join(folder, name));
    const opening = openLogs([await fileOf(LOGIN), join(folder, name)]);
    await expect(opening).rejects.toThrow(UsageError);
    await expect(opening).rejects.toThrow(reason);
  });
});
