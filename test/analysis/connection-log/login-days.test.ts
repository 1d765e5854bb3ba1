// Logins by day and role from what is recorded of connection logs: what is not recorded is not 0.

import { describe, expect, test } from 'vitest';
import { fromClientRecord, fromLogRecord, loginDays } from '../../../lambda/analysis/connection-log/login-days.ts';
import type { LoopbackPolicy } from '../../../lambda/model/policy.ts';

const NOON = Date.parse('2026-11-10T12:00:00Z');
const HOUR = 3_600_000;
const at = (iso: string): number => Date.parse(iso) / HOUR;

const client = (transport: string, hours: readonly (readonly [number, number])[], version?: string): object => ({
  ...{ role: 'app', database: 'shop', application: '', replication: false, transport, forged: false },
  ...(version === undefined ? {} : { tls: { version, cipher: 'AES128-SHA' } }),
  ...{ hostKnown: true, addresses: [], moreAddresses: false, logins: 1, others: false, hours },
});

const OPTIONS = { until: NOON, days: 3 } as const;
const DAY = Math.floor(NOON / (24 * HOUR));

test('counts plaintext and deprecated logins on the days that are recorded', () => {
  const record = {
    readTo: NOON,
    continuousSince: NOON - 48 * HOUR,
    clients: [
      client('plaintext', [
        [at('2026-11-09T20:00:00Z'), 4],
        [at('2026-11-10T08:00:00Z'), 3],
      ]),
      client('tls', [[at('2026-11-10T08:00:00Z'), 2]], 'TLSv1.1'),
      client('tls', [[at('2026-11-10T08:00:00Z'), 9]], 'TLSv1.3'),
    ],
  };
  expect(loginDays([fromLogRecord(record, 'TLSv1.2')], OPTIONS)).toEqual([
    { day: '2026-11-08', recorded: 'none', counts: [] },
    { day: '2026-11-09', recorded: 'part', counts: [{ role: 'app', kind: 'plaintext', logins: 4 }] },
    {
      day: '2026-11-10',
      recorded: 'whole',
      counts: [
        { role: 'app', kind: 'plaintext', logins: 3 },
        { role: 'app', kind: 'deprecated', logins: 2 },
      ],
    },
  ]);
});

test.each<[string, readonly unknown[]]>([
  ['a target without a record', [{ readTo: NOON, continuousSince: 0, clients: [] }, undefined]],
  ['a record of another version', [{ readTo: NOON, continuousSince: 0, clients: [] }, { readTo: 'now' }]],
  ['gaps', [{ readTo: NOON, clients: [] }]],
])('with %s no day is whole', (_, records) => {
  const read = records.map((record) => fromLogRecord(record, 'TLSv1.2'));
  expect(loginDays(read, OPTIONS).map(({ recorded }) => recorded)).toEqual(['none', 'part', 'part']);
});

test('of no target nothing is recorded', () => {
  expect(loginDays([], OPTIONS).map(({ recorded }) => recorded)).toEqual(['none', 'none', 'none']);
});

describe('the record of the clients of a target', () => {
  const record = {
    clients: [
      { role: 'app', uses: { plaintext: { days: [[DAY - 1, 4] as const, [DAY, 0] as const] } } },
      { role: 'api', uses: {} },
    ],
    isCut: false,
    covered: [[NOON - 60 * HOUR, NOON] as const],
  };

  test('has days of weeks; what is not covered is unknown', () => {
    expect(loginDays([fromClientRecord(record, 'info')], { ...OPTIONS, days: 4 })).toEqual([
      { day: '2026-11-07', recorded: 'none', counts: [] },
      { day: '2026-11-08', recorded: 'whole', counts: [] },
      { day: '2026-11-09', recorded: 'whole', counts: [{ role: 'app', kind: 'plaintext', logins: 4 }] },
      { day: '2026-11-10', recorded: 'whole', counts: [] },
    ]);
  });

  test('counts logins of which it is not known whose they are', () => {
    const days = loginDays([fromClientRecord({ ...record, unshown: { days: [[DAY, 2]] } }, 'info')], OPTIONS);
    expect(days.at(-1)?.counts).toEqual([{ role: undefined, kind: 'plaintext', logins: 2 }]);
  });

  test('counts loopback where the policy says that it is a network', () => {
    const client = { role: 'app', uses: { loopback: { days: [[DAY, 3] as const] } } };
    const countsBy = (policy: LoopbackPolicy) =>
      loginDays([fromClientRecord({ ...record, clients: [client] }, policy)], OPTIONS).at(-1)?.counts;
    expect(countsBy('network')).toEqual([{ role: 'app', kind: 'plaintext', logins: 3 }]);
    expect([countsBy('info'), countsBy('ignore')]).toEqual([[], []]);
  });

  test.each([
    ['clients were dropped', { isCut: true }],
    ['a day has a gap', { covered: [[NOON - 60 * HOUR, NOON - 5 * HOUR] as const] }],
  ])('is of a part of the day where %s', (_, spoiled) => {
    expect(loginDays([fromClientRecord({ ...record, ...spoiled }, 'info')], OPTIONS).at(-1)?.recorded).toBe('part');
  });
});
