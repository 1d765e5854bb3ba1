// The function with the rights of its synthesised role: every call that it makes is allowed, and no right is left
// unused.

import { setTimeout as sleep } from 'node:timers/promises';
import { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { AwsRequest } from '../../lab/aws.ts';
import { closedPort } from '../../lab/faulty-servers.ts';
import { type FunctionLab, startFunctionLab } from '../../lab/function-lab.ts';
import { allowing, type IamRequest, type Statement } from '../../lab/iam.ts';
import type { ConfigInput } from '../../lambda/config/index.ts';
import { createServices } from '../../lambda/services.ts';
import { PgTlsAuditor } from '../../lib/pg-tls-auditor.ts';
import { appWithoutBundling, functionStatements, readable } from './synthesis.ts';

const ACCOUNT = '123456789012';
const REGION = 'eu-west-1';
const KEY = 'arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d';
const LOG_GROUP = '/aws/rds/instance/orders/postgresql';
const CHANNEL = { workspaceId: 'T0123ABCD', channelId: 'C0123ABCD' };

/** Everything switched on; nothing listens where the targets are, so that there is something to tell. */
const CONFIG_KEY = 'audit/config.json';
const CONFIG: ConfigInput = {
  alerts: {
    email: ['dba@example.com'],
    slack: [CHANNEL],
    routes: [{ name: 'shop', targets: ['orders'], email: ['shop@example.com'] }],
  },
  deployment: { securityHub: true, secretKmsKeyArns: [KEY] },
  defaults: { ca: { secret: 'shared/ca' }, timeoutSeconds: 5, logs: { logGroup: LOG_GROUP } },
  targets: ['orders', 'billing', 'ledger'].map((name) => ({ name, secret: `prod/${name}` })),
};

/**
 * What the services do with the role on their own account: Lambda with the log and the queue, SNS and Secrets Manager
 * with keys.
 */
const OF_SERVICES = new Set([
  'logs:CreateLogStream',
  'logs:PutLogEvents',
  'sqs:SendMessage',
  'kms:Decrypt',
  'kms:GenerateDataKey*',
]);

let lab: FunctionLab;
let statements: readonly Statement[];
let made: readonly IamRequest[];

/** What references in the template are, once they are deployed: the endpoints' own names. */
function deployed(template: Template): Readonly<Record<string, string>> {
  const sns = (name: string): string => `arn:aws:sns:${REGION}:${ACCOUNT}:${name}`;
  const names = Object.entries(template.findResources('AWS::SNS::Topic')).map(([id, { Properties }]) => [
    id,
    sns(Properties.TopicName ?? (id.includes('RouteTopic') ? 'routes' : 'alerts')),
  ]);
  return Object.fromEntries(names);
}

function resolve(text: string, template: Template): string {
  const topics = deployed(template);
  return text.replaceAll(/<([^<>]+)>/g, (_, reference: string) => {
    const [id = '', attribute] = reference.split('.');
    if (id === 'AWS::Partition') return 'aws';
    if (topics[id] !== undefined) return topics[id];
    if (attribute === undefined) return reference;
    const { Type } = template.toJSON().Resources[id];
    const services: Readonly<Record<string, string>> = {
      'AWS::DynamoDB::Table': `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/state-1`,
      'AWS::S3::Bucket': `arn:aws:s3:::${lab.aws.bucket}`,
    };
    return services[Type] ?? `arn:aws:other:::${id}`;
  });
}

function synthesised(): { readonly template: Template; readonly variables: Readonly<Record<string, string>> } {
  const stack = new Stack(appWithoutBundling(), 'Databases', { env: { account: ACCOUNT, region: REGION } });
  new PgTlsAuditor(stack, 'TlsAuditor', { config: CONFIG, configLocation: `s3://${lab.aws.bucket}/${CONFIG_KEY}` });
  const template = Template.fromStack(stack);
  const [fn] = Object.values(template.findResources('AWS::Lambda::Function'));
  const { Variables } = fn?.Properties.Environment ?? {};
  const variables = Object.fromEntries(
    Object.entries(Variables).map(([name, value]) => [name, resolve(readable(value), template)]),
  );
  return { template, variables };
}

/** A call as IAM is asked about it. */
function asked({ operation, secretIds, topicArn, logGroup, object }: AwsRequest): readonly IamRequest[] {
  const secretArn = (id: string): string => (id.startsWith('arn:') ? id : lab.aws.secretArn(id));
  switch (operation) {
    case 'GetSecretValue':
      return secretIds.map((id) => ({ action: 'secretsmanager:GetSecretValue', resource: secretArn(id) }));
    case 'BatchGetSecretValue':
      // The batch is allowed as such, and each secret in it on its own.
      return [
        { action: 'secretsmanager:BatchGetSecretValue', resource: '*' },
        ...secretIds.map((id) => ({ action: 'secretsmanager:GetSecretValue', resource: secretArn(id) })),
      ];
    case 'Publish':
    case 'ListSubscriptionsByTopic':
      return [{ action: `sns:${operation}`, resource: topicArn ?? '' }];
    case 'FilterLogEvents':
      return [
        {
          action: 'logs:FilterLogEvents',
          resource: `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:${logGroup}:log-stream:`,
        },
      ];
    case 'GetObject':
      return [{ action: 's3:GetObject', resource: object?.arn ?? '' }];
    case 'PutObject':
      return [{ action: 's3:PutObject', resource: object?.arn ?? '', context: object?.context }];
    case 'BatchImportFindings':
      return [
        {
          action: 'securityhub:BatchImportFindings',
          resource: `arn:aws:securityhub:${REGION}:${ACCOUNT}:product/${ACCOUNT}/default`,
        },
      ];
    default:
      throw new Error(`which right ${operation} takes is not known here`);
  }
}

/** What the runs log is not what is looked at here. */
function silenced(): Disposable {
  const spies = [
    vi.spyOn(process.stdout, 'write').mockReturnValue(true),
    vi.spyOn(process.stderr, 'write').mockReturnValue(true),
    vi.spyOn(console, 'log').mockReturnValue(undefined),
  ];
  return {
    [Symbol.dispose]() {
      for (const spy of spies) spy.mockRestore();
    },
  };
}

beforeAll(async () => {
  const secret = JSON.stringify({ ...(await closedPort()), username: 'a', password: 'b', dbname: 'd' });
  lab = await startFunctionLab({
    secrets: { 'prod/orders': secret, 'prod/billing': secret, 'prod/ledger': secret, 'shared/ca': 'no certificate' },
    topics: ['alerts', 'routes', 'Databases-TlsAuditor-chat-all'],
  });
  await lab.useTable();
  await lab.configure(CONFIG);
  lab.aws.putObject(CONFIG_KEY, JSON.stringify(CONFIG));
  const { template, variables } = synthesised();
  statements = functionStatements(template).map(({ Effect, Action, Resource, Condition }) => ({
    Effect,
    Action,
    Resource: [Resource].flat().map((resource) => resolve(readable(resource), template)),
    Condition: Condition as Statement['Condition'],
  }));
  lab.setEnvironment({
    ...variables,
    NODE_OPTIONS: process.env.NODE_OPTIONS,
    STATE_TABLE: 'state-1',
    EVIDENCE_BUCKET: lab.aws.bucket,
  });
  using _silence = silenced();
  const now = Date.now();
  // Another run has the turn, until the first run here has looked who it is.
  const turn = {
    pk: 'all#run',
    sk: 'lease',
    token: 'of another',
    owner: 'another',
    since: new Date(now).toISOString(),
  };
  await lab.dynamodb.put({ ...turn, until: now + 60_000 }, 'state-1');
  const letGo = async (): Promise<void> => {
    while (!lab.relay.calls.some(({ operation }) => operation === 'GetItem')) await sleep(20);
    await lab.dynamodb.put({ ...turn, until: now - 1 }, 'state-1');
  };
  const freed = letGo();
  // A first run, a quiet one, a test, and one after everything that was remembered is gone from the configuration.
  const outcomes = [
    await lab.invoke({ at: new Date(now) }),
    await lab.invoke({ at: new Date(now + 900_000) }),
    await lab.invoke({ at: new Date(now + 1_000_000), event: { testAlert: true } }),
    await lab.invoke({ at: new Date(now + 100 * 86_400_000) }),
  ];
  await freed;
  // No target answers here, so that no run comes to its log.
  const noTargets = { secretArns: new Map<string, string>(), stateTable: undefined };
  const { logs } = await createServices().collector([], noTargets, () => new Date(now));
  const log = await logs?.logGroup?.({ logGroup: LOG_GROUP }, { logLinePrefix: '%m [%p] ' });
  if (log === undefined) throw new Error('the services read no log groups');
  const sink = { push: () => undefined, end: () => undefined };
  const signal = AbortSignal.timeout(10_000);
  await log.read({ position: undefined, from: now - 86_400_000, now, sink, signal });
  expect(outcomes.map(({ error }) => error)).toEqual(outcomes.map(() => undefined));
  const table = { resource: `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/state-1` };
  made = [
    ...lab.aws.requests.flatMap(asked),
    ...lab.relay.calls
      .filter(({ operation }) => !['Publish', 'ListSubscriptionsByTopic'].includes(operation))
      .map(({ operation }) => ({ action: `dynamodb:${operation}`, ...table })),
  ];
});
afterAll(() => lab[Symbol.asyncDispose]());

describe("with its role's rights", () => {
  test('the function may make every call that it made', () => {
    expect(new Set(made.map(({ action }) => action)).size).toBeGreaterThanOrEqual(10);
    expect(made.filter((request) => allowing(statements, request).length === 0)).toEqual([]);
  });

  test('it made every call that it may make: no right is unused', () => {
    const actions = new Set(made.map(({ action }) => action));
    const unused = statements
      .flatMap(({ Action }) => [Action].flat())
      .filter((action) => !actions.has(action) && !OF_SERVICES.has(action));
    expect(unused).toEqual([]);
  });

  test.each<IamRequest>([
    { action: 'sns:Publish', resource: `arn:aws:sns:${REGION}:${ACCOUNT}:another-topic` },
    { action: 'sns:Publish', resource: `arn:aws:sns:${REGION}:${ACCOUNT}:Databases-Other-chat-all` },
    { action: 'sns:Subscribe', resource: `arn:aws:sns:${REGION}:${ACCOUNT}:alerts` },
    {
      action: 'secretsmanager:GetSecretValue',
      resource: `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:prod/x-AbCdEf`,
    },
    {
      action: 'secretsmanager:PutSecretValue',
      resource: `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:prod/orders-AbCdEf`,
    },
    { action: 'dynamodb:Scan', resource: `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/state-1` },
    { action: 's3:GetObject', resource: 'arn:aws:s3:::pg-tls-auditor-evidence/reports/x' },
    { action: 's3:PutObject', resource: 'arn:aws:s3:::pg-tls-auditor-evidence/reports/x' },
    {
      action: 's3:PutObject',
      resource: 'arn:aws:s3:::pg-tls-auditor-evidence/other',
      context: { 's3:if-none-match': '*' },
    },
    {
      action: 'logs:FilterLogEvents',
      resource: `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:${LOG_GROUP}-2:log-stream:`,
    },
    {
      action: 'logs:DescribeLogGroups',
      resource: `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:${LOG_GROUP}:log-stream:`,
    },
    { action: 'sqs:GetQueueUrl', resource: 'arn:aws:sqs:::TlsAuditorDeadLetters' },
    { action: 'kms:Decrypt', resource: KEY },
  ])('it may not: $action on $resource', (request) => {
    expect(allowing(statements, request)).toEqual([]);
  });
});
