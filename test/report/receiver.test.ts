// Which targets are in the scope of which receiver.

import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../lambda/config/index.ts';
import { buildDecidedReport } from '../../lambda/report/build-report.ts';
import {
  DEFAULT_ROUTE,
  matchesRoute,
  type Receiver,
  receiversOf,
  scopeDecision,
  scopeOf,
} from '../../lambda/report/receiver.ts';
import { eventfulNight } from './lifecycle-cases.ts';

const isInScope = (receiver: Partial<Receiver>, name: string, labels: Record<string, string> = {}) =>
  matchesRoute({ route: 'payments', minSeverity: 'low', ...receiver })({ name, labels });

describe('an audience', () => {
  test.each<[string, Partial<Receiver>, string, Record<string, string>, boolean]>([
    ['everyone hears of every target', { route: DEFAULT_ROUTE }, 'anything', {}, true],
    // Even if someone gave it more: nobody is to miss what everyone hears.
    [
      'everyone hears of every target whatever else it says',
      { route: DEFAULT_ROUTE, targets: ['x'] },
      'orders',
      {},
      true,
    ],
    ['a name is meant by itself', { targets: ['orders'] }, 'orders', {}, true],
    ['a name is not meant by its beginning', { targets: ['orders'] }, 'orders-eu', {}, false],
    ['a star stands for any characters', { targets: ['pay-*-eu'] }, 'pay-api-1-eu', {}, true],
    ['a star stands for none too', { targets: ['pay*'] }, 'pay', {}, true],
    ['one pattern of several is enough', { targets: ['a', 'pay-*'] }, 'pay-1', {}, true],
    ['none of the patterns fits', { targets: ['a', 'pay-*'] }, 'b', {}, false],
    ['case matters', { targets: ['Orders'] }, 'orders', {}, false],
    ['a dot is a dot', { targets: ['a.b'] }, 'axb', {}, false],
    ['a label that is there', { labels: { team: 'pay' } }, 'x', { team: 'pay', tier: '1' }, true],
    ['a label of another value', { labels: { team: 'pay' } }, 'x', { team: 'payments' }, false],
    ['a label that is not there', { labels: { team: 'pay' } }, 'x', {}, false],
    ['all labels are needed', { labels: { team: 'pay', tier: '1' } }, 'x', { team: 'pay' }, false],
    ['names and labels are both needed', { targets: ['x'], labels: { team: 'pay' } }, 'y', { team: 'pay' }, false],
    ['what every object has is no label', { labels: { toString: 'x' } }, 'x', {}, false],
    ['a star in a label is a star', { labels: { team: '*' } }, 'x', { team: 'pay' }, false],
  ])('%s', (_what, receiver, name, labels, expected) => {
    expect(isInScope(receiver, name, labels)).toBe(expected);
  });

  test('is everyone, then each route with its own threshold or the common one', () => {
    const { alerts } = parseConfig(
      {
        targets: [{ name: 'orders', secret: 'orders', labels: { team: 'shop' } }],
        alerts: {
          minSeverity: 'high',
          routes: [
            { name: 'shop', labels: { team: 'shop' }, email: ['shop@example.com'] },
            { name: 'orders', targets: ['ord*'], minSeverity: 'info', email: ['o@example.com'] },
          ],
        },
      },
      { use: 'deployment' },
    );
    expect(receiversOf(alerts)).toEqual([
      { route: 'all', minSeverity: 'high', repeatIntervalHours: 24 },
      { route: 'shop', minSeverity: 'high', labels: { team: 'shop' }, targets: undefined, repeatIntervalHours: 24 },
      { route: 'orders', minSeverity: 'info', labels: undefined, targets: ['ord*'], repeatIntervalHours: 24 },
    ]);
    expect(receiversOf({ ...alerts, repeatIntervalHours: 0 })[0]).toEqual({ route: 'all', minSeverity: 'high' });
  });
});

describe('the scope of a receiver', () => {
  const ROUTE: Receiver = { route: 'payments', minSeverity: 'critical', labels: { team: 'pay' } };

  test('is decided by the labels of known targets; a target that no configuration has any more has none', () => {
    const inScope = scopeOf(ROUTE, [
      { name: 'pay-1', labels: { team: 'pay' } },
      { name: 'orders', labels: { team: 'shop' } },
    ]);
    expect(['pay-1', 'orders', 'pay-gone'].map(inScope)).toEqual([true, false, false]);
    const byName = scopeOf({ ...ROUTE, labels: undefined, targets: ['pay-*'] }, []);
    expect(['pay-1', 'orders', 'pay-gone'].map(byName)).toEqual([true, false, true]);
  });

  test('leaves the default receiver its decision as it is', () => {
    const { decision } = eventfulNight();
    expect(scopeDecision(decision, { route: DEFAULT_ROUTE, minSeverity: 'critical' }, () => false)).toBe(decision);
  });

  test('leaves a route the findings of its targets, whatever their severity, and no mutes', () => {
    const { run, decision } = eventfulNight();
    const own = scopeDecision(decision, ROUTE, (name) => name === 'billing');
    const { report } = buildDecidedReport({ ...run, audited: [] }, own);
    const names = [...(report.carriedOver ?? []), ...(report.resolved ?? [])].map(({ target }) => target);
    expect(new Set([...own.findings.map(({ finding }) => finding.target), ...names])).toEqual(new Set(['billing']));
    expect(own.findings.length).toBeGreaterThan(3);
    expect(report).not.toHaveProperty('mutes');
    expect(report).toMatchObject({ schemaVersion: 1, state: 'kept' });
  });

  test('keeps the state of what is out of scope as it was decided', () => {
    const { decision } = eventfulNight();
    expect(scopeDecision(decision, ROUTE, () => false).next).toBe(decision.next);
  });
});
