// Locks a state file with a lock file beside it, and takes over the lock of a process that died.

import { randomUUID } from 'node:crypto';
import { open, readFile, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setInterval } from 'node:timers/promises';
import * as z from 'zod';
import { LEASE_SKEW_MS, leaseTimeout, pollDelay, RENEWAL } from './lease-wait.ts';
import { StateError } from './store.ts';

export interface FileLockOptions {
  /** Name of the state store in errors. */
  readonly store: string;
  /** Milliseconds of real time. */
  readonly leaseMs: number;
}

/** Added to the name of a lock file: the run that removes a stale lock holds this file. */
const GUARD = '.takeover';

const lockSchema = z.object({
  token: z.string(),
  pid: z.int().positive(),
  host: z.string(),
  since: z.string(),
});
type Lock = z.output<typeof lockSchema>;

/**
 * Waits for the lock file and keeps it until it is disposed of.
 *
 * @throws StateError
 */
export async function acquireFileLock(
  path: string,
  { store, leaseMs }: FileLockOptions,
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  const token = randomUUID();
  let holder: Lock | undefined;
  try {
    signal.throwIfAborted();
    while (!(await create(path, token))) {
      holder = await readLock(path);
      const free = await isFree(path, holder, leaseMs);
      if (!free || !(await stealStaleLock(path, leaseMs))) await pollDelay(signal);
    }
  } catch (error) {
    if (error instanceof StateError) throw error;
    if (signal.aborted) throw leaseTimeout(store, holder && { ...holder, owner: ownerOf(holder) }, error);
    throw unusable(path, error);
  }
  await removeDeadGuard(`${path}${GUARD}`, leaseMs).catch(() => undefined);
  const ended = new AbortController();
  const renew = async (): Promise<void> => {
    for await (const _ of setInterval(leaseMs * RENEWAL, undefined, { signal: ended.signal, ref: false })) {
      if ((await readLock(path))?.token !== token) return;
      const now = new Date();
      await utimes(path, now, now);
    }
  };
  const renewing = renew().catch(() => undefined);
  return {
    async [Symbol.asyncDispose]() {
      ended.abort();
      await renewing;
      // If it can't be removed, the lock is free when its lease ends; the run itself succeeded.
      if ((await readLock(path).catch(() => undefined))?.token === token) await rm(path).catch(() => undefined);
    },
  };
}

function ownerOf({ pid, host }: Lock): string {
  return `process ${pid} on ${host}`;
}

/** @returns false when it exists already */
async function create(path: string, token: string): Promise<boolean> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(path, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  await using file = handle;
  const lock: Lock = { token, pid: process.pid, host: hostname(), since: new Date().toISOString() };
  try {
    await file.writeFile(JSON.stringify(lock));
  } catch (error) {
    // An empty lock file names no holder.
    await rm(path, { force: true });
    throw error;
  }
  return true;
}

/** @returns undefined when there is none, or its holder has not written it yet */
async function readLock(path: string): Promise<Lock | undefined> {
  try {
    return lockSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError || isMissing(error)) return undefined;
    throw error;
  }
}

/** True when the lock is gone, or its holder died, did not renew it within the lease or has a wrong clock. */
async function isFree(path: string, lock: Lock | undefined, leaseMs: number): Promise<boolean> {
  if (lock !== undefined && lock.host === hostname() && !isAlive(lock.pid)) return true;
  try {
    const age = Date.now() - (await stat(path)).mtimeMs;
    return age > leaseMs || age < -LEASE_SKEW_MS;
  } catch (error) {
    if (isMissing(error)) return true;
    throw error;
  }
}

/** Whether a process of this machine is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/**
 * Removes a lock that is free. Only one run does so at a time, and it checks the lock again first: of two runs that saw
 * the same stale lock, the slower one would otherwise remove the new lock of the faster one.
 *
 * @returns false when another run is removing it
 */
async function stealStaleLock(path: string, leaseMs: number): Promise<boolean> {
  const guard = `${path}${GUARD}`;
  if (!(await create(guard, randomUUID()))) {
    await removeDeadGuard(guard, leaseMs);
    return false;
  }
  try {
    if (await isFree(path, await readLock(path), leaseMs)) await rm(path, { force: true });
    return true;
  } finally {
    await rm(guard, { force: true });
  }
}

/** A run holds the guard for a moment only: an old guard belongs to a process that died in that moment. */
async function removeDeadGuard(guard: string, leaseMs: number): Promise<void> {
  if (await isFree(guard, await readLock(guard), leaseMs)) await rm(guard, { force: true });
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

function unusable(path: string, error: unknown): StateError {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown cause';
  const remedy =
    code === 'ENOENT' || code === 'ENOTDIR'
      ? 'Its folder does not exist: make it, or name a file in another.'
      : 'Whoever runs the auditor must be allowed to write in its folder.';
  return new StateError(`The lock file ${path} could not be made (${code}). ${remedy}`, { cause: error });
}
