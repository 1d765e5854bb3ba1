// Tests the check deprecated-tls-allowed.

import { describe, expect, test } from 'vitest';
import { shownRemedy } from '../../lab/remedies.ts';
import { deprecatedTlsAllowed } from '../../lambda/checks/deprecated-tls-allowed.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import { HIDDEN, problem, run, withSettings } from './support/posture-cases.ts';

const version = (text: string) => ({ server: known({ version: text, inRecovery: false }) });

describe('deprecated-tls-allowed', () => {
  test.each([
    ['TLSv1', 'TLSv1.2'],
    ['TLSv1.1', 'TLSv1.2'],
    ['TLSv1.2', 'TLSv1.3'],
    ['TLSv1', 'TLSv1.1'],
  ] as const)('finds %s where the policy wants %s, and says what to set', (deployed, minTlsVersion) => {
    const found = problem(deprecatedTlsAllowed, withSettings({ ssl_min_protocol_version: deployed }), {
      minTlsVersion,
    });
    expect(found).toMatchObject({ severity: 'medium', evidence: { ssl_min_protocol_version: deployed } });
    expect(shownRemedy(found)).toContain(`ALTER SYSTEM SET ssl_min_protocol_version = '${minTlsVersion}';`);
  });

  test.each([
    ['TLSv1.2', 'TLSv1.2'],
    ['TLSv1.3', 'TLSv1.2'],
    ['TLSv1.3', 'TLSv1.3'],
    ['TLSv1', 'TLSv1'],
  ] as const)('passes %s where the policy wants %s', (deployed, minTlsVersion) => {
    const snapshot = withSettings({ ssl_min_protocol_version: deployed });
    expect(run(deprecatedTlsAllowed, snapshot, { minTlsVersion })).toEqual({ status: 'pass' });
  });

  test('takes an empty minimum for any version', () => {
    const { evidence } = problem(deprecatedTlsAllowed, withSettings({ ssl_min_protocol_version: '' }));
    expect(evidence).toMatchObject({ ssl_min_protocol_version: 'empty: any version' });
  });

  test('is not about the maximum', () => {
    expect(run(deprecatedTlsAllowed, withSettings({ ssl_max_protocol_version: 'TLSv1.2' }))).toEqual({
      status: 'pass',
    });
  });

  test.each(['10.23', '11.22'])(
    'finds that PostgreSQL %s has nothing to refuse them by, whichever login asks',
    (text) => {
      for (const seesAll of [true, false]) {
        const found = problem(deprecatedTlsAllowed, withSettings(HIDDEN, version(text), seesAll));
        expect(found.evidence).toMatchObject({
          ssl_min_protocol_version: expect.stringContaining('PostgreSQL 10 and 11 have no such setting'),
        });
        expect(shownRemedy(found)).toContain('Upgrade');
        expect(shownRemedy(found)).not.toContain('ALTER SYSTEM');
      }
    },
  );

  test('passes PostgreSQL 11 where the policy allows what it allows', () => {
    const snapshot = withSettings(HIDDEN, version('11.22'));
    expect(run(deprecatedTlsAllowed, snapshot, { minTlsVersion: 'TLSv1' })).toEqual({ status: 'pass' });
  });

  test('is unknown where the login may not read the setting, with the grant that helps', () => {
    expect(run(deprecatedTlsAllowed, withSettings(HIDDEN, {}, false))).toEqual({
      status: 'unknown',
      reason:
        'the login may not read ssl_min_protocol_version: GRANT pg_read_all_settings TO tls_auditor WITH INHERIT TRUE;',
    });
  });

  test('is unknown where the server has no such setting and is not known to be old', () => {
    for (const server of [version('18.4'), { server: unknown('it did not say') }, version('devel')]) {
      expect(run(deprecatedTlsAllowed, withSettings(HIDDEN, server))).toMatchObject({ status: 'unknown' });
    }
  });

  test('does not apply while TLS is off', () => {
    const snapshot = withSettings({ ssl: 'off', ssl_min_protocol_version: 'TLSv1' });
    expect(run(deprecatedTlsAllowed, snapshot)).toMatchObject({ status: 'not-applicable' });
  });
});
