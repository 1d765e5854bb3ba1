// When people are reminded of what is still there: all of it in one digest, and not each finding on a day of its own.

import { HOUR_MS, msBetween } from '../model/time.ts';
import type { Judged } from './transition.ts';

/** Schedules jitter: a daily run that starts some minutes early still reminds daily. */
const SLACK = 0.05;
const MAX_SLACK_MS = HOUR_MS / 2;

/** The same, with those that are due made reminders, and with them those that would be due soon. */
export function withReminders(
  judged: readonly Judged[],
  reminderHours: number | undefined,
  now: string,
): readonly Judged[] {
  if (reminderHours === undefined) return judged;
  const interval = reminderHours * HOUR_MS;
  const due = interval - Math.min(interval * SLACK, MAX_SLACK_MS);
  const isSilentFor =
    (ms: number) =>
    ({ canRemind, record: { told } }: Judged): boolean =>
      canRemind && told !== undefined && msBetween(told.at, now) >= ms;
  if (!judged.some(isSilentFor(due))) return judged;
  const goesAlong = isSilentFor(interval / 2);
  return judged.map((each) => (goesAlong(each) ? { ...each, reason: 'reminder', notify: true } : each));
}
