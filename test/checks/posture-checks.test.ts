// What the checks of a server's posture say of its settings and rules, and what they leave alone.

import { describe, expect, test } from 'vitest';
import { shownRemedy } from '../../lab/remedies.ts';
import { failedSnapshot, hbaFacts, healthySnapshot, POLICY, SETTINGS, wireProbe } from '../../lab/snapshots.ts';
import type { Check } from '../../lambda/checks/check.ts';
import { deprecatedTlsAllowed } from '../../lambda/checks/deprecated-tls-allowed.ts';
import { plaintextAllowed } from '../../lambda/checks/plaintext-allowed.ts';
import { tlsDisabled } from '../../lambda/checks/tls-disabled.ts';
import { weakCiphersAllowed } from '../../lambda/checks/weak-ciphers-allowed.ts';
import { weakPasswordAuthentication } from '../../lambda/checks/weak-password-authentication.ts';
import { cipherProfile } from '../../lambda/model/cipher-profile.ts';
import type { Outcome, Problem } from '../../lambda/model/finding.ts';
import type { HbaFacts, HbaRule } from '../../lambda/model/hba.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import { CIPHER_PROFILES, type Policy } from '../../lambda/model/policy.ts';
import type { SettingName, SettingOverride } from '../../lambda/model/posture.ts';
import type { AuditConnection, Snapshot } from '../../lambda/model/snapshot.ts';

/** A healthy target with some settings changed, or gone. */
function withSettings(
  changes: Readonly<Partial<Record<SettingName, string | undefined>>>,
  overrides: Partial<Snapshot> = {},
  seesAll = true,
): Snapshot {
  const entries = Object.entries({ ...SETTINGS, ...changes }).filter(([, value]) => value !== undefined);
  return healthySnapshot([], { settings: known({ values: Object.fromEntries(entries), seesAll }), ...overrides });
}

/** What a login without `pg_read_all_settings` sees. */
const HIDDEN = {
  ssl_min_protocol_version: undefined,
  ssl_max_protocol_version: undefined,
  ssl_ciphers: undefined,
  ssl_tls13_ciphers: undefined,
} as const;

const version = (text: string) => ({ server: known({ version: text, inRecovery: false }) });

/** As if the file were read, with a quote nowhere. */
const UNQUOTED = { databases: [false, false], users: [false, false], address: false } as const;

function withRules(rules: readonly Partial<HbaRule>[], facts: Partial<HbaFacts> = {}): Partial<Snapshot> {
  const [base] = hbaFacts().rules as readonly [HbaRule];
  return {
    hba: known(
      hbaFacts({
        rules: rules.map((rule, index) => ({ ...base, quotes: UNQUOTED, lineNumber: index + 1, ...rule })),
        ...facts,
      }),
    ),
  };
}

const link = healthySnapshot().link as { readonly known: true; readonly value: AuditConnection };
const ON_RDS = {
  hba: unknown('the login may not read pg_hba.conf'),
  link: known({ ...link.value, verifiedName: 'orders.abc123.eu-west-1.rds.amazonaws.com' }),
} satisfies Partial<Snapshot>;

function run(check: Check, snapshot: Snapshot, policy: Partial<Policy> = {}): Outcome {
  return check.evaluate(snapshot, { ...POLICY, ...policy });
}

/** The problems of an outcome that has some and saw everything. */
function problems(check: Check, snapshot: Snapshot, policy: Partial<Policy> = {}): readonly Problem[] {
  const outcome = run(check, snapshot, policy);
  if (outcome.status !== 'fail') throw new Error(`expected findings, got ${JSON.stringify(outcome)}`);
  expect(outcome.incomplete).toBeUndefined();
  return outcome.problems;
}

function problem(check: Check, snapshot: Snapshot, policy: Partial<Policy> = {}): Problem {
  const found = problems(check, snapshot, policy);
  expect(found).toHaveLength(1);
  return found[0] as Problem;
}

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

  test.each(['10.23', '11.22'])('finds that PostgreSQL %s has nothing to refuse them by, whoever asks', (text) => {
    for (const seesAll of [true, false]) {
      const found = problem(deprecatedTlsAllowed, withSettings(HIDDEN, version(text), seesAll));
      expect(found.evidence).toMatchObject({
        ssl_min_protocol_version: expect.stringContaining('PostgreSQL 10 and 11 have no such setting'),
      });
      expect(shownRemedy(found)).toContain('Upgrade');
      expect(shownRemedy(found)).not.toContain('ALTER SYSTEM');
    }
  });

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

  test('passes any list where TLSv1.3 is the minimum, whoever asks', () => {
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

describe('weak-password-authentication', () => {
  const outcomeFor = (
    rules: readonly Partial<HbaRule>[],
    policy: Partial<Policy> = {},
    overrides: Partial<Snapshot> = {},
  ) => problems(weakPasswordAuthentication, healthySnapshot([], { ...withRules(rules), ...overrides }), policy);
  const combineOutcomes = (rules: readonly Partial<HbaRule>[], facts: Partial<HbaFacts> = {}) =>
    run(weakPasswordAuthentication, healthySnapshot([], withRules(rules, facts)));

  describe('where a database or role has a password_encryption of its own', () => {
    const judged = (override: Partial<SettingOverride>): Outcome =>
      run(
        weakPasswordAuthentication,
        healthySnapshot([], {
          settings: known({
            values: SETTINGS,
            seesAll: true,
            overrides: [{ setting: 'password_encryption', value: 'md5', ofLogin: false, ...override }],
          }),
        }),
      );

    test.each<[Partial<SettingOverride>, string]>([
      [{ database: 'Shop' }, 'ALTER DATABASE "Shop" RESET password_encryption;'],
      [{ role: 'app' }, 'ALTER ROLE app RESET password_encryption;'],
      [{ role: 'app', database: 'shop' }, 'ALTER ROLE app IN DATABASE shop RESET password_encryption;'],
      [{}, 'ALTER ROLE ALL RESET password_encryption;'],
    ])('finds MD5 by %j, and takes back that alone', (override, statement) => {
      const outcome = judged(override);
      expect(outcome).toMatchObject({ status: 'fail', problems: [{ severity: 'medium' }] });
      const shown = outcome.status === 'fail' ? outcome.problems.map((each) => shownRemedy(each)) : [];
      expect(shown).toEqual([expect.stringContaining(statement)]);
      expect(shown.join()).not.toContain('ALTER SYSTEM');
      expect(outcome).not.toHaveProperty('incomplete');
    });

    test('passes SCRAM, however it is written', () => {
      expect(judged({ database: 'shop', value: 'SCRAM-SHA-256' })).toEqual({ status: 'pass' });
    });

    test("does not know the server's where the auditor was given another", () => {
      const reason = expect.stringContaining('ALTER DATABASE shop SET');
      expect(judged({ database: 'shop', value: 'scram-sha-256', ofLogin: true })).toEqual({
        status: 'unknown',
        reason,
      });
      expect(judged({ database: 'shop', ofLogin: true })).toMatchObject({ status: 'fail', incomplete: reason });
    });
  });

  test.each(['md5', 'on'])('finds password_encryption = %s', (value) => {
    const found = problem(weakPasswordAuthentication, withSettings({ password_encryption: value }));
    expect(found).toMatchObject({ severity: 'medium', evidence: { password_encryption: value } });
    expect(shownRemedy(found)).toContain("ALTER SYSTEM SET password_encryption = 'scram-sha-256';");
  });

  test.each([
    ['trust', 'host', 'critical', 'lets the network in without authentication'],
    ['trust', 'hostssl', 'critical', 'lets the network in without authentication'],
    ['trust', 'hostnossl', 'critical', 'lets the network in without authentication'],
    ['md5', 'host', 'medium', 'accepts MD5 passwords from the network'],
    ['md5', 'hostssl', 'medium', 'accepts MD5 passwords from the network'],
    ['password', 'host', 'medium', 'asks for passwords in clear from the network, encrypted or not'],
    ['password', 'hostnossl', 'medium', 'asks for passwords in clear from the network, encrypted or not'],
    ['password', 'hostssl', 'medium', 'asks for passwords in clear, over encrypted connections only'],
    ['password', 'hostgssenc', 'medium', 'asks for passwords in clear, over encrypted connections only'],
    ['ident', 'host', 'high', "believes clients' machines on the network who connects"],
  ] as const)('finds %s in %s: %s', (method, type, severity, does) => {
    const [found] = outcomeFor([{ type, method }]);
    expect(found).toMatchObject({
      severity,
      title: `pg_hba.conf ${does}`,
      evidence: { rule: `${type} all all all ${method}`, at: 'line 1 of /etc/postgresql/pg_hba.conf' },
    });
    // What lets plaintext in is not advised, whatever was there.
    const advised =
      type === 'hostnossl'
        ? 'hostnossl all all all reject'
        : `${type === 'host' ? 'hostssl' : type} all all all scram-sha-256`;
    expect(shownRemedy(found)?.split('\n')).toContain(advised);
    expect(shownRemedy(found)).toMatch(/\nThen SELECT pg_reload_conf\(\);$/);
    const prelude =
      type === 'hostnossl'
        ? /^Replace line 1 /
        : method === 'md5' || method === 'password'
          ? /^First have new passwords stored for SCRAM:\nALTER SYSTEM SET password_encryption = 'scram-sha-256';\nSELECT pg_reload_conf\(\);\nThen have each role/
          : /^First see that each role/;
    expect(shownRemedy(found)).toMatch(prelude);
  });

  test.each([
    ['scram', { method: 'scram-sha-256', type: 'host' }],
    ['certificates', { method: 'cert', options: ['clientcert=verify-full'] }],
    ['certificates that prove the role, whatever else', { method: 'trust', options: ['clientcert=verify-full'] }],
    ['LDAP', { method: 'ldap', options: ['ldapserver'] }],
    ['what is refused', { method: 'reject', type: 'host' }],
    ['the Unix socket', { method: 'trust', type: 'local', address: undefined }],
    ['loopback', { method: 'trust', type: 'host', address: '127.0.0.1', netmask: '255.255.255.255' }],
    ['localhost by name', { method: 'md5', type: 'host', address: 'localhost' }],
    ['a rule that cannot match', { method: 'trust', type: 'hostgssenc', warning: 'GSSAPI is not supported' }],
  ] as const)('leaves %s alone', (_, rule) => {
    expect(combineOutcomes([rule])).toEqual({ status: 'pass' });
  });

  test('judges loopback like the network where the policy says so', () => {
    const rule = { method: 'trust', type: 'host', address: '127.0.0.1', netmask: '255.255.255.255' } as const;
    expect(outcomeFor([rule], { loopback: 'network' })).toMatchObject([{ severity: 'critical' }]);
  });

  test('leaves alone what a rule before it decides, and names those that decide', () => {
    const strict = { type: 'host', method: 'scram-sha-256' } as const;
    expect(combineOutcomes([strict, { type: 'host', method: 'trust' }])).toEqual({ status: 'pass' });
    const found = outcomeFor([
      { type: 'hostssl', method: 'md5' },
      { type: 'host', method: 'password' },
      { type: 'host', method: 'trust' },
    ]);
    expect(found.map(({ evidence }) => evidence.rule)).toEqual([
      'hostssl all all all md5',
      'host all all all password',
    ]);
  });

  test('says that clear passwords travel encrypted where a rule before refuses the rest', () => {
    const refuse = { type: 'hostnossl', method: 'reject' } as const;
    expect(outcomeFor([refuse, { type: 'host', method: 'password' }])).toMatchObject([
      { severity: 'medium', title: expect.stringContaining('over encrypted connections only') },
    ]);
  });

  test.each(['host', 'hostnogssenc'] as const)(
    'while TLS is off has it switched on before %s becomes a line for it',
    (type) => {
      const settings = known({ values: { ...SETTINGS, ssl: 'off' }, seesAll: true });
      const [found] = outcomeFor([{ type, method: 'md5' }], {}, { settings });
      expect(shownRemedy(found)).toMatch(
        /^First set ssl = on, with a certificate: .*\nThen have new passwords stored for SCRAM:\nALTER SYSTEM SET password_encryption .*\n.*\nThen have .*\nReplace .*\nhostssl all all all scram-sha-256\n/,
      );
      expect(shownRemedy(found)).not.toMatch(/^host(nogssenc)? /m);
    },
  );

  test.each<[HbaRule['type'], string]>([
    ['host', 'md5'],
    ['host', 'trust'],
    ['host', 'password'],
    ['host', 'ident'],
    ['hostnogssenc', 'md5'],
    ['hostnossl', 'md5'],
  ])('advises the same line as plaintext-allowed for %s with %s, whether TLS is on or off', (type, method) => {
    for (const ssl of ['on', 'off']) {
      const settings = known({ values: { ...SETTINGS, ssl }, seesAll: true });
      const snapshot = healthySnapshot([], { ...withRules([{ type, method }]), settings });
      const lines = [weakPasswordAuthentication, plaintextAllowed].map((check) =>
        shownRemedy(problem(check, snapshot))
          ?.split('\n')
          .filter((line) => /^host/.test(line)),
      );
      expect(lines[0]).toHaveLength(1);
      expect(lines[0]).toEqual(lines[1]);
    }
  });

  test('leaves rules for TLS alone while TLS is off', () => {
    const settings = known({ values: { ...SETTINGS, ssl: 'off' }, seesAll: true });
    const snapshot = healthySnapshot([], { settings, ...withRules([{ type: 'hostssl', method: 'trust' }]) });
    expect(run(weakPasswordAuthentication, snapshot)).toEqual({ status: 'pass' });
  });

  test('asks for the certificate of the role itself where any would do', () => {
    const [found] = outcomeFor([{ method: 'trust', options: ['clientcert=verify-ca'] }]);
    expect(found?.severity).toBe('high');
    expect(shownRemedy(found)).toContain('hostssl all all all scram-sha-256 clientcert=verify-full');
  });

  test('says so where it is not certain, and less where only the server itself can be meant', () => {
    const [samehost] = outcomeFor([{ method: 'trust', type: 'host', address: 'samehost' }]);
    expect(samehost).toMatchObject({ severity: 'medium', title: expect.stringContaining('probably lets') });
    const [samenet] = outcomeFor([{ method: 'md5', type: 'host', address: 'samenet' }]);
    expect(samenet).toMatchObject({ severity: 'medium', evidence: { doubt: expect.stringContaining('samenet') } });
  });

  test('is unknown where the rules are, and incomplete where the setting is weak besides', () => {
    const hba = unknown('the login may not read pg_hba.conf: GRANT …');
    expect(run(weakPasswordAuthentication, healthySnapshot([], { hba }))).toEqual({
      status: 'unknown',
      reason: 'the login may not read pg_hba.conf: GRANT …',
    });
    expect(run(weakPasswordAuthentication, withSettings({ password_encryption: 'md5' }, { hba }))).toMatchObject({
      status: 'fail',
      problems: [{ subject: 'password_encryption' }],
      incomplete: 'the login may not read pg_hba.conf: GRANT …',
    });
  });

  test('is unknown where the file is not the one in force', () => {
    const faults = [{ lineNumber: 3, error: 'bad token' }];
    expect(combineOutcomes([{}], { faults })).toMatchObject({
      status: 'unknown',
      reason: expect.stringMatching(/line 3 .*bad token/),
    });
  });

  test('finds weak rules where the setting is not known, and says what was not seen', () => {
    const snapshot = withSettings({ password_encryption: undefined }, withRules([{ method: 'md5' }]));
    expect(run(weakPasswordAuthentication, snapshot)).toMatchObject({
      status: 'fail',
      problems: [{ severity: 'medium' }],
      incomplete: 'the server shows no setting password_encryption',
    });
  });

  describe('on RDS, whose rules nobody may read', () => {
    const accepting = (value: string | undefined, overrides: Partial<Snapshot> = ON_RDS, seesAll = true) =>
      run(weakPasswordAuthentication, withSettings({ 'rds.accepted_password_auth_method': value }, overrides, seesAll));

    test('passes where SCRAM alone is accepted', () => {
      expect(accepting('scram')).toEqual({ status: 'pass' });
    });

    test('finds MD5 accepted beside it, and says what to set', () => {
      const outcome = accepting('md5+scram');
      expect(outcome).toMatchObject({
        status: 'fail',
        problems: [{ severity: 'medium', evidence: { 'rds.accepted_password_auth_method': 'md5+scram' } }],
      });
      expect(outcome).not.toHaveProperty('incomplete');
      const [found] = outcome.status === 'fail' ? outcome.problems : [];
      expect(shownRemedy(found)).toContain(
        'ParameterName=rds.accepted_password_auth_method,ParameterValue=scram,ApplyMethod=immediate',
      );
    });

    test('is unknown for a value that is not known here, and where the setting is not shown', () => {
      expect(accepting('scram+pam')).toMatchObject({ status: 'unknown', reason: expect.stringContaining('scram+pam') });
      expect(accepting(undefined)).toMatchObject({
        status: 'unknown',
        reason: expect.stringContaining('the server shows no setting rds.accepted_password_auth_method'),
      });
      expect(accepting(undefined, ON_RDS, false)).toMatchObject({
        status: 'unknown',
        reason: expect.stringContaining('GRANT pg_read_all_settings TO tls_auditor WITH INHERIT TRUE;'),
      });
    });

    test('believes the setting of no server that has not proven to be RDS', () => {
      expect(accepting('scram', { hba: ON_RDS.hba })).toEqual({
        status: 'unknown',
        reason: 'the login may not read pg_hba.conf',
      });
    });
  });

  test('shows no control characters of names in rules', () => {
    expect(JSON.stringify(outcomeFor([{ method: 'md5', databases: ['all', 'a\u001b[31m'] }]))).not.toContain('\\u001b');
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
