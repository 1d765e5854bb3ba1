import { describe, expect, test } from 'vitest';
import { completionWindow, rateMinutes } from '../../lib/completion-window.ts';

const NOW = new Date('2026-11-10T12:00:00Z');

function minutes(schedule: string, hours?: number): readonly [period: number, periods: number] {
  const result = completionWindow(schedule, hours, NOW);
  if (!('window' in result)) throw new Error(`${result.path} ${result.message}`);
  return [result.window.period.toMinutes(), result.window.evaluationPeriods];
}

describe('the window without a completed run after which the alarm rings', () => {
  test.each([
    // three intervals
    ['rate(15 minutes)', undefined, [15, 3]],
    ['rate(1 hour)', undefined, [60, 3]],
    ['rate(1 day)', undefined, [1440, 3]],
    // below five minutes a late metric would ring
    ['rate(1 minute)', undefined, [5, 3]],
    // a period lasts a day at most: hours are counted instead
    ['rate(2 days)', undefined, [60, 144]],
    // and a window a week
    ['rate(4 days)', undefined, [60, 168]],
    // a daily cron may be an hour late
    ['cron(0 6 * * ? *)', undefined, [60, 25]],
    // and so may any other: what counts is where two runs are farthest apart
    ['cron(0 */4 ? * * *)', undefined, [60, 5]],
    ['cron(0 6,18 * * ? *)', undefined, [60, 13]],
    ['cron(0 9-17 * * ? *)', undefined, [60, 17]],
    ['cron(0/45 * * * ? *)', undefined, [60, 2]],
    ['cron(10,40 8-18/2 * * ? *)', undefined, [60, 15]],
    // three intervals where that is less
    ['cron(0/15 * * * ? *)', undefined, [15, 3]],
    ['cron(* * * * ? *)', undefined, [5, 3]],
    ['cron(5,35 * ? * * *)', undefined, [30, 3]],
    // every day of the week, however it is written
    ['cron(0 6 ? * SUN-SAT *)', undefined, [60, 25]],
    ['cron(0 6 1-31 1-12 ? *)', undefined, [60, 25]],
    // what the configuration says wins
    ['rate(15 minutes)', 2, [60, 2]],
    ['cron(0 6 ? * MON *)', 168, [60, 168]],
  ] as const)('of %s with completionWindowHours %s is %j (minutes of a period, periods)', (schedule, hours, window) => {
    expect(minutes(schedule, hours)).toEqual(window);
  });

  test.each([
    'rate(1 minute)',
    'rate(7 minutes)',
    'rate(25 hours)',
    'rate(6 days)',
    'cron(0 6 * * ? *)',
    'cron(0/30 * * * ? *)',
  ])("of %s respects CloudWatch's limits", (schedule) => {
    const [period, periods] = minutes(schedule);
    expect(period).toBeLessThanOrEqual(1440);
    expect(period * periods).toBeLessThanOrEqual(period >= 60 ? 7 * 1440 : 1440);
  });

  test.each([
    ['cron(0 6 ? * MON-FRI *)', '72 hours', 73],
    ['cron(0 6 ? * MON,WED,FRI *)', '72 hours', 73],
    ['cron(0 6,18 ? * MON-FRI *)', '60 hours', 61],
    ['cron(0 6 1-30/2 * ? *)', '72 hours', 73],
    ['cron(0 6 ? * MON *)', '168 hours', 168],
  ])('has no default for %s, which leaves days out: its runs are %s apart, so give %d', (schedule, gap, hours) => {
    expect(completionWindow(schedule, undefined, NOW)).toEqual({
      path: 'deployment.completionWindowHours',
      message:
        `is required for ${schedule}, which does not run every day: the default of 25 hours would ring between runs. ` +
        `Its runs are up to ${gap} apart: give ${hours} or more, at most 168`,
    });
    expect(completionWindow(schedule, hours, NOW)).toHaveProperty('window');
    const tooShort = completionWindow(schedule, Math.ceil(hours / 2), NOW);
    expect(tooShort).toMatchObject({
      path: 'deployment.completionWindowHours',
      message: expect.stringContaining(`longest time between two runs of ${schedule}, ${gap}`),
    });
  });

  test.each([
    ['cron(0 6 * * ? *)', 24],
    ['cron(0 6,18 * * ? *)', 12],
    ['cron(0 9-17 * * ? *)', 16],
    ['cron(0 6 ? * MON-FRI *)', 72],
  ])('of %s must be longer than %d hours, the longest time between two runs', (schedule, hours) => {
    expect(completionWindow(schedule, hours, NOW)).toMatchObject({ path: 'deployment.completionWindowHours' });
    expect(completionWindow(schedule, hours + 1, NOW)).toHaveProperty('window');
  });

  test.each([
    'cron(0 6 1 * ? *)',
    'cron(0 6 L * ? *)',
    'cron(0 6 ? * MON#1 *)',
    'cron(0 6 29 2 ? *)',
    'cron(0 6 1 1 ? *)',
  ])('of %s would ring whatever it is: a week is the farthest that an alarm looks back', (schedule) => {
    for (const hours of [undefined, 168]) {
      expect(completionWindow(schedule, hours, NOW)).toMatchObject({
        path: 'schedule',
        message: expect.stringContaining('must run more often than every 7 days'),
      });
    }
  });

  test.each([
    ['cron(0 6 * * ? 2025)', 'must run again, got cron(0 6 * * ? 2025): its last run is in the past'],
    ['cron(0 6 * JAN-MAR ? 2026)', 'its last run is in the past'],
    ['cron(99 6 * * ? *)', 'the field for minutes takes * or 0-59, not "99"'],
  ])('of %s is refused: %s', (schedule, message) => {
    expect(completionWindow(schedule, undefined, NOW)).toMatchObject({
      path: 'schedule',
      message: expect.stringContaining(message),
    });
  });

  test('can not be a week or longer, for nobody would learn that the schedule stopped', () => {
    expect(completionWindow('rate(7 days)', undefined)).toMatchInlineSnapshot(`
      {
        "message": "must run more often than every 7 days, got rate(7 days): a CloudWatch alarm cannot cover more time, so no alarm would say that it stopped",
        "path": "schedule",
      }
    `);
  });

  test('must be longer than the interval', () => {
    expect(completionWindow('rate(2 hours)', 2)).toMatchInlineSnapshot(`
      {
        "message": "must be longer than the interval of rate(2 hours), got 2 hours: the alarm would never end. Three intervals are the default",
        "path": "deployment.completionWindowHours",
      }
    `);
    expect(completionWindow('rate(2 hours)', 3)).toHaveProperty('window');
  });
});

test('a cron schedule has no one interval', () => {
  expect(rateMinutes('cron(0 6 * * ? *)')).toBeUndefined();
  expect(rateMinutes('rate(3 hours)')).toBe(180);
});
