// What each check of sessions finds, leaves alone, and does not claim to know.

import { describe, expect, test } from 'vitest';
import { knownValue } from '../../lab/known-value.ts';
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
import type { Session, Snapshot } from '../../lambda/model/snapshot.ts';

const SESSION_CHECKS = [
  plaintextSession,
  loopbackPlaintextSession,
  deprecatedTlsSession,
  weakCipherSession,
  belowPreferredTlsSession,
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

describe("a provider's own role", () => {
  const reachedAs = (verifiedName: string, sessions: readonly Session[]): Snapshot => {
    const healthy = make.healthySnapshot(sessions);
    return { ...healthy, link: known({ ...knownValue(healthy.link), verifiedName }) };
  };
  const evaluated = (check: Check, snapshot: Snapshot): readonly Problem[] => {
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
    expect(evaluated(check, reachedAs(RDS, [session]))).toMatchObject([
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
    const found = evaluated(plaintextSession, reachedAs(verifiedName, [make.plaintextSession({ role })]));
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
      expect(evaluated(plaintextSession, reachedAs(verifiedName, [make.plaintextSession(asRdsadmin)]))).toMatchObject([
        { severity: 'critical', evidence: { note: expect.stringContaining('nothing proves') } },
      ]);
    },
  );

  test('is not believed for a setting that any owner of a database can make up', () => {
    const snapshot = make.healthySnapshot([make.plaintextSession(asRdsadmin)], {
      settings: known({ values: { ...make.SETTINGS, 'rds.force_ssl': '1' }, seesAll: true }),
    });
    expect(evaluated(plaintextSession, snapshot).map(({ severity }) => severity)).toEqual(['critical']);
  });

  test('is not believed when it is not known which server answers', () => {
    const snapshot = make.healthySnapshot([make.plaintextSession(asRdsadmin)], { link: unknown('no link') });
    expect(evaluated(plaintextSession, snapshot).map(({ severity }) => severity)).toEqual(['critical']);
  });

  test('changes nothing for the roles beside it', () => {
    const sessions = ['app', 'rdsadmin2', 'RDSADMIN', 'postgres'].map((role) => make.plaintextSession({ role }));
    const found = evaluated(plaintextSession, reachedAs(RDS, sessions));
    expect(found.map(({ severity, evidence }) => [severity, evidence.note])).toEqual(
      sessions.map(() => ['high', undefined]),
    );
  });
});
