// Defines the stack of the template that is deployed without CDK: what differs is a parameter.

import {
  Aws,
  CfnCondition,
  CfnOutput,
  CfnParameter,
  type CfnParameterProps,
  type CfnResource,
  DefaultStackSynthesizer,
  type FileAssetLocation,
  type FileAssetSource,
  Fn,
  type IStackSynthesizer,
  Token,
  Validations,
} from 'aws-cdk-lib';
import type { CfnAlarm } from 'aws-cdk-lib/aws-cloudwatch';
import { CfnPolicy, PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import { CfnSubscription } from 'aws-cdk-lib/aws-sns';
import type { Construct, IConstruct } from 'constructs';
import { CONFIG_LOCATION_FORMS } from '../lambda/model/config-location.ts';
import { NETWORK_INTERFACE_ACTIONS } from './auditor-function.ts';
import { PgTlsAuditorStack } from './pg-tls-auditor-stack.ts';

/** Hours without a completed run, unless a parameter says otherwise. */
const RUN_OVERDUE_HOURS = 1;

/** Services through which the keys of the configuration and of the secrets are used. */
const KEY_USERS = ['secretsmanager', 's3', 'ssm'];

const LOG_RETENTION_DAYS = [30, 60, 90, 180, 365, 400, 731, 1827, 3653];

/** CloudFormation puts some parameters into JSON as they are: without these characters they end no text there. */
const JSON_SYNTAX = String.raw`"\\`;

/** The parameters in the order in which CloudFormation's console asks for them. */
const PARAMETERS = {
  ConfigurationLocation: {
    description: `Where each run reads its configuration, in this region: ${CONFIG_LOCATION_FORMS}`,
    allowedPattern: '^(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]|ssm:)(/[a-zA-Z0-9_.-]+)+$',
  },
  SecretArns: {
    type: 'CommaDelimitedList',
    description:
      'ARNs of the secrets that the configuration names, with * where you want several: arn:aws:secretsmanager:eu-west-1:123456789012:secret:tls-audit/*',
    allowedPattern: '^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[a-zA-Z0-9/_+=.@!*?-]+$',
  },
  KmsKeyArns: {
    type: 'CommaDelimitedList',
    description: 'ARNs of customer-managed keys that encrypt the configuration or the secrets; empty for none',
    default: '',
    allowedPattern: '^$|^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$',
  },
  AlertEmail: {
    description: 'Receives the alerts and alarms, after a confirmation by email; empty for none',
    default: '',
    allowedPattern: String.raw`^$|^[^\s@${JSON_SYNTAX}]+@[^\s@${JSON_SYNTAX}]+$`,
  },
  Schedule: {
    description: 'When runs start: a rate() or cron() expression of EventBridge Scheduler',
    default: 'rate(15 minutes)',
    allowedPattern: String.raw`^(rate|cron)\([^${JSON_SYNTAX}]+\)$`,
  },
  Timezone: {
    description: 'The time zone of a cron() schedule, such as Europe/Berlin',
    default: 'UTC',
    allowedPattern: '^[A-Za-z0-9_+/-]+$',
  },
  RunOverdueHours: {
    type: 'Number',
    description:
      'Hours without a completed run after which an alarm rings: more than the longest time between two runs',
    default: RUN_OVERDUE_HOURS,
    minValue: 1,
    maxValue: 168,
  },
  SubnetIds: {
    type: 'CommaDelimitedList',
    description: 'Subnets to run in, of one VPC; empty to run outside of a VPC',
    default: '',
    allowedPattern: '^$|^subnet-[a-f0-9]+$',
  },
  SecurityGroupIds: {
    type: 'CommaDelimitedList',
    description: 'Security groups of the function; required with SubnetIds',
    default: '',
    allowedPattern: '^$|^sg-[a-f0-9]+$',
  },
  MemoryMiB: { type: 'Number', description: 'Memory of the function', default: 1024, minValue: 256, maxValue: 10_240 },
  TimeoutSeconds: {
    type: 'Number',
    description: 'How long a run may take',
    default: 300,
    minValue: 60,
    maxValue: 900,
  },
  LogRetentionDays: {
    type: 'Number',
    description: 'Days to keep the log, which holds what each run observed',
    default: '90',
    allowedValues: LOG_RETENTION_DAYS.map(String),
  },
  AssetBucket: {
    description: 'The name of the bucket, in this region, that you copied the files in assets/ to',
    allowedPattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$',
  },
  AssetPrefix: {
    description: 'What their names in the bucket begin with, such as pg-tls-auditor/; empty for nothing',
    default: '',
    allowedPattern: '^$|^[a-zA-Z0-9/_.-]+/$',
  },
} as const satisfies Readonly<Record<string, CfnParameterProps>>;

type ParameterName = keyof typeof PARAMETERS;

/** References work before their parameters are defined: the stack's constructor needs some of them. */
const ref = (name: ParameterName): string => Fn.ref(name);

/** An auditor whose configuration is read by each run, deployed by `aws cloudformation deploy` or Terraform. */
export class PgTlsAuditorTemplateStack extends PgTlsAuditorStack {
  constructor(scope: Construct, id: string) {
    super(scope, id, {
      config: { deployment: { completionWindowHours: RUN_OVERDUE_HOURS } },
      configSource: 'the template',
      configLocation: ref('ConfigurationLocation'),
      deployedSettings: { schedule: ref('Schedule'), timezone: ref('Timezone'), email: ref('AlertEmail') },
      serviceName: Aws.STACK_NAME,
      // aws-cdk-lib's own types disagree under exactOptionalPropertyTypes.
      synthesizer: new AssetsOfParameters({ generateBootstrapVersionRule: false }) as IStackSynthesizer,
    });
    for (const [name, props] of Object.entries<CfnParameterProps>(PARAMETERS)) new CfnParameter(this, name, props);
    this.overrideProperties();
    this.grantSecrets();
    this.subscribe();
    this.useKeys();
    this.joinVpc();
    new CfnOutput(this, 'FunctionRoleName', {
      value: this.role.roleName,
      description: 'Attach policies here that allow what the configuration needs besides secrets',
    });
  }

  /** What the construct takes as values only. */
  private overrideProperties(): void {
    const { schedule, logGroup, alarms, function: auditor } = this.auditor;
    override(schedule, { ScheduleExpression: ref('Schedule'), ScheduleExpressionTimezone: ref('Timezone') });
    override(logGroup, { RetentionInDays: ref('LogRetentionDays') });
    override(auditor, { MemorySize: ref('MemoryMiB'), Timeout: ref('TimeoutSeconds') });
    const { alarmDescription = '' } = resourceOf<CfnAlarm>(alarms.runOverdue);
    override(alarms.runOverdue, {
      EvaluationPeriods: ref('RunOverdueHours'),
      DatapointsToAlarm: ref('RunOverdueHours'),
      AlarmDescription: Fn.sub(alarmDescription.replace('for 1 hour:', 'for ${RunOverdueHours} hours:')),
    });
  }

  private grantSecrets(): void {
    this.role.addToPolicy(
      new PolicyStatement({
        actions: ['secretsmanager:GetSecretValue'],
        resources: Token.asList(ref('SecretArns')) as string[],
      }),
    );
    this.role.addToPolicy(new PolicyStatement({ actions: ['secretsmanager:BatchGetSecretValue'], resources: ['*'] }));
    acknowledgeAll(this.role, 'The batch call has no resource to name: what it returns is limited by GetSecretValue.');
  }

  private subscribe(): void {
    const subscription = new CfnSubscription(this, 'AlertEmailSubscription', {
      topicArn: this.auditor.topic.topicArn,
      protocol: 'email',
      endpoint: ref('AlertEmail'),
    });
    subscription.cfnOptions.condition = this.condition('HasAlertEmail', ref('AlertEmail'));
    Validations.of(this.auditor).acknowledge({
      id: 'Annotation::pg-tls-auditor:noRecipient',
      reason: 'A parameter names the recipient.',
    });
  }

  private useKeys(): void {
    const services = KEY_USERS.map((service) => `${service}.${Aws.REGION}.amazonaws.com`);
    const policy = new CfnPolicy(this, 'KeyPolicy', {
      policyName: 'KeyPolicy',
      roles: [this.role.roleName],
      policyDocument: {
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Action: 'kms:Decrypt',
            Resource: ref('KmsKeyArns'),
            Condition: { StringEquals: { 'kms:ViaService': services } },
          },
        ],
      },
    });
    policy.cfnOptions.condition = this.condition('HasKmsKeys', joined('KmsKeyArns'));
  }

  private joinVpc(): void {
    const inVpc = this.condition('InVpc', joined('SubnetIds'));
    // Always there, because the function depends on it: Lambda tries the rights when it creates the function.
    const policy = new CfnPolicy(this, 'NetworkPolicy', {
      policyName: 'NetworkPolicy',
      roles: [this.role.roleName],
      policyDocument: {
        Version: '2012-10-17',
        Statement: [
          {
            Effect: Fn.conditionIf(inVpc.logicalId, 'Allow', 'Deny'),
            Action: NETWORK_INTERFACE_ACTIONS,
            Resource: '*',
          },
        ],
      },
    });
    acknowledgeAll(policy, 'Lambda creates the network interfaces with the function: their ids are not known before.');
    const network = { SubnetIds: ref('SubnetIds'), SecurityGroupIds: ref('SecurityGroupIds') };
    override(this.auditor.function, { VpcConfig: Fn.conditionIf(inVpc.logicalId, network, Aws.NO_VALUE) });
    resourceOf(this.auditor.function).addResourceDependency(policy);
    for (const id of ['F3031', 'E1150']) {
      Validations.of(this.auditor.function).acknowledge({
        id: `CloudFormation-Validate::${id}`,
        reason: 'The lists are empty outside of a VPC, where they are not used.',
      });
    }
  }

  private get role(): Role {
    return this.auditor.function.role as unknown as Role;
  }

  /** That a parameter has a value. */
  private condition(id: string, value: string): CfnCondition {
    return new CfnCondition(this, id, { expression: Fn.conditionNot(Fn.conditionEquals(value, '')) });
  }
}

/** Takes the function's files from where people copied them: no account need be bootstrapped for CDK. */
class AssetsOfParameters extends DefaultStackSynthesizer {
  override addFileAsset(asset: FileAssetSource): FileAssetLocation {
    const objectKey = Fn.join('', [ref('AssetPrefix'), `${asset.sourceHash}.zip`]);
    return { ...super.addFileAsset(asset), bucketName: ref('AssetBucket'), objectKey };
  }
}

function joined(list: ParameterName): string {
  return Fn.join('', Token.asList(ref(list)));
}

function resourceOf<T extends CfnResource = CfnResource>(construct: IConstruct): T {
  return construct.node.defaultChild as T;
}

function override(construct: IConstruct, properties: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(properties)) resourceOf(construct).addPropertyOverride(name, value);
}

function acknowledgeAll(construct: IConstruct, reason: string): void {
  Validations.of(construct).acknowledge({ id: 'AwsSolutions-IAM5[Resource::*]', reason });
}
