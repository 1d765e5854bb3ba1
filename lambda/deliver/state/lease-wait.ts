// Waiting for a turn, whatever holds it: how often to look, and what to say when it does not come.

import { setTimeout as sleep } from 'node:timers/promises';
import { displayText } from '../../model/display.ts';
import { StateError } from './store.ts';

/** Milliseconds after which a turn that nobody renews is free: of real time, whatever clock a run is given. */
export const LEASE_MS = 60_000;

/** A turn is renewed when this part of its lease is over: two renewals may fail. */
export const RENEWAL = 1 / 3;

/**
 * Milliseconds by which the clocks of two machines may differ. A lease that ends later than one that begins now, and this,
 * was taken by a clock that stands ahead: it is free, or no run would decide until then.
 */
export const LEASE_SKEW_MS = 60_000;

/** Who has the turn. */
export interface LeaseHolder {
  /** For people: what names the run in its log, or the process. */
  readonly owner: string;
  /** ISO 8601, UTC. */
  readonly since: string;
}

/** Waits a moment: not the same one for all that wait. @throws an AbortError once the signal ends */
export async function pollDelay(signal: AbortSignal): Promise<void> {
  await sleep(150 + Math.random() * 350, undefined, { signal });
}

/** The error of a run whose turn did not come. */
export function leaseTimeout(store: string, holder: LeaseHolder | undefined, cause: unknown): StateError {
  const who =
    holder === undefined
      ? 'the time for it ended before the state could be read'
      : `${displayText(holder.owner, 200)} has held it since ${displayText(holder.since)}`;
  return new StateError(
    `The turn to decide with the state in ${store} did not come in time: ${who}. Nothing was decided, told or saved. ` +
      'The next run catches up; a run that died loses its turn after a minute. If it happens often, start runs less often, or give them more time.',
    { cause, isHeld: holder !== undefined },
  );
}
