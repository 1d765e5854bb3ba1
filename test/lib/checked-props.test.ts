// Props as JavaScript gives them: each that is wrong is one sentence with its name, what is allowed and what was given.

import { Lazy, Stack } from 'aws-cdk-lib';
import { Vpc } from 'aws-cdk-lib/aws-ec2';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../lambda/config/index.ts';
import { AUDITOR } from '../../lib/checked-props.ts';
import { PgTlsAuditor } from '../../lib/pg-tls-auditor.ts';
import { PgTlsAuditorStack } from '../../lib/pg-tls-auditor-stack.ts';
import { PgTlsAuditorSatellite, SATELLITE } from '../../lib/satellite.ts';
import { PgTlsAuditorSatelliteStack } from '../../lib/satellite-stack.ts';
import { appWithoutBundling, MINIMAL } from './synthesis.ts';

/** Without the types: the compiler would refuse most of these. */
type Untyped = new (scope: unknown, id: string, props?: unknown) => unknown;

const CLASSES = {
  PgTlsAuditor: { made: PgTlsAuditor, isStack: false, needed: {} },
  PgTlsAuditorStack: { made: PgTlsAuditorStack, isStack: true, needed: {} },
  PgTlsAuditorSatellite: {
    made: PgTlsAuditorSatellite,
    isStack: false,
    needed: { satellite: 'shop', auditorName: 'Auditor' },
  },
  PgTlsAuditorSatelliteStack: {
    made: PgTlsAuditorSatelliteStack,
    isStack: true,
    needed: { satellite: 'shop', auditorName: 'Auditor' },
  },
} as const;

function complaint(name: keyof typeof CLASSES, props: unknown): string {
  const { made, isStack } = CLASSES[name];
  const scope = isStack ? appWithoutBundling() : new Stack(appWithoutBundling(), 'Databases');
  try {
    new (made as unknown as Untyped)(scope, 'Tls', props);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'none';
}

describe.each(Object.entries(CLASSES))('%s', (name, { isStack, needed }) => {
  const kinds = name.includes('Satellite') ? SATELLITE.kinds : AUDITOR.kinds;
  const of = (props: object) => complaint(name as keyof typeof CLASSES, { config: MINIMAL, ...needed, ...props });
  const heading = `${name} ${isStack ? 'Tls' : 'Databases/Tls'} has a problem:\n`;

  test.each(Object.keys(kinds))('%s of another type is refused by its name', (prop) => {
    for (const wrong of [null, 5, true, '', 'arn:aws:sns', [], [7], { is: 'nothing' }, () => 1]) {
      if (Object.entries(kinds).some(([each, { takes }]) => each === prop && takes(wrong))) continue;
      const message = of({ [prop]: wrong });
      expect(message.startsWith(`${heading}  ${prop}: must be `)).toBe(true);
      expect(message).toMatch(/, got .+$/);
    }
  });

  test('a prop that there is not is refused where it is close to one, or a setting', () => {
    expect(of({ configfile: 'x' })).toBe(`${heading}  configfile: is no prop; did you mean "configFile"?`);
    expect(of({ secretNamePrefix: [] })).toContain('did you mean "secretNamePrefixes"?');
    expect(of({ schedule: 'rate(1 hour)' })).toContain(
      'schedule: is no prop; the setting "schedule" belongs into the prop "config"',
    );
    expect(of({ shedule: 'rate(1 hour)' })).toContain('the setting "schedule" belongs');
    const other = of({ somethingElse: 1 });
    if (isStack) expect(other).not.toContain('somethingElse');
    else expect(other).toContain('somethingElse: is no prop; there are config, configFile,');
  });

  test('no props at all', () => {
    for (const none of [undefined, null, 'auditor.config.json', []]) {
      expect(complaint(name as keyof typeof CLASSES, none)).toContain('props: must be an object, got ');
    }
  });
});

test('a path as the configuration is pointed to its prop, and nothing that may be a secret is shown', () => {
  expect(complaint('PgTlsAuditor', { config: 'auditor.config.json' })).toContain(
    'config: must be an object, and the path of a file is the prop "configFile", got "auditor.config.json"',
  );
  const secret = { secrets: { orders: 'postgres://u:hunter2@h/d' }, topic: 'postgres://u:hunter2@h/d' };
  expect(complaint('PgTlsAuditor', { config: MINIMAL, ...secret })).not.toContain('hunter2');
});

test('every wrong prop is named at once', () => {
  expect(complaint('PgTlsAuditor', { config: [], topic: 1, vpc: 'vpc-1' })).toMatch(
    /has 3 problems:.*config: .*topic: .*vpc: /s,
  );
  expect(complaint('PgTlsAuditorSatellite', {})).toMatch(/satellite: is required: a text.*auditorName: is required/s);
  expect(complaint('PgTlsAuditorStack', { config: MINIMAL, configuration: 'Example' })).toMatch(
    'must be "own" or "example"',
  );
});

test('names that CloudWatch and IAM refuse', () => {
  for (const serviceName of ['x'.repeat(256), ':x', 'é']) {
    expect(complaint('PgTlsAuditor', { config: MINIMAL, serviceName })).toContain(
      'serviceName: must be a text of 1 to 255',
    );
  }
  expect(complaint('PgTlsAuditor', { config: MINIMAL, auditorName: 'bad name!' })).toContain(
    'auditorName: must be the name of a stack',
  );
});

test('props of CDK, values that CloudFormation fills in, and props of stacks are taken', () => {
  const stack = new Stack(appWithoutBundling(), 'Databases', { env: { account: '123456789012', region: 'eu-west-1' } });
  const props = {
    ...{ config: MINIMAL, env: {}, description: 'of the stack', topic: undefined },
    vpc: Vpc.fromVpcAttributes(stack, 'Vpc', {
      vpcId: 'vpc-1',
      availabilityZones: ['eu-west-1a'],
      privateSubnetIds: ['subnet-1'],
    }),
    secrets: { 'prod/orders': Secret.fromSecretNameV2(stack, 'Secret', 'prod/orders') },
    serviceName: Lazy.string({ produce: () => 'later' }),
    reservedConcurrentExecutions: Lazy.number({ produce: () => 2 }),
  };
  expect(() => new PgTlsAuditor(stack, 'Tls', props)).not.toThrow();
  const topic = Topic.fromTopicArn(stack, 'Topic', 'arn:aws:sns:eu-west-1:123456789012:alerts');
  expect(() => new PgTlsAuditor(stack, 'Other', { config: MINIMAL, topic })).not.toThrow();
  expect(
    () => new PgTlsAuditorStack(appWithoutBundling(), 'Own', { config: MINIMAL, terminationProtection: true }),
  ).not.toThrow();
});
