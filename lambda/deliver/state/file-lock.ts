// The lock of a state file: a lock file beside it, which a waiting run takes over once its holder is dead.

import { randomUUID } from 'node:crypto';
import { open, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setInterval } from 'node:timers/promises';
import * as z from 'zod';
import { LEASE_SKEW_MS, leaseTimeoutError, pollDelay, RENEWAL_FRACTION } from './lease-wait.ts';
import { StateError } from './store.ts';

export interface FileLockOptions {
  /** The locked state, as messages name it. */
  readonly store: string;
  /** Milliseconds of real time. */
  readonly leaseMs: number;
}

/** Appended to the name of a lock file, before what tells a stale lock from others: held by the run that removes it. */
const GUARD_SUFFIX = '.takeover';
/** Runs that may die one after the other, each while it removes the same lock. */
const MOST_GUARDS = 100;

const lockSchema = z.object({
  token: z.string(),
  pid: z.int().positive(),
  host: z.string(),
  since: z.string(),
});
type Lock = z.output<typeof lockSchema>;

/**
 * Waits for the lock file, and renews it until it is disposed of.
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
    if (signal.aborted) throw leaseTimeoutError(store, holder && { ...holder, owner: ownerOf(holder) }, error);
    throw unusable(path, error);
  }
  await removeDeadGuards(path, leaseMs).catch(() => undefined);
  const ended = new AbortController();
  const renew = async (): Promise<void> => {
    for await (const _ of setInterval(leaseMs * RENEWAL_FRACTION, undefined, { signal: ended.signal, ref: false })) {
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
      // A lock file that cannot be removed becomes stale when the lease ends. The run is done either way.
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
    // A lock file without a holder would block every run.
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

/** Whether the holder died on this machine, did not renew in time, or renews by a wrong clock; or the lock is gone. */
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

/** Whether a process of this machine exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/**
 * Removes a stale lock. One run does so at a time, and checks first that the lock is still that one: of two runs that
 * saw the same stale lock, the slower one would otherwise remove the new lock of the faster one.
 *
 * @returns false while another run removes it
 */
async function stealStaleLock(path: string, leaseMs: number): Promise<boolean> {
  const stale = await staleIdentity(path, leaseMs);
  if (stale === undefined) return (await identityOf(path)) === undefined;
  const guard = await createGuard(`${path}${GUARD_SUFFIX}-${stale}`, leaseMs);
  if (guard === undefined) return false;
  try {
    if ((await staleIdentity(path, leaseMs)) === stale) await rm(path, { force: true });
    return true;
  } finally {
    await rm(guard, { force: true });
  }
}

/** What tells a lock from those before and after it, where it is stale; undefined where it is not, or is gone. */
async function staleIdentity(path: string, leaseMs: number): Promise<string | undefined> {
  const identity = await identityOf(path);
  const isStale = await isFree(path, await readLock(path), leaseMs);
  // Of one and the same lock, whatever happened in between.
  return isStale && (await identityOf(path)) === identity ? identity : undefined;
}

/** It is another one once the lock is renewed. Undefined when there is none. */
async function identityOf(path: string): Promise<string | undefined> {
  try {
    const { ino, mtimeNs } = await stat(path, { bigint: true });
    return `${ino}-${mtimeNs}`;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/**
 * A guard is held for a moment only: an old one belongs to a process that died. The next one goes beside it, under a
 * name that one run can create: who removes an old one may meet a new one that has its name by then.
 *
 * @returns its name; undefined while another run has one
 */
async function createGuard(name: string, leaseMs: number): Promise<string | undefined> {
  for (let number = 0; number < MOST_GUARDS; number += 1) {
    const guard = `${name}-${number}`;
    if (await create(guard, randomUUID())) return guard;
    if ((await staleIdentity(guard, leaseMs)) === undefined) return undefined;
  }
  return undefined;
}

/** What they were about is gone: the caller has the lock. */
async function removeDeadGuards(path: string, leaseMs: number): Promise<void> {
  const beginning = `${basename(path)}${GUARD_SUFFIX}`;
  const names = (await readdir(dirname(path))).filter((name) => name.startsWith(beginning));
  for (const guard of names.map((name) => join(dirname(path), name))) {
    if (await isFree(guard, await readLock(guard), leaseMs)) await rm(guard, { force: true });
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

function unusable(path: string, error: unknown): StateError {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown cause';
  const remedy =
    code === 'ENOENT' || code === 'ENOTDIR'
      ? 'Its folder does not exist: create it, or name a file in another folder.'
      : 'Allow the user that runs the auditor to write in its folder.';
  return new StateError(`The lock file ${path} could not be created (${code}). ${remedy}`, { cause: error });
}
