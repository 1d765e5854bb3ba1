// A clock that stood wrong in one run: what it left in the state never stops, hides or loses anything afterwards.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CLOCK_SKEW_MS } from '../../lambda/lifecycle/clock-skew.ts';
import { decide } from '../../lambda/lifecycle/decide.ts';
import { history } from '../../lambda/lifecycle/history.ts';
import { type AuditState, EMPTY_STATE, type FindingRecord } from '../../lambda/model/lifecycle.ts';
import { known } from '../../lambda/model/observed.ts';
import { type Given, isAboveThreshold, isMuted, runsOf, steps } from './generated-histories.ts';
import {
  ago,
  decideOne,
  finding,
  input,
  LASTING,
  mute,
  NOW,
  POLICY,
  record,
  SECOND,
  scan,
  state,
  TRANSIENT,
} from './scenario.ts';

const HOUR = 3_600_000;
const SKEW_HOURS = CLOCK_SKEW_MS / HOUR;
/** Hours ahead: from just beyond what is taken for two runs beside each other, to a clock that was never set. */
const AHEAD = [SKEW_HOURS + SECOND, 1, 24, 24 * 400, 24 * 365 * 60];

/** Every time that a state holds. */
function timesOf({ findings, targets, mutes }: AuditState): readonly string[] {
  return [
    ...[...findings.values()].flatMap(({ firstSeen, openedAt, lastSeen, lastNotified, resolved }) => [
      firstSeen,
      openedAt,
      lastSeen,
      lastNotified?.at,
      resolved?.at,
    ]),
    ...[...targets.values()].map(({ takenAt }) => takenAt),
    ...[...mutes.values()].flatMap(({ firstSeen, lastMatched, unusedNotifiedAt }) => [
      firstSeen,
      lastMatched,
      unusedNotifiedAt,
    ]),
  ].filter((time) => time !== undefined);
}

function isAhead(time: string, now: string): boolean {
  return Date.parse(time) > Date.parse(now);
}

/** As a run would have left it whose clock stood so many hours ahead. */
function seenAhead(hours: number, changes: Partial<FindingRecord> = {}): FindingRecord {
  return record({
    firstSeen: ago(-hours),
    openedAt: ago(-hours),
    lastSeen: ago(-hours),
    lastNotified: { at: ago(-hours), severity: 'high', reason: 'new' },
    ...changes,
  });
}

describe.each(AHEAD)('what a run remembered whose clock stood %d hours ahead', (hours) => {
  const scannedAt = ago(-hours);

  test('is over at once where a look finds a setting mended', () => {
    const gone = seenAhead(hours, { finding: finding({ check: LASTING }) });
    const decided = decideOne({ previous: state({ records: [gone], scannedAt }), observed: [scan([])] });
    expect(decided).toMatchObject({ reason: 'resolved', notify: true, next: { resolved: { at: NOW } } });
  });

  test('is over after the quiet time where a session is gone', () => {
    const first = decide(input({ previous: state({ records: [seenAhead(hours)], scannedAt }), observed: [scan([])] }));
    expect(first.findings).toMatchObject([{ reason: 'ongoing', notify: false }]);
    const now = ago(-POLICY.resolveAfterHours - SECOND);
    const later = decide(input({ previous: first.next, now, observed: [scan([], { takenAt: now })] }));
    expect(later.findings).toMatchObject([{ reason: 'resolved', notify: true }]);
  });

  test('is reminded of one interval after the first run with a right clock', () => {
    const previous = state({ records: [seenAhead(hours)], scannedAt });
    const first = decide(input({ previous, observed: [scan([finding()])] }));
    expect(first.findings).toMatchObject([{ reason: 'ongoing', notify: false }]);
    const now = ago(-24);
    const later = decide(input({ previous: first.next, now, observed: [scan([finding()], { takenAt: now })] }));
    expect(later.findings).toMatchObject([{ reason: 'reminder', notify: true }]);
  });

  test('is notified as new where it was found gone and is there again', () => {
    const over = seenAhead(hours, {
      status: 'resolved',
      lastNotified: { at: ago(-hours), severity: 'high', reason: 'resolved' },
      resolved: { at: ago(-hours), resolution: 'gone' },
    });
    const decided = decideOne({ previous: state({ records: [over], scannedAt }), observed: [scan([finding()])] });
    expect(decided).toMatchObject({ reason: 'new', notify: true, next: { status: 'open' } });
  });

  test('is notified as worse where it has become worse', () => {
    const decided = decideOne({
      previous: state({ records: [seenAhead(hours)], scannedAt }),
      observed: [scan([finding({ severity: 'critical' })])],
    });
    expect(decided).toMatchObject({ reason: 'escalated', next: { finding: { severity: 'critical' } } });
  });

  test('of a mute that matches nothing is told 30 days later', () => {
    const configured = mute({ role: 'nobody' }, { expires: ago(-24 * 400) });
    const first = decide(input({ mutes: [configured] }));
    const [key = ''] = first.next?.mutes.keys() ?? [];
    const ahead = { key, firstSeen: ago(-hours), lastMatched: ago(-hours), unusedNotifiedAt: ago(-hours) };
    const healed = decide(input({ mutes: [configured], previous: state({ mutes: [ahead] }) }));
    const later = decide(input({ mutes: [configured], previous: healed.next, now: ago(-30 * 24) }));
    expect(later.mutes).toMatchObject([{ unusedSince: NOW, notifyUnused: true }]);
  });

  test('is healed by one run, and the run says so', () => {
    const previous = state({
      records: [
        seenAhead(hours),
        seenAhead(hours, { finding: finding({ fingerprint: 'ff', target: 'not looked at' }) }),
      ],
      scannedAt,
    });
    const decision = decide(input({ previous, observed: [scan([])], targets: known(['orders', 'not looked at']) }));
    expect(decision.clockAheadUntil).toBe(scannedAt);
    for (const next of [decision.next, decision.unnotified]) {
      expect(timesOf(next ?? EMPTY_STATE).filter((time) => isAhead(time, NOW))).toEqual([]);
    }
    expect(decide(input({ previous: decision.next, observed: [scan([])] })).clockAheadUntil).toBeUndefined();
  });

  test('is in the history', () => {
    const rows = history(state({ records: [seenAhead(hours)] }), { since: ago(24), now: NOW, checks: [TRANSIENT] });
    expect(rows).toHaveLength(1);
  });
});

test('a time that another run has just remembered is trusted', () => {
  const ahead = ago(-SKEW_HOURS);
  const previous = state({ records: [record({ lastSeen: ahead })], scannedAt: ahead });
  const decision = decide(input({ previous, observed: [scan([])] }));
  expect(decision.clockAheadUntil).toBeUndefined();
  expect(decision.next).toEqual(previous);
});

describe('in every history in which the clock of one run stood wrong', () => {
  const histories = steps(3, 12).chain((drawn) =>
    fc.record({
      runs: fc.constant(runsOf(drawn)),
      wrong: fc.nat({ max: drawn.length - 2 }),
      // Beyond the whole history: within it, a run may by chance look at the very moment of another.
      hours: fc.constantFrom(-24 * 365 * 30, -24 * 400, -400, 400, 24 * 400, 24 * 365 * 30),
    }),
  );

  /** The same run by a clock that is so many hours ahead. */
  function shifted({ now, observed, ...rest }: Given, hours: number): Given {
    const move = (time: string): string => new Date(Date.parse(time) + hours * HOUR).toISOString();
    return { ...rest, now: move(now), observed: observed.map((one) => ({ ...one, takenAt: move(one.takenAt) })) };
  }

  test('what is there and loud has been told after every run, and nothing is remembered of the future', () => {
    fc.assert(
      fc.property(histories, ({ runs, wrong, hours }) => {
        let previous: AuditState = EMPTY_STATE;
        for (const [index, given] of runs.entries()) {
          const run = index === wrong ? shifted(given, hours) : given;
          const { next = EMPTY_STATE } = decide({ ...run, previous });
          expect(timesOf(next).filter((time) => isAhead(time, run.now))).toEqual([]);
          for (const { findings } of run.observed) {
            for (const seen of findings.filter((each) => isAboveThreshold(each) && !isMuted(run, each))) {
              const known = next.findings.get(seen.fingerprint);
              expect(known).toMatchObject({ status: 'open', finding: { severity: seen.severity } });
              expect(known?.lastNotified?.reason).not.toBeOneOf([undefined, 'resolved']);
            }
          }
          previous = next;
        }
      }),
      { numRuns: 300 },
    );
  });

  test('what is mended is over after the quiet time, whatever was remembered', () => {
    fc.assert(
      fc.property(histories, ({ runs, wrong, hours }) => {
        let previous: AuditState = EMPTY_STATE;
        for (const [index, given] of runs.entries()) {
          previous = decide({ ...(index === wrong ? shifted(given, hours) : given), previous }).next ?? EMPTY_STATE;
        }
        const last = runs.at(-1);
        if (last === undefined) return;
        const outcomes = ['plaintext-session', 'plaintext-allowed'].map((check) => ({
          check,
          outcome: { status: 'pass' as const },
        }));
        const catalogue = outcomes.map(({ check: id }) => ({ id, transient: id === 'plaintext-session' }));
        for (const after of [1, 26]) {
          const now = new Date(Date.parse(last.now) + after * HOUR).toISOString();
          const observed = ['billing', 'orders'].map((target) => ({ target, takenAt: now, outcomes, findings: [] }));
          const targets = known(['billing', 'orders']);
          previous = decide({ ...last, now, observed, catalogue, targets, previous }).next ?? EMPTY_STATE;
        }
        expect([...previous.findings.values()].filter(({ status }) => status === 'open')).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
