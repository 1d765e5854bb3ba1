// Waits for a promise until a signal aborts.

/** Milliseconds that work has to end by itself after its signal aborted. */
const CLEANUP_MS = 500;

/** The outcome of the work, or the substitute when the work has not ended `CLEANUP_MS` after the signal aborted. */
export async function orAfter<T>(work: Promise<T>, signal: AbortSignal, substitute: () => T): Promise<T> {
  const { promise: late, resolve } = Promise.withResolvers<T>();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => resolve(substitute()), CLEANUP_MS);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, late]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    clearTimeout(timer);
  }
}

/**
 * The outcome of the promise. The work behind it is shared with other targets, so it goes on when the signal aborts.
 *
 * @throws the signal's reason, when the signal aborts first
 */
export async function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
