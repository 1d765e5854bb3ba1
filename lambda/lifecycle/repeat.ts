// Repeats notifications of open findings after the repeat interval, all of them in one digest.

import { HOUR_MS, msBetween } from '../model/time.ts';
import type { Transition } from './transition.ts';

/** Schedules jitter: a daily run that starts some minutes early still repeats daily. */
const SLACK = 0.05;
const MAX_SLACK_MS = HOUR_MS / 2;

/**
 * The transitions with repeats. When one is due, each whose half interval is over repeats with it: one digest instead
 * of one for each finding.
 */
export function withRepeats(
  transitions: readonly Transition[],
  repeatIntervalHours: number | undefined,
  now: string,
): readonly Transition[] {
  if (repeatIntervalHours === undefined) return transitions;
  const interval = repeatIntervalHours * HOUR_MS;
  const due = interval - Math.min(interval * SLACK, MAX_SLACK_MS);
  const lastNotifiedBefore =
    (ms: number) =>
    ({ isRepeatable, record: { lastNotified } }: Transition): boolean =>
      isRepeatable && lastNotified !== undefined && msBetween(lastNotified.at, now) >= ms;
  if (!transitions.some(lastNotifiedBefore(due))) return transitions;
  const repeatsToo = lastNotifiedBefore(interval / 2);
  return transitions.map((each) => (repeatsToo(each) ? { ...each, reason: 'reminder', notify: true } : each));
}
