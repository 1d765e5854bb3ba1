// What each check of sessions finds, leaves alone, and does not claim to know.

import { describe, expect, test } from 'vitest';
import { belowPreferredTlsSession } from '../../lambda/checks/below-preferred-tls-session.ts';
import type { Check } from '../../lambda/checks/check.ts';
import { deprecatedTlsSession } from '../../lambda/checks/deprecated-tls-session.ts';
import { loopbackPlaintextSession } from '../../lambda/checks/loopback-plaintext-session.ts';
import { plaintextSession } from '../../lambda/checks/plaintext-session.ts';
import { weakCipherSession } from '../../lambda/checks/weak-cipher-session.ts';
import type { Problem } from '../../lambda/model/finding.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import type { Policy } from '../../lambda/model/policy.ts';
import type { Session } from '../../lambda/model/snapshot.ts';
import * as make from '../support/snapshots.ts';

const SESSION_CHECKS = [
  plaintextSession,
  loopbackPlaintextSession,
  deprecatedTlsSession,
  weakCipherSession,
  belowPreferredTlsSession,
];

function problems(check: Check, sessions: readonly Session[], policy: Partial<Policy> = {}): readonly Problem[] {
  const outcome = check.evaluate(make.healthySnapshot(sessions), { ...make.POLICY, ...policy });
  return outcome.status === 'fail' ? outcome.problems : [];
}

/** One session of each way to travel. */
const EVERY_TRANSPORT: readonly Session[] = [
  make.session({ application: 'tls' }),
  make.session({ application: 'gss', transport: 'gss', tls: undefined }),
  make.session({ application: 'socket', transport: 'unix-socket', tls: undefined, clientAddress: undefined }),
  make.session({ application: 'loopback', transport: 'loopback', tls: undefined, clientAddress: '127.0.0.1' }),
  make.plaintextSession({ application: 'plain' }),
];

describe.each(SESSION_CHECKS)('$id', (check) => {
  test('passes a target whose sessions all use TLSv1.3, and one without sessions', () => {
    expect(check.evaluate(make.healthySnapshot(), make.POLICY)).toEqual({ status: 'pass' });
    expect(check.evaluate(make.healthySnapshot([]), make.POLICY)).toEqual({ status: 'pass' });
  });

  test('never passes when the sessions are unknown', () => {
    const snapshot = make.healthySnapshot([], { sessions: unknown('the query failed') });
    expect(check.evaluate(snapshot, make.POLICY)).toEqual({ status: 'unknown', reason: 'the query failed' });
  });

  test('never passes when the login may not see other roles, whatever it does see', () => {
    const snapshot = make.healthySnapshot([make.session()], {
      visibility: known({ role: 'tls_auditor', seesAllSessions: false }),
      sessions: known({ visible: [make.session()], hidden: 17 }),
    });
    expect(check.evaluate(snapshot, make.POLICY)).toEqual({
      status: 'unknown',
      reason: "the login may not see other roles' sessions (17 hidden)",
    });
  });

  test('never passes when some sessions are hidden from a login that should see all', () => {
    const snapshot = make.healthySnapshot([], { sessions: known({ visible: [], hidden: 2 }) });
    expect(check.evaluate(snapshot, make.POLICY).status).toBe('unknown');
  });
});

describe('plaintext-session', () => {
  test('finds plaintext over the network, and nothing that is encrypted or stays on the host', () => {
    const found = problems(plaintextSession, EVERY_TRANSPORT);
    expect(found.map(({ application, severity }) => [application, severity])).toEqual([['plain', 'high']]);
  });

  test('judges loopback like a network when the policy says so', () => {
    const found = problems(plaintextSession, EVERY_TRANSPORT, { loopback: 'network' });
    expect(found.map(({ application }) => application)).toEqual(['loopback', 'plain']);
  });

  test.each(['info', 'ignore'] as const)('leaves loopback alone when the policy says %s', (loopback) => {
    expect(problems(plaintextSession, EVERY_TRANSPORT, { loopback })).toHaveLength(1);
  });

  test('is critical for superusers and for replication', () => {
    const found = problems(plaintextSession, [
      make.plaintextSession({ role: 'postgres', superuser: true }),
      make.plaintextSession({ role: 'replicator', kind: 'replication', database: undefined }),
    ]);
    expect(found.map(({ severity, title }) => [severity, title])).toEqual([
      ['critical', 'Unencrypted session of a superuser over the network'],
      ['critical', 'Unencrypted replication over the network'],
    ]);
  });

  test('tells what it saw even when it did not see everything, and says so', () => {
    const snapshot = make.healthySnapshot([], {
      sessions: known({ visible: [make.plaintextSession()], hidden: 3 }),
      visibility: known({ role: 'tls_auditor', seesAllSessions: false }),
    });
    expect(plaintextSession.evaluate(snapshot, make.POLICY)).toMatchObject({
      status: 'fail',
      problems: [{ role: 'app', count: 1 }],
      incomplete: expect.stringContaining('3 hidden'),
    });
  });

  test('names who connects, from where, how often and since when, not which process', () => {
    const [found] = problems(plaintextSession, [
      make.plaintextSession({ startedAt: '2026-11-10T04:00:00.000Z', clientAddress: '10.0.1.9' }),
      make.plaintextSession({ startedAt: '2026-11-09T22:10:31.000Z' }),
    ]);
    expect(found).toMatchObject({
      role: 'app',
      database: 'shop',
      application: 'checkout',
      clients: ['10.0.1.7', '10.0.1.9'],
      count: 2,
      evidence: { oldestSession: '2026-11-09T22:10:31.000Z' },
    });
  });

  test("labels a provider's own sessions and does not drop them", () => {
    const [found] = problems(plaintextSession, [make.plaintextSession({ role: 'rdsadmin' })]);
    expect(found?.evidence).toMatchObject({ note: expect.stringContaining('provider') });
  });
});

describe('loopback-plaintext-session', () => {
  test('reports loopback as information', () => {
    const found = problems(loopbackPlaintextSession, EVERY_TRANSPORT);
    expect(found.map(({ application, severity }) => [application, severity])).toEqual([['loopback', 'info']]);
  });

  test.each(['ignore', 'network'] as const)('does not apply when the policy says %s', (loopback) => {
    const outcome = loopbackPlaintextSession.evaluate(make.healthySnapshot(EVERY_TRANSPORT), {
      ...make.POLICY,
      loopback,
    });
    expect(outcome.status).toBe('not-applicable');
  });
});

describe('deprecated-tls-session', () => {
  const ofVersion = (version: string): Session => make.tlsSession({ version }, { role: version });

  test.each([
    ['TLSv1.2' as const, ['SSLv3', 'TLSv1', 'TLSv1.1', 'TLSv9 unheard of']],
    ['TLSv1.3' as const, ['SSLv3', 'TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv9 unheard of']],
  ])('with the minimum %s finds exactly what is below it or not known at all', (minTlsVersion, expected) => {
    const sessions = ['SSLv3', 'TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3', 'TLSv1.4', 'TLSv9 unheard of'].map(ofVersion);
    const found = problems(deprecatedTlsSession, sessions, { minTlsVersion });
    expect(found.map(({ evidence }) => evidence.tlsVersion)).toEqual(expected);
  });

  test('is high, and says which versions it saw and which it wants', () => {
    const sessions = [make.tlsSession({ version: 'TLSv1.1' }), make.tlsSession({ version: 'TLSv1' })];
    expect(problems(deprecatedTlsSession, sessions)).toMatchObject([
      { severity: 'high', count: 2, evidence: { tlsVersion: ['TLSv1', 'TLSv1.1'], required: 'TLSv1.2 or newer' } },
    ]);
  });
});

describe('weak-cipher-session', () => {
  test('finds a weak suite, with the reason', () => {
    expect(problems(weakCipherSession, [make.tlsSession({ cipher: 'AES128-SHA', bits: 128 })])).toMatchObject([
      { severity: 'medium', evidence: { cipher: 'AES128-SHA', weakness: 'CBC mode, no forward secrecy' } },
    ]);
  });

  test('leaves sessions of a deprecated version to that check: one thing to fix is told once', () => {
    const sessions = [make.tlsSession({ version: 'TLSv1', cipher: 'ECDHE-RSA-AES128-SHA' })];
    expect(problems(weakCipherSession, sessions)).toEqual([]);
    expect(problems(deprecatedTlsSession, sessions)).toHaveLength(1);
  });

  test('goes by the profile of the policy', () => {
    const sessions = [make.tlsSession({ cipher: 'ECDHE-RSA-AES256-GCM-SHA384' })];
    expect(problems(weakCipherSession, sessions, { cipherProfile: 'mozilla-intermediate' })).toEqual([]);
    expect(problems(weakCipherSession, sessions, { cipherProfile: 'mozilla-modern' })).toHaveLength(1);
  });
});

describe('below-preferred-tls-session', () => {
  test('reports TLSv1.2 as information where TLSv1.3 is preferred, and nothing below the minimum', () => {
    const sessions = [make.tlsSession({ version: 'TLSv1.2' }), make.tlsSession({ version: 'TLSv1.1' }), make.session()];
    expect(problems(belowPreferredTlsSession, sessions)).toMatchObject([
      { severity: 'info', count: 1, evidence: { tlsVersion: 'TLSv1.2', preferred: 'TLSv1.3 or newer' } },
    ]);
  });

  test('is content with TLSv1.2 where the policy prefers no more', () => {
    expect(problems(belowPreferredTlsSession, [make.tlsSession({})], { preferredTlsVersion: 'TLSv1.2' })).toEqual([]);
  });
});
