// Keeps what is remembered of targets in a folder beside the state file: a file for each, of its log or its clients.

import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { showPath } from '../../model/given-text.ts';
import type { LogStateStore, StoredLogState } from '../../model/log-state.ts';
import { endsAfter } from '../../model/time.ts';
import { readBoundedFile } from '../../runtime/bounded-file.ts';
import { acquireFileLock } from './file-lock.ts';
import { LEASE_MS } from './lease-wait.ts';
import { foreign, logRecord, NOTHING_STORED, parseLogRecord } from './log-record.ts';
import { removeLeftovers, replaceFile, unreadable } from './replace-file.ts';
import { StateError } from './store.ts';

/** Only the user that runs the auditor may look into it: it names databases and roles. */
const MODE = 0o700;
const MAX_BYTES = 2 * 1024 * 1024;
/** Milliseconds to wait for another run that saves. */
const LOCK_TIMEOUT_MS = 5_000;

/** @param path of the state file, which the folder's name begins with */
export function createFileLogs(path: string, of: 'connection-logs' | 'clients' = 'connection-logs'): LogStateStore {
  const folder = `${path}.${of}`;
  const fileOf = (target: string): string =>
    join(resolve(folder), `${createHash('sha256').update(target).digest('hex').slice(0, 32)}.json`);
  const read = async (target: string): Promise<StoredLogState> => {
    const file = fileOf(target);
    let text: string;
    try {
      text = (await readBoundedFile(file, { maxBytes: MAX_BYTES })).toString('utf8');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return NOTHING_STORED;
      throw unreadable(file, error);
    }
    return parseLogRecord(showPath(file), target, parsed(showPath(file), text));
  };
  return {
    read,
    async save(target, state, version) {
      const record = logRecord(target, state, version + 1);
      const file = fileOf(target);
      await makeFolder(folder);
      await using _ = await acquireFileLock(
        `${file}.lock`,
        { store: `file ${showPath(file)}`, leaseMs: LEASE_MS },
        endsAfter(LOCK_TIMEOUT_MS),
      );
      await removeLeftovers(file, LEASE_MS);
      if ((await read(target)).version !== version) return false;
      await replaceFile(file, file, `${JSON.stringify(record)}\n`);
      return true;
    },
  };
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: MODE, recursive: true });
  } catch (error) {
    throw new StateError(
      `The folder ${showPath(folder)} could not be made (${(error as NodeJS.ErrnoException).code ?? 'unknown cause'}). Allow the user that runs the auditor to write in its folder.`,
      { cause: error },
    );
  }
}

function parsed(place: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw foreign(place, 'it is not JSON');
  }
}
