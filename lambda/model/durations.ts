// Lengths of time in milliseconds.

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** The longest that a timer of Node's takes: beyond it, it would end at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A signal that ends after some milliseconds, whatever arithmetic made of them: AbortSignal.timeout takes whole ones only. */
export function endsAfter(ms: number): AbortSignal {
  return AbortSignal.timeout(Math.min(Math.max(Math.floor(ms) || 0, 0), LONGEST_TIMER_MS));
}
