// The stack of the template that is deployed without CDK: its parameters reach what they are for, and nothing else.

import { Validations } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import { expect, test } from 'vitest';
import { parseEnvironment } from '../../lambda/environment.ts';
import { PgTlsAuditorTemplateStack } from '../../lib/template-stack.ts';
import { appWithoutBundling } from './synthesis.ts';

const template = Template.fromStack(new PgTlsAuditorTemplateStack(appWithoutBundling(), 'PgTlsAuditor'));
const { Parameters, Conditions, Resources } = template.toJSON();

test('the pack AwsSolutions of cdk-nag passes', () => {
  const app = appWithoutBundling();
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  new PgTlsAuditorTemplateStack(app, 'PgTlsAuditor');
  expect(() => app.synth()).not.toThrow();
});

test('each parameter is used, and described', () => {
  const used = JSON.stringify([Conditions, Resources]);
  for (const [name, { Description }] of Object.entries<{ Description: string }>(Parameters)) {
    expect([name, used.includes(`{"Ref":"${name}"}`) || used.includes(`\${${name}}`)]).toEqual([name, true]);
    expect(Description).toMatch(/\w/);
  }
});

test('parameters reach the schedule, the subscription, the function, its log and the alarm', () => {
  template.hasResourceProperties('AWS::Scheduler::Schedule', {
    ScheduleExpression: { Ref: 'Schedule' },
    ScheduleExpressionTimezone: { Ref: 'Timezone' },
  });
  template.hasResource('AWS::SNS::Subscription', {
    Condition: 'HasAlertEmail',
    Properties: { Protocol: 'email', Endpoint: { Ref: 'AlertEmail' } },
  });
  template.hasResourceProperties('AWS::Lambda::Function', {
    Code: { S3Bucket: { Ref: 'AssetBucket' } },
    MemorySize: { Ref: 'MemoryMiB' },
    Timeout: { Ref: 'TimeoutSeconds' },
    VpcConfig: { 'Fn::If': ['InVpc', Match.anyValue(), { Ref: 'AWS::NoValue' }] },
  });
  template.hasResourceProperties('AWS::Logs::LogGroup', { RetentionInDays: { Ref: 'LogRetentionDays' } });
  template.hasResourceProperties('AWS::CloudWatch::Alarm', {
    MetricName: 'RunsCompleted',
    Period: 3600,
    EvaluationPeriods: { Ref: 'RunOverdueHours' },
    AlarmDescription: { 'Fn::Sub': Match.stringLikeRegexp('completed for \\$\\{RunOverdueHours\\} hours:') },
  });
});

test('the key is used through three services only, and only where one is named', () => {
  template.hasResource('AWS::IAM::Policy', {
    Condition: 'HasKmsKeys',
    Properties: {
      PolicyDocument: {
        Statement: [
          { Effect: 'Allow', Action: 'kms:Decrypt', Resource: { Ref: 'KmsKeyArns' }, Condition: Match.anyValue() },
        ],
      },
    },
  });
});

test.each([
  ['AlertEmail', ['', 'dba@example.com', "o'hara+tls@example.com"], ['dba', 'a"b@c', 'a\\@b', 'a@b","x":"', 'a@b c@d']],
  ['Schedule', ['rate(1 hour)', 'cron(0 6 ? * MON-FRI *)'], ['', 'hourly', 'rate(1 hour","x":")', 'rate(1\\)']],
  ['Timezone', ['UTC', 'Europe/Berlin', 'Etc/GMT+5'], ['', 'UTC"', 'Europe\\Berlin', 'a b']],
  ['AssetBucket', ['my-assets', 'my.assets'], ['', 's3://my-assets', 'my-assets/pg', 'My_Assets']],
  ['AssetPrefix', ['', 'pg/', 'a/b/'], ['pg', '../"/', 'pg /']],
  ['SubnetIds', ['', 'subnet-0a1b'], ['vpc-1', 'subnet-x y']],
  ['SecurityGroupIds', ['', 'sg-0a1b'], ['subnet-0a1b']],
  ['SecretArns', ['arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/*'], ['', '*', 'prod/orders']],
])('the parameter %s takes what it is for, and nothing that ends a text of JSON', (name, taken, refused) => {
  const pattern = new RegExp(Parameters[name].AllowedPattern);
  for (const value of taken) expect([value, pattern.test(value)]).toEqual([value, true]);
  for (const value of refused) expect([value, pattern.test(value)]).toEqual([value, false]);
});

test.each([
  ['s3://my-config/audit/config.json', true],
  ['ssm:/audit/config', true],
  ['s3://my-config/*', false],
  ['s3://my-config/', false],
  ['s3://my-config//x', false],
  ['ssm:/audit/*', false],
  ['ssm:audit', false],
  ['ssm:/a:3', false],
  ['arn:aws:s3:::my-config/x', false],
])('the location %s is taken by the template as by the function: %s', (location, isTaken) => {
  const topic = { ALERT_TOPIC_ARN: 'arn:aws:sns:eu-west-1:123456789012:alerts' };
  const parse = () => parseEnvironment({ ...topic, AUDITOR_CONFIG_LOCATION: location });
  expect(new RegExp(Parameters.ConfigurationLocation.AllowedPattern).test(location)).toBe(isTaken);
  if (isTaken) expect(parse().configLocation).toBe(location);
  else expect(parse).toThrow(/AUDITOR_CONFIG_LOCATION is not s3:\/\/BUCKET\/KEY or ssm:\/NAME/);
});
