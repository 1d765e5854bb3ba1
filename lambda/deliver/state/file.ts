// Stores the state in one JSON file for the command line; each save replaces the whole file.

import { createHash, randomUUID } from 'node:crypto';
import { open, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { showPath } from '../../model/given-text.ts';
import type { AuditState } from '../../model/lifecycle.ts';
import type { Clock } from '../../model/time.ts';
import { readBoundedFile } from '../../runtime/bounded-file.ts';
import { parseDocument, printDocument } from './document.ts';
import { acquireFileLock, isAlive } from './file-lock.ts';
import { LEASE_MS } from './lease-wait.ts';
import { isSame, mergeStateRecords, recordId, recordsOf, type StateRecord, stateOf } from './records.ts';
import { StateError, type StateStore } from './store.ts';

export interface FileStateOptions {
  /** Decides which records have expired. The lock uses the machine's own time. */
  readonly clock: Clock;
  /** Milliseconds after which the lock of a run that died is free. @default 60000 */
  readonly leaseMs?: number;
}

/** Only the user that runs the auditor may read and write it: it names databases and roles. */
const MODE = 0o600;

/** Hundreds of thousands of findings: a larger file is not a state. */
const MAX_BYTES = 512 * 1024 * 1024;
/** This machine, in the names of temporary files: a process id means something on its own machine only. */
const HOST = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
/** What follows the name of the state file in that of a temporary one. */
const TEMPORARY = /^\.([0-9a-f]{8})-(\d+)-[0-9a-f-]{36}\.tmp$/;

/** A file that does not exist is an empty state. A file that is not a state is refused, and never overwritten. */
export function createFileState(path: string, { clock, leaseMs = LEASE_MS }: FileStateOptions): StateStore {
  const name = `file ${showPath(path)}`;
  return {
    name,
    async read() {
      return stateOf(await load(path, await fileBehind(path)), clock());
    },
    async acquire(signal) {
      await using cleanup = new AsyncDisposableStack();
      const file = await fileBehind(path);
      cleanup.use(await acquireFileLock(`${file}.lock`, { store: name, leaseMs }, signal));
      await removeLeftovers(file, leaseMs);
      const now = clock();
      const state = stateOf(await load(path, file), now);
      let before = byId(recordsOf(state));
      const save = async (next: AuditState): Promise<void> => {
        const wanted = byId(recordsOf(next));
        const stored = await load(path, file);
        const current = byId(recordsOf(stateOf(stored, now)));
        const entries = merged(before, wanted, current);
        if (
          entries.length !== stored.length ||
          !entries.every((entry) => isSame(entry, current.get(recordId(entry))))
        ) {
          await replace(path, file, entries);
        }
        before = wanted;
      };
      const held = cleanup.move();
      return { state, save, [Symbol.asyncDispose]: () => held.disposeAsync() };
    },
  };
}

type StateRecords = ReadonlyMap<string, StateRecord>;

function byId(entries: readonly StateRecord[]): StateRecords {
  return new Map(entries.map((entry) => [recordId(entry), entry]));
}

/** This run's changes, applied to what the file holds now: another run may have saved if this run's lease ran out. */
function merged(before: StateRecords, wanted: StateRecords, current: StateRecords): StateRecord[] {
  const entries: StateRecord[] = [];
  for (const id of new Set([...current.keys(), ...wanted.keys()])) {
    const [was, mine, theirs] = [before.get(id), wanted.get(id), current.get(id)];
    const theyChanged = !isSame(theirs, was);
    const iChanged = !isSame(mine, was);
    let entry = iChanged ? mine : theirs;
    if (iChanged && theyChanged) {
      entry = mine !== undefined && theirs !== undefined ? mergeStateRecords(mine, theirs) : (mine ?? theirs);
    }
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}

/** Follows symbolic links: the file behind them is locked and replaced. */
async function fileBehind(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return absolute(path);
    throw unreadable(path, error);
  }
}

function absolute(path: string): string {
  try {
    return resolve(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function load(path: string, file: string): Promise<StateRecord[]> {
  let text: string;
  try {
    text = (await readBoundedFile(file, { maxBytes: MAX_BYTES })).toString('utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw unreadable(path, error);
  }
  return parseDocument(showPath(path), text);
}

/** Writes a temporary file and renames it: a reader, or a run after a crash, finds the old state or the new one. */
async function replace(path: string, file: string, entries: readonly StateRecord[]): Promise<void> {
  const temporary = `${file}.${HOST}-${process.pid}-${randomUUID()}.tmp`;
  try {
    const handle = await open(temporary, 'wx', MODE);
    try {
      await handle.writeFile(printDocument(entries));
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

/** Removes the temporary files of runs that were killed while they saved, but not those of running processes. */
async function removeLeftovers(file: string, leaseMs: number): Promise<void> {
  const folder = dirname(file);
  // What can't be listed or removed does no harm.
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

/** Makes the new name survive a power failure too. Not every file system can. */
async function syncFolder(folder: string): Promise<void> {
  try {
    await using handle = await open(folder, 'r');
    await handle.sync();
  } catch {
    // The content is safe either way: the old state or the new one.
  }
}

function unreadable(path: string, error: unknown): StateError {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown cause';
  return new StateError(
    `The state in ${showPath(path)} could not be read (${code}). ${READING[code] ?? 'Name another file.'}`,
    {
      cause: error,
    },
  );
}

const READING: Readonly<Record<string, string>> = {
  ENOENT: 'The folder in which the command runs no longer exists: run it in another.',
  EISDIR: 'It is a folder: name a file, which need not exist yet.',
  EACCES: 'Whoever runs the auditor must be allowed to read and write it and its folder.',
  EPERM: 'Whoever runs the auditor must be allowed to read and write it and its folder.',
  ENOTDIR: 'Part of its path is a file: name another.',
  ELOOP: 'It is a symbolic link to itself: name another file.',
};
