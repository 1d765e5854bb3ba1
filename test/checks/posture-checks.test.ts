// What the checks of a server's posture say of its settings and rules, and what they leave alone.

import { describe, expect, test } from 'vitest';
import { shownRemedy } from '../../lab/remedies.ts';
import { failedSnapshot, healthySnapshot } from '../../lab/snapshots.ts';
import { deprecatedTlsAllowed } from '../../lambda/checks/deprecated-tls-allowed.ts';
import { plaintextAllowed } from '../../lambda/checks/plaintext-allowed.ts';
import { tlsDisabled } from '../../lambda/checks/tls-disabled.ts';
import { weakCiphersAllowed } from '../../lambda/checks/weak-ciphers-allowed.ts';
import { weakPasswordAuthentication } from '../../lambda/checks/weak-password-authentication.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import { link, ON_RDS, problem, run, withRules, withSettings } from './support/posture-cases.ts';

const ALL = [tlsDisabled, deprecatedTlsAllowed, weakCiphersAllowed, weakPasswordAuthentication, plaintextAllowed];

describe('every check of the posture', () => {
  test.each(ALL)('$id passes a healthy server', (check) => {
    expect(run(check, healthySnapshot())).toEqual({ status: 'pass' });
  });

  test.each(ALL)('$id is unknown, with the reason, of a target that was not audited', (check) => {
    expect(run(check, failedSnapshot())).toMatchObject({
      status: 'unknown',
      reason: expect.stringMatching(/not audited/),
    });
  });
});

describe('plaintext-allowed', () => {
  test('goes by the rules where they are known, whatever rds.force_ssl is said to be', () => {
    const snapshot = withSettings({ 'rds.force_ssl': '1' }, withRules([{ type: 'host' }]));
    expect(problem(plaintextAllowed, snapshot)).toMatchObject({
      severity: 'medium',
      evidence: { rule: expect.stringMatching(/^host /) },
    });
  });

  test('says to switch TLS on first where it is off', () => {
    const found = problem(plaintextAllowed, withSettings({ ssl: 'off' }, withRules([{ type: 'host' }])));
    expect(shownRemedy(found)).toContain('First set ssl = on');
  });

  test('judges loopback by the policy', () => {
    const rules = withRules([{ type: 'host', address: '127.0.0.0', netmask: '255.0.0.0' }]);
    expect(run(plaintextAllowed, healthySnapshot([], rules))).toEqual({ status: 'pass' });
    expect(run(plaintextAllowed, healthySnapshot([], rules), { loopback: 'network' }).status).toBe('fail');
  });

  test.each(['1', 'on'])('passes RDS with rds.force_ssl = %s', (value) => {
    expect(run(plaintextAllowed, withSettings({ 'rds.force_ssl': value }, ON_RDS))).toEqual({ status: 'pass' });
  });

  test.each(['0', 'off'])('finds rds.force_ssl = %s on RDS, and the commands', (value) => {
    const found = problem(plaintextAllowed, withSettings({ 'rds.force_ssl': value }, ON_RDS));
    expect(found).toMatchObject({ severity: 'medium', evidence: { 'rds.force_ssl': value } });
    expect(shownRemedy(found)).toContain('aws rds modify-db-parameter-group');
    expect(shownRemedy(found)).toContain('aws rds modify-db-cluster-parameter-group');
  });

  test('takes nobody at the word of a setting that anyone can make up', () => {
    const hba = unknown('the login may not read pg_hba.conf');
    for (const verifiedName of ['orders.db.example.com', 'rds.amazonaws.com.example.com', 'xrds.amazonaws.com']) {
      const snapshot = withSettings({ 'rds.force_ssl': '1' }, { hba, link: known({ ...link.value, verifiedName }) });
      expect(run(plaintextAllowed, snapshot)).toMatchObject({
        status: 'unknown',
        reason: expect.stringMatching(/nothing proves/),
      });
    }
  });

  test('is unknown for a value that it does not know, and without any', () => {
    expect(run(plaintextAllowed, withSettings({ 'rds.force_ssl': 'maybe' }, ON_RDS))).toMatchObject({
      status: 'unknown',
      reason: expect.stringMatching(/maybe/),
    });
    expect(run(plaintextAllowed, healthySnapshot([], ON_RDS))).toMatchObject({
      status: 'unknown',
      reason: 'the login may not read pg_hba.conf',
    });
  });
});
