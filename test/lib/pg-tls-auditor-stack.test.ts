import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Stack, Validations } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { AttributeType, type ITable, Table } from 'aws-cdk-lib/aws-dynamodb';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Bucket, type IBucket } from 'aws-cdk-lib/aws-s3';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, test } from 'vitest';
import type { ConfigInput } from '../../lambda/config/index.ts';
import { PgTlsAuditor } from '../../lib/pg-tls-auditor.ts';
import { PgTlsAuditorStack } from '../../lib/pg-tls-auditor-stack.ts';
import { appWithoutBundling, MINIMAL, readable } from './synthesis.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const readConfig = async (...path: readonly string[]): Promise<ConfigInput> =>
  JSON.parse(await readFile(join(ROOT, ...path), 'utf8')) as ConfigInput;
const EXAMPLE = await readConfig('auditor.config.example.json');
const DISCOVERY = await readConfig('examples', 'rds-fleet.json');

describe('the pack AwsSolutions of cdk-nag passes', () => {
  const key = 'arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d';
  const routes = [
    {
      name: 'data',
      labels: { team: 'data' },
      email: ['data@example.com'],
      slack: [{ workspaceId: 'T0123ABCD', channelId: 'C0987ZYXW' }],
      https: ['https://hooks.example.com/data'],
      sqs: ['arn:aws:sqs:eu-west-1:123456789012:data'],
      lambda: ['arn:aws:lambda:eu-west-1:123456789012:function:data'],
    },
  ];
  const everything: ConfigInput = {
    ...EXAMPLE,
    alerts: { ...EXAMPLE.alerts, routes },
    deployment: {
      securityHub: true,
      vpc: { vpcId: 'vpc-00000001', subnetIds: ['subnet-00000001'], availabilityZones: ['eu-west-1a'] },
      secretKmsKeyArns: [key],
      reservedConcurrency: 2,
    },
  };

  test.each([
    ['the smallest configuration', MINIMAL, {}],
    ['the example', EXAMPLE, { configuration: 'example' }],
    ['everything switched on', everything, {}],
    ['everything switched off', { ...MINIMAL, deployment: { state: 'none', evidence: 'none' } }, {}],
    ['rules of discovery, also for other accounts', DISCOVERY, {}],
    ['rules of discovery in a fleet', { ...DISCOVERY, deployment: { fleet: {} } }, {}],
    ['the topic left unencrypted', { ...EXAMPLE, deployment: { topicEncryption: 'none' } }, {}],
    ['allowed beginnings of secret names', EXAMPLE, { secretNamePrefixes: ['prod/', 'neon/'] }],
    [
      'more secrets than one policy holds',
      { targets: Array.from({ length: 200 }, (_, n) => ({ name: `t${n}`, secret: `prod/database-${n}` })) },
      {},
    ],
  ] as const)('with %s', (_, config, props) => {
    const app = appWithoutBundling();
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    new PgTlsAuditorStack(app, 'Nag', { config, ...props });
    expect(() => app.synth()).not.toThrow();
  });

  test('with secrets by reference in an account and region that are known', () => {
    const app = appWithoutBundling();
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    const stack = new Stack(app, 'Nag', { env: { account: '123456789012', region: 'eu-west-1' } });
    new PgTlsAuditor(stack, 'Auditor', {
      config: EXAMPLE,
      secretNamePrefixes: ['shared/'],
      secrets: { 'neon/analytics': Secret.fromSecretNameV2(stack, 'Secret', 'neon') as ISecret },
    });
    expect(() => app.synth()).not.toThrow();
  });

  test("with an embedder's own topic, table and bucket, encrypted with keys of their own", () => {
    const app = appWithoutBundling();
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    const stack = new Stack(app, 'Nag');
    const encryptionKey = new Key(stack, 'Key', { enableKeyRotation: true });
    const bucket = new Bucket(stack, 'Bucket', { encryptionKey, enforceSSL: true });
    Validations.of(bucket).acknowledge({ id: 'AwsSolutions-S1', reason: "The embedder's bucket." });
    const table = new Table(stack, 'Table', {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      encryptionKey,
    });
    new PgTlsAuditor(stack, 'Auditor', {
      config: { ...EXAMPLE, alerts: { ...EXAMPLE.alerts, routes } },
      topic: new Topic(stack, 'Topic', { masterKey: encryptionKey, enforceSSL: true }),
      stateTable: table as ITable,
      evidenceBucket: bucket as IBucket,
    });
    expect(() => app.synth()).not.toThrow();
  });

  test('because it looks: a queue that has no reason given does not pass', () => {
    const app = appWithoutBundling();
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    const stack = new PgTlsAuditorStack(app, 'Nag', { config: MINIMAL });
    new Queue(stack, 'WithoutDeadLetters');
    expect(() => app.synth()).toThrow(/AwsSolutions-SQS3/);
  });
});

test('a stack names what routes, runs and auditors need, and only what is there', () => {
  const outputs = (config: ConfigInput) =>
    Template.fromStack(new PgTlsAuditorStack(appWithoutBundling(), 'Own', { config })).findOutputs('*');
  const alone = ['FunctionName', 'InvokeCommand', 'TopicArn'];

  expect(Object.keys(outputs({ ...MINIMAL, deployment: { state: 'none', evidence: 'none' } })).sort()).toEqual(alone);
  const slack = [{ workspaceId: 'T0123ABCD', channelId: 'C0987ZYXW' }];
  const routed = outputs({ ...MINIMAL, alerts: { routes: [{ name: 'shop', targets: ['orders'], slack }] } });
  expect(Object.keys(routed).sort()).toEqual(
    [...alone, 'ChatTopicArns', 'EvidenceBucketName', 'RouteTopicArn', 'StateTableName'].sort(),
  );
  const inVpc = outputs({
    ...MINIMAL,
    deployment: { vpc: { vpcId: 'vpc-00000001', subnetIds: ['subnet-00000001'], availabilityZones: ['eu-west-1a'] } },
  });
  expect(readable(inVpc.SecurityGroupIds?.Value)).toMatch(/^<Auditor\w*SecurityGroup\w*\.GroupId>$/);
  expect(readable(routed.ChatTopicArns?.Value)).toMatch(/^\{"shop":"<AuditorAlertsChatTopicshop\w+>"\}$/);
});

describe('a stack of the example configuration', () => {
  test('warns, and CloudFormation refuses to deploy it unless asked to', () => {
    const stack = new PgTlsAuditorStack(appWithoutBundling(), 'Example', { config: EXAMPLE, configuration: 'example' });

    Annotations.fromStack(stack).hasWarning('*', Match.stringLikeRegexp('^no auditor.config.json: using the example'));
    const template = Template.fromStack(stack);
    template.hasParameter('DeployTheExample', { Default: 'no', AllowedValues: ['yes', 'no'] });
    expect(template.toJSON().Rules.OwnConfiguration.Assertions[0].Assert).toEqual({
      'Fn::Equals': [{ Ref: 'DeployTheExample' }, 'yes'],
    });
  });

  test("somebody's own configuration deploys without a question", () => {
    const stack = new PgTlsAuditorStack(appWithoutBundling(), 'Own', { config: EXAMPLE });

    Annotations.fromStack(stack).hasNoWarning('*', Match.anyValue());
    expect(Object.keys(Template.fromStack(stack).toJSON().Rules)).toEqual(['CheckBootstrapVersion']);
  });
});

test("the template holds no secret's value and no target: those are in the bundle, or in Secrets Manager", () => {
  const stack = new PgTlsAuditorStack(appWithoutBundling(), 'Own', {
    config: { targets: [{ name: 'orders', secret: 'prod/orders', host: 'orders.internal.example' }] },
  });
  const text = JSON.stringify(Template.fromStack(stack).toJSON());
  expect(text).toContain('prod/orders-??????');
  expect(text).not.toContain('orders.internal.example');
  expect(text).not.toContain('{{resolve:');
});
