// Schedule expressions: what EventBridge Scheduler accepts, and what is said of the rest.

import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../lambda/config/index.ts';
import { parseSchedule } from '../../lambda/model/schedule.ts';
import { nextDays, runsAgain } from '../../lib/run-times.ts';

type Cron = Extract<ReturnType<typeof parseSchedule>, { kind: 'cron' }>;

function cron(expression: string): Cron {
  const schedule = parseSchedule(expression);
  if (!('kind' in schedule) || schedule.kind !== 'cron') throw new Error(JSON.stringify(schedule));
  return schedule;
}

test.each([
  'rate(1 minute)',
  'rate(15 minutes)',
  'rate(1 hour)',
  'rate(6 days)',
  'cron(0 6 * * ? *)',
  'cron(0 6 ? * * *)',
  'cron(0/15 * * * ? *)',
  'cron(*/15 8-18/2 * * ? 2026-2199)',
  'cron(0,30 0,12 1,15 JAN,JUL ? *)',
  'cron(0 6 ? * MON-FRI *)',
  'cron(0 6 ? jan-mar mon,wed,fri *)',
  'cron(0 6 ? * 2-6 *)',
  'cron(59 23 31 12 ? 2199)',
  'cron(0 6 29 2 ? *)',
  'cron(0 6 31 1/2 ? *)',
  'cron(0 6 L * ? *)',
  'cron(0 6 LW * ? *)',
  'cron(0 6 15W * ? *)',
  'cron(0 6 ? * L *)',
  'cron(0 6 ? * 6L *)',
  'cron(0 6 ? * FRIL *)',
  'cron(0 6 ? * 6#2 *)',
  'cron(0 6 ? * FRI#5 *)',
])('%s is accepted', (expression) => {
  expect(parseSchedule(expression)).not.toHaveProperty('problem');
});

describe('what EventBridge refuses is refused, with the field, what stands there and what is allowed', () => {
  test.each([
    ['every day', 'must be an EventBridge Scheduler expression such as'],
    ['rate(0 minutes)', 'must be an EventBridge Scheduler expression such as'],
    ['rate(1.5 hours)', 'must be an EventBridge Scheduler expression such as'],
    ['rate(5 weeks)', 'must be an EventBridge Scheduler expression such as'],
    ['at(2030-01-01T00:00:00)', 'must be an EventBridge Scheduler expression such as'],
    ['0 6 * * *', 'must be an EventBridge Scheduler expression such as'],
    ['cron(0 6 * * *)', 'six fields: minutes, hours, day of month, month, day of week, year'],
    ['cron(0 6 * * ? * *)', 'six fields'],
    ['cron(0  6 * * ? *)', 'six fields'],
    ['cron()', 'six fields'],
    ['cron(0 6 * * * *)', 'one of the two fields for days must be ?, and not both'],
    ['cron(0 6 ? * ? *)', 'one of the two fields for days must be ?, and not both'],
    ['cron(0 6 1 * MON *)', 'one of the two fields for days must be ?, and not both'],
    ['cron(99 6 * * ? *)', 'the field for minutes takes * or 0-59, not "99"'],
    ['cron(60 6 * * ? *)', 'the field for minutes takes * or 0-59, not "60"'],
    ['cron(? 6 * * ? *)', 'the field for minutes'],
    ['cron(-5 6 * * ? *)', 'the field for minutes'],
    ['cron(0,,5 6 * * ? *)', 'the field for minutes'],
    ['cron(, 6 * * ? *)', 'the field for minutes'],
    ['cron(L 6 * * ? *)', 'the field for minutes'],
    ['cron(0/0 6 * * ? *)', 'the field for minutes takes steps from 1 to 59, not "0/0"'],
    ['cron(0/99 6 * * ? *)', 'the field for minutes takes steps from 1 to 59, not "0/99"'],
    ['cron(/15 6 * * ? *)', 'the field for minutes'],
    ['cron(*-5 6 * * ? *)', 'the field for minutes'],
    ['cron(0 24 * * ? *)', 'the field for hours takes * or 0-23, not "24"'],
    ['cron(0 22-2 * * ? *)', 'the field for hours must not count down, as "22-2" does'],
    ['cron(0 H * * ? *)', 'the field for hours'],
    ['cron(0 6 0 * ? *)', 'the field for day of month'],
    ['cron(0 6 32 * ? *)', 'the field for day of month'],
    ['cron(0 6 1#2 * ? *)', 'the field for day of month'],
    ['cron(0 6 W * ? *)', 'the field for day of month'],
    ['cron(0 6 32W * ? *)', 'the field for day of month'],
    ['cron(0 6 MON * ? *)', 'the field for day of month'],
    ['cron(0 6 31 2 ? *)', 'its day never comes: no month of "2" has a day 31'],
    ['cron(0 6 30 FEB ? *)', 'its day never comes: no month of "FEB" has a day 30'],
    ['cron(0 6 31 4,6,9,11 ? *)', 'its day never comes'],
    ['cron(0 6 30W 2 ? *)', 'its day never comes'],
    ['cron(0 6 * 0 ? *)', 'the field for month takes * or 1-12 or JAN-DEC, not "0"'],
    ['cron(0 6 * 13 ? *)', 'the field for month'],
    ['cron(0 6 * MON ? *)', 'the field for month'],
    ['cron(0 6 * L ? *)', 'the field for month'],
    ['cron(0 6 ? * 0 *)', 'the field for day of week takes * or 1-7 or SUN-SAT (1 is Sunday)'],
    ['cron(0 6 ? * 8 *)', 'the field for day of week'],
    ['cron(0 6 ? * 0-5 *)', 'the field for day of week'],
    ['cron(0 6 ? * MONDAY *)', 'the field for day of week'],
    ['cron(0 6 ? * JAN *)', 'the field for day of week'],
    ['cron(0 6 ? * FRI-MON *)', 'the field for day of week must not count down'],
    ['cron(0 6 ? * 6#0 *)', 'the field for day of week'],
    ['cron(0 6 ? * 6#6 *)', 'the field for day of week'],
    ['cron(0 6 ? * 3#1,6#3 *)', 'the field for day of week'],
    ['cron(0 6 ? * #2 *)', 'the field for day of week'],
    ['cron(0 6 ? * 8L *)', 'the field for day of week'],
    ['cron(0 6 ? * 3W *)', 'the field for day of week'],
    ['cron(0 6 * * ? 1969)', 'the field for year takes * or 1970-2199, not "1969"'],
    ['cron(0 6 * * ? 2200)', 'the field for year'],
    ['cron(0 6 * * ? 26)', 'the field for year'],
  ])('%s', (expression, problem) => {
    expect(parseSchedule(expression)).toEqual({ problem: expect.stringContaining(problem) });
  });
});

test('a configuration with such a schedule says so, with the expression', () => {
  const document = { schedule: 'cron(0 6 * * *)', targets: [{ name: 'orders', secret: 'prod/orders' }] };
  expect(() => parseConfig(document, { use: 'deployment' })).toThrowErrorMatchingInlineSnapshot(`
    [ConfigError: the configuration has a problem:
      schedule: must be an EventBridge Scheduler expression. A cron() has six fields: minutes, hours, day of month, month, day of week, year. One of the two fields for days is ?, for example cron(0 6 * * ? *) or cron(0 6 ? * MON-FRI *), got "cron(0 6 * * *)"]
  `);
});

test.each([
  ['cron(0 6 ? * 1-5 *)', '1-5'],
  ['cron(0 6 ? * 2 *)', '2'],
  ['cron(0 6 ? * 6#2 *)', '6#2'],
  ['cron(0 6 ? * 6L *)', '6L'],
  ['cron(0 6 ? * MON-FRI *)', undefined],
  ['cron(0 6 ? * FRI#2 *)', undefined],
  ['cron(0 6 * * ? *)', undefined],
])('%s counts weekdays by number: %s', (expression, numbers) => {
  expect(cron(expression).weekdayNumbers).toBe(numbers);
});

describe('the days of a schedule', () => {
  const DAY = 86_400_000;

  test.each([
    ['L 11 ?', 2026, 30, [30]],
    ['LW 11 ?', 2026, 30, [30]],
    ['LW 2 ?', 2027, 28, [26]],
    ['1W 11 ?', 2026, 30, [2]],
    ['1W 8 ?', 2026, 31, [3]],
    ['15W 11 ?', 2026, 30, [16]],
    ['7W 11 ?', 2026, 30, [6]],
    ['31W 1 ?', 2027, 31, [29]],
    ['? 11 MON', 2026, 30, [2, 9, 16, 23, 30]],
    ['? 11 2', 2026, 30, [2, 9, 16, 23, 30]],
    ['? 11 1-2', 2026, 30, [1, 2, 8, 9, 15, 16, 22, 23, 29, 30]],
    ['? 11 L', 2026, 30, [7, 14, 21, 28]],
    ['? 11 MONL', 2026, 30, [30]],
    ['? 2 6L', 2027, 28, [26]],
    ['? 11 SUN#1', 2026, 30, [1]],
    ['? 11 MON#5', 2026, 30, [30]],
    ['? 11 TUE#5', 2026, 30, []],
    ['1-31/10 11 ?', 2026, 30, [1, 11, 21]],
  ])('cron(0 6 %s %d) are, in its month of %d days, %j', (fields, year, length, dates) => {
    const first = Date.UTC(year, Number(fields.split(' ')[1]) - 1, 1);
    const days = nextDays(cron(`cron(0 6 ${fields} ${year})`), new Date(first), 40);
    expect(days.filter((day) => day < first + length * DAY).map((day) => new Date(day).getUTCDate())).toEqual(dates);
  });

  test('are looked for from today on', () => {
    const now = new Date('2026-11-10T12:00:00Z');
    expect(runsAgain(cron('cron(0 6 10 NOV ? 2026)'), now)).toBe(true);
    expect(runsAgain(cron('cron(0 6 9 NOV ? 2026)'), now)).toBe(false);
    expect(runsAgain(cron('cron(0 6 29 2 ? *)'), now)).toBe(true);
    expect(runsAgain(cron('cron(0 6 * * ? 2199)'), now)).toBe(true);
  });
});
