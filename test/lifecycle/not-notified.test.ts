// What is remembered where a message reached no one: whoever comes later is told all of it, and nothing twice.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide } from '../../lambda/lifecycle/decide.ts';
import { type AuditState, type Decision, EMPTY_STATE } from '../../lambda/model/lifecycle.ts';
import { known } from '../../lambda/model/observed.ts';
import { runsOf, steps } from './generated-histories.ts';
import { ago, finding, input, mute, POLICY, record, scan, state } from './scenario.ts';

/** What would be told, by what it is. */
function toNotify({ findings, mutes }: Decision): readonly (readonly [string, string])[] {
  return [
    ...findings.filter(({ notify }) => notify).map(({ finding: { fingerprint }, reason }) => [fingerprint, reason]),
    ...mutes.filter(({ notifyUnused }) => notifyUnused).map(({ key }) => [key, 'mute-unused']),
  ] as [string, string][];
}

describe('what reached no one is notified again for the same reason', () => {
  const isObserved = scan([finding()]);
  const silenced = record({ mute: mute({ role: 'app' }, { expires: ago(1) }), lastNotified: undefined });
  const unused = { key: '', firstSeen: ago(24 * 31) };
  test.each([
    ['new', input({ observed: [isObserved] })],
    [
      'escalated',
      input({
        previous: state({ records: [record({ lastNotified: { at: ago(2), severity: 'medium', reason: 'new' } })] }),
        observed: [isObserved],
      }),
    ],
    [
      'mute-expired',
      input({
        previous: state({ records: [silenced] }),
        observed: [isObserved],
        mutes: [mute({ role: 'app' }, { expires: ago(1) })],
      }),
    ],
    [
      'mute-expired',
      input({
        previous: state({
          records: [{ ...silenced, lastNotified: { at: ago(900), severity: 'high', reason: 'new' } }],
        }),
        observed: [isObserved],
      }),
    ],
    [
      'reminder',
      input({
        previous: state({ records: [record({ lastNotified: { at: ago(30), severity: 'high', reason: 'new' } })] }),
        observed: [isObserved],
      }),
    ],
    ['resolved', input({ previous: state({ records: [record({ lastSeen: ago(25) })] }), observed: [scan([])] })],
    ['resolved', input({ previous: state({ records: [record()] }), targets: known([]) })],
  ])('%s', (reason, given) => {
    const first = decide(given);
    expect(toNotify(first).map(([, why]) => why)).toContain(reason);
    const now = ago(-0.25);
    const observed = given.observed.map((each) => ({ ...each, takenAt: now }));
    const second = decide({ ...given, now, observed, previous: first.unnotified });
    expect(toNotify(second)).toEqual(toNotify(first));
    expect(toNotify(decide({ ...given, now, observed, previous: second.next }))).toEqual([]);
  });

  test('a mute that matches nothing', () => {
    const mutes = [mute({ role: 'nobody' }, { expires: ago(-900) })];
    const [key = ''] = decide(input({ mutes })).next?.mutes.keys() ?? [];
    const given = input({ mutes, previous: state({ mutes: [{ ...unused, key }] }) });
    const first = decide(given);
    expect(toNotify(first)).toEqual([[key, 'mute-unused']]);
    expect(toNotify(decide({ ...given, previous: first.unnotified }))).toEqual([[key, 'mute-unused']]);
    expect(toNotify(decide({ ...given, previous: first.next }))).toEqual([]);
  });
});

test('in every history, who comes after runs that reached no one is told everything that is there', () => {
  fc.assert(
    fc.property(
      steps(2, 10).map((drawn) => runsOf(drawn, POLICY)),
      (runs) => {
        let previous: AuditState = EMPTY_STATE;
        for (const given of runs) {
          const { unnotified = EMPTY_STATE } = decide({ ...given, previous });
          expect([...unnotified.findings.values()].filter(({ lastNotified }) => lastNotified !== undefined)).toEqual(
            [],
          );
          previous = unnotified;
        }
        const last = runs.at(-1);
        if (last === undefined) return;
        const decision = decide({ ...last, previous });
        const due = decision.findings.filter(({ finding: { severity }, reason, isObserved }) => {
          return isObserved && reason !== 'muted' && ['medium', 'high', 'critical'].includes(severity);
        });
        expect(due.filter(({ notify }) => !notify)).toEqual([]);
      },
    ),
    { numRuns: 200 },
  );
});
