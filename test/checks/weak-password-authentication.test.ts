// Tests the check weak-password-authentication.

import { describe, expect, test } from 'vitest';
import { shownRemedy } from '../../lab/remedies.ts';
import { healthySnapshot, SETTINGS } from '../../lab/snapshots.ts';
import { plaintextAllowed } from '../../lambda/checks/plaintext-allowed.ts';
import { weakPasswordAuthentication } from '../../lambda/checks/weak-password-authentication.ts';
import type { Outcome } from '../../lambda/model/finding.ts';
import type { HbaFacts, HbaRule } from '../../lambda/model/hba.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import type { Policy } from '../../lambda/model/policy.ts';
import type { SettingOverride } from '../../lambda/model/posture.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';
import { ON_RDS, problem, problems, run, withRules, withSettings } from './support/posture-cases.ts';

describe('weak-password-authentication', () => {
  const outcomeFor = (
    rules: readonly Partial<HbaRule>[],
    policy: Partial<Policy> = {},
    overrides: Partial<Snapshot> = {},
  ) => problems(weakPasswordAuthentication, healthySnapshot([], { ...withRules(rules), ...overrides }), policy);
  const combineOutcomes = (rules: readonly Partial<HbaRule>[], facts: Partial<HbaFacts> = {}) =>
    run(weakPasswordAuthentication, healthySnapshot([], withRules(rules, facts)));

  describe('where a database or role has a password_encryption of its own', () => {
    const evaluated = (override: Partial<SettingOverride>): Outcome =>
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
      const outcome = evaluated(override);
      expect(outcome).toMatchObject({ status: 'fail', problems: [{ severity: 'medium' }] });
      const shown = outcome.status === 'fail' ? outcome.problems.map((each) => shownRemedy(each)) : [];
      expect(shown).toEqual([expect.stringContaining(statement)]);
      expect(shown.join()).not.toContain('ALTER SYSTEM');
      expect(outcome).not.toHaveProperty('incomplete');
    });

    test('passes SCRAM, however it is written', () => {
      expect(evaluated({ database: 'shop', value: 'SCRAM-SHA-256' })).toEqual({ status: 'pass' });
    });

    test("does not know the server's where the auditor was given another", () => {
      const reason = expect.stringContaining('ALTER DATABASE shop SET');
      expect(evaluated({ database: 'shop', value: 'scram-sha-256', ofLogin: true })).toEqual({
        status: 'unknown',
        reason,
      });
      expect(evaluated({ database: 'shop', ofLogin: true })).toMatchObject({ status: 'fail', incomplete: reason });
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

  describe('on RDS, whose rules no login may read', () => {
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
