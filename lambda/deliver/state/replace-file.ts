// Replaces a file of the state as a whole, and says what is wrong where it cannot be read or written.

import { createHash, randomUUID } from 'node:crypto';
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { showPath } from '../../model/given-text.ts';
import { isAlive } from './file-lock.ts';
import { StateError } from './store.ts';

/** Only the user that runs the auditor may read and write it: it names databases and roles. */
const MODE = 0o600;

/** This machine, in the names of temporary files: a process id means something on its own machine only. */
const HOST = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
/** The end of a temporary file's name, after the name of the state file. */
const TEMPORARY = /^\.([0-9a-f]{8})-(\d+)-[0-9a-f-]{36}\.tmp$/;

/**
 * Writes a file beside it and renames that: a reader finds the old file or the new one, whatever stops this run.
 *
 * @param path as the user named it
 * @throws StateError
 */
export async function replaceFile(path: string, file: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${file}.${HOST}-${process.pid}-${randomUUID()}.tmp`;
  try {
    const handle = await open(temporary, 'wx', MODE);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new StateError(
      `The state could not be saved in ${showPath(path)} (${(error as NodeJS.ErrnoException).code ?? 'unknown cause'}). ` +
        'Its folder must be writable, with room on the disk; the file is as it was.',
      { cause: error },
    );
  }
  await syncFolder(dirname(file));
}

/** Removes the temporary files of runs that were killed while they saved. The file of a living run stays. */
export async function removeLeftovers(file: string, leaseMs: number): Promise<void> {
  const folder = dirname(file);
  // A file that cannot be listed or removed does no harm.
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((each) => each.startsWith(`${basename(file)}.`))) {
    const [, host, pid] = TEMPORARY.exec(name.slice(basename(file).length)) ?? [];
    if (pid === undefined) continue;
    const leftover = join(folder, name);
    const { mtimeMs = Date.now() } = (await stat(leftover).catch(() => undefined)) ?? {};
    const isDead = (host === HOST && !isAlive(Number(pid))) || Date.now() - mtimeMs > leaseMs;
    if (isDead) await rm(leftover, { force: true }).catch(() => undefined);
  }
}

/** Makes the new name survive a power failure. Not every file system can do that. */
async function syncFolder(folder: string): Promise<void> {
  try {
    await using handle = await open(folder, 'r');
    await handle.sync();
  } catch {
    // The content is safe either way: the old state or the new one.
  }
}

export function unreadable(path: string, error: unknown): StateError {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown cause';
  return new StateError(
    `The state in ${showPath(path)} could not be read (${code}). ${READING[code] ?? 'Name another file.'}`,
    {
      cause: error,
    },
  );
}

const READING: Readonly<Record<string, string>> = {
  ENOENT: 'The folder in which the command runs no longer exists: run it in another folder.',
  EISDIR: 'It is a folder: name a file, which need not exist yet.',
  EACCES: 'Allow the user that runs the auditor to read and write it and its folder.',
  EPERM: 'Allow the user that runs the auditor to read and write it and its folder.',
  ENOTDIR: 'Part of its path is a file: name another path.',
  ELOOP: 'It is a symbolic link to itself: name another file.',
};
