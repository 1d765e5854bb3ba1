// Keeps an error that nothing catches to the target it comes from. Drivers and Node itself call listeners, timers and native
// callbacks of ours and of theirs: what one of them throws would end the process, and with it the audit of every target.

import { AsyncLocalStorage } from 'node:async_hooks';

/** The work of one target, and what is started from it: sockets, timers, promises. */
const current = new AsyncLocalStorage<AbortController>();

type Listener = (error: unknown, ...rest: unknown[]) => void;
const EVENTS = ['uncaughtException', 'unhandledRejection'] as const;

/** Something was thrown where nothing catches: a defect of the auditor or of a library, and the end of one target's audit. */
export class UncaughtError extends Error {
  override readonly name = 'UncaughtError';

  constructor(cause: unknown) {
    super('an error was thrown where nothing catches it', { cause });
  }
}

/**
 * Does a target's work. An error that is thrown anywhere on its behalf, and caught nowhere, aborts the signal; the reason is
 * an UncaughtError. Errors of anything else go where they would have gone.
 *
 * @param work must end soon after the signal aborts
 */
export async function confined<T>(work: (broken: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  guardProcess();
  return await current.run(controller, work, controller.signal);
}

/** Ends the audit of the target at work, for an error that was caught and that no one foresaw. */
export function breakOff(error: unknown): void {
  current.getStore()?.abort(new UncaughtError(error));
}

/** Does work that several targets share, so that its errors count for none of them alone. */
export function shared<T>(work: () => T): T {
  return current.exit(work);
}

/** The listeners that were there before; undefined until the first target is at work. */
let others: ReadonlyMap<(typeof EVENTS)[number], readonly Listener[]> | undefined;

/**
 * Stands before the process's own listeners, of which Lambda's would end the process. For good: what a target has started may
 * throw when its audit is over.
 */
function guardProcess(): void {
  if (others !== undefined) return;
  others = new Map(EVENTS.map((event) => [event, process.listeners(event as 'exit') as unknown as Listener[]]));
  for (const event of EVENTS) {
    process.removeAllListeners(event);
    process.on(event as 'exit', ((...args: Parameters<Listener>) => onUncaught(event, ...args)) as never);
  }
}

function onUncaught(event: (typeof EVENTS)[number], error: unknown, ...rest: unknown[]): void {
  const controller = current.getStore();
  if (controller !== undefined) {
    controller.abort(new UncaughtError(error));
    return;
  }
  // Of no target: as if nothing stood here.
  const listeners = others?.get(event) ?? [];
  if (listeners.length === 0) throw error;
  for (const listener of listeners) listener(error, ...rest);
}
