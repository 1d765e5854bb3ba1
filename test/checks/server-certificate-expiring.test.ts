// Tests the check server-certificate-expiring.

import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { serverCertificateExpiring } from '../../lambda/checks/server-certificate-expiring.ts';
import type { CertificateFacts } from '../../lambda/model/certificate.ts';
import type { Outcome } from '../../lambda/model/finding.ts';
import { known, type Observed, unknown } from '../../lambda/model/observed.ts';

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

  describe('of RDS', () => {
    const HOST = 'orders.abc.eu-west-1.rds.amazonaws.com';
    const validTill = (days: number) => new Date(Date.parse(make.NOW) + days * 86_400_000).toISOString();
    const byApi = (certificateValidTill: Observed<string>): Outcome =>
      serverCertificateExpiring.evaluate(
        make.listedSnapshot(known(make.cloudDatabase({ certificateValidTill }))),
        make.POLICY,
      );

    test('is known by the API where no connection shows it, as the same finding', () => {
      const { target } = make.healthySnapshot();
      const seen = make.healthySnapshot([], { target: { ...target, host: HOST }, serverChain: known([endingIn(10)]) });
      const subjects = [byApi(known(validTill(10))), serverCertificateExpiring.evaluate(seen, make.POLICY)].map(
        (outcome) =>
          outcome.status === 'fail' ? outcome.problems.map(({ severity, subject }) => [severity, subject]) : outcome,
      );
      expect(subjects).toEqual([[['high', 'own']], [['high', 'own']]]);
    });

    test('is not passed by what the API says', () => {
      expect(byApi(known(validTill(300))).status).toBe('unknown');
      expect(byApi(unknown('RDS does not say')).status).toBe('unknown');
    });
  });

  test('is reported once where it has expired already: the target was not audited', () => {
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
