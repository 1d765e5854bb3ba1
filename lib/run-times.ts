// Computes the next days of a cron() schedule, and the longest time between two of its runs.

import type { DayRule, Schedule } from '../lambda/model/schedule.ts';

type Cron = Extract<Schedule, { readonly kind: 'cron' }>;

const DAY_MS = 24 * 60 * 60_000;
const MINUTES_A_DAY = 24 * 60;
/** Days to search: 29 February comes within eight years, also at the end of a century. */
const DAYS_AHEAD = 366 * 9;

/** @returns the days of the next runs, from that of `now` on: their midnights (UTC), in milliseconds since 1970 */
export function nextDays({ months, years, days }: Cron, now: Date, most: number): readonly number[] {
  const today = midnight(now);
  const found: number[] = [];
  for (let ahead = 0; ahead < DAYS_AHEAD && found.length < most; ahead += 1) {
    const day = new Date(today + ahead * DAY_MS);
    if (years.has(day.getUTCFullYear()) && months.has(day.getUTCMonth() + 1) && isOn(day, days)) {
      found.push(day.getTime());
    }
  }
  return found;
}

/** Whether the schedule runs again, from the day of `now` on: EventBridge refuses one that never does. */
export function runsAgain(cron: Cron, now: Date): boolean {
  return nextDays(cron, now, 1).length > 0 || [...cron.years].some((year) => year > now.getUTCFullYear() + 9);
}

/** The longest time between two runs in minutes, within the next two years or so. */
export function longestGap(cron: Cron, now: Date): number {
  const times = cron.hours.flatMap((hour) => cron.minutes.map((minute) => hour * 60 + minute));
  const [first = 0] = times;
  const last = times.at(-1) ?? first;
  const days = nextDays(cron, now, 800);
  const within = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  const between = days
    .slice(1)
    .map((day, index) => ((day - (days[index] ?? day)) / DAY_MS) * MINUTES_A_DAY + first - last);
  // A schedule that runs on a single day has no next run.
  return days.length < 2 ? Number.POSITIVE_INFINITY : [...within, ...between].reduce((a, b) => Math.max(a, b), 0);
}

function midnight(now: Date): number {
  return Math.floor(now.getTime() / DAY_MS) * DAY_MS;
}

function isOn(day: Date, rule: DayRule): boolean {
  const date = day.getUTCDate();
  // As EventBridge counts: 1 is Sunday.
  const weekday = day.getUTCDay() + 1;
  const length = daysIn(day);
  switch (rule.of) {
    case 'month':
      return rule.days.has(date);
    case 'week':
      return rule.days.has(weekday);
    case 'last-day':
      return date === length;
    case 'last-weekday':
      return date === nearestWeekday(day, length);
    case 'nearest-weekday':
      return rule.day <= length && date === nearestWeekday(day, rule.day);
    case 'nth':
      return weekday === rule.weekday && Math.ceil(date / 7) === rule.nth;
    case 'last-of-week':
      return weekday === rule.weekday && date + 7 > length;
  }
}

/** The date of the weekday nearest to a date, in the month of `day`. */
function nearestWeekday(day: Date, date: number): number {
  const weekday = new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), date)).getUTCDay();
  if (weekday === 6) return date === 1 ? 3 : date - 1;
  if (weekday === 0) return date === daysIn(day) ? date - 2 : date + 1;
  return date;
}

function daysIn(day: Date): number {
  return new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 0)).getUTCDate();
}
