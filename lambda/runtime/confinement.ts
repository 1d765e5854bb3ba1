// Confines an uncaught error to the target that it comes from.
//
// Drivers and Node itself call listeners, timers and native callbacks. An error that one of them throws would end the
// process, and with it the audit of every target.

import { AsyncLocalStorage } from 'node:async_hooks';

/** The controller of the present target, in everything that its work starts: sockets, timers, promises. */
const current = new AsyncLocalStorage<AbortController>();

type Listener = (error: unknown, ...rest: unknown[]) => void;
const EVENTS = ['uncaughtException', 'unhandledRejection'] as const;

/** An error that nothing caught: a defect of the auditor or of a library. It ends the audit of one target. */
export class UncaughtError extends Error {
  override readonly name = 'UncaughtError';

  constructor(cause: unknown) {
    super('an error was thrown where nothing catches it', { cause });
  }
}

/**
 * Runs the work for one target. An uncaught error of anything that the work started aborts the signal, with an
 * UncaughtError as the reason. Every other uncaught error goes to the listeners of the process, as before.
 *
 * @param work must end soon after the signal aborts
 */
export async function confined<T>(work: (broken: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  guardProcess();
  return await current.run(controller, work, controller.signal);
}

/** Ends the audit of the present target because of an unforeseen error that was caught. */
export function breakOff(error: unknown): void {
  current.getStore()?.abort(new UncaughtError(error));
}

/** Runs work that several targets share: its errors belong to none of them alone. */
export function shared<T>(work: () => T): T {
  return current.exit(work);
}

/** The listeners that the process had before; undefined until the first target starts. */
let others: ReadonlyMap<(typeof EVENTS)[number], readonly Listener[]> | undefined;

/**
 * Takes the place of the process's listeners, because Lambda's would end the process. For good: what a target has
 * started may throw after its audit.
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
  // The error belongs to no target: call the listeners of the process.
  const listeners = others?.get(event) ?? [];
  if (listeners.length === 0) throw error;
  for (const listener of listeners) listener(error, ...rest);
}
