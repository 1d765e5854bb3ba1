// Tests the check tls-disabled.

import { describe, expect, test } from 'vitest';
import { failedSnapshot } from '../../lab/snapshots.ts';
import { tlsDisabled } from '../../lambda/checks/tls-disabled.ts';
import { problem, run, withSettings } from './support/posture-cases.ts';

describe('tls-disabled', () => {
  test('says that TLS ends upstream when the audit itself came over TLS', () => {
    const { severity, evidence } = problem(tlsDisabled, withSettings({ ssl: 'off' }));
    expect(severity).toBe('critical');
    expect(evidence).toMatchObject({ ssl: 'off', note: expect.stringContaining('in front of the server ends TLS') });
  });

  test('leaves a server that offers no TLS at all to target-not-audited', () => {
    const snapshot = failedSnapshot({ cause: 'tls-not-offered', phase: 'tls' });
    expect(run(tlsDisabled, snapshot)).toMatchObject({
      status: 'not-applicable',
      reason: expect.stringMatching(/does not offer TLS; reported by target-not-audited, .* tls-not-offered/),
    });
  });

  test('is unknown where the server has no such setting', () => {
    const outcome = run(tlsDisabled, withSettings({ ssl: undefined }));
    expect(outcome).toEqual({ status: 'unknown', reason: 'the server shows no setting ssl' });
  });
});
