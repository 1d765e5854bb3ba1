// A decision as a whole: runs without state, what is remembered of targets, order.

import { describe, expect, test } from 'vitest';
import { decide } from '../../lambda/lifecycle/decide.ts';
import { known } from '../../lambda/model/observed.ts';
import { ago, decideOne, finding, input, LASTING, mute, NOW, record, SECOND, scan, state } from './scenario.ts';

describe('a run without state', () => {
  const ended = mute({ role: 'app' }, { expires: NOW, reason: 'ended now' });
  const endedBefore = mute({ role: '*' }, { expires: ago(SECOND), reason: 'ended before' });
  test.each([
    { about: 'what it sees', mutes: [], severity: 'high' as const, reason: 'observed', notify: true },
    {
      about: 'what it sees, below what is reported',
      mutes: [],
      severity: 'low' as const,
      reason: 'observed',
      notify: false,
    },
    {
      about: 'what is muted',
      mutes: [endedBefore, mute({ role: 'app' })],
      severity: 'high' as const,
      reason: 'muted',
      notify: false,
    },
    {
      about: 'what was muted until now',
      mutes: [ended],
      severity: 'high' as const,
      reason: 'mute-expired',
      notify: true,
    },
    {
      about: 'what was muted, below what is reported',
      mutes: [ended],
      severity: 'low' as const,
      reason: 'mute-expired',
      notify: false,
    },
  ])('tells $about as $reason: $notify', ({ mutes, severity, reason, notify }) => {
    const { next, ...decided } = decideOne({ previous: undefined, observed: [scan([finding({ severity })])], mutes });
    expect(decided).toMatchObject({ reason, notify, isObserved: true });
    expect(decided.firstSeen ?? decided.openedAt ?? decided.lastSeen).toBeUndefined();
    expect(next).toBeUndefined();
  });

  test('names the mute that ended last', () => {
    const observed = [scan([finding()])];
    for (const mutes of [
      [ended, endedBefore],
      [endedBefore, ended],
    ]) {
      expect(decideOne({ previous: undefined, observed, mutes }).mute).toEqual(ended);
    }
  });

  test('remembers nothing', () => {
    expect(decide(input({ previous: undefined, observed: [scan([finding()])] })).next).toBeUndefined();
  });
});

describe('a decision', () => {
  test('lists by target, check and fingerprint, whatever the order of the run', () => {
    const findings = [
      finding({ fingerprint: '2', check: LASTING }),
      finding({ fingerprint: '3' }),
      finding({ fingerprint: '1' }),
    ];
    const billing = scan([finding({ fingerprint: '9', target: 'billing' })], { target: 'billing' });
    const carriedOver = record({ finding: finding({ fingerprint: '0', target: 'crm' }) });
    const targets = known(['orders', 'billing', 'crm']);
    const previous = state({ records: [carriedOver] });
    const decision = decide(input({ previous, observed: [scan(findings), billing], targets }));
    expect(decision.findings.map((each) => each.finding.fingerprint)).toEqual(['9', '0', '2', '1', '3']);
    const turned = decide(input({ previous, observed: [billing, scan(findings.toReversed())], targets }));
    expect(turned.findings).toEqual(decision.findings);
  });

  test('remembers the newest look at each target, those not in this run too', () => {
    const previous = state({ scannedAt: ago(1) });
    const takenAts = (observed: readonly string[]) => {
      const scans = observed.map((takenAt) => scan([], { target: 'orders', takenAt }));
      const { next } = decide(input({ previous, observed: [...scans, scan([], { target: 'billing' })] }));
      return [...(next?.targets.values() ?? [])];
    };
    const billing = { name: 'billing', takenAt: NOW };
    expect(takenAts([])).toEqual([{ name: 'orders', takenAt: ago(1) }, billing]);
    expect(takenAts([NOW])).toEqual([{ name: 'orders', takenAt: NOW }, billing]);
    expect(takenAts([ago(2)])).toEqual([{ name: 'orders', takenAt: ago(1) }, billing]);
  });

  test('tells what matters more where two findings of a run share a fingerprint', () => {
    const twice = [finding({ severity: 'medium' }), finding({ severity: 'critical' }), finding()];
    expect(decideOne({ observed: [scan(twice)] }).finding.severity).toBe('critical');
    const mutes = [mute({ client: '10.0.0.0/8' })];
    const scoped = [finding({ severity: 'critical' }), finding({ severity: 'medium', clients: ['192.0.2.1'] })];
    for (const findings of [scoped, scoped.toReversed()]) {
      expect(decideOne({ observed: [scan(findings)], mutes })).toMatchObject({
        reason: 'new',
        finding: { severity: 'medium' },
      });
    }
  });
});
