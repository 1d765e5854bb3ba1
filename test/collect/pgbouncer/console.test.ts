// Consoles that refuse what they are asked: no PgBouncer that can be installed does, so a client that answers as one
// would.

import type { TLSSocket } from 'node:tls';
import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import { askConsole, type ConsoleAnswers, consoleVersion } from '../../../lambda/collect/pgbouncer/console.ts';
import type { ConsoleRow } from '../../../lambda/collect/pgbouncer/rows.ts';

const OWN = { user: 'tls_auditor', application: 'pg-tls-auditor', address: '10.0.0.9', port: 50_001, connectedAt: 0 };

const ROWS: Readonly<Record<string, readonly ConsoleRow[]>> = {
  'SHOW CLIENTS': [
    { user: 'tls_auditor', database: 'pgbouncer', addr: '10.0.0.9', port: '50001', tls: 'TLSv1.3/X', state: 'active' },
    { user: 'app', database: 'shop', addr: '10.0.1.7', port: '40001', tls: '', state: 'active' },
  ],
  'SHOW SERVERS': [],
  'SHOW CONFIG': [{ key: 'auth_type', value: 'md5' }],
  'SHOW DATABASES': [{ name: 'shop', host: '10.0.2.5' }],
};

function ask(refuses?: string, error: Error = notAllowed()): Promise<ConsoleAnswers> {
  const query = (command: string): Promise<{ readonly rows: readonly ConsoleRow[] }> =>
    command === refuses ? Promise.reject(error) : Promise.resolve({ rows: ROWS[command] ?? [] });
  const socket = { cork: () => undefined, uncork: () => undefined } as unknown as TLSSocket;
  return askConsole({ query } as unknown as pg.Client, socket, { version: '1.25.0', own: OWN });
}

function notAllowed(): Error {
  return Object.assign(new Error('admin access needed'), { code: '08P01', severity: 'ERROR' });
}

describe('a console', () => {
  test('that answers everything leaves nothing unknown', async () => {
    expect(await ask()).toMatchObject({
      sessions: { known: true, value: { hidden: 0, visible: [{ role: 'app', transport: 'plaintext' }] } },
      pooler: { known: true, value: { databases: { known: true } } },
      serverView: { known: true, value: { tlsVersion: 'TLSv1.3', cipher: 'X' } },
      localAddress: { address: '10.0.0.9', port: 50_001 },
    });
  });

  test.each(['SHOW CLIENTS', 'SHOW SERVERS'])(
    'that refuses %s shows no sessions, and its settings all the same',
    async (command) => {
      expect(await ask(command)).toMatchObject({
        sessions: { known: false, reason: expect.stringContaining('stats_users') },
        pooler: { known: true },
      });
    },
  );

  test('that refuses SHOW CLIENTS says nothing of our own session', async () => {
    expect(await ask('SHOW CLIENTS')).toMatchObject({
      serverView: { known: false },
      localAddress: { address: undefined, port: undefined },
    });
  });

  test('that refuses SHOW CONFIG shows sessions, and no settings', async () => {
    expect(await ask('SHOW CONFIG')).toMatchObject({
      sessions: { known: true },
      pooler: { known: false, reason: expect.stringMatching(/SHOW CONFIG \(admin access needed\).*stats_users/) },
    });
  });

  test('that refuses SHOW DATABASES shows its settings', async () => {
    expect(await ask('SHOW DATABASES')).toMatchObject({
      pooler: { known: true, value: { values: { auth_type: 'md5' }, databases: { known: false } } },
    });
  });

  test('whose connection breaks is no console that refuses', async () => {
    const broken = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    await expect(ask('SHOW CONFIG', broken)).rejects.toBe(broken);
  });
});

test.each([
  ['1.18.0/bouncer', '1.18.0'],
  ['1.25.0beta1/bouncer', '1.25.0beta1'],
  ['18.4', undefined],
  ['18.4 (Debian 18.4-1/bouncer)', undefined],
  ['', undefined],
  [undefined, undefined],
])('what announces itself as %j is the console of PgBouncer %j', (announced, version) => {
  expect(consoleVersion(announced)).toBe(version);
});
