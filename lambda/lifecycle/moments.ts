// Moments as ISO 8601 texts, compared as what they mean: with and without milliseconds they don't sort as texts.

import { compareText } from '../model/text-order.ts';

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
