// What a server's first message to a plaintext login means, as PostgreSQL, poolers and providers word it.

import { describe, expect, test } from 'vitest';
import { LONGEST_ANSWER, readStartupAnswer, startupMessage } from '../../../lambda/collect/probe/startup.ts';

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

function authentication(code: number, rest = Buffer.alloc(0)): Buffer {
  const body = Buffer.alloc(4);
  body.writeUInt32BE(code);
  return message('R', Buffer.concat([body, rest]));
}

function error(fields: Readonly<Record<string, string>>): Buffer {
  const text = Object.entries({ S: 'FATAL', V: 'FATAL', ...fields }).map(([name, value]) => `${name}${value}\0`);
  return message('E', Buffer.from(`${text.join('')}\0`));
}

test('the startup message holds the role, the database and our name, and nothing else', () => {
  const bytes = startupMessage('tls_auditor', 'shop');
  expect(bytes.readUInt32BE(0)).toBe(bytes.length);
  expect(bytes.readUInt32BE(4)).toBe(196608);
  expect(bytes.subarray(8).toString()).toBe('user\0tls_auditor\0database\0shop\0application_name\0pg-tls-auditor\0\0');
});

describe('accepted is', () => {
  test.each([
    [0, 'none'],
    [2, 'other'],
    [3, 'password'],
    [5, 'md5'],
    [6, 'other'],
    [7, 'gss'],
    [9, 'sspi'],
    [10, 'sasl'],
    [12345, 'other'],
  ] as const)('an authentication request with the code %i: %s', (code, name) => {
    expect(readStartupAnswer(authentication(code, Buffer.from('SCRAM-SHA-256\0\0')))).toEqual({
      known: true,
      value: { accepted: true, authentication: name },
    });
  });
});

describe('refused is', () => {
  test.each<[string, Readonly<Record<string, string>>]>([
    [
      'no rule of pg_hba.conf, in any language',
      { C: '28000', M: 'kein pg_hba.conf-Eintrag für Host »10.0.0.1«', R: 'ClientAuthentication', F: 'auth.c' },
    ],
    ['a rule that rejects', { C: '28000', M: 'pg_hba.conf rejects connection for host …', R: 'ClientAuthentication' }],
    [
      'RDS, which hides the routine',
      { C: '28000', M: 'no pg_hba.conf entry for host "10.0.0.1", user "app", database "shop", no encryption' },
    ],
    [
      '13 and older',
      { C: '28000', M: 'no pg_hba.conf entry for host "10.0.0.1", user "app", database "shop", SSL off' },
    ],
    ['PgBouncer', { C: '08P01', M: 'SSL required' }],
    ['Neon', { C: 'XX000', M: 'connection is insecure (try using `sslmode=require`)' }],
    ['Azure', { C: '28000', M: 'SSL connection is required. Please specify SSL options and retry.' }],
    ['RDS Proxy', { C: '28000', M: 'This RDS Proxy requires TLS connections' }],
  ])('%s', (_what, fields) => {
    expect(readStartupAnswer(error(fields))).toEqual({
      known: true,
      value: { accepted: false, said: expect.stringMatching(`^an error \\(SQLSTATE ${fields.C}.*(TLS|pg_hba\\.conf)`) },
    });
  });
});

describe('unknown is', () => {
  test.each<[string, Readonly<Record<string, string>>]>([
    ['a server that is starting', { C: '57P03', M: 'the database system is starting up' }],
    ['one without a free connection', { C: '53300', M: 'sorry, too many clients already' }],
    ['a database that is not there', { C: '3D000', M: 'database "shop" does not exist' }],
    ['a pooler that does not know the role', { C: '08P01', M: 'no such user: app' }],
    ['authentication that failed by itself', { C: '28000', M: 'Ident authentication failed', R: 'auth_failed' }],
    ['an error without a word', {}],
  ])('%s, by its code and never in its words', (_what, fields) => {
    const answer = readStartupAnswer(error(fields));
    expect(answer).toMatchObject({ known: false, reason: expect.stringContaining(fields.C ?? 'without an SQLSTATE') });
    expect(JSON.stringify(answer)).not.toContain(fields.M ?? 'nothing');
  });

  test.each([
    ['HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['a message of another type', message('Z', Buffer.from('I'))],
    ['a length that none has', Buffer.from([0x52, 0, 0, 0, 3, 0, 0, 0, 0])],
    ['a length of four gigabytes', Buffer.from([0x45, 0xff, 0xff, 0xff, 0xff])],
    ['an error from before protocol 3', Buffer.from('EFATAL:  could not fork new process\n\0')],
  ])('%s', (_what, bytes) => {
    expect(readStartupAnswer(bytes)).toMatchObject({
      known: false,
      reason: expect.stringContaining('not of the PostgreSQL protocol'),
    });
  });

  test('told without a word of it', () => {
    const answer = readStartupAnswer(error({ C: '57P03', M: '\u001b[31mboo\u0007' }));
    expect(JSON.stringify(answer)).not.toMatch(/\\u001b|\\u0007|boo/);
  });
});

test.each([
  ['nothing', Buffer.alloc(0)],
  ['a type', Buffer.from('R')],
  ['part of the length', Buffer.from([0x45, 0, 0])],
  ['part of the message', authentication(10, Buffer.alloc(20)).subarray(0, 12)],
  ['the start of a long error', message('E', Buffer.alloc(LONGEST_ANSWER - 4)).subarray(0, 100)],
])('after %s more must come', (_what, bytes) => {
  expect(readStartupAnswer(bytes)).toBeUndefined();
});
