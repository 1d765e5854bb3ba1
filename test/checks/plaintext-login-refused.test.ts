// Tests the check plaintext-login-refused.

import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { plaintextLoginRefused } from '../../lambda/checks/plaintext-login-refused.ts';
import type { FailedLogins } from '../../lambda/model/connection-log.ts';
import { problemsOfLog, silences } from './support/log-cases.ts';

const refused = (overrides: Partial<FailedLogins> = {}): FailedLogins =>
  make.failedLogins({
    kind: 'refused',
    reason: 'no-rule',
    encryption: 'plaintext',
    role: 'etl',
    database: 'shop',
    ...overrides,
  });

describe('plaintext-login-refused', () => {
  test('is medium for a client that got in without encryption before: it has just broken', () => {
    const found = problemsOfLog(plaintextLoginRefused, { failures: [refused()], clients: [make.clientLogins()] });
    expect(found).toMatchObject([
      {
        severity: 'medium',
        role: 'etl',
        database: 'shop',
        clients: ['10.1.2.0/24'],
        evidence: { refused: 5, plaintextLoginsBefore: 5 },
      },
    ]);
  });

  test('is information for a known role that did not', () => {
    const clients = [make.clientLogins({ transport: 'tls' })];
    const [found] = problemsOfLog(plaintextLoginRefused, { failures: [refused()], clients });
    expect(found).toMatchObject({ severity: 'info', role: 'etl' });
  });

  test('leaves alone a client that tries plaintext first and comes back with TLS', () => {
    const clients = [make.clientLogins({ transport: 'tls' })];
    const allow = refused({ retriedOverTls: 5 });
    expect(problemsOfLog(plaintextLoginRefused, { failures: [allow], clients })).toEqual([]);
    const some = refused({ retriedOverTls: 2 });
    const [found] = problemsOfLog(plaintextLoginRefused, { failures: [some], clients });
    expect(found?.evidence).toMatchObject({ refused: 3, followedByTls: 2 });
  });

  test('makes one finding of all names that nothing but refused logins shows', () => {
    const failures = Array.from({ length: 150 }, (_, index) => refused({ role: `scan${index}`, count: 1 }));
    expect(problemsOfLog(plaintextLoginRefused, { failures })).toMatchObject([
      { severity: 'info', evidence: { refused: 150, unverifiedRoles: expect.arrayContaining(['scan0']) } },
    ]);
  });

  test('says nothing of logins that were refused over TLS', () => {
    expect(problemsOfLog(plaintextLoginRefused, { failures: [refused({ encryption: 'tls' })] })).toEqual([]);
    expect(silences(plaintextLoginRefused)).toEqual(['not-applicable', 'pass', 'unknown', 'unknown']);
  });
});
