// Times of servers whose zones have abbreviations that mean several things.

import { expect, test } from 'vitest';
import { LogClock } from '../../../lambda/analysis/connection-log/time.ts';

const read = (text: string, timezone?: string): string | undefined => {
  const time = new LogClock(timezone).read(text);
  return time === undefined ? undefined : new Date(time).toISOString();
};

test.each([
  ['2026-11-28 08:00:00.123 CST', 'Asia/Shanghai', '2026-11-28T00:00:00.123Z'],
  ['2026-11-28 08:00:00 CST', 'America/Chicago', '2026-11-28T14:00:00.000Z'],
  ['2026-07-28 08:00:00 CDT', 'America/Chicago', '2026-07-28T13:00:00.000Z'],
  ['2026-11-28 08:00:00 IST', 'Asia/Kolkata', '2026-11-28T02:30:00.000Z'],
  ['2026-07-28 08:00:00 IST', 'Europe/Dublin', '2026-07-28T07:00:00.000Z'],
  ['2026-07-28 08:00:00 BST', 'Europe/London', '2026-07-28T07:00:00.000Z'],
  ['2026-11-28 08:00:00 GMT', 'Europe/London', '2026-11-28T08:00:00.000Z'],
  ['2026-11-28 08:00:00 EST', 'Australia/Brisbane', '2026-11-27T22:00:00.000Z'],
  ['2026-11-28 08:00:00 +0530', 'Europe/London', '2026-11-28T02:30:00.000Z'],
  ['2026-11-28 08:00:00 UTC', 'Asia/Kolkata', '2026-11-28T08:00:00.000Z'],
  ['1795853826.123', 'Asia/Kolkata', '2026-11-28T08:17:06.123Z'],
])('%s with log_timezone %s is %s', (text, timezone, expected) => {
  expect(read(text, timezone)).toBe(expected);
});

test('in the hour that is repeated in autumn the abbreviation decides', () => {
  expect(read('2026-10-25 02:30:00 CEST', 'Europe/Berlin')).toBe('2026-10-25T00:30:00.000Z');
  expect(read('2026-10-25 02:30:00 CET', 'Europe/Berlin')).toBe('2026-10-25T01:30:00.000Z');
});

test.each(['localtime', 'EST5EDT4,M3', 'x'.repeat(500), '', 'Mars/Olympus'])(
  'with the log_timezone "%s" an abbreviation that is not known is reported, and taken for UTC',
  (timezone) => {
    const clock = new LogClock(timezone);
    expect(clock.read('2026-11-28 08:00:00 CST')).toBe(Date.parse('2026-11-28T08:00:00Z'));
    expect([...clock.unknownZones]).toEqual(['CST']);
    expect(read('2026-11-28 08:00:00 CET', timezone)).toBe('2026-11-28T07:00:00.000Z');
  },
);
