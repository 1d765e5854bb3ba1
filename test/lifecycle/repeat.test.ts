// Reminders: when they are due, and what goes along with them.

import { describe, expect, test } from 'vitest';
import { decide } from '../../lambda/lifecycle/decide.ts';
import type { Finding } from '../../lambda/model/finding.ts';
import type { FindingRecord } from '../../lambda/model/lifecycle.ts';
import { ago, decideOne, finding, input, mute, NOW, POLICY, record, SECOND, scan, state } from './scenario.ts';

/** Open since long ago, told so many hours ago. */
function notifiedAgo(hours: number, changes: Partial<FindingRecord> = {}): FindingRecord {
  return record({
    firstSeen: ago(1000),
    openedAt: ago(1000),
    lastNotified: { at: ago(hours), severity: 'high', reason: 'new' },
    ...changes,
  });
}

describe('a reminder', () => {
  test.each([
    // A twentieth of 8 hours is 24 minutes
    { hours: 8, about: 'a second before it is due', lastNotified: 7.6 - SECOND, due: false },
    { hours: 8, about: 'as soon as it is due', lastNotified: 7.6, due: true },
    // Of 24 hours it would be 72 minutes: half an hour at most
    { hours: 24, about: 'a second before it is due', lastNotified: 23.5 - SECOND, due: false },
    { hours: 24, about: 'as soon as it is due', lastNotified: 23.5, due: true },
    { hours: 24, about: 'long after', lastNotified: 500, due: true },
    { hours: 10, about: 'at the end of 5 %', lastNotified: 9.5, due: true },
    { hours: undefined, about: 'when none are wanted', lastNotified: 500, due: false },
  ])('every $hours hours comes $about: $due', ({ hours, lastNotified, due }) => {
    const decided = decideOne({
      previous: state({ records: [notifiedAgo(lastNotified)], scannedAt: ago(1) }),
      observed: [scan([finding()])],
      policy: { ...POLICY, repeatIntervalHours: hours },
    });
    expect(decided).toMatchObject(due ? { reason: 'reminder', notify: true } : { reason: 'ongoing', notify: false });
    expect(decided.next?.lastNotified?.at).toBe(due ? NOW : ago(lastNotified));
  });

  test.each<{ about: string; known: Partial<FindingRecord>; now?: Partial<Finding>; reason: string }>([
    { about: 'what is worse now', known: {}, now: { severity: 'critical' }, reason: 'escalated' },
    { about: 'what is no longer worth telling', known: {}, now: { severity: 'low' }, reason: 'ongoing' },
    { about: 'what no receiver was notified of', known: { lastNotified: undefined }, reason: 'new' },
    { about: 'what a mute silences', known: {}, now: { role: 'muted' }, reason: 'muted' },
  ])('is not sent of $about', ({ known, now, reason }) => {
    const decided = decideOne({
      previous: state({ records: [notifiedAgo(500, known)], scannedAt: ago(1) }),
      observed: [scan([finding(now)])],
      mutes: [mute({ role: 'muted' })],
    });
    expect(decided.reason).toBe(reason);
  });

  test('speaks of the present severity, and what is worse than that is notified again', () => {
    const previous = state({ records: [notifiedAgo(24)], scannedAt: ago(1) });
    const reminded = decideOne({ previous, observed: [scan([finding({ severity: 'medium' })])] });
    expect(reminded).toMatchObject({
      reason: 'reminder',
      lastNotifiedSeverity: 'high',
      next: { lastNotified: { severity: 'medium' } },
    });
    if (reminded.next === undefined) throw new Error('nothing is remembered');
    const later = decideOne({
      previous: state({ records: [reminded.next], scannedAt: NOW }),
      now: ago(-1),
      observed: [scan([finding({ severity: 'high' })], { takenAt: ago(-1) })],
    });
    expect(later).toMatchObject({ reason: 'escalated', lastNotifiedSeverity: 'medium' });
  });

  /** What is decided of several findings, by the title they have. */
  function reasons(known: Readonly<Record<string, FindingRecord>>, carriedOver: readonly string[] = []) {
    const records = Object.entries(known).map(([title, each], index) => {
      const fingerprint = `00000000000000${10 + index}`;
      return { ...each, finding: { ...each.finding, fingerprint, title } };
    });
    const seen = records.map((each) => each.finding).filter(({ title }) => !carriedOver.includes(title));
    const { findings } = decide(
      input({
        previous: state({ records, scannedAt: ago(1) }),
        observed: [scan(seen)],
        mutes: [mute({ role: 'muted' })],
      }),
    );
    return Object.fromEntries(findings.map(({ finding: { title }, reason }) => [title, reason]));
  }

  test('takes others along whose last message is half as old', () => {
    expect(
      reasons({
        due: notifiedAgo(24),
        half: notifiedAgo(12),
        'not half': notifiedAgo(12 - SECOND),
        unnotified: notifiedAgo(24, { lastNotified: undefined, finding: finding({ severity: 'low' }) }),
        unrepeated: notifiedAgo(20, { finding: finding({ severity: 'low' }) }),
        muted: notifiedAgo(20, { finding: finding({ role: 'muted' }) }),
      }),
    ).toEqual({
      due: 'reminder',
      half: 'reminder',
      'not half': 'ongoing',
      unnotified: 'ongoing',
      unrepeated: 'ongoing',
      muted: 'muted',
    });
  });

  test('is not sent of what was not seen, nor for its sake', () => {
    expect(reasons({ due: notifiedAgo(24), carriedOver: notifiedAgo(20) }, ['carriedOver'])).toEqual({
      due: 'reminder',
      carriedOver: 'ongoing',
    });
    expect(reasons({ carriedOver: notifiedAgo(24), half: notifiedAgo(12) }, ['carriedOver'])).toEqual({
      carriedOver: 'ongoing',
      half: 'ongoing',
    });
  });

  test('is not sent early because something else is reported', () => {
    const worse = notifiedAgo(24, { lastNotified: { at: ago(24), severity: 'medium', reason: 'new' } });
    expect(reasons({ worse, half: notifiedAgo(12) })).toEqual({ worse: 'escalated', half: 'ongoing' });
  });
});
