// When people are reminded of what is still there: all of it in one digest, and not each finding on a day of its own.

import { HOUR_MS, msBetween } from '../model/time.ts';
import type { Transition } from './transition.ts';

/** Schedules jitter: a daily run that starts some minutes early still reminds daily. */
const SLACK = 0.05;
const MAX_SLACK_MS = HOUR_MS / 2;

/** The same, with those that are due made reminders, and with them those that would be due soon. */
export function withRepeats(
  transitions: readonly Transition[],
  repeatIntervalHours: number | undefined,
  now: string,
): readonly Transition[] {
  if (repeatIntervalHours === undefined) return transitions;
  const interval = repeatIntervalHours * HOUR_MS;
  const due = interval - Math.min(interval * SLACK, MAX_SLACK_MS);
  const isSilentFor =
    (ms: number) =>
    ({ isRepeatable, record: { lastNotified } }: Transition): boolean =>
      isRepeatable && lastNotified !== undefined && msBetween(lastNotified.at, now) >= ms;
  if (!transitions.some(isSilentFor(due))) return transitions;
  const goesAlong = isSilentFor(interval / 2);
  return transitions.map((each) => (goesAlong(each) ? { ...each, reason: 'reminder', notify: true } : each));
}
