// Moments as ISO 8601 texts, compared as what they mean: with and without milliseconds they don't sort as texts.

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** Milliseconds from one moment to another; negative when `to` is the earlier one. */
export function msBetween(from: string, to: string): number {
  return Date.parse(to) - Date.parse(from);
}

/** Negative when `a` is before `b`. 0 only for the same text, so that of two spellings the same one is always kept. */
export function compareMoments(a: string, b: string): number {
  return msBetween(b, a) || compareText(a, b);
}

export function earlier(a: string, b: string): string {
  return compareMoments(a, b) <= 0 ? a : b;
}

export function later(a: string, b: string): string {
  return compareMoments(a, b) >= 0 ? a : b;
}

/** By code unit: the same on every machine, whatever its locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
