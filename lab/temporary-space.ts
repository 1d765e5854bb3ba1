// Picks the folder in which a test run keeps the data of its servers: memory where there is enough of it.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY = '/dev/shm';

/** Bytes that a run of all tests may keep at once, three times over: a server's data are 31 MB. */
const NEEDED = 4 * 1024 ** 3;

/**
 * The folder under which a test run makes its own. A server's data folder has a thousand small files, and some disks
 * take ten times the processor time of memory to copy them. `TMPDIR` wins, where it is set.
 */
export function temporarySpace(): string {
  return process.env.TMPDIR === undefined && hasRoom(MEMORY) ? MEMORY : tmpdir();
}

/** Containers often have 64 MB there, or forbid to run programs from it, which tests write too. */
function hasRoom(folder: string): boolean {
  let own: string | undefined;
  try {
    const { bavail, bsize } = statfsSync(folder);
    if (Math.min(bavail * bsize, process.availableMemory()) < NEEDED) return false;
    own = mkdtempSync(join(folder, 'pg-try-'));
    const program = join(own, 'program');
    writeFileSync(program, '#!/bin/sh\nexit 0\n', { mode: 0o700 });
    return spawnSync(program).status === 0;
  } catch {
    return false;
  } finally {
    if (own !== undefined) rmSync(own, { recursive: true, force: true });
  }
}
