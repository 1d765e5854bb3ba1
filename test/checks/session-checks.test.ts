// What each check of sessions finds, leaves alone, and does not claim to know.

import { describe, expect, test } from 'vitest';
import { knownValue } from '../../lab/known-value.ts';
import { shownRemedy } from '../../lab/remedies.ts';
import * as make from '../../lab/snapshots.ts';
import { belowPreferredTlsSession } from '../../lambda/checks/below-preferred-tls-session.ts';
import type { Check } from '../../lambda/checks/check.ts';
import { deprecatedTlsSession } from '../../lambda/checks/deprecated-tls-session.ts';
import { loopbackPlaintextSession } from '../../lambda/checks/loopback-plaintext-session.ts';
import { missingClientCertificate } from '../../lambda/checks/missing-client-certificate.ts';
import { plaintextSession } from '../../lambda/checks/plaintext-session.ts';
import { weakCipherSession } from '../../lambda/checks/weak-cipher-session.ts';
import type { Problem } from '../../lambda/model/finding.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import type { Policy } from '../../lambda/model/policy.ts';
import type { Session, Snapshot } from '../../lambda/model/snapshot.ts';

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
});

describe('plaintext-session, where the server refuses plaintext by now,', () => {
  const found = (overrides: Partial<Snapshot>): Problem | undefined => {
    const outcome = plaintextSession.evaluate(make.healthySnapshot([make.plaintextSession()], overrides), make.POLICY);
    return outcome.status === 'fail' ? outcome.problems[0] : undefined;
  };
  const hba = make.hbaFacts();
  const open = hba.rules.map((rule) => ({ ...rule, type: 'host' as const }));
  const refused = known(make.wireProbe());

  test('says that the session is older, and how to end it', () => {
    expect(found({})).toMatchObject({
      evidence: { now: 'the server refuses plaintext now; this session is older' },
      remedy: expect.stringContaining('pg_terminate_backend'),
    });
  });

  test('says nothing of it where the rules let it in, or wait to be loaded', () => {
    for (const facts of [
      { ...hba, rules: open },
      { ...hba, changedSinceLoad: true },
    ]) {
      expect(found({ hba: known(facts) })?.evidence).not.toHaveProperty('now');
    }
  });

  test('says what the wire showed where the rules are not known', () => {
    const { now } = found({ hba: unknown('may not'), probe: refused })?.evidence ?? {};
    expect(now).toMatch(/^the server refuses the auditor's login in plaintext now; if it refuses this one too/);
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

  test('judges TLS only: what can carry no certificate is left alone, and plaintext is told by its own check', () => {
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

describe("a provider's own role", () => {
  const reachedAs = (verifiedName: string, sessions: readonly Session[]): Snapshot => {
    const healthy = make.healthySnapshot(sessions);
    return { ...healthy, link: known({ ...knownValue(healthy.link), verifiedName }) };
  };
  const judged = (check: Check, snapshot: Snapshot): readonly Problem[] => {
    const outcome = check.evaluate(snapshot, { ...make.POLICY, clientCertificateRoles: ['*'] });
    return outcome.status === 'fail' ? outcome.problems : [];
  };
  const RDS = 'orders.c1a2b3.eu-west-1.rds.amazonaws.com';
  const asRdsadmin = { role: 'rdsadmin', superuser: true } as const;

  test.each([
    [plaintextSession, make.plaintextSession(asRdsadmin)],
    [deprecatedTlsSession, make.tlsSession({ version: 'TLSv1' }, asRdsadmin)],
    [weakCipherSession, make.tlsSession({ cipher: 'AES128-SHA' }, asRdsadmin)],
    [missingClientCertificate, make.session(asRdsadmin)],
  ])('is information on its service, labelled and not dropped: $id', (check, session) => {
    expect(judged(check, reachedAs(RDS, [session]))).toMatchObject([
      {
        severity: 'info',
        role: 'rdsadmin',
        count: 1,
        evidence: { note: "rdsadmin is a role of the database's provider, Amazon RDS" },
        remedy: expect.stringContaining("Amazon RDS's own"),
      },
    ]);
  });

  test.each([
    ['rdsrepladmin', 'orders.c1a2b3.cn-north-1.rds.amazonaws.com.cn'],
    ['cloudsqladmin', '1a2b3c.europe-west1.sql.goog'],
    ['azuresu', 'Orders.Postgres.Database.Azure.Com'],
    ['cloud_admin', 'ep-cool-darkness-123456.us-east-2.aws.neon.tech'],
    ['supabase_admin', 'db.abcdefgh.supabase.co'],
  ])('%s is one on %s', (role, verifiedName) => {
    const found = judged(plaintextSession, reachedAs(verifiedName, [make.plaintextSession({ role })]));
    expect(found.map(({ severity }) => severity)).toEqual(['info']);
  });

  test.each([
    ['a server of our own', 'orders.db.example.com'],
    ['a server of another provider', 'ep-cool-darkness-123456.us-east-2.aws.neon.tech'],
    ['a name that only looks alike', 'evilrds.amazonaws.com'],
    ['a name that only begins alike', 'orders.eu-west-1.rds.amazonaws.com.example.com'],
  ])(
    'keeps its severity on %s, where anybody may have made it, and is labelled all the same',
    (_what, verifiedName) => {
      expect(judged(plaintextSession, reachedAs(verifiedName, [make.plaintextSession(asRdsadmin)]))).toMatchObject([
        { severity: 'critical', evidence: { note: expect.stringContaining('nothing proves') } },
      ]);
    },
  );

  test('is not believed for a setting that any owner of a database can make up', () => {
    const snapshot = make.healthySnapshot([make.plaintextSession(asRdsadmin)], {
      settings: known({ values: { ...make.SETTINGS, 'rds.force_ssl': '1' }, seesAll: true }),
    });
    expect(judged(plaintextSession, snapshot).map(({ severity }) => severity)).toEqual(['critical']);
  });

  test('is not believed when nobody knows whom we are connected to', () => {
    const snapshot = make.healthySnapshot([make.plaintextSession(asRdsadmin)], { link: unknown('no link') });
    expect(judged(plaintextSession, snapshot).map(({ severity }) => severity)).toEqual(['critical']);
  });

  test('changes nothing for the roles beside it', () => {
    const sessions = ['app', 'rdsadmin2', 'RDSADMIN', 'postgres'].map((role) => make.plaintextSession({ role }));
    const found = judged(plaintextSession, reachedAs(RDS, sessions));
    expect(found.map(({ severity, evidence }) => [severity, evidence.note])).toEqual(
      sessions.map(() => ['high', undefined]),
    );
  });
});
