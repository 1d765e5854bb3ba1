// The checks of certificates, of stored credentials, and of the audit itself.

import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { insecureDsnInSecret } from '../../lambda/checks/insecure-dsn-in-secret.ts';
import { insufficientPrivileges } from '../../lambda/checks/insufficient-privileges.ts';
import { serverCertificateExpiring } from '../../lambda/checks/server-certificate-expiring.ts';
import { targetNotAudited } from '../../lambda/checks/target-not-audited.ts';
import type { CertificateFacts } from '../../lambda/model/certificate.ts';
import { FAILURE_CAUSES } from '../../lambda/model/failure.ts';
import type { Outcome } from '../../lambda/model/finding.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import type { CredentialFacts } from '../../lambda/model/snapshot.ts';

describe('server-certificate-expiring', () => {
  const check = (chain: readonly CertificateFacts[], policy = make.POLICY): Outcome =>
    serverCertificateExpiring.evaluate(make.healthySnapshot([], { serverChain: known(chain) }), policy);
  const endingIn = (days: number, overrides: Partial<CertificateFacts> = {}): CertificateFacts =>
    make.certificate({ notAfter: new Date(Date.parse(make.NOW) + days * 86_400_000).toISOString(), ...overrides });

  test.each([
    [31, undefined],
    [30, 'medium'],
    [15, 'medium'],
    [14, 'high'],
    [8, 'high'],
    [7, 'critical'],
    [0, 'critical'],
    [-3, 'critical'],
  ])('with %i days left is %s', (days, severity) => {
    const outcome = check([endingIn(days)]);
    if (severity === undefined) expect(outcome).toEqual({ status: 'pass' });
    else expect(outcome).toMatchObject({ status: 'fail', problems: [{ severity, evidence: { daysLeft: days } }] });
  });

  test('goes by the thresholds of the policy', () => {
    const certificateExpiryDays = { medium: 90, high: 60, critical: 45 };
    expect(check([endingIn(50)], { ...make.POLICY, certificateExpiryDays })).toMatchObject({
      problems: [{ severity: 'high' }],
    });
  });

  test('looks at intermediates too, each a finding of its own', () => {
    const intermediate = endingIn(10, { subject: 'CN=Issuing CA', sha256: 'cd'.repeat(32) });
    expect(check([endingIn(5), intermediate])).toMatchObject({
      problems: [
        { severity: 'critical', subject: 'ab'.repeat(32) },
        { severity: 'high', subject: 'cd'.repeat(32), evidence: { certificate: 'CN=Issuing CA' } },
      ],
    });
  });

  test("leaves a root to the CA bundle's owner, and not a self-signed server certificate", () => {
    const root = endingIn(3, { selfSigned: true, subject: 'CN=Example Root CA' });
    expect(check([make.certificate(), root])).toEqual({ status: 'pass' });
    expect(check([root])).toMatchObject({ status: 'fail' });
  });

  test('is told once where it has expired already: the target was not audited', () => {
    const snapshot = { ...make.failedSnapshot({ cause: 'certificate-expired' }), serverChain: known([endingIn(-1)]) };
    expect(serverCertificateExpiring.evaluate(snapshot, make.POLICY).status).toBe('not-applicable');
  });

  test('still looks when the login failed after the handshake, and never passes an unseen chain', () => {
    const seen = { ...make.failedSnapshot({ cause: 'password-rejected' }), serverChain: known([endingIn(2)]) };
    expect(serverCertificateExpiring.evaluate(seen, make.POLICY).status).toBe('fail');
    expect(serverCertificateExpiring.evaluate(make.failedSnapshot(), make.POLICY).status).toBe('unknown');
  });

  test('shows a hostile subject without what it does', () => {
    expect(JSON.stringify(check([endingIn(1, { subject: 'CN=\u001b[2J\u202e' })]))).not.toMatch(/\\u001b\[|\u202e/);
  });
});

describe('insufficient-privileges', () => {
  const seeing = (role: string, seesAllSessions: boolean, hidden: number): Outcome =>
    insufficientPrivileges.evaluate(
      make.healthySnapshot([], {
        visibility: known({ role, seesAllSessions }),
        sessions: known({ visible: [], hidden }),
      }),
      make.POLICY,
    );

  test('passes a login that sees every session', () => {
    expect(seeing('tls_auditor', true, 0)).toEqual({ status: 'pass' });
  });

  test('finds a login that may not see other roles, also when nobody else is connected', () => {
    expect(seeing('tls_auditor', false, 0)).toMatchObject({
      status: 'fail',
      problems: [
        {
          severity: 'high',
          role: 'tls_auditor',
          remedy: expect.stringMatching(
            /^As a superuser, .*rds_superuser.*: GRANT pg_monitor TO tls_auditor WITH INHERIT TRUE;$/,
          ),
        },
      ],
    });
  });

  test('tells of sessions withheld from a login that should see all', () => {
    const outcome = seeing('tls_auditor', true, 2);
    expect(outcome).toMatchObject({ status: 'fail', problems: [{ evidence: { hiddenSessions: 2 } }] });
    expect(JSON.stringify(outcome)).not.toContain('GRANT');
  });

  test('quotes a role name where SQL wants it', () => {
    expect(seeing('TLS "Auditor"', false, 0)).toMatchObject({
      problems: [{ remedy: expect.stringContaining('GRANT pg_monitor TO "TLS ""Auditor""" WITH INHERIT TRUE;') }],
    });
  });

  test('does not know when nobody could look', () => {
    expect(insufficientPrivileges.evaluate(make.failedSnapshot(), make.POLICY).status).toBe('unknown');
  });
});

describe('target-not-audited', () => {
  test('passes a target that was', () => {
    expect(targetNotAudited.evaluate(make.healthySnapshot(), make.POLICY)).toEqual({ status: 'pass' });
  });

  test.each(FAILURE_CAUSES)('tells of %s with its cause and what to do', (cause) => {
    const outcome = targetNotAudited.evaluate(make.failedSnapshot({ cause, remedy: 'renew it' }), make.POLICY);
    const severity = /^certificate-|^server-not-proved$|^channel-binding-failed$/.test(cause) ? 'critical' : 'high';
    expect(outcome).toMatchObject({
      status: 'fail',
      problems: [{ severity, evidence: { cause, what: expect.any(String) }, remedy: 'Renew it.' }],
    });
  });
});

describe('insecure-dsn-in-secret', () => {
  const storedAs = (dsn: CredentialFacts['dsn']): Outcome =>
    insecureDsnInSecret.evaluate(
      make.healthySnapshot([], { credentials: known({ source: 'secret prod/orders', dsn }) }),
      make.POLICY,
    );

  test('does not apply to credentials that are no connection string', () => {
    expect(storedAs(undefined).status).toBe('not-applicable');
  });

  test('passes verify-full', () => {
    expect(storedAs({ sslmode: 'verify-full', weakParameters: [] })).toEqual({ status: 'pass' });
  });

  test.each(['disable', 'allow', 'prefer', 'require', 'no-verify', 'verify-ca'])('finds sslmode=%s', (sslmode) => {
    expect(storedAs({ sslmode, weakParameters: [`sslmode=${sslmode}`] })).toMatchObject({
      problems: [{ severity: 'medium', evidence: { storedIn: 'secret prod/orders', sslmode } }],
    });
  });

  test('is low where sslmode is not set, and names what else is weak', () => {
    expect(storedAs({ weakParameters: [] })).toMatchObject({
      problems: [{ severity: 'low', evidence: { sslmode: '(not set)' } }],
    });
    expect(storedAs({ sslmode: 'verify-full', weakParameters: ['sslaccept=accept_invalid_certs'] })).toMatchObject({
      problems: [{ severity: 'medium', evidence: { alsoWeak: ['sslaccept=accept_invalid_certs'] } }],
    });
  });

  test('shows no value that is not one of the known: it may be a secret in the wrong place', () => {
    const outcome = storedAs({ sslmode: 'hunter2', weakParameters: ['sslmode=hunter2'] });
    expect(JSON.stringify(outcome)).not.toContain('hunter2');
    expect(outcome).toMatchObject({ status: 'fail' });
  });

  test('does not know when the credentials could not be read', () => {
    const snapshot = make.healthySnapshot([], { credentials: unknown('the secret could not be read') });
    expect(insecureDsnInSecret.evaluate(snapshot, make.POLICY).status).toBe('unknown');
  });
});
