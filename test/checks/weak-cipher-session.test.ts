// Tests the check weak-cipher-session.

import { describe, expect, test } from 'vitest';
import { shownRemedy } from '../../lab/remedies.ts';
import * as make from '../../lab/snapshots.ts';
import { deprecatedTlsSession } from '../../lambda/checks/deprecated-tls-session.ts';
import { weakCipherSession } from '../../lambda/checks/weak-cipher-session.ts';
import type { Session } from '../../lambda/model/snapshot.ts';
import { problems } from './support/session-cases.ts';

describe('weak-cipher-session', () => {
  const superuser = { superuser: true } as const;
  const replication = { kind: 'replication', database: undefined } as const;

  // Never calmer than plaintext-session is.
  test.each<[string, string, Partial<Session>]>([
    ['high', 'NULL-SHA256', {}],
    ['critical', 'NULL-SHA256', superuser],
    ['critical', 'ECDHE-ECDSA-NULL-SHA', replication],
    ['high', 'AECDH-NULL-SHA', {}],
    ['high', 'ADH-AES256-GCM-SHA384', {}],
    ['high', 'AECDH-AES128-SHA', superuser],
    ['high', 'EXP-RC4-MD5', {}],
    ['medium', 'RC4-SHA', {}],
    ['medium', 'DES-CBC3-SHA', superuser],
    ['medium', 'AES128-SHA', {}],
  ])('is %s with %s', (severity, cipher, of) => {
    expect(problems(weakCipherSession, [make.tlsSession({ cipher, bits: 0 }, of)])).toMatchObject([{ severity }]);
  });

  test('follows the worst suite of a client', () => {
    const sessions = ['AES128-SHA', 'NULL-SHA', 'RC4-SHA'].map((cipher) => make.tlsSession({ cipher }));
    expect(problems(weakCipherSession, sessions)).toMatchObject([{ severity: 'high', count: 3 }]);
  });

  test('speaks of suites that protect nothing in old versions too', () => {
    const old = (cipher: string): Session => make.tlsSession({ version: 'TLSv1', cipher }, superuser);
    expect(problems(weakCipherSession, [old('NULL-SHA')])).toMatchObject([{ severity: 'critical' }]);
    expect(problems(weakCipherSession, [old('AES128-SHA')])).toEqual([]);
  });

  test('finds a weak suite, with the reason', () => {
    expect(problems(weakCipherSession, [make.tlsSession({ cipher: 'AES128-SHA', bits: 128 })])).toMatchObject([
      { severity: 'medium', evidence: { cipher: 'AES128-SHA', weakness: 'CBC mode, no forward secrecy' } },
    ]);
  });

  test('leaves sessions of a deprecated version to that check: one thing to fix is reported once', () => {
    const sessions = [make.tlsSession({ version: 'TLSv1', cipher: 'ECDHE-RSA-AES128-SHA' })];
    expect(problems(weakCipherSession, sessions)).toEqual([]);
    expect(problems(deprecatedTlsSession, sessions)).toHaveLength(1);
  });

  test('goes by the profile of the policy', () => {
    const sessions = [make.tlsSession({ cipher: 'ECDHE-RSA-AES256-GCM-SHA384' })];
    expect(problems(weakCipherSession, sessions, { cipherProfile: 'mozilla-intermediate' })).toEqual([]);
    expect(problems(weakCipherSession, sessions, { cipherProfile: 'mozilla-modern' })).toHaveLength(1);
  });

  test.each([
    ['mozilla-intermediate', "ssl_ciphers = 'ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20'"],
    ['mozilla-modern', "ssl_min_protocol_version = 'TLSv1.3'"],
    ['nist-sp-800-52r2', "ssl_ciphers = 'ECDHE+AESGCM:DHE+AESGCM'"],
  ] as const)('advises what %s itself is content with', (cipherProfile, setting) => {
    const sessions = [make.tlsSession({ cipher: 'AES128-SHA', bits: 128 })];
    const [found] = problems(weakCipherSession, sessions, { cipherProfile });
    expect(shownRemedy(found)).toContain(`ALTER SYSTEM SET ${setting};`);
  });
});
