// Keeps the state in one JSON file, for the command line. A save replaces the file as a whole.

import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { showPath } from '../../model/given-text.ts';
import type { AuditState } from '../../model/lifecycle.ts';
import type { Clock } from '../../model/time.ts';
import { readBoundedFile } from '../../runtime/bounded-file.ts';
import { parseDocument, printDocument } from './document.ts';
import { acquireFileLock } from './file-lock.ts';
import { LEASE_MS } from './lease-wait.ts';
import { isSame, mergeStateRecords, recordId, recordsOf, type StateRecord, stateOf } from './records.ts';
import { removeLeftovers, replaceFile, unreadable } from './replace-file.ts';
import type { StateStore } from './store.ts';
import { underLease } from './under-lease.ts';

export interface FileStateOptions {
  /** Decides which records have expired. Locks use the time of the machine. */
  readonly clock: Clock;
  /** Milliseconds after which the lock of a run that died is stale. @default 60000 */
  readonly leaseMs?: number;
}

/** Room for hundreds of thousands of findings: a larger file is not a state. */
const MAX_BYTES = 512 * 1024 * 1024;

/** A file that does not exist is an empty state. A file of another program is refused, and never overwritten. */
export function createFileState(path: string, { clock, leaseMs = LEASE_MS }: FileStateOptions): StateStore {
  const name = `file ${showPath(path)}`;
  return {
    name,
    async read() {
      return stateOf(await load(path, await fileBehind(path)), clock());
    },
    async acquire(signal) {
      const file = await fileBehind(path);
      const lease = await acquireFileLock(`${file}.lock`, { store: name, leaseMs }, signal);
      return await underLease(lease, async () => {
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
            await replaceFile(path, file, printDocument(entries));
          }
          before = wanted;
        };
        return { state, save };
      });
    },
  };
}

type StateRecords = ReadonlyMap<string, StateRecord>;

function byId(entries: readonly StateRecord[]): StateRecords {
  return new Map(entries.map((entry) => [recordId(entry), entry]));
}

/**
 * The changes of this run, on top of the present file, which another run may have changed if this run lost its lock.
 */
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

/** Resolves a symbolic link: the file behind it is locked and replaced. */
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
