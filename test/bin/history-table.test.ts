// The table of who has connected insecurely, on terminals of every width.

import { describe, expect, test } from 'vitest';
import type { HistoryDocument } from '../../bin/command-line/terminal/history-document.ts';
import { renderHistory } from '../../bin/command-line/terminal/history-table.ts';
import { displayText } from '../../lambda/model/display.ts';
import { HOSTILE_NAMES, UNSAFE } from '../report/hostile.ts';

const WEEK: HistoryDocument = {
  schemaVersion: 1,
  state: 'file state.json',
  days: 7,
  since: '2026-11-03T06:15:00.000Z',
  until: '2026-11-10T06:15:00.000Z',
  recordedSince: '2026-10-01T06:15:00.000Z',
  targets: [
    { name: 'billing', lastAudited: '2026-11-10T06:00:00.000Z' },
    { name: 'orders', lastAudited: '2026-11-10T06:00:00.000Z' },
  ],
  clients: [
    {
      target: 'orders',
      role: 'app',
      database: 'shop',
      application: 'checkout-#',
      checks: ['deprecated-tls-session', 'plaintext-session'],
      clients: ['10.0.1.0/24', '10.0.2.7'],
      firstSeen: '2026-10-20T11:00:00.000Z',
      lastSeen: '2026-11-10T06:00:00.000Z',
      status: 'open',
      severity: 'high',
    },
    {
      target: 'billing',
      role: 'etl',
      database: 'ledger',
      application: '',
      checks: ['weak-cipher-session'],
      clients: [],
      firstSeen: '2026-11-04T01:00:00.000Z',
      lastSeen: '2026-11-05T01:00:00.000Z',
      status: 'resolved',
      severity: 'medium',
    },
  ],
  notSeen: [],
};

const render = (document: HistoryDocument, columns: number): string =>
  renderHistory(document, { columns, colour: false });

describe('the table', () => {
  test('has a row for each client, and below it what is wrong, from where and since when', () => {
    expect(render(WEEK, 100)).toMatchInlineSnapshot(`
      "Worst   Target   Role  Database  Application  Last seen (UTC)
      high    orders   app   shop      checkout-#   2026-11-10 06:00
          deprecated-tls-session, plaintext-session from 10.0.1.0/24 and 10.0.2.7; first seen 2026-10-20
          11:00 UTC; still open
      medium  billing  etl   ledger    (none)       2026-11-05 01:00
          weak-cipher-session; first seen 2026-11-04 01:00 UTC; resolved since

      The last 7 days, since 2026-11-03 06:15 UTC, on billing and orders.
      file state.json has records since 2026-10-01 06:15 UTC.
      2 clients connected insecurely (1 high, 1 medium).
      "
    `);
  });

  test('is a list where names have no room beside each other', () => {
    expect(render(WEEK, 60)).toMatchInlineSnapshot(`
      "- high: orders; role "app", database "shop", application
        "checkout-#"; last seen 2026-11-10 06:00 UTC;
        deprecated-tls-session, plaintext-session from 10.0.1.0/24
        and 10.0.2.7; first seen 2026-10-20 11:00 UTC; still open
      - medium: billing; role "etl", database "ledger",
        application (none); last seen 2026-11-05 01:00 UTC;
        weak-cipher-session; first seen 2026-11-04 01:00 UTC;
        resolved since

      The last 7 days, since 2026-11-03 06:15 UTC, on billing and
      orders.
      file state.json has records since 2026-10-01 06:15 UTC.
      2 clients connected insecurely (1 high, 1 medium).
      "
    `);
  });

  test.each([60, 80, 100, 120, 200])('fits into %i columns, with every name whole', (columns) => {
    const [first] = WEEK.clients;
    if (first === undefined) throw new Error('there is a client');
    const long = { ...first, role: 'a'.repeat(40), application: `${'b'.repeat(20)} ${'c'.repeat(20)}` };
    const text = render({ ...WEEK, clients: [...WEEK.clients, long] }, columns);
    expect(text.split('\n').filter((line) => line.length > columns || /\s$/.test(line))).toEqual([]);
    for (const name of ['a'.repeat(40), 'b'.repeat(20), 'c'.repeat(20), 'ledger', 'etl']) expect(text).toContain(name);
  });

  test('is the same in colour, but for the colours', () => {
    const coloured = renderHistory(WEEK, { columns: 100, colour: true });
    expect(coloured).toContain('\x1b[1m');
    expect(coloured.replaceAll(/\x1b\[\d+m/g, '')).toBe(render(WEEK, 100));
  });

  test.each(HOSTILE_NAMES)('does nothing that a name says: %s', (_, name) => {
    const [first] = WEEK.clients;
    if (first === undefined) throw new Error('there is a client');
    const shown = displayText(name);
    const hostile = { ...first, role: shown, database: shown, application: shown, clients: [shown] };
    for (const columns of [60, 200]) {
      const text = render({ ...WEEK, clients: [hostile] }, columns);
      expect(text.replaceAll('\n', '')).not.toMatch(UNSAFE);
      expect(text).toContain('1 client connected insecurely (1 high).');
    }
  });
});

describe('where no client was seen', () => {
  const NO_RECEIVER: HistoryDocument = { ...WEEK, clients: [] };

  test('it says so, for which databases and since when', () => {
    expect(render(NO_RECEIVER, 100)).toMatchInlineSnapshot(`
      "The last 7 days, since 2026-11-03 06:15 UTC, on billing and orders.
      file state.json has records since 2026-10-01 06:15 UTC.
      No insecure client was seen.
      "
    `);
  });

  test('it says what that does not cover: what was not audited, and the time before the state', () => {
    const notSeen = [{ target: 'billing', since: '2026-11-01T00:00:00.000Z', reason: 'no run has looked at it since' }];
    const text = render({ ...NO_RECEIVER, notSeen, recordedSince: '2026-11-09T06:15:00.000Z' }, 100);
    expect(text).toMatchInlineSnapshot(`
      "NOT VERIFIED:
        - billing, since 2026-11-01 00:00 UTC: no run has looked at it since

      The last 7 days, since 2026-11-03 06:15 UTC, on billing and orders.
      file state.json has records since 2026-11-09 06:15 UTC only: earlier connections are not known.
      No insecure client was seen, as far as this could be verified.
      "
    `);
  });
});
