// Tests the check insecure-dsn-in-secret.

import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { insecureDsnInSecret } from '../../lambda/checks/insecure-dsn-in-secret.ts';
import type { Outcome } from '../../lambda/model/finding.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import type { CredentialFacts } from '../../lambda/model/snapshot.ts';

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
