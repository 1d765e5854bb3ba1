// The rights of each function of a fleet, as synthesis writes them: each has its own part, and none another's.

import { Validations } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import { beforeAll, describe, expect, test } from 'vitest';
import { allowing, type IamRequest, type Statement } from '../../lab/iam.ts';
import type { ConfigInput } from '../../lambda/config/index.ts';
import { PgTlsAuditorStack } from '../../lib/pg-tls-auditor-stack.ts';
import { DEPLOYED } from '../../scripts/cost-figures.ts';
import { appWithoutBundling, readable } from '../lib/synthesis.ts';

const CONFIG: ConfigInput = {
  alerts: { email: ['dba@example.com'], routes: [{ name: 'shop', targets: ['orders'], email: ['shop@example.com'] }] },
  deployment: {
    fleet: {},
    securityHub: true,
    vpc: { vpcId: 'vpc-00000001', subnetIds: ['subnet-00000001'], availabilityZones: ['eu-west-1a'] },
    secretKmsKeyArns: ['arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d'],
  },
  defaults: { logs: { logGroup: 'postgresql' } },
  targets: [
    { name: 'orders', secret: 'prod/orders' },
    { name: 'rds', credentials: 'iam', role: 'tls_auditor', host: 'orders.abc.eu-west-1.rds.amazonaws.com' },
  ],
  discovery: [undefined, [{ roleArn: 'arn:aws:iam::111122223333:role/reader' }]].map((accounts) => ({
    rds: { regions: ['eu-west-1'], ...(accounts === undefined ? {} : { accounts }) },
    credentials: 'iam',
    role: 'tls_auditor',
  })),
};

const FUNCTIONS = ['plan', 'worker', 'repair', 'digest'] as const;
type Fn = (typeof FUNCTIONS)[number];

let template: Template;
let rights: Readonly<Record<Fn, readonly Statement[]>>;

beforeAll(() => {
  const app = appWithoutBundling();
  const stack = new PgTlsAuditorStack(app, 'Fleet', {
    config: CONFIG,
    env: { account: '123456789012', region: 'eu-west-1' },
  });
  template = Template.fromStack(stack);
  const functions = Object.values(template.findResources('AWS::Lambda::Function'));
  rights = Object.fromEntries(
    FUNCTIONS.map((fn) => {
      const found = functions.find(({ Properties }) => Properties.Handler === `${fn}.handler`);
      return [fn, statementsOf(found?.Properties.Role['Fn::GetAtt'][0] as string)];
    }),
  ) as Record<Fn, readonly Statement[]>;
});

function statementsOf(role: string): readonly Statement[] {
  const policies = [
    ...Object.values(template.findResources('AWS::IAM::Policy')),
    ...Object.values(template.findResources('AWS::IAM::ManagedPolicy')),
  ];
  return policies
    .filter(({ Properties }) => Properties.Roles.some(({ Ref }: { Ref: string }) => Ref === role))
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement as readonly Statement[])
    .map((statement) => ({ ...statement, Resource: [statement.Resource].flat().map((one) => named(readable(one))) }));
}

/** References as the ARNs that they have once deployed. */
function named(arn: string): string {
  return arn
    .replaceAll('<AWS::Partition>', 'aws')
    .replaceAll(/<\w*State\w*\.Arn>/g, 'arn:table')
    .replaceAll(/<\w*Evidence\w*\.Arn>/g, 'arn:bucket')
    .replaceAll(/<\w*RouteTopic\w*>/g, 'arn:routes')
    .replaceAll(/<\w*Topic\w*>/g, 'arn:alerts');
}

const partition = (key: string): IamRequest['context'] => ({ 'dynamodb:LeadingKeys': key });
const once = { 's3:if-none-match': '*' };

/** A request that the functions named may make, and no other one. */
const REQUESTS: readonly (readonly [what: string, request: IamRequest, ...allowed: Fn[]])[] = [
  ['publish', { action: 'sns:Publish', resource: 'arn:alerts' }, 'digest'],
  ['publish to routes', { action: 'sns:Publish', resource: 'arn:routes' }, 'digest'],
  [
    'read a secret of a database',
    {
      action: 'secretsmanager:GetSecretValue',
      resource: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/orders-AbCdEf',
    },
    'worker',
  ],
  [
    'log in by IAM',
    { action: 'rds-db:connect', resource: 'arn:aws:rds-db:eu-west-1:123456789012:dbuser:db-A/tls_auditor' },
    'worker',
  ],
  [
    'list databases',
    { action: 'rds:DescribeDBInstances', resource: 'arn:aws:rds:eu-west-1:123456789012:db:orders' },
    'plan',
  ],
  [
    'assume a role of another account',
    { action: 'sts:AssumeRole', resource: 'arn:aws:iam::111122223333:role/reader' },
    'plan',
    'worker',
  ],
  [
    'read a log group',
    {
      action: 'logs:FilterLogEvents',
      resource: 'arn:aws:logs:eu-west-1:123456789012:log-group:postgresql:log-stream:',
    },
    'worker',
  ],
  [
    'read what was notified',
    { action: 'dynamodb:Query', resource: 'arn:table', context: partition('all#finding') },
    'digest',
  ],
  [
    'save what was notified',
    { action: 'dynamodb:PutItem', resource: 'arn:table', context: partition('all#finding') },
    'digest',
  ],
  [
    'save positions of logs',
    { action: 'dynamodb:PutItem', resource: 'arn:table', context: partition('connection-log') },
    'worker',
  ],
  [
    'read clients of other runs',
    { action: 'dynamodb:GetItem', resource: 'arn:table', context: partition('clients-3') },
    'digest',
  ],
  ['keep clients', { action: 'dynamodb:PutItem', resource: 'arn:table', context: partition('clients-3') }, 'digest'],
  ['list clients', { action: 'dynamodb:Query', resource: 'arn:table', context: partition('clients-3') }],
  ['delete clients', { action: 'dynamodb:DeleteItem', resource: 'arn:table', context: partition('clients-3') }],
  [
    'save the inventory',
    { action: 'dynamodb:PutItem', resource: 'arn:table', context: partition('discovery') },
    'plan',
  ],
  ['write a plan', { action: 's3:PutObject', resource: 'arn:bucket/plans/run.json.gz', context: once }, 'plan'],
  ['overwrite a plan', { action: 's3:PutObject', resource: 'arn:bucket/plans/run.json.gz' }],
  ['read a plan', { action: 's3:GetObject', resource: 'arn:bucket/plans/run.json.gz' }, 'plan', 'repair', 'digest'],
  [
    "read a worker's targets",
    { action: 's3:GetObject', resource: 'arn:bucket/runs/default/run/targets.json.gz' },
    'worker',
    'digest',
  ],
  [
    "write a worker's targets",
    { action: 's3:PutObject', resource: 'arn:bucket/runs/default/run/targets.json.gz', context: once },
    'plan',
  ],
  [
    'write a part',
    { action: 's3:PutObject', resource: 'arn:bucket/runs/default/run/parts/0-1.json.gz', context: once },
    'plan',
    'worker',
  ],
  [
    'write a part of another worker',
    { action: 's3:PutObject', resource: 'arn:bucket/runs/prod/run/parts/0-1.json.gz', context: once },
    'plan',
  ],
  ['overwrite a part', { action: 's3:PutObject', resource: 'arn:bucket/runs/default/run/parts/0-1.json.gz' }],
  ['read a part', { action: 's3:GetObject', resource: 'arn:bucket/runs/default/run/parts/0-1.json.gz' }, 'digest'],
  [
    'list parts',
    { action: 's3:ListBucket', resource: 'arn:bucket', context: { 's3:prefix': 'runs/default/run/parts/' } },
    'repair',
    'digest',
  ],
  ['list reports', { action: 's3:ListBucket', resource: 'arn:bucket', context: { 's3:prefix': 'reports/' } }],
  [
    'write a report',
    { action: 's3:PutObject', resource: 'arn:bucket/reports/2026/11/28/1.json.gz', context: once },
    'digest',
  ],
  ['read a report', { action: 's3:GetObject', resource: 'arn:bucket/reports/2026/11/28/1.json.gz' }],
  ['delete a part', { action: 's3:DeleteObject', resource: 'arn:bucket/runs/default/run/parts/0-1.json.gz' }],
  [
    'import findings',
    {
      action: 'securityhub:BatchImportFindings',
      resource: 'arn:aws:securityhub:eu-west-1:123456789012:product/123456789012/default',
    },
    'digest',
  ],
];

describe('only the functions of the fleet that do it may', () => {
  test.each(REQUESTS.map(([what, request, ...allowed]) => ({ what, request, allowed })))(
    '$what',
    ({ request, allowed }) => {
      const may = FUNCTIONS.filter((fn) => allowing(rights[fn], request).length > 0);
      expect(may).toEqual(FUNCTIONS.filter((fn) => allowed.includes(fn)));
    },
  );
});

describe('the stack of a fleet', () => {
  test('has no function that does everything, and only workers in the VPC', () => {
    const functions = Object.values(template.findResources('AWS::Lambda::Function'));
    expect(functions.map(({ Properties }) => Properties.Handler).sort()).toEqual(
      FUNCTIONS.map((fn) => `${fn}.handler`).sort(),
    );
    const inVpc = functions.filter(({ Properties }) => Properties.VpcConfig !== undefined);
    expect(inVpc.map(({ Properties }) => Properties.Handler)).toEqual(['worker.handler']);
  });

  test('keeps the names of the function that connects, its role and its security group', () => {
    const app = appWithoutBundling();
    const { fleet: _, ...deployment } = CONFIG.deployment ?? {};
    const alone = Template.fromStack(new PgTlsAuditorStack(app, 'Alone', { config: { ...CONFIG, deployment } }));
    const [fn] = Object.keys(alone.findResources('AWS::Lambda::Function'));
    const worker = Object.entries(template.findResources('AWS::Lambda::Function')).find(
      ([, { Properties }]) => Properties.Handler === 'worker.handler',
    );
    expect(worker?.[0]).toBe(fn);
    for (const type of ['AWS::EC2::SecurityGroup', 'AWS::DynamoDB::Table', 'AWS::S3::Bucket', 'AWS::SNS::Topic']) {
      expect(Object.keys(template.findResources(type))).toEqual(Object.keys(alone.findResources(type)));
    }
    expect(alone.findResources('AWS::StepFunctions::StateMachine')).toEqual({});
  });

  test('has alarms on executions that failed or timed out, and one on runs that are overdue', () => {
    const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm'));
    const metrics = alarms.map(({ Properties }) => Properties.MetricName as string).sort();
    expect(metrics).toEqual([
      'AlertsWithoutSubscriber',
      'ApproximateNumberOfMessagesVisible',
      'ExecutionsFailed',
      'ExecutionsTimedOut',
      'RunsCompleted',
      'TargetsNotAudited',
    ]);
    expect(alarms).toHaveLength(DEPLOYED.alarms);
    for (const { Properties } of alarms) expect(Properties.AlarmDescription.length).toBeLessThanOrEqual(1_024);
  });

  test('passes the pack AwsSolutions of cdk-nag', () => {
    const app = appWithoutBundling();
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    new PgTlsAuditorStack(app, 'Nag', { config: CONFIG });
    expect(() => app.synth()).not.toThrow();
  });
});
