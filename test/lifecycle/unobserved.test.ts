// Open findings that a run did not see: gone, or only not looked for.

import { describe, expect, test } from 'vitest';
import { type DecideInput, decide } from '../../lambda/lifecycle/decide.ts';
import type { Outcome } from '../../lambda/model/finding.ts';
import type { FindingRecord, Resolution } from '../../lambda/model/lifecycle.ts';
import { known as observed, unknown } from '../../lambda/model/observed.ts';
import {
  ago,
  CATALOGUE,
  decideOne,
  finding,
  input,
  LASTING,
  mute,
  NOW,
  record,
  SECOND,
  scan,
  scanWith,
  state,
} from './scenario.ts';

const PASS: Outcome = { status: 'pass' };
const FAIL: Outcome = { status: 'fail', problems: [] };
const PARTIAL: Outcome = { status: 'fail', problems: [], incomplete: 'sessions of other roles are hidden' };
const UNKNOWN: Outcome = { status: 'unknown', reason: 'timed out' };
const CRASHED: Outcome = { status: 'error', reason: 'the check crashed' };
const NOT_APPLICABLE: Outcome = { status: 'not-applicable', reason: 'no TLS at all' };

const lasting = finding({ check: LASTING });
/** Not seen for the whole quiet time, and for a second less. */
const LONG_GONE = { lastSeen: ago(24), openedAt: ago(50), firstSeen: ago(50) };
const JUST_GONE = { ...LONG_GONE, lastSeen: ago(24 - SECOND) };

interface Case {
  readonly about: string;
  readonly known?: Partial<FindingRecord>;
  /** undefined: the target is not in this run. */
  readonly outcome?: Outcome;
  readonly takenAt?: string;
  readonly changes?: Partial<DecideInput>;
  readonly resolution?: Resolution;
}

const CASES: readonly Case[] = [
  // Sessions come and go: absence counts after the quiet time
  { about: 'a session, a second before the quiet time is over', known: JUST_GONE, outcome: PASS },
  { about: 'a session, at the end of the quiet time', known: LONG_GONE, outcome: PASS, resolution: 'gone' },
  { about: 'a session, while others of its check are there', known: LONG_GONE, outcome: FAIL, resolution: 'gone' },
  { about: 'a session, others there, a second too early', known: JUST_GONE, outcome: FAIL },
  // Settings and certificates are as they are
  { about: 'a setting, at once', known: { finding: lasting }, outcome: PASS, resolution: 'gone' },
  { about: 'a setting, while its check finds others', known: { finding: lasting }, outcome: FAIL, resolution: 'gone' },
  // What was not observed
  { about: 'a look that was partial', known: { ...LONG_GONE, finding: lasting }, outcome: PARTIAL },
  { about: 'a look that failed', known: { ...LONG_GONE, finding: lasting }, outcome: UNKNOWN },
  { about: 'a check that crashed', known: { ...LONG_GONE, finding: lasting }, outcome: CRASHED },
  { about: 'a target that is not in this run', known: { ...LONG_GONE, finding: lasting } },
  {
    about: 'another target in this run',
    known: LONG_GONE,
    changes: { observed: [scan([], { target: 'billing' })], targets: observed(['orders', 'billing']) },
  },
  { about: 'a check without an outcome', known: LONG_GONE, changes: { observed: [scan([], { outcomes: [] })] } },
  // A run that was overtaken by another
  { about: 'a look as old as the newest', known: { ...LONG_GONE, finding: lasting }, outcome: PASS, takenAt: ago(1) },
  {
    about: 'a look a second newer',
    known: { ...LONG_GONE, finding: lasting },
    outcome: PASS,
    takenAt: ago(1 - SECOND),
    resolution: 'gone',
  },
  {
    about: 'a look older than the last sighting',
    known: { finding: lasting, lastSeen: ago(0.2) },
    outcome: PASS,
    takenAt: ago(0.5),
  },
  // No longer looked for
  {
    about: 'not applicable, a second before the quiet time is over',
    known: { ...JUST_GONE, finding: lasting },
    outcome: NOT_APPLICABLE,
  },
  {
    about: 'not applicable, at the end of the quiet time',
    known: { ...LONG_GONE, finding: lasting },
    outcome: NOT_APPLICABLE,
    resolution: 'not-applicable',
  },
  { about: 'not applicable, a session', known: LONG_GONE, outcome: NOT_APPLICABLE, resolution: 'not-applicable' },
  {
    about: 'no such check any more',
    outcome: UNKNOWN,
    changes: { catalogue: CATALOGUE.slice(1) },
    resolution: 'check-removed',
  },
  { about: 'no such check, and the target not in this run', changes: { catalogue: [] }, resolution: 'check-removed' },
  { about: 'no such target any more', changes: { targets: observed(['billing']) }, resolution: 'target-removed' },
  {
    about: 'neither target nor check',
    changes: { targets: observed([]), catalogue: [] },
    resolution: 'target-removed',
  },
  // A source of targets failed
  { about: 'a target that no source named, while one of them failed', changes: { targets: unknown('no answer') } },
  {
    about: 'a target that was audited, while a source failed',
    known: { ...LONG_GONE, finding: lasting },
    outcome: PASS,
    changes: { targets: unknown('no answer') },
    resolution: 'gone',
  },
];

describe('an open finding that was not seen', () => {
  test.each(CASES)('$about: $resolution', ({ known, outcome, takenAt, changes, resolution }) => {
    const before = record(known);
    const { next, ...decided } = decideOne({
      previous: state({ records: [before], scannedAt: ago(1) }),
      observed: outcome === undefined ? [] : [scanWith(outcome, takenAt)],
      ...changes,
    });
    expect(decided).toMatchObject({ isObserved: false, finding: before.finding, lastSeen: before.lastSeen });
    if (resolution === undefined) {
      expect(decided).toMatchObject({ reason: 'ongoing', notify: false });
      expect(next).toEqual(before);
    } else {
      expect(decided).toMatchObject({ reason: 'resolved', notify: true, resolution, lastNotifiedSeverity: 'high' });
      expect(next).toMatchObject({
        status: 'resolved',
        lastNotified: { at: NOW, severity: 'high', reason: 'resolved' },
        resolved: { at: takenAt ?? NOW, resolution },
      });
    }
    expect(decided.detail).toBe(resolution === 'not-applicable' ? 'no TLS at all' : undefined);
    expect(next?.resolved?.detail).toBe(decided.detail);
  });

  const MUTE = mute({ role: 'app' });
  test.each<{ about: string; known: Partial<FindingRecord>; mutes?: DecideInput['mutes']; notify: boolean }>([
    { about: 'that receivers were notified of', known: {}, notify: true },
    { about: 'that no receiver was notified of', known: { lastNotified: undefined }, notify: false },
    {
      about: 'that receivers were notified of as less than is notified now',
      known: { lastNotified: { at: ago(2), severity: 'low', reason: 'new' } },
      notify: false,
    },
    {
      about: 'that receivers were notified of as gone already',
      known: { lastNotified: { at: ago(2), severity: 'high', reason: 'resolved' } },
      notify: false,
    },
    {
      about: 'that is less than is notified now, and was more',
      known: { finding: { ...lasting, severity: 'info' } },
      notify: true,
    },
    { about: 'that is muted now', known: { mute: MUTE }, mutes: [MUTE], notify: false },
    { about: 'that was muted, notified before, when the mute has ended', known: { mute: MUTE }, notify: true },
  ])('is notified as gone, one $about: $notify', ({ known, mutes = [], notify }) => {
    const before = record({ finding: lasting, ...known });
    const previous = state({ records: [before], scannedAt: ago(1) });
    const { next, ...decided } = decideOne({ previous, observed: [scanWith(PASS)], mutes });
    expect(decided).toMatchObject({ reason: 'resolved', notify });
    expect(next?.status).toBe('resolved');
    // Either way no message is left that says otherwise.
    expect(next?.lastNotified?.reason).toBe(
      notify || before.lastNotified?.reason === 'resolved' ? 'resolved' : undefined,
    );
  });

  test('is not reminded of', () => {
    const known = record({ lastNotified: { at: ago(1000), severity: 'high', reason: 'new' } });
    const previous = state({ records: [known], scannedAt: ago(1) });
    expect(decideOne({ previous, observed: [scanWith(UNKNOWN)] })).toMatchObject({ reason: 'ongoing', notify: false });
  });

  test('is no longer among the findings once it is resolved, and stays remembered', () => {
    const known = record({ status: 'resolved', resolved: { at: ago(1), resolution: 'gone' }, lastNotified: undefined });
    const previous = state({ records: [known], scannedAt: ago(1) });
    const { findings, next } = decide(input({ previous, observed: [scanWith(PASS)] }));
    expect(findings).toEqual([]);
    expect([...(next?.findings.values() ?? [])]).toEqual([known]);
  });

  test('is notified as gone where one run notified of it while another found it gone', () => {
    const known = record({ status: 'resolved', resolved: { at: ago(2), resolution: 'gone' } });
    const previous = state({ records: [known], scannedAt: ago(1) });
    const decided = decideOne({ previous, observed: [] });
    expect(decided).toMatchObject({ reason: 'resolved', notify: true, resolution: 'gone', isObserved: false });
    expect(decided.next).toMatchObject({ resolved: known.resolved, lastNotified: { at: NOW, reason: 'resolved' } });
    // In silence where it is muted by now; in either case once.
    const muted = decide(input({ previous, mutes: [MUTE] }));
    expect(muted.findings).toMatchObject([{ reason: 'resolved', notify: false }]);
    expect(decide(input({ previous: muted.next })).findings).toEqual([]);
  });

  test.each([ago(2), ago(1)])('is not resolved by a look no newer than its last sighting: %s', (takenAt) => {
    // Whatever is remembered of the target: here nothing.
    const previous = state({ records: [record({ finding: lasting, lastSeen: ago(1) })] });
    expect(decideOne({ previous, observed: [scanWith(PASS, takenAt)] }).reason).toBe('ongoing');
  });
});
