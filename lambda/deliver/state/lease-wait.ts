// Waits for a lease or lock: how long it lasts, how often to poll, and the error when it does not become free.

import { setTimeout as sleep } from 'node:timers/promises';
import { displayText } from '../../model/display.ts';
import { StateError } from './store.ts';

/** Milliseconds after which a lease that is not renewed expires. Real time, whatever clock a run is given. */
export const LEASE_MS = 60_000;

/** A lease is renewed after this part of its time: two renewals may fail. */
export const RENEWAL_FRACTION = 1 / 3;

/**
 * Milliseconds by which the clocks of two machines may differ. A lease that ends later than a new lease plus this was
 * taken by a clock that is ahead: it counts as expired, because otherwise no run could decide until then.
 */
export const LEASE_SKEW_MS = 60_000;

/** The run that holds a lease or lock. */
export interface LeaseHolder {
  /** The run, as its log names it, or the process. */
  readonly owner: string;
  /** ISO 8601, UTC. */
  readonly since: string;
}

/**
 * Waits for 150 to 500 ms, at random, so that waiting runs do not poll together.
 *
 * @throws AbortError once the signal ends
 */
export async function pollDelay(signal: AbortSignal): Promise<void> {
  await sleep(150 + Math.random() * 350, undefined, { signal });
}

/** The error of a run that did not get the lease in time. */
export function leaseTimeoutError(store: string, holder: LeaseHolder | undefined, cause: unknown): StateError {
  const who =
    holder === undefined
      ? 'the time ended before the state could be read'
      : `${displayText(holder.owner, 200)} has held it since ${displayText(holder.since)}`;
  return new StateError(
    `The lease of the state in ${store} was not free in time: ${who}. Nothing was decided, notified or saved. ` +
      'The next run catches up; the lease of a run that died expires after a minute. If it happens often, start runs less often, or give them more time.',
    { cause, isHeld: holder !== undefined },
  );
}
