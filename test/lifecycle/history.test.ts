// Who has connected insecurely, as it is remembered.

import { expect, test } from 'vitest';
import { type HistoryRow, history } from '../../lambda/lifecycle/history.ts';
import type { Finding } from '../../lambda/model/finding.ts';
import type { FindingRecord } from '../../lambda/model/lifecycle.ts';
import { ago, finding, LASTING, NOW, record, SECOND, state, TRANSIENT } from './scenario.ts';

const CHECKS = [TRANSIENT, 'deprecated-tls-session'];

function rows(...seen: readonly (readonly [Partial<Finding>, Partial<FindingRecord>?])[]): readonly HistoryRow[] {
  const records = seen.map(([of, changes], index) =>
    record({ ...changes, finding: finding({ fingerprint: String(index), ...of }) }),
  );
  return history(state({ records }), { since: ago(24), now: NOW, checks: CHECKS });
}

test('a row says who, from where, since when, until when and how bad', () => {
  expect(rows([{}])).toEqual([
    {
      target: 'orders',
      role: 'app',
      database: 'shop',
      application: 'worker-#',
      checks: [TRANSIENT],
      clients: ['10.1.2.3'],
      firstSeen: ago(2),
      lastSeen: ago(1),
      status: 'open',
      severity: 'high',
    },
  ]);
});

test('what several checks say of one client is one row, with the worst and the most recent of them', () => {
  const resolved = { status: 'resolved', firstSeen: ago(9), lastSeen: ago(8) } as const;
  const older = [
    { check: 'deprecated-tls-session', severity: 'critical', clients: ['10.0.0.9', '10.1.2.3'] },
    resolved,
  ] as const;
  for (const both of [rows([{}], older), rows(older, [{}])]) {
    expect(both).toMatchObject([
      {
        checks: ['deprecated-tls-session', TRANSIENT],
        clients: ['10.0.0.9', '10.1.2.3'],
        firstSeen: ago(9),
        lastSeen: ago(1),
        status: 'open',
        severity: 'critical',
      },
    ]);
  }
});

test('anyone else is another row, the nameless too', () => {
  const roleless = { role: undefined, database: undefined, application: undefined };
  const all = rows(
    [{}],
    [{ role: 'etl' }],
    [{ database: 'crm' }],
    [{ application: 'psql' }],
    [{ target: 'crm' }],
    [roleless],
  );
  expect(all).toHaveLength(6);
  expect(all.find(({ role }) => role === undefined)).not.toHaveProperty('role');
});

test('what is resolved is told, and resolved only when all of it is', () => {
  const over = { status: 'resolved' } as const;
  expect(rows([{}, over])).toMatchObject([{ status: 'resolved' }]);
  expect(rows([{}, over], [{ check: 'deprecated-tls-session' }, over])).toMatchObject([{ status: 'resolved' }]);
});

test.each([
  { about: 'last seen when it begins', lastSeen: ago(24), count: 1 },
  { about: 'last seen a second before', lastSeen: ago(24 + SECOND), count: 0 },
  { about: 'first seen as it ends', firstSeen: NOW, lastSeen: NOW, count: 1 },
  { about: 'first seen a second after', firstSeen: ago(-SECOND), lastSeen: ago(-SECOND), count: 0 },
])('of the time asked for: $about, $count', ({ count, about: _, ...changes }) => {
  expect(rows([{}, { firstSeen: ago(100), ...changes }])).toHaveLength(count);
});

test('what is wrong with a server is no connection', () => {
  expect(rows([{ check: LASTING }])).toEqual([]);
});

test('the worst comes first, then the most recent, then by name', () => {
  const order = rows(
    [{ role: 'd', severity: 'medium' }, { lastSeen: NOW }],
    [{ role: 'c' }, { lastSeen: ago(3) }],
    [{ role: 'b' }],
    [{ role: 'a' }],
    [{ role: 'e', severity: 'critical' }, { lastSeen: ago(20) }],
  );
  expect(order.map(({ role }) => role)).toEqual(['e', 'a', 'b', 'c', 'd']);
});
