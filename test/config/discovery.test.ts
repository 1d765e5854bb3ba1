// Rules of discovery: what they take, what they refuse, and how they say so.

import { describe, expect, test } from 'vitest';
import { type Config, ConfigError, parseConfig } from '../../lambda/config/index.ts';

const RULE = { rds: { regions: ['eu-west-1'] }, credentials: 'iam', role: 'tls_auditor' };

const parse = (rule: object, more: object = {}, use: 'deployment' | 'command-line' = 'deployment'): Config =>
  parseConfig({ discovery: [rule], ...more }, { source: 'auditor.config.json', use });

function problems(rule: object, more?: object, use?: 'deployment' | 'command-line'): readonly string[] {
  try {
    parse(rule, more, use);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
  throw new Error('the rule was taken');
}

test('a rule needs regions and a login only, and no target beside it', () => {
  const { targets, discovery } = parse(RULE);
  expect(targets).toEqual([]);
  expect(discovery).toMatchObject([
    {
      source: 'rds',
      regions: ['eu-west-1'],
      accounts: [undefined],
      tags: { 'pg-tls-auditor': 'on' },
      include: ['*'],
      exclude: [],
      credentials: { iam: { role: 'tls_auditor', tagRoles: [] } },
      tagSecrets: false,
      ca: ['system'],
      logs: 'none',
      settings: { timeoutMs: 20_000, probe: false },
    },
  ]);
});

test('the example of the issue is taken as it is', () => {
  const [rule] = parse({
    rds: {
      regions: ['eu-west-1'],
      accounts: [{ roleArn: 'arn:aws:iam::111122223333:role/pg-tls-auditor-reader' }],
      tags: { 'pg-tls-auditor': 'on' },
      include: ['prod-*'],
      exclude: ['*-restore-*'],
    },
    credentials: 'iam',
    role: 'tls_auditor',
    ca: { secret: 'shared/rds-ca-${region}' },
    labels: { team: '${tag:team}' },
    logs: 'auto',
    probe: false,
  }).discovery;
  expect(rule).toMatchObject({
    accounts: [{ roleArn: 'arn:aws:iam::111122223333:role/pg-tls-auditor-reader' }],
    labels: { team: [{ tag: 'team' }] },
    ca: [{ secret: [{ text: 'shared/rds-ca-' }, { placeholder: 'region' }] }],
    logs: 'auto',
  });
});

describe('a rule is refused', () => {
  test.each<[string, object, RegExp]>([
    ['without a source', { credentials: 'iam' }, /^discovery\[0\]: must have one of "file" and "rds"/],
    ['with two sources', { ...RULE, file: 'x.json' }, /must have one of "file" and "rds"/],
    ['without regions', { ...RULE, rds: {} }, /^discovery\[0\]\.rds\.regions: is required/],
    ['with no region', { ...RULE, rds: { regions: [] } }, /rds\.regions: must not be empty/],
    ['with a wrong region', { ...RULE, rds: { regions: ['Frankfurt'] } }, /regions\[0\]: must be an AWS region/],
    ['with no tag', { ...RULE, rds: { ...RULE.rds, tags: {} } }, /tags: must be "all", or an object with one tag/],
    ['without a login', { rds: RULE.rds }, /credentials: is missing: give "iam" with "role"/],
    ['without a role', { rds: RULE.rds, credentials: 'iam' }, /role: is missing/],
    [
      'with a role and a secret',
      { ...RULE, credentials: { secret: 'a/${name}' } },
      /role: goes with "credentials": "iam"/,
    ],
    ['with a setting that is none', { ...RULE, regoin: 'x' }, /regoin: is not a setting; allowed here: .*tagRoles/],
    [
      'with a placeholder that is none',
      { ...RULE, ca: { secret: 'shared/${regoin}' } },
      /\$\{regoin\}, which is not one; allowed: \$\{region\}, \$\{account\}/,
    ],
    [
      'with a placeholder of a database in the CA',
      { ...RULE, ca: { secret: 'shared/${name}' } },
      /\$\{name\}, which is not one; allowed: \$\{region\}/,
    ],
    ['with a placeholder without its end', { ...RULE, labels: { team: 'a-${tag:team' } }, /has a \$\{ without its \}/],
    [
      'with a secret that begins with a placeholder',
      { rds: RULE.rds, credentials: { secret: '${name}/audit' } },
      /must begin with text, such as audit\/\$\{name\}/,
    ],
    ['with a secret itself', { rds: RULE.rds, credentials: { secret: 'postgres://u:hunter2@h' } }, /name or ARN/],
    [
      'with a role that is no ARN',
      { ...RULE, rds: { ...RULE.rds, accounts: [{ roleArn: 'reader' }] } },
      /ARN of an IAM role/,
    ],
    [
      'with a CA file that a function can not read',
      { ...RULE, ca: { file: 'ca.pem' } },
      /a file works on the command line/,
    ],
    ['with a file in a construct', { file: 'targets.json' }, /file: is read on the command line/],
    ['with settings beside a file', { file: 'x.json', probe: true }, /probe: goes with "rds" only/],
  ])('%s, with what is allowed', (_what, rule, message) => {
    const found = problems(rule);
    expect(found).toContainEqual(expect.stringMatching(message));
    expect(found.join()).not.toContain('hunter2');
  });

  test('on the command line it may name files', () => {
    expect(() => parse({ ...RULE, ca: { file: 'ca.pem' } }, {}, 'command-line')).not.toThrow();
    expect(() => parse({ file: 'targets.json' }, {}, 'command-line')).not.toThrow();
  });
});

test('routes and mutes may name what only found databases have', () => {
  const alerts = {
    routes: [{ name: 'shop', labels: { team: 'shop' }, targets: ['prod-*'], email: ['a@example.com'] }],
  };
  const mutes = [{ target: 'x', reason: 'r', owner: 'o', expires: '2027-01-01' }];
  expect(() => parse(RULE, { alerts, mutes })).not.toThrow();
  expect(() => parseConfig({ targets: [{ name: 'a', secret: 'b' }], alerts, mutes }, { use: 'deployment' })).toThrow(
    ConfigError,
  );
});
