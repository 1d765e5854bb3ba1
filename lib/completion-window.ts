// Computes after how much time without a completed run the alarm starts, from the schedule.

import { Duration } from 'aws-cdk-lib';
import { parseSchedule } from '../lambda/model/schedule.ts';
import { longestGap, runsAgain } from './run-times.ts';

/**
 * CloudWatch looks back at most seven days when an alarm's period is an hour or more (PutMetricAlarm,
 * EvaluationPeriods).
 */
const LONGEST_WINDOW_MINUTES = 7 * 24 * 60;
const MINUTES_A_DAY = 24 * 60;
/** With a shorter period, a late metric or a run that uses its whole timeout would count as missing. */
const SHORTEST_PERIOD_MINUTES = 5;
/** A run may be an hour late before it counts as missing, and in autumn the night is an hour longer. */
const GRACE_MINUTES = 60;

/** The window of an alarm: `evaluationPeriods` periods in a row, each `period` long. */
export interface CompletionWindow {
  readonly period: Duration;
  readonly evaluationPeriods: number;
}

/** The window, or the problem of the schedule and what to do about it. */
export type CompletionWindowResult =
  | { readonly window: CompletionWindow }
  | { readonly path: string; readonly message: string };

/** Minutes between two runs of a `rate()` schedule; undefined for `cron()`, whose gaps vary. */
export function rateMinutes(expression: string): number | undefined {
  const schedule = parseSchedule(expression);
  return 'kind' in schedule && schedule.kind === 'rate' ? schedule.minutes : undefined;
}

/**
 * The time without a completed run after which the alarm starts.
 *
 * @param expression an EventBridge Scheduler expression.
 * @param hours the configuration's `completionWindowHours`; by default three intervals of a `rate()`, and for a
 * `cron()` that runs every day its longest gap and an hour, or three gaps where that is less.
 * @param now when it is deployed: a schedule that never runs again is refused.
 */
export function completionWindow(
  expression: string,
  hours: number | undefined,
  now: Date = new Date(),
): CompletionWindowResult {
  const schedule = parseSchedule(expression);
  if ('problem' in schedule) return { path: 'schedule', message: `${schedule.problem}, got "${expression}"` };
  if (schedule.kind === 'rate') return rateWindow(expression, schedule.minutes, hours);
  if (!runsAgain(schedule, now)) {
    return { path: 'schedule', message: `must run again, got ${expression}: its last run is in the past` };
  }
  return cronWindow(expression, longestGap(schedule, now), hours);
}

function rateWindow(expression: string, interval: number, hours: number | undefined): CompletionWindowResult {
  if (hours !== undefined) {
    // Strictly longer: a window of exactly one interval would be empty whenever a run is a second late.
    if (hours * 60 <= interval) {
      return {
        path: 'deployment.completionWindowHours',
        message:
          `must be longer than the interval of ${expression}, got ${hours} hours: the alarm would never end. ` +
          'Three intervals are the default',
      };
    }
    return { window: hourly(hours) };
  }
  if (interval >= LONGEST_WINDOW_MINUTES) return tooSeldom(expression);
  if (interval <= MINUTES_A_DAY) {
    return {
      window: { period: Duration.minutes(Math.max(interval, SHORTEST_PERIOD_MINUTES)), evaluationPeriods: 3 },
    };
  }
  return { window: hourly(Math.min(3 * interval, LONGEST_WINDOW_MINUTES) / 60) };
}

function cronWindow(expression: string, gap: number, hours: number | undefined): CompletionWindowResult {
  if (gap > LONGEST_WINDOW_MINUTES) return tooSeldom(expression);
  const needed = Math.min(Math.ceil((gap + GRACE_MINUTES) / 60), LONGEST_WINDOW_MINUTES / 60);
  if (hours === undefined) {
    if (gap <= MINUTES_A_DAY) return { window: windowOf(gap) };
    return {
      path: 'deployment.completionWindowHours',
      message:
        `is required for ${expression}, which does not run every day: the default of ` +
        `${(MINUTES_A_DAY + GRACE_MINUTES) / 60} hours would ring between runs. Its runs are up to ${spellHours(gap)} ` +
        `apart: give ${needed} or more, at most 168`,
    };
  }
  // CloudWatch covers a week at most: for a weekly run that has to suffice.
  if (hours * 60 <= gap && hours * 60 < LONGEST_WINDOW_MINUTES) {
    return {
      path: 'deployment.completionWindowHours',
      message:
        `must be longer than the longest time between two runs of ${expression}, ${spellHours(gap)}, got ${hours} hours: ` +
        `the alarm would ring between runs. Give ${needed} or more, at most 168`,
    };
  }
  return { window: hourly(hours) };
}

function tooSeldom(expression: string): CompletionWindowResult {
  return {
    path: 'schedule',
    message:
      `must run more often than every 7 days, got ${expression}: a CloudWatch alarm cannot cover more time, so no ` +
      'alarm would say that it stopped',
  };
}

function spellHours(minutes: number): string {
  const hours = Math.round(minutes / 6) / 10;
  return `${hours} hour${hours === 1 ? '' : 's'}`;
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
