// The checks of certificates: how strong they are, how long they last, and how long what vouches for them does.

import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { caBundleExpiring } from '../../lambda/checks/ca-bundle-expiring.ts';
import type { Check } from '../../lambda/checks/check.ts';
import { clientCertificateExpiring } from '../../lambda/checks/client-certificate-expiring.ts';
import { serverCertificateExpiring } from '../../lambda/checks/server-certificate-expiring.ts';
import type { CertificateFacts } from '../../lambda/model/certificate.ts';
import { known } from '../../lambda/model/observed.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';
import { DAY, endingIn, evaluate, iso, LEAF, ROOT } from './support/certificate-cases.ts';

/** Each check of an end, given the certificate that it judges. */
const EXPIRY_CHECKS: readonly (readonly [Check, (certificate: CertificateFacts) => Partial<Snapshot>])[] = [
  [serverCertificateExpiring, (leaf) => ({ serverChain: known([leaf]) })],
  [
    caBundleExpiring,
    (certificate) => {
      const root = { ...certificate, ...ROOT };
      return { serverChain: known([LEAF, root]), trust: known({ system: false, bundle: [root] }) };
    },
  ],
  [clientCertificateExpiring, (own) => ({ clientCertificate: known(own) })],
];

describe.each(EXPIRY_CHECKS)('$id', (check, of) => {
  test.each([
    ['a second more than 30 days', 30 * DAY + 1, undefined, 30],
    ['exactly 30 days', 30 * DAY, 'medium', 30],
    ['a second less than 30 days', 30 * DAY - 1, 'medium', 29],
    ['a second more than 14 days', 14 * DAY + 1, 'medium', 14],
    ['exactly 14 days', 14 * DAY, 'high', 14],
    ['a second less than 14 days', 14 * DAY - 1, 'high', 13],
    ['a second more than 7 days', 7 * DAY + 1, 'high', 7],
    ['exactly 7 days', 7 * DAY, 'critical', 7],
    ['a second', 1, 'critical', 0],
    ['no second', 0, 'critical', 0],
    ['a second too few', -1, 'critical', -1],
  ] as const)('with %s left is as severe as it should be', (_what, seconds, severity, daysLeft) => {
    const outcome = evaluate(check, of(endingIn(seconds)));
    if (severity === undefined) expect(outcome).toEqual({ status: 'pass' });
    else {
      expect(outcome).toMatchObject({ status: 'fail', problems: [{ severity, evidence: { daysLeft } }] });
      const end = seconds > 0 ? 'expires' : 'expired';
      expect(outcome).toHaveProperty(`problems.0.evidence.${end}`, iso(Date.parse(make.NOW) + seconds * 1000));
    }
  });

  test('goes by the thresholds of the policy', () => {
    const certificateExpiryDays = { medium: 90, high: 60, critical: 45 };
    const snapshot = make.healthySnapshot([], of(endingIn(60 * DAY)));
    expect(check.evaluate(snapshot, { ...make.POLICY, certificateExpiryDays })).toMatchObject({
      problems: [{ severity: 'high' }],
    });
  });

  test('knows a certificate by its hash: a renewed one is another finding', () => {
    const outcome = evaluate(check, of(endingIn(1)));
    const sha256 = check === caBundleExpiring ? ROOT.sha256 : LEAF.sha256;
    expect(outcome).toMatchObject({ problems: [{ subject: sha256, evidence: { sha256 } }] });
  });

  test('never passes a target that was not audited', () => {
    expect(check.evaluate(make.failedSnapshot(), make.POLICY).status).toBe('unknown');
  });
});
