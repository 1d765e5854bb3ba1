// What is said of rules that let plaintext in, and what to write in their place.

import { describe, expect, test } from 'vitest';
import { shownRemedy } from '../../lab/remedies.ts';
import * as make from '../../lab/snapshots.ts';
import { hbaLine } from '../../lambda/analysis/pg-hba/line.ts';
import { evaluatePlaintextRules, PLAINTEXT_ALLOWED, plaintextAllowed } from '../../lambda/checks/plaintext-allowed.ts';
import { REFUSE_PLAINTEXT } from '../../lambda/checks/remedies/remedy-commands.ts';
import type { CloudDatabase } from '../../lambda/model/cloud.ts';
import type { Outcome, Problem } from '../../lambda/model/finding.ts';
import type { HbaFacts, HbaRule } from '../../lambda/model/hba.ts';
import { known, unknown } from '../../lambda/model/observed.ts';

const FILE = '/etc/postgresql/18/main/pg_hba.conf';

function rule(overrides: Partial<HbaRule> = {}): HbaRule {
  return {
    fileName: FILE,
    lineNumber: 12,
    type: 'host',
    databases: ['all'],
    users: ['all'],
    address: '10.0.0.0',
    netmask: '255.0.0.0',
    method: 'scram-sha-256',
    options: [],
    // As if the file were read, with a quote nowhere.
    quotes: { databases: [false, false], users: [false, false], address: false },
    ...overrides,
  };
}

function facts(...rules: readonly HbaRule[]): HbaFacts {
  const app = { name: 'app', canLogin: true, superuser: false, replication: false, memberOf: [] };
  return {
    major: 18,
    rules,
    faults: [],
    roles: [app],
    databases: [{ name: 'shop', allowConnections: true }],
    patterns: [],
  };
}

function problems(
  rules: readonly HbaRule[],
  { tlsOn = true, loopback = 'info' }: Partial<Parameters<typeof evaluatePlaintextRules>[1]> = {},
): readonly Problem[] {
  const outcome = evaluatePlaintextRules(known(facts(...rules)), { tlsOn, loopback });
  return outcome.status === 'fail' ? outcome.problems : [];
}

describe('the outcome', () => {
  const asked = { tlsOn: true, loopback: 'info' } as const;

  test('is a pass where plaintext is kept out', () => {
    expect(evaluatePlaintextRules(known(facts(rule({ type: 'hostssl' }))), asked)).toEqual({ status: 'pass' });
  });

  test('is unknown, with the reason, where the rules could not be read', () => {
    const reason = 'the login may not execute pg_hba_file_rules()';
    expect(evaluatePlaintextRules(unknown(reason), asked)).toEqual({ status: 'unknown', reason });
  });

  test('is unknown where the file is not the one in force', () => {
    const broken = { ...facts(), faults: [{ lineNumber: 3, error: 'bad \u001b[31mtoken' }] };
    const outcome = evaluatePlaintextRules(known(broken), asked);
    expect(outcome).toMatchObject({ status: 'unknown', reason: expect.stringContaining('line 3 of pg_hba.conf') });
    expect(JSON.stringify(outcome)).not.toContain('\\u001b');
  });

  test('has a problem for each rule by which plaintext gets in', () => {
    expect(problems([rule(), rule({ address: 'all', netmask: undefined, lineNumber: 13 })])).toHaveLength(2);
  });

  test('shows the rule, where it stands and who gets in', () => {
    expect(problems([rule()])).toEqual([
      {
        severity: 'medium',
        title: PLAINTEXT_ALLOWED.title,
        subject: 'host all all 10.0.0.0/8 scram-sha-256',
        evidence: {
          rule: 'host all all 10.0.0.0/8 scram-sha-256',
          at: `line 12 of ${FILE}`,
          letsIn: ['database shop, role app, from 10.0.0.1'],
        },
        remedy: {
          ...REFUSE_PLAINTEXT,
          selfManaged: `Replace line 12 of ${FILE} (and the lines it goes on over, where it ends in \\) by:\nhostssl all all 10.0.0.0/8 scram-sha-256\nThen SELECT pg_reload_conf();`,
        },
      },
    ]);
  });

  test('stays the same problem when lines are added above', () => {
    expect(problems([rule({ lineNumber: 40 })])[0]?.subject).toBe(problems([rule()])[0]?.subject);
  });

  test.each<[string, Partial<HbaRule>, string, RegExp]>([
    ['a password', {}, 'medium', /^pg_hba.conf accepts unencrypted/],
    [
      'nothing',
      { method: 'trust' },
      'critical',
      /lets unencrypted connections in from the network without a password$/,
    ],
    ['a host name', { address: 'db.example.com', netmask: undefined }, 'medium', /^pg_hba.conf may accept unencrypted/],
    ['samehost', { address: 'samehost', netmask: undefined }, 'low', /^pg_hba.conf may accept unencrypted/],
    [
      'samehost and nothing',
      { address: 'samehost', netmask: undefined, method: 'trust' },
      'medium',
      /^pg_hba.conf may let/,
    ],
    [
      'a host that is called samehost, and nothing',
      { address: 'samehost', netmask: undefined, method: 'trust', quotes: { address: true } },
      'critical',
      /^pg_hba.conf may let/,
    ],
    ['nothing, for what may be quoted', { method: 'trust', quotes: undefined }, 'critical', /^pg_hba.conf may let/],
  ])('of a rule that asks for %s has its severity and title', (_, overrides, severity, title) => {
    expect(problems([rule(overrides)])).toEqual([
      expect.objectContaining({ severity, title: expect.stringMatching(title) }),
    ]);
  });

  test('tells the doubt', () => {
    const [problem] = problems([rule({ address: 'samenet', netmask: undefined })]);
    expect(problem?.evidence.doubt).toBe("the networks of the server's interfaces (samenet) are not known here");
  });

  test('takes loopback for a network where policy does', () => {
    const loopback = rule({ address: '127.0.0.1', netmask: '255.255.255.255' });
    expect(problems([loopback])).toEqual([]);
    expect(problems([loopback], { loopback: 'network' })).toHaveLength(1);
    const samehost = rule({ address: 'samehost', netmask: undefined, method: 'trust' });
    expect(problems([samehost], { loopback: 'network' })).toEqual([
      expect.objectContaining({ severity: 'critical', title: expect.stringMatching(/^pg_hba.conf lets unencrypted/) }),
    ]);
  });

  test('shows no character of a name that could do harm', () => {
    const [problem] = problems([rule({ databases: ['all', 'x\u001b[2J'] })]);
    expect(JSON.stringify(problem)).not.toContain('\\u001b');
  });
});

describe('the remedy', () => {
  test('names the lines that the same connections meet next', () => {
    const next = rule({ lineNumber: 20, method: 'md5' });
    const remedy = shownRemedy(problems([rule(), next])[0]);
    expect(remedy).toMatch(
      /\nThen unencrypted connections meet the next\. Replace line 20 of .* by:\nhostssl all all 10\.0\.0\.0\/8 scram-sha-256\n/,
    );
    // That goes for a line further down as for the first.
    expect(remedy).toMatch(/^First have each role whose password is stored as MD5 set it again/);
  });

  test('has TLS switched on first where it is off', () => {
    expect(shownRemedy(problems([rule()], { tlsOn: false })[0])).toMatch(/^First set ssl = on/);
  });
});

describe('a line', () => {
  test.each<[string, Partial<HbaRule>]>([
    ['host all all 10.0.0.0/8 scram-sha-256', {}],
    [
      'host shop,orders app,+staff 10.0.0.0/8 scram-sha-256',
      { databases: ['shop', 'orders'], users: ['app', '+staff'] },
    ],
    ['host "my db","a,b" "say ""hi""" 10.0.0.0/8 scram-sha-256', { databases: ['my db', 'a,b'], users: ['say "hi"'] }],
    ['host "@names","" +"my group" 10.0.0.0/8 scram-sha-256', { databases: ['@names', ''], users: ['+my group'] }],
    ['host "/^x{1,2}$" all 10.0.0.0/8 scram-sha-256', { databases: ['/^x{1,2}$'] }],
    ['host all all 10.0.0.0 255.0.255.0 scram-sha-256', { netmask: '255.0.255.0' }],
    ['host all all 2001:db8::/32 scram-sha-256', { address: '2001:db8::', netmask: 'ffff:ffff::' }],
    ['host all all .example.com scram-sha-256', { address: '.example.com', netmask: undefined }],
    [
      'local all all peer map=…',
      { type: 'local', address: undefined, netmask: undefined, method: 'peer', options: ['map'] },
    ],
    [
      'hostssl all all 10.0.0.0/8 cert clientcert=verify-full',
      { type: 'hostssl', method: 'cert', options: ['clientcert=verify-full'] },
    ],
  ])('reads %s', (line, overrides) => {
    expect(hbaLine(rule(overrides))).toBe(line);
  });
});

describe('rds.force_ssl in the parameter group', () => {
  const off = known({ 'rds.force_ssl': { value: '0', source: 'version-default' } });
  const unseen = (cloud: CloudDatabase): Outcome =>
    plaintextAllowed.evaluate(make.listedSnapshot(known(cloud)), make.POLICY);
  /** RDS shows the setting, and the rules to no role. */
  const shown = (value: string, cloud: CloudDatabase): Outcome => {
    const host = 'orders.abc.eu-west-1.rds.amazonaws.com';
    const { link } = make.healthySnapshot();
    return plaintextAllowed.evaluate(
      make.healthySnapshot([], {
        link: link.known ? known({ ...link.value, verifiedName: host }) : link,
        hba: unknown('no role may read the rules'),
        settings: known({ values: { ...make.SETTINGS, 'rds.force_ssl': value }, seesAll: true }),
        cloud: known(cloud),
      }),
      make.POLICY,
    );
  };

  test.each([
    [false, 'medium'],
    [true, 'high'],
  ])(
    'off, of a database that is publicly accessible: %s, is %s, by SQL and by the API',
    (publiclyAccessible, severity) => {
      const cloud = make.cloudDatabase({ parameters: off, publiclyAccessible });
      for (const outcome of [unseen(cloud), shown('0', cloud)]) {
        expect(outcome).toMatchObject({
          status: 'fail',
          problems: [
            { severity, subject: 'rds.force_ssl', evidence: { parameterGroup: 'orders-pg18: 0 (version-default)' } },
          ],
        });
      }
      expect(unseen(cloud)).toMatchObject({ incomplete: expect.any(String) });
    },
  );

  test('on, where the server has it off: says that they disagree, and how to bring it into effect', () => {
    const parameterGroup = { name: 'strict', ofCluster: false, status: 'pending-reboot' };
    expect(shown('0', make.cloudDatabase({ parameterGroup }))).toMatchObject({
      problems: [
        {
          evidence: { note: expect.stringContaining('waits for a reboot'), parameterGroupStatus: 'pending-reboot' },
          remedy: expect.stringContaining('reboot-db-instance'),
        },
      ],
    });
  });

  test('on is a pass where SQL shows it, and unknown where nothing does', () => {
    expect(shown('1', make.cloudDatabase())).toEqual({ status: 'pass' });
    expect(unseen(make.cloudDatabase()).status).toBe('unknown');
    expect(unseen(make.cloudDatabase({ parameters: unknown('throttled') })).status).toBe('unknown');
  });
});
