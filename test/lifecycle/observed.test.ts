// Findings that a run saw, by what is remembered of them.

import { describe, expect, test } from 'vitest';
import type { Finding } from '../../lambda/model/finding.ts';
import type { FindingRecord, Reason } from '../../lambda/model/lifecycle.ts';
import type { Mute } from '../../lambda/model/mute.ts';
import type { Severity } from '../../lambda/model/severity.ts';
import { ago, decideOne, finding, mute, NOW, record, SECOND, scan, state } from './scenario.ts';

const MUTE = mute({ role: 'app' });
const ENDED = mute({ role: 'app' }, { expires: NOW });
const RESOLVED: Partial<FindingRecord> = {
  status: 'resolved',
  firstSeen: ago(400),
  openedAt: ago(300),
  lastSeen: ago(200),
  resolved: { at: ago(100), resolution: 'gone' },
  lastNotified: { at: ago(100), severity: 'high', reason: 'resolved' },
};
const UNNOTIFIED = { lastNotified: undefined };
const lastNotified = (severity: Severity, reason: Reason = 'new'): Partial<FindingRecord> => ({
  lastNotified: { at: ago(2), severity, reason },
});

interface Case {
  /** One line: what it is about. */
  readonly about: string;
  /** What is remembered; undefined: nothing. */
  readonly known?: Partial<FindingRecord>;
  readonly now?: Partial<Finding>;
  readonly mutes?: readonly Mute[];
  readonly reason: Reason;
  readonly notify: boolean;
  /** What is remembered as told. */
  readonly notifiedAs?: Reason;
}

const CASES: readonly Case[] = [
  // Nobody has been told in this episode
  { about: 'seen for the first time', reason: 'new', notify: true, notifiedAs: 'new' },
  {
    about: 'of the lowest severity that is reported',
    now: { severity: 'medium' },
    reason: 'new',
    notify: true,
    notifiedAs: 'new',
  },
  { about: 'of a severity below', now: { severity: 'low' }, reason: 'new', notify: false },
  { about: 'back after it was resolved', known: RESOLVED, reason: 'new', notify: true, notifiedAs: 'new' },
  {
    about: 'back, and not worth telling',
    known: RESOLVED,
    now: { severity: 'low' },
    reason: 'new',
    notify: false,
    notifiedAs: 'resolved',
  },
  {
    about: 'back after it was resolved in silence',
    known: { ...RESOLVED, ...lastNotified('high') },
    now: { severity: 'low' },
    reason: 'new',
    notify: false,
  },
  {
    about: 'open, never told, and still below',
    known: UNNOTIFIED,
    now: { severity: 'low' },
    reason: 'ongoing',
    notify: false,
  },
  {
    about: 'open, never told though it should have been',
    known: UNNOTIFIED,
    reason: 'new',
    notify: true,
    notifiedAs: 'new',
  },
  {
    about: 'open, never told, and worse now',
    known: { ...UNNOTIFIED, finding: finding({ severity: 'low' }) },
    reason: 'escalated',
    notify: true,
    notifiedAs: 'escalated',
  },
  {
    about: 'worse, and still below',
    known: { ...UNNOTIFIED, finding: finding({ severity: 'info' }) },
    now: { severity: 'low' },
    reason: 'ongoing',
    notify: false,
  },
  {
    about: 'open though people were told that it is gone',
    known: lastNotified('high', 'resolved'),
    reason: 'new',
    notify: true,
    notifiedAs: 'new',
  },
  {
    about: 'the same, and worse than before',
    known: lastNotified('high', 'resolved'),
    now: { severity: 'critical' },
    reason: 'escalated',
    notify: true,
    notifiedAs: 'escalated',
  },
  // People know of it
  { about: 'as they were told', known: {}, reason: 'ongoing', notify: false, notifiedAs: 'new' },
  {
    about: 'worse than they were told',
    known: {},
    now: { severity: 'critical' },
    reason: 'escalated',
    notify: true,
    notifiedAs: 'escalated',
  },
  {
    about: 'worse than last time, not than they were told',
    known: { ...lastNotified('critical'), finding: finding({ severity: 'medium' }) },
    reason: 'ongoing',
    notify: false,
    notifiedAs: 'new',
  },
  {
    about: 'less serious',
    known: {},
    now: { severity: 'medium' },
    reason: 'ongoing',
    notify: false,
    notifiedAs: 'new',
  },
  {
    about: 'no longer worth telling',
    known: {},
    now: { severity: 'low' },
    reason: 'ongoing',
    notify: false,
    notifiedAs: 'new',
  },
  {
    about: 'worse than they were told, when less was told',
    known: lastNotified('info'),
    now: { severity: 'low' },
    reason: 'ongoing',
    notify: false,
    notifiedAs: 'new',
  },
  // Mutes
  { about: 'muted from the start', mutes: [MUTE], reason: 'muted', notify: false },
  {
    about: 'muted after people were told',
    known: {},
    mutes: [MUTE],
    reason: 'muted',
    notify: false,
    notifiedAs: 'new',
  },
  {
    about: 'muted, and worse',
    known: {},
    now: { severity: 'critical' },
    mutes: [MUTE],
    reason: 'muted',
    notify: false,
    notifiedAs: 'new',
  },
  {
    about: 'muted when it comes back',
    known: RESOLVED,
    mutes: [MUTE],
    reason: 'muted',
    notify: false,
    notifiedAs: 'resolved',
  },
  {
    about: 'muted when it comes back, gone in silence before',
    known: { ...RESOLVED, ...lastNotified('high') },
    mutes: [MUTE],
    reason: 'muted',
    notify: false,
  },
  {
    about: 'in the last second of the mute',
    known: { mute: MUTE },
    mutes: [mute({ role: 'app' }, { expires: ago(-SECOND) })],
    reason: 'muted',
    notify: false,
    notifiedAs: 'new',
  },
  {
    about: 'at the end of the mute',
    known: { mute: ENDED },
    mutes: [ENDED],
    reason: 'mute-expired',
    notify: true,
    notifiedAs: 'mute-expired',
  },
  {
    about: 'the mute taken out of the configuration',
    known: { mute: MUTE },
    reason: 'mute-expired',
    notify: true,
    notifiedAs: 'mute-expired',
  },
  {
    about: 'another mute in its place',
    known: { mute: ENDED },
    mutes: [ENDED, MUTE],
    reason: 'muted',
    notify: false,
    notifiedAs: 'new',
  },
  {
    about: 'a mute that means another role',
    known: {},
    mutes: [mute({ role: 'other' })],
    reason: 'ongoing',
    notify: false,
    notifiedAs: 'new',
  },
  {
    about: 'a mute that ended, of what it never muted',
    mutes: [ENDED],
    reason: 'new',
    notify: true,
    notifiedAs: 'new',
  },
  {
    about: 'a mute that ended for what is not worth telling',
    known: { mute: ENDED },
    now: { severity: 'low' },
    reason: 'mute-expired',
    notify: false,
    notifiedAs: 'new',
  },
  {
    about: 'resolved while muted, and back without the mute',
    known: { ...RESOLVED, mute: MUTE },
    reason: 'new',
    notify: true,
    notifiedAs: 'new',
  },
];

describe('a finding that was seen', () => {
  test.each(CASES)('$about: $reason, told $notify', ({ known, now, mutes = [], reason, notify, notifiedAs }) => {
    const previous = state({ records: known === undefined ? [] : [record(known)], scannedAt: ago(1) });
    const { next, ...decided } = decideOne({ previous, observed: [scan([finding(now)])], mutes });
    expect(decided).toMatchObject({ reason, notify, isObserved: true });
    expect(next?.lastNotified?.reason).toBe(notifiedAs);
    expect(next).toMatchObject({ status: 'open', lastSeen: NOW, finding: finding(now) });
    expect(next?.resolved).toBeUndefined();
    if (notify) expect(next?.lastNotified).toEqual({ at: NOW, severity: finding(now).severity, reason });
    // Whether a mute silenced it is remembered, and forgotten with the mute.
    expect(next?.mute !== undefined).toBe(reason === 'muted');
  });

  test('keeps the moment it was ever first seen over episodes, and counts the present one from now', () => {
    const previous = state({ records: [record(RESOLVED)], scannedAt: ago(100) });
    const { next, ...decided } = decideOne({ previous, observed: [scan([finding()])] });
    const times = { firstSeen: ago(400), openedAt: NOW, lastSeen: NOW };
    expect(decided).toMatchObject(times);
    expect(next).toMatchObject(times);
    expect(decided.lastNotifiedSeverity).toBeUndefined();
  });

  test('comes with what people were told before, and with the mute that ended', () => {
    const previous = state({ records: [record({ mute: ENDED })], scannedAt: ago(1) });
    expect(decideOne({ previous, observed: [scan([finding()])], mutes: [ENDED] })).toMatchObject({
      lastNotifiedSeverity: 'high',
      mute: ENDED,
    });
  });

  test('comes with the mute as the configuration has it now', () => {
    const previous = state({ records: [record({ mute: MUTE })], scannedAt: ago(1) });
    const longer = mute({ role: 'app' }, { expires: ago(-1000), reason: 'moves in June' });
    const decided = decideOne({ previous, observed: [scan([finding()])], mutes: [longer] });
    expect(decided.mute).toEqual(longer);
    expect(decided.next?.mute).toEqual(longer);
  });

  test('is muted by none whose network does not hold all of its clients', () => {
    const mutes = [mute({ client: '10.1.0.0/16' })];
    const inside = decideOne({ observed: [scan([finding({ clients: ['10.1.2.3', '10.1.9.0/24'] })])], mutes });
    expect(inside.reason).toBe('muted');
    const other = decideOne({ observed: [scan([finding({ clients: ['10.1.2.3', '10.2.0.1'] })])], mutes });
    expect(other).toMatchObject({ reason: 'new', notify: true });
  });
});

describe('a run that was overtaken by another', () => {
  const observed = [scan([finding({ clients: ['10.9.9.9'], severity: 'medium' })], { takenAt: ago(3) })];

  test('tells of what is not notified yet', () => {
    const decided = decideOne({ previous: state({ scannedAt: ago(1) }), observed });
    expect(decided).toMatchObject({ reason: 'new', notify: true, openedAt: ago(3), lastSeen: ago(3) });
  });

  test('changes nothing of what was seen later', () => {
    const previous = state({ records: [record()], scannedAt: ago(1) });
    const { next, ...decided } = decideOne({ previous, observed });
    expect(decided).toMatchObject({ reason: 'ongoing', notify: false });
    expect(next).toEqual({ ...record(), firstSeen: ago(3) });
  });

  test('still tells that it was worse than people know', () => {
    const previous = state({ records: [record()], scannedAt: ago(1) });
    const worse = scan([finding({ severity: 'critical' })], { takenAt: ago(3) });
    const { next, ...decided } = decideOne({ previous, observed: [worse] });
    expect(decided).toMatchObject({ reason: 'escalated', notify: true, lastNotifiedSeverity: 'high' });
    expect(next).toMatchObject({
      finding: finding(),
      lastNotified: { at: NOW, severity: 'critical' },
      lastSeen: ago(1),
    });
  });

  test('takes over what is newer than the last sighting, though not than the last look', () => {
    const previous = state({ records: [record({ lastSeen: ago(5) })], scannedAt: ago(1) });
    expect(decideOne({ previous, observed }).next).toMatchObject({
      lastSeen: ago(3),
      finding: { clients: ['10.9.9.9'] },
    });
  });

  test('reminds of nothing', () => {
    const known = record({ lastNotified: { at: ago(100), severity: 'high', reason: 'new' } });
    expect(decideOne({ previous: state({ records: [known], scannedAt: ago(1) }), observed }).reason).toBe('ongoing');
  });

  test.each([
    { about: 'found gone in a later look', at: ago(2), reason: 'resolved', notify: false },
    { about: 'found gone in the same look', at: ago(3), reason: 'resolved', notify: false },
    { about: 'found gone before that', at: ago(3 + SECOND), reason: 'new', notify: true },
  ])('has to tell of what was $about: $notify', ({ at, reason, notify }) => {
    const known = record({ status: 'resolved', lastSeen: ago(9), resolved: { at, resolution: 'gone' } });
    const previous = state({ records: [known], scannedAt: ago(1) });
    const { next, ...decided } = decideOne({ previous, observed });
    expect(decided).toMatchObject({ reason, notify, isObserved: true });
    if (reason === 'resolved') {
      expect(decided.resolution).toBe('gone');
      expect(next).toEqual(known);
    } else expect(next?.status).toBe('open');
  });

  test('leaves a mute as the later sighting has it', () => {
    const MUTE_OF_NET = mute({ client: '10.1.0.0/16' });
    // Later: from within the muted network only. Now, from before: from elsewhere, which the mute does not mean.
    const muted = state({ records: [record({ mute: MUTE_OF_NET })], scannedAt: ago(1) });
    expect(decideOne({ previous: muted, observed, mutes: [MUTE_OF_NET] })).toMatchObject({
      reason: 'muted',
      next: { mute: MUTE_OF_NET },
    });
    // The other way round the older sighting is muted, and the later one is not marked so.
    const elsewhere = record({ finding: finding({ clients: ['10.9.9.9'] }) });
    const older = scan([finding()], { takenAt: ago(3) });
    const decided = decideOne({
      previous: state({ records: [elsewhere], scannedAt: ago(1) }),
      observed: [older],
      mutes: [MUTE_OF_NET],
    });
    expect(decided.reason).toBe('muted');
    expect(decided.next?.mute).toBeUndefined();
  });
});
