// Whatever stands behind the name of a file, reading it ends.

import { execFileSync, spawn } from 'node:child_process';
import { mkdir, mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readBoundedFile, readBoundedFileSync } from '../../lambda/runtime/bounded-file.ts';

const READERS = { 'at once': readBoundedFileSync, 'beside others': readBoundedFile } as const;

describe.each(Object.entries(READERS))('a file read %s', (_how, read) => {
  test('is read to its end, also where it is larger than a chunk, or empty', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'bounded-'));
    for (const text of ['', 'x', 'y'.repeat(200_000)]) {
      const file = join(folder.path, 'file');
      await writeFile(file, text);
      expect((await read(file)).toString()).toBe(text);
    }
    expect((await read('/dev/null')).toString()).toBe('');
  });

  test('that never ends, or is too large, is refused', async () => {
    const reading = async (): Promise<unknown> => await read('/dev/zero', { maxBytes: 1_000_000 });
    await expect(reading()).rejects.toMatchObject({ code: 'too large' });
  });

  test('that is a folder, or is not there, is refused by its code', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'bounded-'));
    await mkdir(join(folder.path, 'inner'));
    const reading = (name: string) => async (): Promise<unknown> => await read(join(folder.path, name));
    await expect(reading('inner')()).rejects.toMatchObject({ code: 'EISDIR' });
    await expect(reading('none')()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('that is a pipe is read to its end, and not waited for for ever', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'bounded-'));
    const pipe = join(folder.path, 'pipe');
    execFileSync('sh', ['-c', 'mkfifo "$0"', pipe]);
    const silent = async (): Promise<unknown> => await read(pipe, { timeoutMs: 50 });
    await expect(silent()).rejects.toMatchObject({ code: 'nothing came' });
    const writer = spawn('sh', ['-c', 'sleep 0.1; (printf first; sleep 0.1; printf second) > "$0"', pipe]);
    expect((await read(pipe)).toString()).toBe('firstsecond');
    writer.kill();
  });
});
