// The rights of a deployment with rules of discovery: what the rules need, and nothing more.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ConfigInput, parseConfig } from '../../lambda/config/index.ts';
import { modulesLeftOut, OPTIONAL_PARTS } from '../../lib/feature-modules.ts';
import { functionStatements, resourcesAllowed, synthesize } from './synthesis.ts';

type Rule = NonNullable<ConfigInput['discovery']>[number];

const rds = (service: string, region: string, resource: string): string =>
  `arn:<AWS::Partition>:${service}:${region}:<AWS::AccountId>:${resource}`;
const secret = (name: string): string =>
  `arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:${name}`;
const READ_LOGS = 'logs:FilterLogEvents';
const READER = 'arn:aws:iam::111122223333:role/pg-tls-auditor-reader';

/** A statement of the role of other accounts. */
interface Allowed {
  readonly Action: string;
  readonly Resource: object;
  readonly Condition?: object;
}

const withRule = (rule: Partial<Omit<Rule, 'rds'>>, more: Partial<Rule['rds']> = {}) =>
  synthesize({
    targets: [],
    discovery: [{ rds: { regions: ['eu-west-1', 'us-east-1'], ...more }, ...rule } as Rule],
  }).template;

describe('a rule of discovery', () => {
  const iam = { credentials: 'iam', role: 'tls_auditor' } as const;

  test('lets the function list databases of its account in the regions, and log in as the role', () => {
    const template = withRule({ ...iam, tagRoles: ['audit2'] });
    for (const [action, resource] of [
      ['rds:DescribeDBInstances', 'db:*'],
      ['rds:DescribeDBClusters', 'cluster:*'],
      ['rds:DescribeDBProxies', 'db-proxy:*'],
      ['rds:DescribeDBParameters', 'pg:*'],
      ['rds:DescribeDBClusterParameters', 'cluster-pg:*'],
    ] as const) {
      expect(resourcesAllowed(template, action)).toEqual([
        rds('rds', 'eu-west-1', resource),
        rds('rds', 'us-east-1', resource),
      ]);
    }
    expect(resourcesAllowed(template, 'rds-db:connect')).toEqual(
      ['eu-west-1', 'us-east-1'].flatMap((region) =>
        ['audit2', 'tls_auditor'].map((role) => rds('rds-db', region, `dbuser:*/${role}`)),
      ),
    );
    expect(functionStatements(template)).toContainEqual(
      expect.objectContaining({
        Action: 'rds:DescribeCertificates',
        Condition: { StringEquals: { 'aws:RequestedRegion': ['eu-west-1', 'us-east-1'] } },
      }),
    );
    const text = JSON.stringify(functionStatements(template));
    for (const other of ['secretsmanager', 'sts:AssumeRole', 'rds:*', 'rds:Modify']) expect(text).not.toContain(other);
  });

  test('for other accounts lets it assume the named roles, and do nothing in its own', () => {
    const template = withRule(iam, { accounts: [{ roleArn: READER }] });
    expect(resourcesAllowed(template, 'sts:AssumeRole')).toEqual([READER]);
    for (const action of ['rds:DescribeDBInstances', 'rds-db:connect']) {
      expect(resourcesAllowed(template, action)).toEqual([]);
    }
  });

  test('with secrets lets it read those whose names begin as the rule says, and the CA of each region', () => {
    const template = withRule({
      credentials: { secret: 'audit/${name}' },
      ca: [{ secret: 'shared/rds-ca-${region}' }, 'system'],
    });
    expect(resourcesAllowed(template, 'secretsmanager:GetSecretValue')).toEqual([
      secret('audit/*'),
      secret('shared/rds-ca-eu-west-1-??????'),
      secret('shared/rds-ca-us-east-1-??????'),
    ]);
    expect(resourcesAllowed(template, 'rds-db:connect')).toEqual([]);
  });

  test.each<[string, Partial<Rule>]>([
    ['secretTag', { credentials: { secretTag: 'dba:secret' } }],
    ['tagSecrets', { ...iam, tagSecrets: true }],
  ])('with %s lets it read only secrets that have a tag of their own for it', (_what, rule) => {
    const statements = functionStatements(withRule(rule)).filter(({ Action }) =>
      [Action].flat().includes('secretsmanager:GetSecretValue'),
    );
    expect(statements).toMatchObject([
      { Condition: { StringEquals: { 'secretsmanager:ResourceTag/pg-tls-auditor': 'on' } } },
    ]);
  });

  test('with logs auto lets it read the PostgreSQL logs of the databases of its account, and brings the part', () => {
    expect(resourcesAllowed(withRule({ ...iam, logs: 'auto' }, { regions: ['us-east-1'] }), READ_LOGS)).toEqual(
      ['cluster', 'instance'].map((kind) => rds('logs', 'us-east-1', `log-group:/aws/rds/${kind}/*/postgresql:*`)),
    );
    const group = { logGroup: '/audit/postgresql' };
    expect(resourcesAllowed(withRule({ ...iam, logs: group }), READ_LOGS)).toEqual([
      rds('logs', '<AWS::Region>', 'log-group:/audit/postgresql:*'),
    ]);
    for (const logs of ['none', 'server'] as const) {
      expect(resourcesAllowed(withRule({ ...iam, logs }), READ_LOGS)).toEqual([]);
    }
    const partsOf = (logs: Rule['logs']) =>
      modulesLeftOut(
        parseConfig(
          { targets: [], discovery: [{ ...iam, rds: { regions: ['eu-west-1'] }, logs }] },
          { use: 'deployment' },
        ),
      );
    expect(partsOf('auto')).not.toContain(OPTIONAL_PARTS.logGroups.module);
    expect(partsOf('none')).toContain(OPTIONAL_PARTS.logGroups.module);
  });

  test.each<[string, Partial<Rule>]>([
    ['a template', { credentials: { secret: 'audit/${name}' }, logs: 'auto' }],
    ['a tag', { credentials: { secretTag: 'dba:secret' }, logs: 'auto' }],
    ['tagSecrets', { ...iam, tagSecrets: true, logs: 'auto' }],
  ])('for other accounts with secrets by %s grants none of its own: the role there reads them', (_what, rule) => {
    const template = withRule(rule, { accounts: [{ roleArn: READER }] });
    const text = JSON.stringify(functionStatements(template));
    for (const other of ['secretsmanager', 'FilterLogEvents', 'rds-db']) expect(text).not.toContain(other);
    expect(resourcesAllowed(template, 'sts:AssumeRole')).toEqual([READER]);
  });
});

test('nothing of it is granted where there is no rule', () => {
  const text = JSON.stringify(functionStatements(synthesize().template));
  for (const action of ['rds:', 'rds-db:', 'sts:']) expect(text).not.toContain(`"${action}`);
});

test('the reader role of other accounts has the rights that the function has in its own, and no others', () => {
  const template = JSON.parse(
    readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'reader-role.json'), 'utf8'),
  ) as {
    Parameters: Record<string, { Default?: string }>;
    Resources: {
      Reader: {
        Properties: { Policies: [{ PolicyDocument: { Statement: (Allowed | { 'Fn::If': [string, Allowed] })[] } }] };
      };
    };
  };
  const { Parameters } = template;
  const [{ PolicyDocument }] = template.Resources.Reader.Properties.Policies;
  const always = PolicyDocument.Statement.flatMap((statement) => ('Fn::If' in statement ? [] : [statement]));
  const where = PolicyDocument.Statement.flatMap((statement) => ('Fn::If' in statement ? [statement['Fn::If']] : []));
  expect(always.map(({ Action }) => Action)).toEqual([
    'rds:DescribeDBInstances',
    'rds:DescribeDBClusters',
    'rds:DescribeDBProxies',
    'rds:DescribeDBParameters',
    'rds:DescribeDBClusterParameters',
    'rds:DescribeCertificates',
    'rds-db:connect',
  ]);
  expect(where.map(([condition, { Action, Condition }]) => [condition, Action, Condition])).toEqual([
    ['ReadsNamedSecrets', 'secretsmanager:GetSecretValue', undefined],
    [
      'ReadsTaggedSecrets',
      'secretsmanager:GetSecretValue',
      { StringEquals: { 'secretsmanager:ResourceTag/pg-tls-auditor': 'on' } },
    ],
    ['ReadsSecrets', 'secretsmanager:BatchGetSecretValue', undefined],
    ['ReadsLogs', 'logs:FilterLogEvents', undefined],
  ]);
  // These calls have no resource to name.
  const unnamed = ['secretsmanager:BatchGetSecretValue', 'rds:DescribeCertificates'];
  for (const { Action, Resource } of [...always, ...where.map(([, statement]) => statement)]) {
    if (!unnamed.includes(String(Action))) expect(JSON.stringify(Resource)).toContain('${AWS::AccountId}');
  }
  // What no parameter asks for is not granted.
  expect(Object.values(Parameters).map(({ Default }) => Default)).toEqual(
    expect.arrayContaining(['', 'no', 'no', 'pg-tls-auditor-reader']),
  );
});
