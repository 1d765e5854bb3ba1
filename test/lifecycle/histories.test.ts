// What holds in every history of runs, whatever comes and goes. The faults are in `faults.test.ts`.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide } from '../../lambda/lifecycle/decide.ts';
import { type AuditState, type Decided, type Decision, EMPTY_STATE, REASONS } from '../../lambda/model/lifecycle.ts';
import { compareSeverity, type Severity } from '../../lambda/model/severity.ts';
import { type Given, isAboveThreshold, isMuted, runsOf, steps } from './generated-histories.ts';

const HISTORIES = { numRuns: 300 };
const histories = steps(1, 14).map((drawn) => runsOf(drawn));

const HOUR = 3_600_000;
const hoursBetween = (from: string, to: string): number => (Date.parse(to) - Date.parse(from)) / HOUR;

/** One run with what was remembered before it. */
interface Moment {
  readonly given: Given;
  readonly previous: AuditState;
  readonly decision: Decision;
  readonly next: AuditState;
}

/** The runs one after the other, each saved. */
function* live(runs: readonly Given[]): Iterable<Moment> {
  let previous = EMPTY_STATE;
  for (const given of runs) {
    const decision = decide({ ...given, previous });
    const next = decision.next ?? EMPTY_STATE;
    yield { given, previous, decision, next };
    previous = next;
  }
}

const lastNotified = ({ findings, mutes }: Decision): readonly unknown[] => [
  ...findings.filter(({ notify }) => notify),
  ...mutes.filter(({ notifyUnused }) => notifyUnused),
];

const seenIn = ({ observed }: Given) => observed.flatMap(({ findings }) => findings);
const idOf = ({ finding }: Decided): string => finding.fingerprint;

describe('in every history', () => {
  test('a run that is repeated after it was saved tells nothing, and changes nothing', () => {
    fc.assert(
      fc.property(histories, (runs) => {
        for (const { given, next } of live(runs)) {
          const again = decide({ ...given, previous: next });
          expect(lastNotified(again)).toEqual([]);
          expect(again.next).toEqual(next);
        }
      }),
      HISTORIES,
    );
  });

  test('every reason comes up, so that the properties are about something', () => {
    const counts = new Map<string, number>();
    fc.assert(
      fc.property(histories, (runs) => {
        for (const { decision } of live(runs)) {
          for (const { reason, notify, isObserved } of decision.findings) {
            const kind = `${reason}${notify ? ' told' : ''}${isObserved ? '' : ' unseen'}`;
            counts.set(kind, (counts.get(kind) ?? 0) + 1);
          }
        }
      }),
      HISTORIES,
    );
    const kinds = [...counts.keys()];
    for (const reason of REASONS.filter((each) => each !== 'observed')) {
      expect(
        kinds.filter((kind) => kind.startsWith(reason)),
        reason,
      ).not.toEqual([]);
    }
    expect(kinds.toSorted()).toEqual([
      'escalated told',
      'mute-expired',
      'mute-expired told',
      'muted',
      'new',
      'new told',
      'ongoing',
      'ongoing unseen',
      'reminder told',
      'resolved told unseen',
      'resolved unseen',
    ]);
    expect(Math.min(...counts.values()), JSON.stringify([...counts])).toBeGreaterThan(10);
  });

  test('people are told exactly once for each cause', () => {
    fc.assert(
      fc.property(histories, (runs) => {
        /** What people believe, by finding: how serious it is and since which message; without an entry: not there. */
        const belief = new Map<string, { severity: Severity; at: string }>();
        const silenced = new Set<string>();
        for (const { given, decision } of live(runs)) {
          for (const each of decision.findings) {
            const id = idOf(each);
            const known = belief.get(id);
            const mayNotify = each.isObserved && isAboveThreshold(each.finding) && !isMuted(given, each.finding);
            const isWorse = known !== undefined && compareSeverity(each.finding.severity, known.severity) > 0;
            if (mayNotify && (known === undefined || isWorse || silenced.has(id))) expect(each.notify, id).toBe(true);
            if (each.notify && each.reason === 'new') expect(known, id).toBeUndefined();
            if (each.notify && each.reason === 'escalated') expect(known === undefined || isWorse, id).toBe(true);
            if (each.notify && each.reason === 'mute-expired') expect(silenced.has(id), id).toBe(true);
            if (each.reason === 'reminder') {
              expect(known, id).toBeDefined();
              expect(hoursBetween(known?.at ?? '', given.now)).toBeGreaterThanOrEqual(12);
            }
            if (each.reason === 'resolved') {
              expect(each.notify, id).toBe(known !== undefined && !isMuted(given, each.finding));
            }
            if (each.reason === 'resolved') belief.delete(id);
            else if (each.notify) belief.set(id, { severity: each.finding.severity, at: given.now });
            if (each.reason === 'muted') silenced.add(id);
            else if (each.isObserved || each.reason === 'resolved') silenced.delete(id);
          }
        }
      }),
      HISTORIES,
    );
  });

  test('what was not observed is never resolved, and a session never before its quiet time', () => {
    fc.assert(
      fc.property(histories, (runs) => {
        for (const { given, decision } of live(runs)) {
          for (const { reason, finding, resolution, lastSeen = '', isObserved } of decision.findings) {
            if (reason !== 'resolved') continue;
            expect(isObserved).toBe(false);
            const isConfigured = given.targets.known && given.targets.value.includes(finding.target);
            expect(resolution === 'target-removed').toBe(!isConfigured);
            if (!isConfigured) continue;
            const check = given.catalogue.find(({ id }) => id === finding.check);
            expect(resolution === 'check-removed').toBe(check === undefined);
            if (check === undefined) continue;
            const scan = given.observed.find(({ target }) => target === finding.target);
            const outcome = scan?.outcomes.find((each) => each.check === finding.check)?.outcome;
            expect(outcome?.status).toMatch(/^(pass|fail|not-applicable)$/);
            expect(outcome?.status === 'fail' ? outcome.incomplete : undefined).toBeUndefined();
            expect(resolution === 'not-applicable').toBe(outcome?.status === 'not-applicable');
            if (check.transient || resolution === 'not-applicable') {
              expect(hoursBetween(lastSeen, given.now)).toBeGreaterThanOrEqual(24);
            }
          }
        }
      }),
      HISTORIES,
    );
  });

  test('what is gone for good is resolved once, and nothing is left open', () => {
    fc.assert(
      fc.property(steps(1, 8), (drawn) => {
        const nothing = [1, 2].map(() => ({ status: 'seen' as const, severities: [] }));
        const empty = {
          gap: 24,
          scans: [nothing, nothing],
          mutes: [],
          targets: ['billing', 'orders'],
          checks: ['plaintext-session', 'plaintext-allowed'],
        };
        const moments = [...live(runsOf([...drawn, empty, empty]))];
        const open = [...(moments.at(-1)?.next.findings.values() ?? [])].filter(({ status }) => status === 'open');
        expect(open).toEqual([]);
        expect(moments.at(-1)?.decision.findings.filter(({ isObserved }) => isObserved)).toEqual([]);
      }),
      HISTORIES,
    );
  });

  test('each finding that is seen or open is decided on once, and no other', () => {
    fc.assert(
      fc.property(histories, (runs) => {
        for (const { given, previous, decision, next } of live(runs)) {
          const open = [...previous.findings.values()].filter(({ status }) => status === 'open');
          const expected = new Set(
            [...seenIn(given), ...open.map(({ finding }) => finding)].map((each) => each.fingerprint),
          );
          expect(decision.findings.map(idOf).toSorted()).toEqual([...expected].toSorted());
          const isObserved = decision.findings.filter((each) => each.isObserved).map(idOf);
          expect(isObserved.toSorted()).toEqual(
            seenIn(given)
              .map(({ fingerprint }) => fingerprint)
              .toSorted(),
          );
          // Whatever was ever seen stays remembered.
          for (const id of [...previous.findings.keys(), ...expected]) expect(next.findings.has(id), id).toBe(true);
        }
      }),
      HISTORIES,
    );
  });

  test('no receiver is notified of what is muted', () => {
    fc.assert(
      fc.property(histories, (runs) => {
        for (const { given, decision } of live(runs)) {
          for (const each of decision.findings) {
            if (!isMuted(given, each.finding)) continue;
            expect(each.notify).toBe(false);
            if (each.isObserved) expect(each.reason).toBe('muted');
          }
        }
      }),
      HISTORIES,
    );
  });

  test('a decision follows from what is given alone, and leaves it as it was', () => {
    fc.assert(
      fc.property(histories, (runs) => {
        let previous = EMPTY_STATE;
        for (const given of runs) {
          const input = deepFreeze({ ...given, previous });
          const before = structuredClone(input);
          const decision = decide(input);
          expect(input).toEqual(before);
          expect(decide(input)).toEqual(decision);
          expect(decide({ ...before, observed: before.observed.toReversed() })).toEqual(decision);
          previous = decision.next ?? EMPTY_STATE;
        }
      }),
      { numRuns: 100 },
    );
  });
});

/** Frozen with all that it holds; of maps the values, as a map itself can't be. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const part of value instanceof Map ? value.values() : Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
