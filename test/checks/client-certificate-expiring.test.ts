// Tests the check client-certificate-expiring.

import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { clientCertificateExpiring } from '../../lambda/checks/client-certificate-expiring.ts';
import { known } from '../../lambda/model/observed.ts';
import { endingIn, evaluate, failedWith } from './support/certificate-cases.ts';

describe('client-certificate-expiring', () => {
  test('does not apply to a target that has none', () => {
    expect(evaluate(clientCertificateExpiring, { clientCertificate: known(null) })).toEqual({
      status: 'not-applicable',
      reason: 'the target has no client certificate configured',
    });
  });

  test('still tells when the login failed, which it may explain', () => {
    const snapshot = failedWith('tls-handshake-failed', { clientCertificate: known(endingIn(-1)) });
    expect(clientCertificateExpiring.evaluate(snapshot, make.POLICY)).toMatchObject({
      problems: [{ severity: 'critical', title: "The auditor's client certificate has expired" }],
    });
  });
});
