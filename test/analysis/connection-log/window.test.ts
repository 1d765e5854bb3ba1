// Tests the window of logins that is remembered from run to run.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ConnectionEvent } from '../../../lambda/analysis/connection-log/events.ts';
import { LoginAggregator, type Logins } from '../../../lambda/analysis/connection-log/logins.ts';
import { advance, factsFrom, type LogRead, positionOf } from '../../../lambda/analysis/connection-log/window.ts';
import type { ClientLogins, LogGap } from '../../../lambda/model/connection-log.ts';
import { DAY_MS, HOUR_MS } from '../../../lambda/model/time.ts';

const NOW = Date.parse('2026-11-28T12:00:00Z');

interface Login {
  readonly at: number;
  readonly role: string;
  readonly application?: string;
  readonly host?: string;
  readonly tls?: boolean;
}

function read(logins: readonly Login[], overrides: Partial<LogRead> = {}): LogRead {
  const aggregator = new LoginAggregator({ hourly: true });
  for (const [index, { at, role, application = '', host = '10.1.2.3', tls = false }] of logins.entries()) {
    const event: ConnectionEvent = {
      kind: 'authorized',
      role,
      database: 'shop',
      application,
      tls: tls ? { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', bits: 256 } : undefined,
      gss: undefined,
      replication: false,
      forged: false,
    };
    aggregator.add(event, {
      time: at,
      connection: String(index),
      host,
      role,
      database: 'shop',
      application: undefined,
      message: '',
    });
  }
  return {
    logins: aggregator.result(),
    position: { offset: 1 },
    gaps: [],
    from: NOW - DAY_MS,
    now: NOW,
    source: 'server-files',
    ...overrides,
  };
}

function countOf(clients: readonly ClientLogins[]): number {
  return clients.reduce((sum, { logins }) => sum + logins, 0);
}

const GAP: LogGap = { cause: 'lost', reason: 'a part is gone' };

describe('the window', () => {
  test('counts each login once, however the runs share them out', () => {
    const login = fc.record({
      at: fc.integer({ min: NOW - DAY_MS + HOUR_MS, max: NOW - 1 }),
      role: fc.constantFrom('app', 'etl', 'a b'),
      application: fc.constantFrom('worker-1', 'worker-22', ''),
      host: fc.constantFrom('10.1.2.3', '10.1.2.4', '10.9.9.9'),
      tls: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(fc.array(login, { maxLength: 12 }), { minLength: 1, maxLength: 5 }), (runs) => {
        let state: unknown;
        for (const run of runs) state = advance(state, read(run)).state;
        const whole = advance(undefined, read(runs.flat())).facts;
        const parts = factsFrom(state, NOW, 'server-files');
        const byKey = (clients: readonly ClientLogins[]) =>
          new Map(
            clients.map(({ role, application, network, transport, logins, first, last, addresses }) => [
              JSON.stringify([role, application?.replace(/\d+/, '#'), network, transport]),
              { logins, first, last, addresses },
            ]),
          );
        expect(byKey(parts.clients)).toEqual(byKey(whole.clients));
        expect(countOf(parts.clients)).toBe(runs.flat().length);
      }),
    );
  });

  test('forgets what is older than a day, and keeps when a client was first seen', () => {
    const first = NOW - 2 * HOUR_MS;
    const { state } = advance(undefined, read([{ at: first, role: 'etl' }]));
    const later = NOW + 12 * HOUR_MS;
    const next = advance(state, read([{ at: later - 1, role: 'etl' }], { now: later }));
    expect(next.facts.clients).toMatchObject([{ role: 'etl', logins: 2, first, last: later - 1 }]);
    const end = later + DAY_MS - HOUR_MS;
    expect(advance(next.state, read([], { now: end })).facts.clients).toMatchObject([{ logins: 1 }]);
    expect(advance(next.state, read([], { now: end + 2 * HOUR_MS })).facts.clients).toEqual([]);
  });

  test('takes away what a later entry corrects', () => {
    const { state } = advance(undefined, read([{ at: NOW - 1, role: 'etl', tls: true }]));
    const { logins } = read([{ at: NOW - 1, role: 'etl', tls: true }]);
    const correction: Logins = {
      ...logins,
      clients: logins.clients.map((row) => ({
        ...row,
        logins: -1,
        hours: (row.hours ?? []).map(([hour]) => [hour, -1]),
      })),
    };
    expect(advance(state, { ...read([]), logins: correction }).facts.clients).toEqual([]);
  });

  test('is continuous from the first run on, until a run has a gap, and then from the end of that run', () => {
    const first = advance(undefined, read([]));
    expect(first.facts.continuousSince).toBe(new Date(NOW - DAY_MS).toISOString());
    const second = advance(first.state, read([], { now: NOW + HOUR_MS }));
    expect(second.facts.continuousSince).toBe(first.facts.continuousSince);
    const gap = advance(second.state, read([], { now: NOW + 2 * HOUR_MS, gaps: [GAP] }));
    expect(gap.facts.continuousSince).toBeUndefined();
    expect(gap.facts.gaps).toEqual([GAP]);
    const after = advance(gap.state, read([], { now: NOW + 3 * HOUR_MS }));
    expect(after.facts).toMatchObject({ continuousSince: new Date(NOW + 2 * HOUR_MS).toISOString(), gaps: [] });
    expect(after.facts.window.from).toBe(after.facts.continuousSince);
  });

  test('without state is not continuous', () => {
    const { facts } = advance(undefined, read([], { gaps: [{ cause: 'no-state', reason: 'nothing is remembered' }] }));
    expect(facts.continuousSince).toBeUndefined();
  });

  test('keeps the position, and gives it back', () => {
    expect(positionOf(advance(undefined, read([])).state)).toEqual({ offset: 1 });
    expect(positionOf({ position: 1 })).toBeUndefined();
  });
});

describe('what is remembered', () => {
  test('stays below 300 KB whatever names clients give, and says that clients were added together', () => {
    const logins = Array.from({ length: 3_000 }, (_, index) => ({
      at: NOW - 1,
      role: `\u0001"${'é'.repeat(150)}${String.fromCharCode(97 + (index % 26)).repeat(1 + (index % 40))}`,
      application: String.fromCharCode(97 + Math.floor(index / 26)).repeat(190),
      tls: true,
    }));
    const { state, facts } = advance(undefined, read([...logins, { at: NOW - 1, role: 'plain' }]));
    expect(Buffer.byteLength(JSON.stringify(state))).toBeLessThan(310_000);
    expect(countOf(facts.clients)).toBe(3_001);
    expect(facts.gaps.map(({ cause }) => cause)).toEqual(['too-many-clients']);
    // The one without encryption is not pushed out.
    expect(facts.clients.find(({ role }) => role === 'plain')).toMatchObject({ transport: 'plaintext', others: false });
    expect(countOf(factsFrom(state, NOW, 'server-files').clients)).toBe(3_001);
  });

  test.each([
    ['nothing that it knows', { schemaVersion: 2 }],
    ['a text', 'x'],
    ['negative counts', { schemaVersion: 1, clients: [{ logins: -5 }] }],
    ['a time that no date has', { ...(advance(undefined, read([])).state as object), continuousSince: 1e300 }],
  ])('and holds %s is a gap, never trusted', (_, stored) => {
    const { facts } = advance(stored, read([{ at: NOW - 1, role: 'etl' }]));
    expect(facts.gaps.map(({ cause }) => cause)).toEqual(['lost']);
    expect(countOf(facts.clients)).toBe(1);
    expect(factsFrom(stored, NOW, 'server-files').gaps).toHaveLength(1);
  });

  test('failures of many names do not make the window incomplete', () => {
    const aggregator = new LoginAggregator({ hourly: true });
    for (let index = 0; index < 2_000; index += 1) {
      aggregator.add(
        {
          kind: 'refused',
          by: 'no-rule',
          encryption: 'plaintext',
          host: '192.0.2.1',
          role: `x${index}`,
          database: 'y',
        },
        {
          time: NOW - 1,
          connection: String(index),
          host: undefined,
          role: undefined,
          database: undefined,
          application: undefined,
          message: '',
        },
      );
    }
    const { facts } = advance(undefined, { ...read([]), logins: aggregator.result() });
    expect(facts.failures.length).toBeLessThanOrEqual(201);
    expect(facts.failures.reduce((sum, { count }) => sum + count, 0)).toBe(2_000);
    expect(facts.gaps).toEqual([]);
  });
});
