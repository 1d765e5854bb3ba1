// Tests the check missing-client-certificate.

import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { missingClientCertificate } from '../../lambda/checks/missing-client-certificate.ts';
import { plaintextSession } from '../../lambda/checks/plaintext-session.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import type { Session } from '../../lambda/model/snapshot.ts';
import { EVERY_TRANSPORT, problems } from './support/session-cases.ts';

describe('missing-client-certificate', () => {
  const found = (sessions: readonly Session[], ...clientCertificateRoles: string[]): readonly (string | undefined)[] =>
    problems(missingClientCertificate, sessions, { clientCertificateRoles }).map(({ role }) => role);
  const named = (...roles: string[]): readonly Session[] => roles.map((role) => make.session({ role }));
  const mutual = make.tlsSession({ clientDn: '/CN=ledger' }, { role: 'ledger' });

  test('does not apply while the policy names no role', () => {
    const outcome = missingClientCertificate.evaluate(make.healthySnapshot(), make.POLICY);
    expect(outcome).toEqual({ status: 'not-applicable', reason: 'policy.clientCertificateRoles names no role' });
  });

  test('finds a TLS session of a named role without one, and none that showed it or is of another role', () => {
    const sessions = [mutual, ...named('ledger', 'app')];
    expect(problems(missingClientCertificate, sessions, { clientCertificateRoles: ['ledger'] })).toMatchObject([
      {
        severity: 'medium',
        role: 'ledger',
        count: 1,
        evidence: { tlsVersion: 'TLSv1.3', clientCertificate: '(none)' },
      },
    ]);
  });

  test('passes when every session of such roles showed one', () => {
    const snapshot = make.healthySnapshot([mutual, make.session()]);
    const policy = { ...make.POLICY, clientCertificateRoles: ['ledger'] };
    expect(missingClientCertificate.evaluate(snapshot, policy)).toEqual({ status: 'pass' });
  });

  test.each([
    ['app_*', ['app_', 'app_a', 'app_*']],
    ['*_app', ['my_app']],
    ['*', ['app', 'app_', 'app_a', 'my_app', 'App_a', 'app_*', 'a.p']],
    ['a*p', ['app', 'a.p']],
    ['a.p', ['a.p']],
    ['app', ['app']],
    ['ap*pp', []],
    ['*p*_*', ['app_', 'app_a', 'App_a', 'app_*']],
  ])('takes %s for whole names, with * for any characters and all else as it stands', (pattern, expected) => {
    const roles = ['app', 'app_', 'app_a', 'my_app', 'App_a', 'app_*', 'a.p'];
    expect(found(named(...roles), pattern)).toEqual(expected);
  });

  test('looks through a pattern with many stars in no time', () => {
    const pattern = `${'a*'.repeat(31)}b`;
    expect(found(named('a'.repeat(63)), pattern)).toEqual([]);
    expect(found(named(`${'a'.repeat(62)}b`), pattern)).toHaveLength(1);
  });

  test('judges TLS only: what can carry no certificate is left alone, and plaintext is reported by its own check', () => {
    const others = EVERY_TRANSPORT.filter(({ transport }) => transport !== 'tls');
    expect(others).toHaveLength(4);
    expect(found(others, 'app')).toEqual([]);
    expect(problems(plaintextSession, others)).toHaveLength(1);
  });

  test('is never sure while sessions are hidden or unknown', () => {
    const policy = { ...make.POLICY, clientCertificateRoles: ['ledger'] };
    for (const snapshot of [
      make.healthySnapshot([], { sessions: known({ visible: [mutual], hidden: 1 }) }),
      make.healthySnapshot([], { sessions: unknown('the query failed') }),
    ]) {
      expect(missingClientCertificate.evaluate(snapshot, policy).status).toBe('unknown');
    }
  });

  test('has no opinion on a walsender whose role was dropped', () => {
    expect(found([make.session({ role: undefined, kind: 'replication' })], '*')).toEqual([]);
  });
});
