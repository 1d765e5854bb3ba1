// How often a schedule runs, and from that: how long the silence may last before somebody is told.

import { Duration } from 'aws-cdk-lib';

/** CloudWatch looks back at most seven days when an alarm's period is an hour or more (PutMetricAlarm, EvaluationPeriods). */
const LONGEST_WINDOW_MINUTES = 7 * 24 * 60;
const MINUTES_A_DAY = 24 * 60;
/** Below this a late metric or a run that uses its whole timeout would look like silence. */
const SHORTEST_PERIOD_MINUTES = 5;
/** A run may be an hour late before it counts as missing, and in autumn the night is an hour longer. */
const GRACE_MINUTES = 60;

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
 * @param hours the configuration's `completionWindowHours`; by default three intervals of a `rate()`, and for a `cron()` that
 * runs every day its longest gap and an hour, or three gaps where that is less.
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
    if (runsDaily(schedule)) return { window: windowOf(longestGap(schedule) ?? MINUTES_A_DAY) };
    return {
      path: 'deployment.completionWindowHours',
      message:
        `is required for ${schedule}, which does not run every day: the default of ${(MINUTES_A_DAY + GRACE_MINUTES) / 60} hours would ring ` +
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

function windowOf(gapMinutes: number): CompletionWindow {
  if (3 * gapMinutes <= gapMinutes + GRACE_MINUTES) {
    return { period: Duration.minutes(Math.max(gapMinutes, SHORTEST_PERIOD_MINUTES)), evaluationPeriods: 3 };
  }
  return hourly(Math.ceil((gapMinutes + GRACE_MINUTES) / 60));
}

/**
 * Minutes between two runs of a `cron()` that runs every day, where they are farthest apart; undefined where its minutes or
 * hours are written in a way that is not read here.
 */
function longestGap(schedule: string): number | undefined {
  const [minuteField = '', hourField = ''] = schedule.replace(/^cron\(|\)$/g, '').split(' ');
  const minutes = fieldValues(minuteField, 60);
  const hours = fieldValues(hourField, 24);
  if (minutes === undefined || hours === undefined) return undefined;
  const runs = hours.flatMap((hour) => minutes.map((minute) => hour * 60 + minute));
  const [first = 0] = runs;
  return Math.max(...runs.map((run, index) => (runs[index + 1] ?? first + MINUTES_A_DAY) - run));
}

/** The values of a field of numbers, ascending: `*`, `5`, `1,31`, `9-17`, `0/15`, `8-18/2`. Undefined for what is none. */
function fieldValues(field: string, count: number): readonly number[] | undefined {
  const values = new Set<number>();
  for (const item of field.split(',')) {
    const [, from, to, step] = /^(\*|\d+)(?:-(\d+))?(?:\/(\d+))?$/.exec(item) ?? [];
    if (from === undefined) return undefined;
    const start = from === '*' ? 0 : Number(from);
    const end = to !== undefined ? Number(to) : from === '*' || step !== undefined ? count - 1 : start;
    const by = Number(step ?? 1);
    if (start > end || end >= count || by === 0) return undefined;
    for (let value = start; value <= end; value += by) values.add(value);
  }
  return [...values].sort((a, b) => a - b);
}

/** Whether a `cron()` leaves no day out: day of month, month, day of week and year are unrestricted. */
function runsDaily(schedule: string): boolean {
  const [, , dayOfMonth, month, dayOfWeek, year] = schedule.replace(/^cron\(|\)$/g, '').split(' ');
  return [dayOfMonth, dayOfWeek].every((field) => field === '*' || field === '?') && month === '*' && year === '*';
}
