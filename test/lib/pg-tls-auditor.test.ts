import { App, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { type IVpc, SecurityGroup, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Key } from 'aws-cdk-lib/aws-kms';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { describe, expect, test } from 'vitest';
import type { ConfigInput } from '../../lambda/config/index.ts';
import { PgTlsAuditor } from '../../lib/pg-tls-auditor.ts';
import { appWithoutBundling, MINIMAL, readable, resourcesAllowed, synthesize } from './synthesis.ts';

describe('the function', () => {
  test('runs on arm64 with the newest Node, and logs JSON to a group of its own that forgets', () => {
    const { template, stack, auditor } = synthesize({
      deployment: { memoryMiB: 2048, timeoutMinutes: 10, logRetentionDays: 30 },
    });
    template.hasResourceProperties('AWS::Lambda::Function', {
      Architectures: ['arm64'],
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      MemorySize: 2048,
      Timeout: 600,
      LoggingConfig: { LogFormat: 'JSON', LogGroup: stack.resolve(auditor.logGroup.logGroupName) },
      ReservedConcurrentExecutions: Match.absent(),
    });
    template.hasResource('AWS::Logs::LogGroup', { Properties: { RetentionInDays: 30 }, DeletionPolicy: 'Retain' });
  });

  test('finds topic, table and bucket in its environment; neither targets nor secrets are there', () => {
    const { template } = synthesize();
    const [fn] = Object.values(template.findResources('AWS::Lambda::Function'));
    expect(
      Object.fromEntries(
        Object.entries(fn?.Properties.Environment.Variables).map(([name, value]) => [name, readable(value)]),
      ),
    ).toMatchInlineSnapshot(`
      {
        "ALERT_TOPIC_ARN": "<TlsAuditorAlertsTopic57544CC7>",
        "EVIDENCE_BUCKET": "<TlsAuditorEvidence3261079C>",
        "NODE_OPTIONS": "--enable-source-maps",
        "POWERTOOLS_METRICS_NAMESPACE": "PgTlsAuditor",
        "POWERTOOLS_SERVICE_NAME": "Databases-TlsAuditor",
        "STATE_TABLE": "<TlsAuditorState2936ADBF>",
      }
    `);
  });

  test('does not repeat a run that failed, and keeps what it was asked', () => {
    const { template, stack, auditor } = synthesize();
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      MaximumRetryAttempts: 0,
      MaximumEventAgeInSeconds: 900,
      DestinationConfig: { OnFailure: { Destination: stack.resolve(auditor.deadLetterQueue.queueArn) } },
    });
  });

  test('reserves concurrency only where asked', () => {
    const reserved = { ReservedConcurrentExecutions: 2 };
    synthesize({ deployment: { reservedConcurrency: 2 } }).template.hasResourceProperties(
      'AWS::Lambda::Function',
      reserved,
    );
    synthesize({}, () => ({ reservedConcurrentExecutions: 2 })).template.hasResourceProperties(
      'AWS::Lambda::Function',
      reserved,
    );
  });
});

describe('the schedule', () => {
  test("has a time zone, bounded retries and the dead-letter queue, and sends Scheduler's own event", () => {
    const { template, stack, auditor } = synthesize({ schedule: 'cron(0 6 * * ? *)', timezone: 'Europe/Berlin' });
    template.hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'cron(0 6 * * ? *)',
      ScheduleExpressionTimezone: 'Europe/Berlin',
      State: 'ENABLED',
      Target: {
        Arn: stack.resolve(auditor.function.functionArn),
        DeadLetterConfig: { Arn: stack.resolve(auditor.deadLetterQueue.queueArn) },
        RetryPolicy: { MaximumRetryAttempts: 5, MaximumEventAgeInSeconds: 3600 },
      },
    });
    const [schedule] = Object.values(template.findResources('AWS::Scheduler::Schedule'));
    expect(JSON.parse(readable(schedule?.Properties.Target.Input))).toMatchInlineSnapshot(`
      {
        "account": "<AWS::AccountId>",
        "detail": {},
        "detail-type": "Scheduled Event",
        "id": "<aws.scheduler.execution-id>",
        "region": "<AWS::Region>",
        "resources": [
          "<aws.scheduler.schedule-arn>",
        ],
        "source": "aws.scheduler",
        "time": "<aws.scheduler.scheduled-time>",
        "version": "0",
      }
    `);
  });

  test('gives a late run up when the next one is due', () => {
    synthesize({ schedule: 'rate(5 minutes)' }).template.hasResourceProperties('AWS::Scheduler::Schedule', {
      Target: { RetryPolicy: { MaximumEventAgeInSeconds: 300 } },
    });
  });

  test('may invoke this function and nothing else, for this account alone', () => {
    const { template } = synthesize();
    template.hasResourceProperties('AWS::IAM::Role', {
      AssumeRolePolicyDocument: {
        Statement: [
          {
            Principal: { Service: 'scheduler.amazonaws.com' },
            Condition: {
              StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' }, 'aws:SourceArn': Match.anyValue() },
            },
          },
        ],
      },
    });
  });
});

test('the dead-letter queue is encrypted, refuses plaintext and keeps its messages for two weeks', () => {
  const { template } = synthesize();
  template.hasResourceProperties('AWS::SQS::Queue', {
    SqsManagedSseEnabled: true,
    MessageRetentionPeriod: 14 * 86_400,
  });
  template.hasResourceProperties('AWS::SQS::QueuePolicy', {
    PolicyDocument: {
      Statement: [{ Effect: 'Deny', Action: 'sqs:*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }],
    },
  });
});

describe('the topic', () => {
  test('is encrypted with a key that rotates and that CloudWatch and EventBridge may use', () => {
    const { template } = synthesize();
    template.hasResourceProperties('AWS::KMS::Key', {
      EnableKeyRotation: true,
      KeyPolicy: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Effect: 'Allow',
            Principal: { Service: 'cloudwatch.amazonaws.com' },
            Action: ['kms:Decrypt', 'kms:GenerateDataKey*'],
          }),
        ]),
      },
    });
    const [key] = Object.keys(template.findResources('AWS::KMS::Key'));
    template.hasResourceProperties('AWS::SNS::Topic', { KmsMasterKeyId: { 'Fn::GetAtt': [key, 'Arn'] } });
  });

  test('is left unencrypted where the configuration says so, and then there is no key to pay for', () => {
    const { template } = synthesize({ deployment: { topicEncryption: 'none' } });
    template.resourceCountIs('AWS::KMS::Key', 0);
    template.hasResourceProperties('AWS::SNS::Topic', { KmsMasterKeyId: Match.absent() });
  });

  test("refuses plaintext, and lets this account's alarms publish", () => {
    const { template } = synthesize();
    template.hasResourceProperties('AWS::SNS::TopicPolicy', {
      PolicyDocument: {
        Statement: [
          {
            Effect: 'Deny',
            Principal: '*',
            Action: 'sns:Publish',
            Condition: { Bool: { 'aws:SecureTransport': 'false' } },
          },
          {
            Effect: 'Allow',
            Principal: { Service: 'cloudwatch.amazonaws.com' },
            Action: 'sns:Publish',
            Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } }, ArnLike: Match.anyValue() },
          },
        ],
      },
    });
  });

  test('goes to every email address once', () => {
    const { template } = synthesize({ alerts: { email: ['a@example.com', 'b@example.com', 'a@example.com'] } });
    template.resourceCountIs('AWS::SNS::Subscription', 2);
    for (const Endpoint of ['a@example.com', 'b@example.com']) {
      template.hasResourceProperties('AWS::SNS::Subscription', { Protocol: 'email', Endpoint });
    }
  });

  test('has a sibling that every Slack channel reads, whose members can make AWS do nothing', () => {
    const { template, stack, auditor } = synthesize({
      alerts: {
        slack: [
          { workspaceId: 'T0123ABCD', channelId: 'C0123ABCD' },
          { workspaceId: 'T0123ABCD', channelId: 'C0987ZYXW' },
        ],
      },
    });
    template.resourceCountIs('AWS::Chatbot::SlackChannelConfiguration', 2);
    template.hasResourceProperties('AWS::Chatbot::SlackChannelConfiguration', {
      SlackWorkspaceId: 'T0123ABCD',
      SlackChannelId: 'C0987ZYXW',
      SnsTopicArns: [stack.resolve(auditor.chatTopics.get('all')?.topicArn)],
    });
    for (const { Properties } of Object.values(template.findResources('AWS::Chatbot::SlackChannelConfiguration'))) {
      expect(Properties.GuardrailPolicies.map(readable)).toEqual(['arn:<AWS::Partition>:iam::aws:policy/AWSDenyAll']);
      const role = { Ref: Properties.IamRoleArn['Fn::GetAtt'][0] };
      for (const policy of Object.values(template.findResources('AWS::IAM::Policy'))) {
        expect(policy.Properties.Roles).not.toContainEqual(role);
      }
    }
  });
});

describe('an embedder', () => {
  test('brings a topic: no other is made, and subscribers and publishing rights go to it', () => {
    const { template } = synthesize({}, (stack) => ({ topic: new Topic(stack, 'Ours') }));
    template.resourceCountIs('AWS::SNS::Topic', 1);
    template.resourceCountIs('AWS::KMS::Key', 0);
    const [ours] = Object.keys(template.findResources('AWS::SNS::Topic'));
    expect(resourcesAllowed(template, 'sns:Publish')).toEqual([`<${ours}>`]);
    template.hasResourceProperties('AWS::SNS::Subscription', { TopicArn: { Ref: ours } });
    template.allResourcesProperties('AWS::CloudWatch::Alarm', { AlarmActions: [{ Ref: ours }] });
  });

  test('brings a key for the topic, which learns to let CloudWatch in', () => {
    const { template } = synthesize({}, (stack) => ({ topicKey: new Key(stack, 'Ours') }));
    template.resourceCountIs('AWS::KMS::Key', 1);
    template.hasResourceProperties('AWS::KMS::Key', {
      KeyPolicy: { Statement: Match.arrayWith([Match.objectLike({ Sid: 'PublishersEncryptForTheTopic' })]) },
    });
  });

  test('brings a VPC, its subnets and security groups', () => {
    const { template, stack } = synthesize({}, (stack) => {
      const vpc = new Vpc(stack, 'Vpc') as IVpc;
      const group = new SecurityGroup(stack, 'Group', { vpc });
      return { vpc, vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS }, securityGroups: [group] };
    });
    const group = stack.node.findChild('Group') as SecurityGroup;
    template.hasResourceProperties('AWS::Lambda::Function', {
      VpcConfig: { SecurityGroupIds: [stack.resolve(group.securityGroupId)], SubnetIds: Match.anyValue() },
    });
    expect(resourcesAllowed(template, 'ec2:CreateNetworkInterface')).toEqual(['*']);
  });

  test('names a VPC in the configuration, which needs no look-up', () => {
    const { template } = synthesize({
      deployment: {
        vpc: {
          vpcId: 'vpc-0123456789abcdef0',
          subnetIds: ['subnet-00000001', 'subnet-00000002'],
          availabilityZones: ['eu-west-1a', 'eu-west-1b'],
          securityGroupIds: ['sg-00000001'],
        },
      },
    });
    template.hasResourceProperties('AWS::Lambda::Function', {
      VpcConfig: { SubnetIds: ['subnet-00000001', 'subnet-00000002'], SecurityGroupIds: ['sg-00000001'] },
    });
    template.resourceCountIs('AWS::EC2::SecurityGroup', 0);
  });

  test('who says where to run twice, or half, is told so', () => {
    const vpc = { vpcId: 'vpc-00000001', subnetIds: ['subnet-00000001'], availabilityZones: ['eu-west-1a'] };
    expect(() =>
      synthesize({ deployment: { vpc } }, (stack) => ({ vpc: new Vpc(stack, 'Vpc') as IVpc })),
    ).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: the config of Databases/TlsAuditor has a problem:
        deployment.vpc: names a VPC while the prop "vpc" gives another: remove one of them]
    `);
    expect(() => synthesize({}, () => ({ vpcSubnets: {} }))).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: the config of Databases/TlsAuditor has a problem:
        vpcSubnets: needs the prop "vpc" beside it; deployment.vpc has subnetIds and securityGroupIds of its own]
    `);
  });

  test('brings a log group and a name for the metrics', () => {
    const { template } = synthesize({}, (stack) => ({
      logGroup: LogGroup.fromLogGroupName(stack, 'Ours', '/audit/tls'),
      serviceName: 'warehouse',
    }));
    template.resourceCountIs('AWS::Logs::LogGroup', 0);
    template.hasResourceProperties('AWS::Lambda::Function', {
      LoggingConfig: { LogGroup: '/audit/tls' },
      Environment: { Variables: { POWERTOOLS_SERVICE_NAME: 'warehouse' } },
    });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'RunsCompleted',
      Dimensions: [{ Name: 'service', Value: 'warehouse' }],
    });
  });

  test('has two auditors in one account: their metrics do not mix', () => {
    const app = appWithoutBundling();
    const stack = new Stack(app, 'Databases');
    const other = new Stack(app, 'Warehouse');
    new PgTlsAuditor(stack, 'Orders', { config: MINIMAL });
    new PgTlsAuditor(stack, 'Billing', { config: MINIMAL });
    new PgTlsAuditor(other, 'Orders', { config: MINIMAL });

    const names = [stack, other].flatMap((each) => {
      const template = Template.fromStack(each);
      const functions = Object.values(template.findResources('AWS::Lambda::Function'));
      const dimensions = Object.values(
        template.findResources('AWS::CloudWatch::Alarm', { Properties: { MetricName: 'RunsCompleted' } }),
      ).map(({ Properties }) => Properties.Dimensions[0].Value);
      const services = functions.map(({ Properties }) => Properties.Environment.Variables.POWERTOOLS_SERVICE_NAME);
      expect(dimensions.sort()).toEqual(services.sort());
      return services;
    });
    expect(names).toEqual(['Databases-Billing', 'Databases-Orders', 'Warehouse-Orders']);
  });
});

test.each([
  ['cron(0 6 ? * 2-6 *)', 73, true],
  ['cron(0 6 ? * 1-5 *)', 73, true],
  ['cron(0 6 ? * MON-FRI *)', 73, false],
  ['rate(15 minutes)', undefined, false],
])('weekdays by number are warned of: %s', (schedule, completionWindowHours, warned) => {
  const { auditor } = synthesize({ schedule, deployment: { completionWindowHours } });
  const notes = auditor.node.metadata.map(({ data }) => String(data)).join('\n');
  expect(/EventBridge counts from 1, which is Sunday, so 1-5 is Sunday to Thursday/.test(notes)).toBe(warned);
});

describe('a configuration', () => {
  test('with problems is refused with all of them, each with its place', () => {
    expect(() =>
      synthesize({
        schedule: 'every day',
        targets: [{ name: 'orders', secret: 'prod/orders', hots: 'db' } as never, { name: 'local' }],
      }),
    ).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: the config of Databases/TlsAuditor has 3 problems:
        schedule: must be an EventBridge Scheduler expression such as rate(15 minutes) or cron(0 6 * * ? *), got "every day"
        targets[0].hots: is not a setting; allowed here: name, kind, secret, credentials, role, region, host, port, database, tlsServerName, ca, crl, clientCertificate, sslNegotiation, authentication, minScramIterations, timeoutSeconds, probe, logs, sampleSeconds, network, labels
        targets[1]: names no credentials: give "secret" (or, on the command line, "credentials" with "env" or "file")]
    `);
  });

  test('with what only the command line can reach is refused', () => {
    const targets = [{ name: 'laptop', credentials: { env: 'LAPTOP_DSN' } }];
    expect(() => synthesize({ targets })).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: the config of Databases/TlsAuditor has a problem:
        targets[0].credentials: an environment variable or a file works on the command line only; a deployed function needs {"secret": …}]
    `);
  });

  test('with values that only the deployment knows is refused, naming each', () => {
    expect(() => {
      const stack = new Stack(new App(), 'Databases');
      const secret = new Secret(stack, 'Secret');
      const config: ConfigInput = { targets: [{ name: 'orders', secret: secret.secretName }] };
      return new PgTlsAuditor(stack, 'TlsAuditor', { config });
    }).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: the config of Databases/TlsAuditor has a problem:
        targets[0].secret: must be known at synthesis, got a value that only the deployment knows. For a secret, write any name here and pass the secret in the prop "secrets" under that name; a VPC and a topic are props too]
    `);
  });

  test('that notifies no recipient gets a warning', () => {
    const { stack, auditor } = synthesize({ alerts: {} });
    expect(auditor.node.metadata.map(({ data }) => data)).toEqual([expect.stringContaining('have no recipient')]);
    expect(Template.fromStack(stack)).toBeDefined();
  });
});
