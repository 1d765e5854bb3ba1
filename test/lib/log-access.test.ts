// The rights of the function on log groups: to read those that targets name, and nothing else.

import { Stack, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, test } from 'vitest';
import { allowing, type Statement } from '../../lab/iam.ts';
import type { ConfigInput } from '../../lambda/config/index.ts';
import { PgTlsAuditor } from '../../lib/pg-tls-auditor.ts';
import {
  appWithoutBundling,
  functionStatements,
  MINIMAL,
  readable,
  resourcesAllowed,
  synthesize,
} from './synthesis.ts';

const ACTION = 'logs:FilterLogEvents';
const HERE = 'arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group';
const ABROAD = 'arn:aws:logs:us-east-2:210987654321:log-group:/aws/rds/cluster/shop/postgresql';
const RDS = '/aws/rds/instance/orders/postgresql';

type Logs = NonNullable<ConfigInput['defaults']>['logs'];

function targets(...logs: readonly Logs[]): Pick<ConfigInput, 'targets'> {
  return {
    targets: logs.map((log, index) => ({
      name: `database-${index}`,
      secret: 'prod/shared',
      ...(log === undefined ? {} : { logs: log }),
    })),
  };
}

describe('the function reads', () => {
  test('no log group where no target names one', () => {
    const { template } = synthesize(targets('none', 'server', undefined));
    expect(resourcesAllowed(template, ACTION)).toEqual([]);
  });

  test('exactly the groups that targets name, each once: by name in its own account and region, by ARN as it is', () => {
    const { template } = synthesize(
      targets({ logGroup: RDS }, { logGroup: ABROAD, logStreamPrefix: 'shop-1' }, { logGroup: ABROAD }, 'none'),
    );
    expect(resourcesAllowed(template, ACTION)).toEqual([`${HERE}:${RDS}:*`, `${ABROAD}:*`].sort());
    const actions = functionStatements(template).flatMap(({ Action }) => [Action].flat());
    expect(actions.filter((action) => action.startsWith('logs:')).sort()).toEqual([
      'logs:CreateLogStream',
      ACTION,
      'logs:PutLogEvents',
    ]);
  });

  test('the group of the defaults, where a target names none', () => {
    const { template } = synthesize({ defaults: { logs: { logGroup: '/ecs/pgbouncer' } }, ...targets(undefined) });
    expect(resourcesAllowed(template, ACTION)).toEqual([`${HERE}:/ecs/pgbouncer:*`]);
  });

  test('no group whose name only begins like a named one, and no other right on it', () => {
    const { template } = synthesize(targets({ logGroup: ABROAD }));
    const statements = functionStatements(template).map(
      (statement): Statement => ({
        ...(statement as Statement),
        Resource: [statement.Resource].flat().map(readable),
        Condition: undefined,
      }),
    );
    const asked = (action: string, resource: string) => allowing(statements, { action, resource }).length;
    expect(asked(ACTION, `${ABROAD}:log-stream:`)).toBe(1);
    expect(asked(ACTION, `${ABROAD}-2:log-stream:`)).toBe(0);
    expect(asked('logs:DeleteLogGroup', `${ABROAD}:log-stream:`)).toBe(0);
    expect(asked('logs:Unmask', `${ABROAD}:log-stream:`)).toBe(0);
  });

  test('200 groups, in managed policies that are within what IAM takes', () => {
    const groups = Array.from({ length: 200 }, (_, index) => `/aws/rds/instance/database-${index}/postgresql`);
    const { template } = synthesize(targets(...groups.map((logGroup) => ({ logGroup }))));
    expect(resourcesAllowed(template, ACTION)).toEqual(groups.map((group) => `${HERE}:${group}:*`).sort());
    const policies = Object.values(template.findResources('AWS::IAM::ManagedPolicy'));
    expect(policies.length).toBeGreaterThan(2);
    for (const { Properties } of policies) {
      const resources: readonly unknown[] = Properties.PolicyDocument.Statement.flatMap((one: { Resource: unknown }) =>
        [one.Resource].flat(),
      );
      const deployed = resources.map((resource) =>
        readable(resource).replace(
          '<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>',
          'aws-us-gov:logs:ap-southeast-2:123456789012',
        ),
      );
      expect(JSON.stringify(deployed).length).toBeLessThan(6_144 - 100);
    }
  });

  test('more groups than a role can hold are a problem of the configuration', () => {
    const names = Array.from({ length: 1_000 }, (_, index) => ({
      logGroup: `/aws/rds/instance/database-${index}/postgresql`,
    }));
    expect(() => synthesize(targets(...names))).toThrow(
      /targets: name 1000 log groups: granting each takes \d+ IAM policies/,
    );
  });
});

test.each([
  ['known', { env: { account: '123456789012', region: 'eu-west-1' } }],
  ['not known', {}],
])('the pack AwsSolutions of cdk-nag passes, with an account and region that are %s', (_, env) => {
  const many = Array.from({ length: 60 }, (_, index) => ({
    logGroup: `/aws/rds/instance/database-${index}/postgresql`,
  }));
  for (const logs of [[{ logGroup: RDS }, { logGroup: ABROAD }], many]) {
    const app = appWithoutBundling();
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    const stack = new Stack(app, 'Nag', env);
    new PgTlsAuditor(stack, 'Auditor', { config: { ...MINIMAL, ...targets(...logs) } });
    expect(() => app.synth()).not.toThrow();
  }
});
