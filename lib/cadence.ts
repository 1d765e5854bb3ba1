// How often a schedule runs, and from that: how long the silence may last before somebody is told.

import { Duration } from 'aws-cdk-lib';

/** CloudWatch looks back at most seven days when an alarm's period is an hour or more (PutMetricAlarm, EvaluationPeriods). */
const LONGEST_WINDOW_MINUTES = 7 * 24 * 60;
const MINUTES_A_DAY = 24 * 60;
/** Below this a late metric or a run that uses its whole timeout would look like silence. */
const SHORTEST_PERIOD_MINUTES = 5;
/** A daily run may be an hour late before it counts as missing. */
const DAILY_WINDOW_HOURS = 25;

const MINUTES_IN = { minute: 1, hour: 60, day: MINUTES_A_DAY } as const;

/** A window as an alarm counts it: `evaluationPeriods` periods in a row, each `period` long. */
export interface CompletionWindow {
  readonly period: Duration;
  readonly evaluationPeriods: number;
}

/** Either the window to watch, or what is wrong with the schedule and what to do about it. */
export type CompletionWindowResult =
  | { readonly window: CompletionWindow }
  | { readonly path: string; readonly message: string };

/**
 * Minutes between two runs of a `rate()` schedule; undefined for `cron()`, whose gaps vary.
 *
 * @see https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
 */
export function rateMinutes(schedule: string): number | undefined {
  const match = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(schedule);
  if (match === null) return undefined;
  const [, count, unit] = match;
  return Number(count) * MINUTES_IN[unit as keyof typeof MINUTES_IN];
}

/**
 * The time without a completed run after which an alarm is due.
 *
 * @param schedule an EventBridge Scheduler expression.
 * @param hours the configuration's `completionWindowHours`; by default three intervals of a `rate()`, 25 hours for a
 * `cron()` that runs every day.
 */
export function completionWindow(schedule: string, hours: number | undefined): CompletionWindowResult {
  const interval = rateMinutes(schedule);
  if (hours !== undefined) {
    // Strictly longer: a window of exactly one interval would be empty whenever a run is a second late.
    if (interval !== undefined && hours * 60 <= interval) {
      return {
        path: 'deployment.completionWindowHours',
        message:
          `must be longer than the interval of ${schedule}, got ${hours} hours: the alarm would always ring. ` +
          'Three intervals are the default',
      };
    }
    return { window: hourly(hours) };
  }
  if (interval === undefined) {
    if (runsDaily(schedule)) return { window: hourly(DAILY_WINDOW_HOURS) };
    return {
      path: 'deployment.completionWindowHours',
      message:
        `is required for ${schedule}, which does not run every day: the default of ${DAILY_WINDOW_HOURS} hours would ring ` +
        'between runs. Give the longest gap between two runs plus an hour, at most 168',
    };
  }
  if (interval >= LONGEST_WINDOW_MINUTES) {
    return {
      path: 'schedule',
      message: `must run more often than every 7 days, got ${schedule}: a CloudWatch alarm can't look further back, so nobody would learn that it stopped`,
    };
  }
  if (interval <= MINUTES_A_DAY) {
    return {
      window: { period: Duration.minutes(Math.max(interval, SHORTEST_PERIOD_MINUTES)), evaluationPeriods: 3 },
    };
  }
  return { window: hourly(Math.min(3 * interval, LONGEST_WINDOW_MINUTES) / 60) };
}

function hourly(hours: number): CompletionWindow {
  return { period: Duration.hours(1), evaluationPeriods: Math.floor(hours) };
}

/** Whether a `cron()` leaves no day out: day of month, month, day of week and year are unrestricted. */
function runsDaily(schedule: string): boolean {
  const [, , dayOfMonth, month, dayOfWeek, year] = schedule.replace(/^cron\(|\)$/g, '').split(' ');
  return [dayOfMonth, dayOfWeek].every((field) => field === '*' || field === '?') && month === '*' && year === '*';
}
