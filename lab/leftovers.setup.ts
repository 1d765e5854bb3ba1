// Gives a test run its own temporary folder, and ends the run only after all servers' folders are gone from it.

import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RUN_FOLDER } from './run-folder.ts';
import { temporarySpace } from './temporary-space.ts';

/** Milliseconds that the guards of ended test processes get to stop servers and remove files. */
const GRACE_PERIOD = 15_000;

/** Vitest's global setup, called for each project; what it returns is the teardown. */
export default function setup(): (() => Promise<void>) | undefined {
  if (process.env[RUN_FOLDER] !== undefined) return undefined;
  const folder = mkdtempSync(join(temporarySpace(), 'pg-run-'));
  // Servers may run as another user, who has to pass through.
  chmodSync(folder, 0o711);
  const outside = process.env.TMPDIR;
  process.env.TMPDIR = folder;
  process.env[RUN_FOLDER] = folder;
  return async () => {
    if (outside === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = outside;
    delete process.env[RUN_FOLDER];
    const labs = () => readdirSync(folder).filter((name) => name.startsWith('pg-lab-'));
    const deadline = Date.now() + GRACE_PERIOD;
    // These processes are not our children, so we cannot wait for their end: poll.
    while (labs().length > 0 && Date.now() < deadline) await sleep(20);
    const left = labs();
    if (left.length > 0) throw new Error(`tests left servers behind in ${folder}: ${left.join(', ')}`);
    rmSync(folder, { recursive: true, force: true });
  };
}
