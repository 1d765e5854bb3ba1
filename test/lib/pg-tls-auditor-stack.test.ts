import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Stack, Validations } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, test } from 'vitest';
import type { ConfigInput } from '../../lambda/config.ts';
import { PgTlsAuditor } from '../../lib/pg-tls-auditor.ts';
import { PgTlsAuditorStack } from '../../lib/pg-tls-auditor-stack.ts';
import { appWithoutBundling, MINIMAL } from './synthesis.ts';

const EXAMPLE: ConfigInput = JSON.parse(
  await readFile(join(import.meta.dirname, '..', '..', 'auditor.config.example.json'), 'utf8'),
);

describe('the pack AwsSolutions of cdk-nag passes', { timeout: 60_000 }, () => {
  const key = 'arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d';
  const everything: ConfigInput = {
    ...EXAMPLE,
    deployment: {
      vpc: { vpcId: 'vpc-00000001', subnetIds: ['subnet-00000001'], availabilityZones: ['eu-west-1a'] },
      secretKmsKeyArns: [key],
      reservedConcurrency: 2,
    },
  };

  test.each([
    ['the smallest configuration', MINIMAL, {}],
    ['the example', EXAMPLE, { configuration: 'example' }],
    ['everything switched on', everything, {}],
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

  test('because it looks: a queue that has no reason given does not pass', () => {
    const app = appWithoutBundling();
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    const stack = new PgTlsAuditorStack(app, 'Nag', { config: MINIMAL });
    new Queue(stack, 'WithoutDeadLetters');
    expect(() => app.synth()).toThrow(/AwsSolutions-SQS3/);
  });
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
