import { isIP } from 'node:net';
// What rows of PgBouncer's console become: by column names, whatever the version, and nothing safer than it is.

import { describe, expect, test } from 'vitest';
import { knownValue } from '../../../lab/known-value.ts';
import {
  type ConsoleRow,
  findOwn,
  readDatabases,
  readSessions,
  readSettings,
  readTls,
} from '../../../lambda/collect/pgbouncer/rows.ts';
import type { Session } from '../../../lambda/model/snapshot.ts';

const CONNECTED = Date.parse('2026-11-21T08:00:00Z');
const OWN = {
  user: 'tls_auditor',
  application: 'pg-tls-auditor',
  address: '10.0.0.9',
  port: 50_001,
  connectedAt: CONNECTED,
};

/** A client as 1.18 shows it. */
function row(overrides: ConsoleRow = {}): ConsoleRow {
  return {
    type: 'C',
    user: 'app',
    database: 'shop',
    state: 'active',
    addr: '10.0.1.7',
    port: '40001',
    connect_time: '2026-11-21 07:30:00 UTC',
    remote_pid: '0',
    tls: 'TLSv1.3/TLS_AES_256_GCM_SHA384',
    application_name: 'checkout',
    ...overrides,
  };
}

const ownRow = (overrides: ConsoleRow = {}): ConsoleRow =>
  row({
    user: 'tls_auditor',
    database: 'pgbouncer',
    application_name: 'pg-tls-auditor',
    addr: '10.0.0.9',
    port: '50001',
    connect_time: '2026-11-21 08:00:00 UTC',
    ...overrides,
  });

function only(clients: readonly ConsoleRow[], servers: readonly ConsoleRow[] = []): Session {
  const { visible, hidden } = knownValue(readSessions(clients, servers, { connectedAt: CONNECTED }));
  expect(visible).toHaveLength(1);
  expect(hidden).toBe(0);
  return visible[0] as Session;
}

describe('a session', () => {
  test('of a client has the names that the client chose', () => {
    expect(only([row()])).toEqual({
      pid: undefined,
      side: 'client',
      role: 'app',
      database: 'shop',
      application: 'checkout',
      kind: 'client',
      superuser: undefined,
      transport: 'tls',
      clientAddress: '10.0.1.7',
      tls: { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' },
      startedAt: Date.parse('2026-11-21T07:30:00Z'),
    });
  });

  test('with a server has its address and process, and not the name of whichever client used it last', () => {
    expect(only([], [row({ type: 'S', state: 'idle', addr: '10.0.2.5', remote_pid: '4711' })])).toMatchObject({
      side: 'server',
      application: '',
      clientAddress: '10.0.2.5',
      pid: 4711,
    });
  });

  test('of a version with more columns, in another order, is the same', () => {
    const newer = { id: '7', prepared_statements: '0', replication: 'none', ...row() };
    expect(only([newer])).toEqual(only([row()]));
  });

  test('of a version without application names has none', () => {
    expect(only([row({ application_name: undefined })])).toMatchObject({ application: '' });
  });

  test.each(['physical', 'logical'])('of %s replication is reported as such', (replication) => {
    expect(only([row({ replication })])).toMatchObject({ kind: 'replication' });
  });

  test('keeps hostile names as they are, for checks to show safely', () => {
    const hostile = '<!channel>\u001b[31m';
    expect(only([row({ user: hostile, application_name: hostile })])).toMatchObject({
      role: hostile,
      application: hostile,
    });
  });
});

describe('how a session travels', () => {
  test.each([
    ['10.0.1.7', 'plaintext'],
    ['2001:db8::7', 'plaintext'],
    ['::ffff:10.0.1.7', 'plaintext'],
    ['127.0.0.1', 'loopback'],
    ['::1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['unix', 'unix-socket'],
    ['unix(815@db1)', 'unix-socket'],
    // Nothing that only begins like a Unix socket is one.
    ['unixhost.example.com', 'plaintext'],
  ])('without TLS from %s: %s', (addr, transport) => {
    const session = only([row({ addr, tls: '' })]);
    expect(session).toMatchObject({ transport, tls: undefined });
    expect(session.clientAddress).toBe(isIP(addr) === 0 ? undefined : addr);
  });

  test.each([
    ['TLSv1/AES128-SHA', 'TLSv1', 'AES128-SHA'],
    ['TLSv1.2/ECDHE-RSA-AES128-GCM-SHA256/ECDH=prime256v1', 'TLSv1.2', 'ECDHE-RSA-AES128-GCM-SHA256'],
    ['SSLv3/RC4-MD5', 'SSLv3', 'RC4-MD5'],
  ])('with %s', (shown, version, cipher) => {
    expect(readTls(shown)).toEqual({ version, cipher });
  });

  test.each([null, 'TLS', 'yes', 'TLSv1.3', 'v1.3/AES'])('is hidden where the column says %j', (tls) => {
    const { visible, hidden } = knownValue(readSessions([row({ tls })], [], { connectedAt: CONNECTED }));
    expect({ visible, hidden }).toEqual({ visible: [], hidden: 1 });
  });

  test.each(['tls', 'addr'])('is unknown of all of them without the column %s', (column) => {
    expect(readSessions([row()], [row({ [column]: undefined })], { connectedAt: CONNECTED })).toMatchObject({
      known: false,
      reason: expect.stringContaining(`"${column}"`),
    });
  });
});

test.each(['active_cancel_req', 'waiting_cancel_req', 'active_cancel', 'new'])(
  'a connection in the state %s is no session',
  (state) => {
    const { visible, hidden } = knownValue(readSessions([], [row({ state, tls: '' })], { connectedAt: CONNECTED }));
    expect({ visible, hidden }).toEqual({ visible: [], hidden: 0 });
  },
);

test('a server whose query is being cancelled still has its session', () => {
  expect(only([], [row({ state: 'being_canceled', tls: '' })])).toMatchObject({ transport: 'plaintext' });
});

describe("the auditor's own session", () => {
  test('is the one at the address and port of our socket', () => {
    const other = ownRow({ port: '50002' });
    const own = ownRow();
    expect(findOwn([other, own, row()], OWN)).toEqual({ row: own, end: { address: '10.0.0.9', port: 50_001 } });
  });

  test('is found by an IPv4 address mapped into IPv6', () => {
    expect(findOwn([ownRow({ addr: '::ffff:10.0.0.9' })], OWN)?.end).toEqual({ address: '10.0.0.9', port: 50_001 });
  });

  test('behind a proxy is the only one of our user and name in the console, with the address of the proxy', () => {
    const own = ownRow({ addr: '10.0.0.200', port: '33000' });
    expect(findOwn([row(), own], OWN)).toEqual({ row: own, end: { address: '10.0.0.200', port: 33_000 } });
  });

  test('is not guessed where there are several', () => {
    expect(findOwn([ownRow({ port: '1' }), ownRow({ port: '2' })], OWN)).toBeUndefined();
  });

  test.each([
    ['of another user', { user: 'admin' }],
    ['of another database', { database: 'shop' }],
    ['of another program', { application_name: 'psql' }],
  ])('is none %s, though it comes from our address and port', (_, overrides) => {
    expect(findOwn([ownRow(overrides)], OWN)).toBeUndefined();
  });

  test('alone is left out of the sessions', () => {
    const own = ownRow();
    const admin = row({ user: 'admin', database: 'pgbouncer', tls: '' });
    const { visible } = knownValue(readSessions([own, admin], [], { row: own, connectedAt: CONNECTED }));
    expect(visible).toMatchObject([{ role: 'admin', database: 'pgbouncer', transport: 'plaintext' }]);
  });
});

describe('when a session began', () => {
  const startedAt = (connectTime: string | null, ownTime: string): string => {
    const own = ownRow({ connect_time: ownTime });
    const rows = [own, row({ connect_time: connectTime })];
    const { visible } = knownValue(readSessions(rows, [], { row: own, connectedAt: CONNECTED }));
    return new Date(visible[0]?.startedAt ?? Number.NaN).toISOString();
  };

  test.each([
    ['in UTC', '2026-11-21 07:30:00 UTC', '2026-11-21 08:00:01 UTC'],
    ['in a zone without a name', '2026-11-21 04:30:00 -03', '2026-11-21 05:00:00 -03'],
    [
      'by a zone whose abbreviation says nothing, as our own session does',
      '2026-11-21 13:00:00 IST',
      '2026-11-21 13:30:02 IST',
    ],
    ['west of UTC', '2026-11-21 02:30:00 EST', '2026-11-21 03:00:00 EST'],
  ])('is read %s', (_, theirs, ours) => {
    expect(startedAt(theirs, ours)).toBe('2026-11-21T07:30:00.000Z');
  });

  test.each([null, '', 'yesterday', '2026-99-99 00:00:00 UTC'])(
    'is, where it says %j, at the latest when the auditor looked',
    (text) => {
      expect(startedAt(text, '2026-11-21 08:00:00 UTC')).toBe('2026-11-21T08:00:00.000Z');
    },
  );
});

describe('settings', () => {
  test('are those that an audit reads, and no others: some hold secrets', () => {
    const rows = [
      { key: 'client_tls_sslmode', value: 'require', default: 'disable', changeable: 'yes' },
      { changeable: 'yes', value: null, key: 'server_tls_ciphers' },
      { key: 'auth_ldap_options', value: 'ldapbindpasswd=hunter2' },
    ];
    expect(knownValue(readSettings(rows))).toEqual({ client_tls_sslmode: 'require', server_tls_ciphers: '' });
  });

  test.each([[[]], [[{ name: 'auth_type', value: 'md5' }]], [[{ key: 'auth_type' }]]])(
    'without the columns of their names and values are unknown: %j',
    (rows) => {
      expect(readSettings(rows as readonly ConsoleRow[])).toMatchObject({ known: false });
    },
  );
});

describe('databases', () => {
  test('are listed with their hosts, without the console', () => {
    const rows = [
      { name: 'pgbouncer', host: null },
      { name: 'shop', host: '10.0.2.5', port: '5432' },
      { name: 'local', host: null },
    ];
    expect(knownValue(readDatabases(rows))).toEqual([
      { name: 'shop', host: '10.0.2.5' },
      { name: 'local', host: undefined },
    ]);
  });

  test('without the column of their hosts are unknown', () => {
    expect(readDatabases([{ name: 'shop' }])).toMatchObject({ known: false });
  });
});
