// Defines lengths of time, the clock of a run, and how moments are written (ISO 8601).

import { compareText } from './text-order.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** The last moment that ISO 8601 writes with a year of four digits, in milliseconds since 1970. */
export const LATEST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** The longest that a timer of Node's takes: beyond it, it would end at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * A signal that ends after some milliseconds, whatever arithmetic made of them: AbortSignal.timeout takes whole ones
 * only.
 */
export function endsAfter(ms: number): AbortSignal {
  return AbortSignal.timeout(Math.min(Math.max(Math.floor(ms) || 0, 0), LONGEST_TIMER_MS));
}

/** What time it is. Tests simulate days, with another time than the machine's. */
export type Clock = () => Date;

/** The machine's. */
export const systemClock: Clock = () => new Date();

/** Milliseconds from one moment to another; negative when `to` is the earlier one. */
export function msBetween(from: string, to: string): number {
  return Date.parse(to) - Date.parse(from);
}

/**
 * Compares what two ISO 8601 texts mean: with and without milliseconds they don't sort as texts. Negative when `a` is
 * before `b`. 0 only for the same text, so that of two spellings the same one is always kept.
 */
export function compareMoments(a: string, b: string): number {
  return msBetween(b, a) || compareText(a, b);
}

export function earlier(a: string, b: string): string {
  return compareMoments(a, b) <= 0 ? a : b;
}

export function later(a: string, b: string): string {
  return compareMoments(a, b) >= 0 ? a : b;
}
