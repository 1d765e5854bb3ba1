// Who hears of which targets.

import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../lambda/config/index.ts';
import { DEFAULT_ROUTE, matchesRoute, type Receiver, receiversOf, reportFor } from '../../lambda/report/receiver.ts';
import { badNight, finding, healthyReport, healthyTarget } from './builders.ts';

const isInScope = (receiver: Partial<Receiver>, name: string, labels: Record<string, string> = {}) =>
  matchesRoute({ route: 'payments', minSeverity: 'low', ...receiver })({ name, labels });

describe('an audience', () => {
  it.each<[string, Partial<Receiver>, string, Record<string, string>, boolean]>([
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

  it('is everyone, then each route with its own threshold or the common one', () => {
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

describe('the report for an audience', () => {
  it('is the whole report for everyone', () => {
    const report = badNight();
    expect(reportFor(report, { route: DEFAULT_ROUTE, minSeverity: 'critical' })).toBe(report);
  });

  it('holds of a route its targets, what was found on them below its threshold too, and no mutes', () => {
    const own = finding({ target: 'pay-1', severity: 'info' });
    const gone = { ...finding({ target: 'pay-2' }), resolution: 'target-removed' as const };
    const report = healthyReport({
      targets: [healthyTarget({ name: 'pay-1' }), healthyTarget({ name: 'orders' })],
      findings: [own, finding()],
      carriedOver: [finding(), own],
      resolved: [gone, { ...finding(), resolution: 'gone' }],
      mutes: [
        {
          match: { target: 'orders' },
          reason: 'x',
          owner: 'y',
          expires: '2027-01-01T00:00:00Z',
          expired: false,
          matched: 0,
        },
      ],
    });
    const route = reportFor(report, { route: 'payments', minSeverity: 'critical', targets: ['pay-*'] });
    expect(route.targets.map(({ name }) => name)).toEqual(['pay-1']);
    expect(route.findings).toEqual([own]);
    expect(route.carriedOver).toEqual([own]);
    expect(route.resolved).toEqual([gone]);
    expect(route).not.toHaveProperty('mutes');
    expect(route).toMatchObject({ schemaVersion: 1, state: report.state, startedAt: report.startedAt });
  });

  it('says nothing of state where there is none', () => {
    const route = reportFor(badNight(), { route: 'x', minSeverity: 'low', targets: ['crm'] });
    expect(route).not.toHaveProperty('carriedOver');
    expect(route).not.toHaveProperty('resolved');
  });
});
