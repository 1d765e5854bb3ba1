// Every line that PostgreSQL 12 to 18 writes about a connection, as it writes it, and what is read from it.

import { describe, expect, test } from 'vitest';
import type { ConnectionEvent, LogRecord } from '../../../lambda/analysis/connection-log/events.ts';
import { isMarked, readEvent } from '../../../lambda/analysis/connection-log/message.ts';

function read(message: string, known: Partial<LogRecord> = {}): ConnectionEvent | undefined {
  expect(isMarked(Buffer.from(message).toString('latin1')), 'a line without a marker is never read').toBe(true);
  return readEvent({
    time: undefined,
    connection: '1',
    host: undefined,
    role: undefined,
    database: undefined,
    application: undefined,
    message,
    ...known,
  });
}

const TLS13 = { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', bits: 256 };
const authorized = (overrides: object) => ({
  kind: 'authorized',
  role: 'plain',
  database: 'shop',
  application: '',
  tls: undefined,
  gss: undefined,
  replication: false,
  forged: false,
  ...overrides,
});

describe('lines about logins', () => {
  test.each<readonly [string, object]>([
    ['connection received: host=127.0.0.1 port=39450', { kind: 'received', host: '127.0.0.1', port: 39450 }],
    ['connection received: host=[local]', { kind: 'received', host: '[local]', port: undefined }],
    ['connection received: host=fe80::1%eth0 port=1', { kind: 'received', host: 'fe80::1%eth0', port: 1 }],
    [
      'connection authenticated: identity="sslonly" method=scram-sha-256 (/path/pg_hba.conf:3)',
      {
        kind: 'authenticated',
        identity: 'sslonly',
        method: 'scram-sha-256',
        rule: { file: '/path/pg_hba.conf', line: 3 },
      },
    ],
    [
      'connection authenticated: identity="CN=a" method=trust (x:1)" method=cert (/d/pg_hba.conf:2)',
      {
        kind: 'authenticated',
        identity: 'CN=a" method=trust (x:1)',
        method: 'cert',
        rule: { file: '/d/pg_hba.conf', line: 2 },
      },
    ],
    [
      'connection authenticated: user="plain" method=trust (/d/pg_hba.conf:6)',
      { kind: 'authenticated', identity: 'plain', method: 'trust', rule: { file: '/d/pg_hba.conf', line: 6 } },
    ],
    [
      'connection authorized: user=plain database=shop application_name=etl job #1',
      authorized({ application: 'etl job #1' }),
    ],
    ['connection authorized: user=plain database=shop', authorized({})],
    [
      'connection authorized: user=plain database=shop application_name=psql SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256, compression=off)',
      authorized({ application: 'psql', tls: TLS13 }),
    ],
    [
      'connection authorized: user=plain database=shop application_name=psql SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)',
      authorized({ application: 'psql', tls: TLS13 }),
    ],
    [
      'connection authorized: user=plain database=shop SSL enabled (protocol=TLSv1, cipher=ECDHE-RSA-AES128-SHA, bits=128)',
      authorized({ tls: { version: 'TLSv1', cipher: 'ECDHE-RSA-AES128-SHA', bits: 128 } }),
    ],
    [
      'replication connection authorized: user=repl application_name=walreceiver SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)',
      authorized({ role: 'repl', database: undefined, application: 'walreceiver', replication: true, tls: TLS13 }),
    ],
    [
      'replication connection authorized: user=repl',
      authorized({ role: 'repl', database: undefined, replication: true }),
    ],
    [
      'connection authorized: user=a@R database=shop application_name=psql GSS (authenticated=yes, encrypted=yes, principal=a@R)',
      authorized({ role: 'a@R', application: 'psql', gss: { encrypted: true, principal: 'a@R' } }),
    ],
    [
      'connection authorized: user=a database=shop application_name=psql SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256) GSS (authenticated=yes, encrypted=no, delegated_credentials=no, principal=a@R)',
      authorized({ role: 'a', application: 'psql', tls: TLS13, gss: { encrypted: false, principal: 'a@R' } }),
    ],
    [
      'connection authorized: user=a database=shop GSS (authenticated=no, encrypted=yes)',
      authorized({ role: 'a', gss: { encrypted: true, principal: undefined } }),
    ],
    ['connection ready: setup total=4.420 ms, fork=0.336 ms, authentication=0.166 ms', { kind: 'ready' }],
    [
      'disconnection: session time: 0:00:00.004 user=plain database=shop host=127.0.0.1 port=39450',
      { kind: 'disconnected', host: '127.0.0.1' },
    ],
    [
      'disconnection: session time: 0:00:00.004 user=plain database=shop host=[local]',
      { kind: 'disconnected', host: '[local]' },
    ],
    ['login attempt: db=shop user=app tls=no replication=no', authorized({ role: 'app' })],
    [
      'login attempt: db=a tls=TLSv1.3/x user=b user=c tls=TLSv1.2/ECDHE-RSA-AES256-GCM-SHA384/ECDH=prime256v1',
      authorized({
        role: 'c',
        database: 'a tls=TLSv1.3/x user=b',
        tls: { version: 'TLSv1.2', cipher: 'ECDHE-RSA-AES256-GCM-SHA384', bits: undefined },
      }),
    ],
  ])('%s', (message, expected) => {
    expect(read(message)).toEqual(expected);
  });

  test('names with the separators in them are read by what the prefix shows', () => {
    const message = 'connection authorized: user=we database=ird database=sh application_name=op application_name=x';
    expect(read(message, { role: 'we database=ird', database: 'sh application_name=op' })).toEqual(
      authorized({ role: 'we database=ird', database: 'sh application_name=op', application: 'x' }),
    );
    expect(read('connection authorized: user=we ird database=shop')).toEqual(authorized({ role: 'we ird' }));
  });
});

describe('forged tails', () => {
  const tail = ' SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)';
  const login = 'connection authorized: user=plain database=shop application_name=';

  test.each([
    ['two tails', `${login}x${tail}${tail}`],
    ['a tail and more', `${login}x${tail} y`],
    ['a tail that is none', `${login}x SSL enabled (yes)`],
    ['a tail where a client without a name has no application', `${login}${tail}`],
    [
      'a protocol that the suite does not go with',
      `${login}x SSL enabled (protocol=TLSv1.2, cipher=TLS_AES_256_GCM_SHA384, bits=256)`,
    ],
    [
      'bits that the suite does not have',
      `${login}x SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=512)`,
    ],
    ['a GSS tail before a TLS tail', `${login}x GSS (authenticated=yes, encrypted=yes)${tail}`],
    [
      'a TLS tail after a GSS tail with a principal',
      `${login}x GSS (authenticated=yes, encrypted=yes, principal=a)${tail}`,
    ],
    ['two GSS tails', `${login}x GSS (authenticated=yes, encrypted=yes) GSS (authenticated=yes, encrypted=yes)`],
  ])('%s are marked', (_what, message) => {
    expect(read(message)).toMatchObject({ kind: 'authorized', role: 'plain', forged: true });
  });
});

describe('lines about failures', () => {
  const handshake = (failure: string) => ({ kind: 'handshake-failed', failure });
  const refused = (overrides: object) => ({
    kind: 'refused',
    by: 'no-rule',
    encryption: 'plaintext',
    host: '10.0.0.7',
    role: 'app',
    database: 'shop',
    ...overrides,
  });
  test.each<readonly [string, object]>([
    ['no pg_hba.conf entry for host "10.0.0.7", user "app", database "shop", no encryption', refused({})],
    ['no pg_hba.conf entry for host "10.0.0.7", user "app", database "shop", SSL off', refused({})],
    [
      'no pg_hba.conf entry for host "10.0.0.7", user "app", database "shop", SSL encryption',
      refused({ encryption: 'tls' }),
    ],
    ['no pg_hba.conf entry for host "10.0.0.7", user "app", database "shop", SSL on', refused({ encryption: 'tls' })],
    [
      'no pg_hba.conf entry for host "10.0.0.7", user "app", database "shop", GSS encryption',
      refused({ encryption: 'gss' }),
    ],
    [
      'no pg_hba.conf entry for replication connection from host "10.0.0.7", user "app", no encryption',
      refused({ database: undefined }),
    ],
    [
      'pg_hba.conf rejects connection for host "10.0.0.7", user "app", database "shop", no encryption',
      refused({ by: 'reject-rule' }),
    ],
    [
      'pg_hba.conf rejects replication connection for host "10.0.0.7", user "app", no encryption',
      refused({ by: 'reject-rule', database: undefined }),
    ],
    [
      'no pg_hba.conf entry for host "10.0.0.7", user "a", database "b", SSL encryption", database "shop", no encryption',
      refused({ role: 'a", database "b", SSL encryption' }),
    ],
    ['could not accept SSL connection: unsupported protocol', handshake('version-unsupported')],
    ['could not accept SSL connection: no shared cipher', handshake('no-shared-cipher')],
    ['could not accept SSL connection: tlsv1 alert unknown ca', handshake('server-not-trusted')],
    ['could not accept SSL connection: ssl/tls alert unknown ca', handshake('server-not-trusted')],
    ['could not accept SSL connection: sslv3 alert certificate expired', handshake('server-certificate-expired')],
    ['could not accept SSL connection: certificate verify failed', handshake('client-certificate')],
    ['could not accept SSL connection: EOF detected', handshake('closed-early')],
    ['could not accept SSL connection: http request', handshake('not-tls')],
    ['could not accept SSL connection: no application protocol', handshake('alpn')],
    ['could not accept SSL connection: something of a later OpenSSL', handshake('other')],
    ['received direct SSL connection request without ALPN protocol negotiation extension', handshake('alpn')],
    ['connection requires a valid client certificate', { kind: 'client-certificate-failed', failure: 'missing' }],
    [
      'certificate authentication failed for user "certuser"',
      { kind: 'client-certificate-failed', failure: 'authentication-failed', role: 'certuser' },
    ],
    [
      'provided user name (certuser) and authenticated user name (app) do not match',
      { kind: 'client-certificate-failed', failure: 'name-mismatch', role: 'certuser' },
    ],
    [
      'closing because: SSL required (age=0s)',
      refused({ by: 'pooler', host: undefined, role: undefined, database: undefined }),
    ],
  ])('%s', (message, expected) => {
    expect(read(message)).toMatchObject(expected);
  });
});
