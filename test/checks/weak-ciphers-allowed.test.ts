// Tests the check weak-ciphers-allowed.

import { describe, expect, test } from 'vitest';
import { shownRemedy } from '../../lab/remedies.ts';
import { healthySnapshot, SETTINGS, wireProbe } from '../../lab/snapshots.ts';
import { weakCiphersAllowed } from '../../lambda/checks/weak-ciphers-allowed.ts';
import { cipherProfile } from '../../lambda/model/cipher-profile.ts';
import { known } from '../../lambda/model/observed.ts';
import { CIPHER_PROFILES } from '../../lambda/model/policy.ts';
import { HIDDEN, problem, run, withSettings } from './support/posture-cases.ts';

describe('weak-ciphers-allowed', () => {
  test.each([
    ['high', 'ALL:eNULL'],
    ['high', 'HIGH:aNULL'],
    ['high', 'ALL:@SECLEVEL=0'],
    ['high', 'ECDHE+AESGCM:NULL-SHA256'],
    ['high', 'ECDHE+AESGCM:ADH'],
    ['high', 'ECDHE+AESGCM:EXP'],
    ['high', 'TLS_DH_anon_WITH_AES_128_CBC_SHA:ECDHE+AESGCM'],
    ['medium', 'ALL'],
    ['medium', 'ECDHE+AESGCM:RC4-SHA'],
    ['medium', 'HIGH:3DES:!aNULL'],
    // Nobody chose the default; and what OpenSSL's default level forbids is not let in by a word for other things.
    ['low', 'HIGH:MEDIUM:+3DES:!aNULL'],
    ['low', 'HIGH'],
    ['low', 'TLS_RSA_WITH_AES_128_CBC_SHA:ECDHE+AESGCM'],
  ])('is %s for %s, by the worst suite', (severity, list) => {
    expect(problem(weakCiphersAllowed, withCiphers(list))).toMatchObject({ severity });
  });

  test('tells what the wire answered, and believes it also where the setting is not shown', () => {
    const accepted = { probe: known(wireProbe({ brokenSuites: known({ accepted: true, suite: 'NULL-SHA256' }) })) };
    const { ssl_ciphers: _, ...values } = SETTINGS;
    const hidden = known({ values, seesAll: true });
    const listed = { ...withCiphers('ALL:eNULL'), ...accepted };
    expect(problem(weakCiphersAllowed, listed).evidence.onTheWire).toBe('the server chose NULL-SHA256');
    const strong = { ...withCiphers('ECDHE+AESGCM'), ...accepted };
    expect(problem(weakCiphersAllowed, strong)).toMatchObject({ severity: 'high' });
    expect(run(weakCiphersAllowed, healthySnapshot([], { settings: hidden, ...accepted }))).toMatchObject({
      status: 'fail',
      problems: [{ severity: 'high' }],
      incomplete: expect.stringContaining('ssl_ciphers'),
    });
    const refused = { ...withCiphers('ALL:eNULL'), probe: known(wireProbe()) };
    expect(problem(weakCiphersAllowed, refused).evidence.onTheWire).toMatch(/^the server refused suites without/);
  });

  const withCiphers = (list: string) => withSettings({ ssl_ciphers: list });

  test("finds what PostgreSQL's default admits, by reason and with few examples", () => {
    const found = problem(weakCiphersAllowed, withCiphers('HIGH:MEDIUM:+3DES:!aNULL'));
    const { severity, evidence } = found;
    expect(severity).toBe('low');
    expect(evidence.ssl_ciphers).toBe('HIGH:MEDIUM:+3DES:!aNULL');
    const admits = evidence.admits as readonly string[];
    expect(admits.map((line) => line.replace(/:.*/, ''))).toEqual([
      'CBC mode',
      'no forward secrecy',
      'not in the profile mozilla-intermediate',
      '3DES',
      'RC4',
    ]);
    expect(admits.flatMap((line) => line.match(/[A-Z0-9]+(-[A-Z0-9]+)+/g) ?? []).length).toBeLessThanOrEqual(8);
    expect(evidence.note).toContain('leaves out what it is built without');
    expect(shownRemedy(found)).toContain(
      "ALTER SYSTEM SET ssl_ciphers = 'ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20';",
    );
  });

  test.each([
    ['ALL', 'anonymous: the server proves nothing'],
    ['ECDHE+AESGCM:eNULL', 'no encryption at all'],
    ['ECDHE+AESGCM:AES128-GCM-SHA256', 'no forward secrecy: AES128-GCM-SHA256'],
    ['ECDHE+AESGCM:ECDHE-RSA-AES128-SHA256', 'CBC mode: ECDHE-RSA-AES128-SHA256'],
    ['ECDHE+AESGCM:ECDHE+3DES', '3DES: ECDHE-ECDSA-DES-CBC3-SHA, ECDHE-RSA-DES-CBC3-SHA'],
    ['ECDHE+AESGCM:EXP-RC4-MD5', 'export grade: EXP-RC4-MD5'],
    ['ECDHE+AESGCM:ECDHE-ARIA128-GCM-SHA256', 'not in the profile mozilla-intermediate: ECDHE-ARIA128-GCM-SHA256'],
  ])('finds in %s: %s', (list, line) => {
    const { admits } = problem(weakCiphersAllowed, withCiphers(list)).evidence;
    expect((admits as readonly string[]).some((text) => text.startsWith(line))).toBe(true);
  });

  test.each([
    'ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20',
    'HIGH:!aNULL:!kRSA:!SHA1:!SHA256:!SHA384:!CAMELLIA:!ARIA:!AESCCM',
    'ECDHE+AESGCM:+3DES',
    'ECDHE+AESGCM:PSK:SRP:DSS',
    'ECDHE+AESGCM:!EXPORT:!LOW:!SSLv2:!MD5:!DES',
    'SUITEB128',
  ])('passes %s', (list) => {
    expect(run(weakCiphersAllowed, withCiphers(list))).toEqual({ status: 'pass' });
  });

  test.each(CIPHER_PROFILES)('passes what %s tells to set', (profile) => {
    const remedy = shownRemedy(problem(weakCiphersAllowed, withCiphers('ALL'), { cipherProfile: profile }));
    const { sslCiphers } = cipherProfile(profile);
    const mended =
      sslCiphers === undefined
        ? withSettings({ ssl_ciphers: 'ALL', ssl_min_protocol_version: 'TLSv1.3' })
        : withCiphers(sslCiphers);
    expect(remedy).toContain(sslCiphers ?? "ssl_min_protocol_version = 'TLSv1.3'");
    expect(run(weakCiphersAllowed, mended, { cipherProfile: profile })).toEqual({ status: 'pass' });
  });

  test('goes by the profile', () => {
    const cbc = withCiphers('ECDHE-RSA-AES128-SHA256');
    expect(run(weakCiphersAllowed, cbc, { cipherProfile: 'nist-sp-800-52r2' })).toEqual({ status: 'pass' });
    const { evidence } = problem(weakCiphersAllowed, withCiphers('ECDHE+CHACHA20'), {
      cipherProfile: 'nist-sp-800-52r2',
    });
    expect(evidence.profile).toContain('NIST SP 800-52');
  });

  test('passes any list where TLSv1.3 is the minimum, whichever login asks', () => {
    const snapshot = withSettings({ ssl_ciphers: 'ALL', ssl_min_protocol_version: 'TLSv1.3' });
    expect(run(weakCiphersAllowed, snapshot)).toEqual({ status: 'pass' });
  });

  test('passes no list for an empty minimum', () => {
    const snapshot = withSettings({ ssl_ciphers: 'ALL', ssl_min_protocol_version: '' });
    expect(run(weakCiphersAllowed, snapshot).status).toBe('fail');
  });

  test('names a word that it does not know, and passes nothing for it', () => {
    for (const list of ['ECDHE+AESGCM:FOO', 'ECDHE+AESGCM:!FOO', 'ALL:!FOO']) {
      expect(run(weakCiphersAllowed, withCiphers(list))).toMatchObject({
        status: 'unknown',
        reason: expect.stringMatching(/"!?FOO"/),
      });
    }
  });

  test('finds what is admitted whatever a word it does not know adds', () => {
    expect(run(weakCiphersAllowed, withCiphers('AES128-SHA:FOO'))).toMatchObject({
      status: 'fail',
      incomplete: expect.stringContaining('"FOO"'),
    });
  });

  test("is unknown where the operating system's policy decides, and where the list admits nothing", () => {
    const profile = run(weakCiphersAllowed, withCiphers('PROFILE=SYSTEM'));
    expect(profile).toMatchObject({ status: 'unknown', reason: expect.stringContaining('update-crypto-policies') });
    const nothing = run(weakCiphersAllowed, withCiphers('TLS_AES_256_GCM_SHA384'));
    expect(nothing).toMatchObject({ status: 'unknown', reason: expect.stringContaining('admits no suite') });
  });

  test('shows no control characters of a list', () => {
    const outcome = run(weakCiphersAllowed, withCiphers('ALL:\u001b[31m'));
    expect(JSON.stringify(outcome)).not.toContain('\\u001b');
    expect(outcome).toMatchObject({ status: 'unknown' });
  });

  test('is unknown where the login may not read the list, with the grant that helps', () => {
    expect(run(weakCiphersAllowed, withSettings(HIDDEN, {}, false))).toEqual({
      status: 'unknown',
      reason: 'the login may not read ssl_ciphers: GRANT pg_read_all_settings TO tls_auditor WITH INHERIT TRUE;',
    });
  });

  test('does not apply while TLS is off', () => {
    const snapshot = withSettings({ ssl: 'off', ssl_ciphers: 'ALL' });
    expect(run(weakCiphersAllowed, snapshot)).toMatchObject({ status: 'not-applicable' });
  });

  test('looks at the list of TLSv1.3 apart, where TLSv1.3 is allowed', () => {
    const list = 'TLS_AES_256_GCM_SHA384:TLS_AES_128_CCM_8_SHA256';
    const found = problem(weakCiphersAllowed, withSettings({ ssl_tls13_ciphers: list }));
    expect(found).toMatchObject({ subject: 'ssl_tls13_ciphers', evidence: { ssl_tls13_ciphers: list } });
    expect(found.evidence.admits).toEqual(['not in the profile mozilla-intermediate: TLS_AES_128_CCM_8_SHA256']);
    const capped = withSettings({ ssl_tls13_ciphers: list, ssl_max_protocol_version: 'TLSv1.2' });
    expect(run(weakCiphersAllowed, capped)).toEqual({ status: 'pass' });
  });
});
