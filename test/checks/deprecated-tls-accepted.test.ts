// Tests the check deprecated-tls-accepted.

import { describe, expect, test } from 'vitest';
import { shownRemedy } from '../../lab/remedies.ts';
import { POLICY, SETTINGS, wireProbe } from '../../lab/snapshots.ts';
import { deprecatedTlsAccepted } from '../../lambda/checks/deprecated-tls-accepted.ts';
import { known } from '../../lambda/model/observed.ts';
import { ACCEPTED, NO_ANSWER, problems, snapshot, text, versions } from './support/probe-cases.ts';

describe('deprecated-tls-accepted', () => {
  test('names what is accepted below the minimum', () => {
    const given = snapshot(wireProbe({ tlsVersions: versions({ TLSv1: ACCEPTED, 'TLSv1.1': ACCEPTED }) }), {
      settings: known({ values: { ...SETTINGS, ssl_min_protocol_version: 'TLSv1' }, seesAll: true }),
    });
    expect(problems(deprecatedTlsAccepted, given)).toMatchObject([
      { severity: 'medium', evidence: { accepted: ['TLSv1', 'TLSv1.1'], shouldBe: 'TLSv1.2 or newer' } },
    ]);
    expect(problems(deprecatedTlsAccepted, given)[0]?.evidence).not.toHaveProperty('disagreement');
  });

  test('follows the policy', () => {
    const [problem] = problems(deprecatedTlsAccepted, snapshot(wireProbe()), { minTlsVersion: 'TLSv1.3' });
    expect(problem?.evidence.accepted).toEqual(['TLSv1.2']);
  });

  test('is unknown where a version below the minimum is, and no other', () => {
    const old = snapshot(wireProbe({ tlsVersions: versions({ 'TLSv1.1': NO_ANSWER }) }));
    expect(deprecatedTlsAccepted.evaluate(old, POLICY)).toEqual({
      status: 'unknown',
      reason: 'TLSv1.1: the server gave no answer within 5 s',
    });
    const present = snapshot(wireProbe({ tlsVersions: versions({ 'TLSv1.3': NO_ANSWER }) }));
    expect(deprecatedTlsAccepted.evaluate(present, POLICY)).toEqual({ status: 'pass' });
  });

  test('tells what it found where it did not see all', () => {
    const given = snapshot(wireProbe({ tlsVersions: versions({ TLSv1: NO_ANSWER, 'TLSv1.1': ACCEPTED }) }));
    expect(deprecatedTlsAccepted.evaluate(given, POLICY)).toMatchObject({
      status: 'fail',
      incomplete: 'TLSv1: the server gave no answer within 5 s',
    });
  });

  test('says where the settings rule out what is accepted, and why it may be', () => {
    const given = snapshot(wireProbe({ tlsVersions: versions({ 'TLSv1.1': ACCEPTED }) }));
    // To set what is set already would mend nothing.
    const remedy = shownRemedy(problems(deprecatedTlsAccepted, given)[0]);
    expect(remedy).toContain('SSL configuration was not reloaded');
    expect(remedy).not.toContain('ALTER SYSTEM');
    expect(text(problems(deprecatedTlsAccepted, given)[0]?.evidence.disagreement)).toMatch(
      /^The server accepts TLSv1\.1, and ssl_min_protocol_version = TLSv1\.2 rules that out\..*SSL configuration was not reloaded/,
    );
  });

  test('claims no disagreement with a setting that it may not read', () => {
    const given = snapshot(wireProbe({ tlsVersions: versions({ 'TLSv1.1': ACCEPTED }) }), {
      settings: known({ values: { ssl: 'on' }, seesAll: false }),
    });
    expect(problems(deprecatedTlsAccepted, given)[0]?.evidence).not.toHaveProperty('disagreement');
  });
});
