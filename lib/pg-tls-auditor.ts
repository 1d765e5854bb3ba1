// The construct that others embed: a scheduled auditor of PostgreSQL TLS, its alerts and the alarms about itself.

import { Duration, Stack, Validations } from 'aws-cdk-lib';
import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { ISchedule } from 'aws-cdk-lib/aws-scheduler';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { type IQueue, Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { ConfigError, type ConfigInput, type ConfigProblem, parseConfig } from '../lambda/config.ts';
import { AuditorAlarms } from './alarms.ts';
import { AlertTopic } from './alert-topic.ts';
import { AuditorFunction } from './auditor-function.ts';
import { completionWindow } from './cadence.ts';
import { withoutTokens } from './config-tokens.ts';
import { network, networkProblems } from './network.ts';
import { RunSchedule, worthStartingFor } from './run-schedule.ts';
import { grantSecretAccess, type SecretAccessProps, secretAccessProblems, secretNames } from './secret-access.ts';
import { grantSecretKeys, secretKeyProblems } from './secret-keys.ts';
import { secretArnsVariable, secretReferenceProblems } from './secret-references.ts';

export interface PgTlsAuditorProps {
  /**
   * What `auditor.config.json` holds: targets, policy, schedule, alerts, deployment. Validated at synthesis and packed into
   * the function's bundle, so it can't contain values that only a deployment knows (tokens): see `secrets`.
   */
  readonly config: ConfigInput;

  /**
   * How error messages call the configuration.
   * @default - the construct's path
   */
  readonly configSource?: string | undefined;

  /**
   * Secrets known by reference rather than by name, by the name that the configuration uses for them, e.g.
   * `{ orders: database.secret }` for a target with `"secret": "orders"`. Their keys are granted too. About 15 of them fit.
   * @default - every secret is found by the name or ARN in the configuration
   */
  readonly secrets?: Readonly<Record<string, ISecret>> | undefined;

  /**
   * Beginnings of secret names of which the function may read *every* secret, e.g. `['prod/']`. For fleets whose names
   * exceed what IAM policies hold (some 500 secrets); names that begin otherwise are still granted one by one.
   * @default - exactly the secrets that the configuration names
   */
  readonly secretNamePrefixes?: readonly string[] | undefined;

  /**
   * Customer-managed keys that encrypt the secrets, besides `config.deployment.secretKmsKeyArns`.
   * @default - none
   */
  readonly secretKeys?: readonly IKey[] | undefined;

  /**
   * Where alerts and alarms go. Its policy must let `cloudwatch.amazonaws.com` publish, and so must its key's.
   * @default - a new topic, encrypted as `config.deployment.topicEncryption` says, that only takes TLS
   */
  readonly topic?: ITopic | undefined;

  /**
   * The customer-managed key of the new topic. An imported key's policy must let CloudWatch use it.
   * @default - a new key, unless `config.deployment.topicEncryption` is `none`
   */
  readonly topicKey?: IKey | undefined;

  /**
   * The VPC to run in. Isolated subnets need endpoints for Secrets Manager and SNS.
   * @default - `config.deployment.vpc`, or none
   */
  readonly vpc?: IVpc | undefined;

  /** @default - the VPC's private subnets */
  readonly vpcSubnets?: SubnetSelection | undefined;

  /** @default - `config.deployment.vpc.securityGroupIds`, or a new group that only lets traffic out */
  readonly securityGroups?: readonly ISecurityGroup[] | undefined;

  /**
   * A new account refuses any reservation.
   * @default - `config.deployment.reservedConcurrency`, or no reservation
   */
  readonly reservedConcurrentExecutions?: number | undefined;

  /** @default - a new log group that keeps `config.deployment.logRetentionDays` */
  readonly logGroup?: ILogGroup | undefined;

  /**
   * Tells this auditor's logs and metrics from those of others in the same account and region.
   * @default - the stack's name and the construct's path in it
   */
  readonly serviceName?: string | undefined;
}

/**
 * Audits the TLS of PostgreSQL connections on a schedule, and alerts.
 *
 * @example
 * new PgTlsAuditor(this, 'TlsAuditor', {
 *   config: { alerts: { email: ['dba@example.com'] }, targets: [{ name: 'orders', secret: 'orders' }] },
 *   secrets: { orders: database.secret },
 *   vpc,
 * });
 */
export class PgTlsAuditor extends Construct {
  readonly function: IFunction;
  readonly topic: ITopic;
  readonly schedule: ISchedule;
  /** Runs that were given up: not started in time, or failed. */
  readonly deadLetterQueue: IQueue;
  readonly logGroup: ILogGroup;
  readonly alarms: AuditorAlarms;

  /** @throws ConfigError naming every problem of the configuration at once, then every problem of the props with it. */
  constructor(scope: Construct, id: string, props: PgTlsAuditorProps) {
    super(scope, id);
    const source = props.configSource ?? `the config of ${this.node.path}`;
    const config = parseConfig(withoutTokens(props.config, source), { source, use: 'deployment' });
    const { alerts, deployment, schedule } = config;
    const access: SecretAccessProps = {
      names: secretNames(config),
      references: props.secrets ?? {},
      prefixes: props.secretNamePrefixes ?? [],
    };
    const completion = completionWindow(schedule, deployment.completionWindowHours);
    const problems: readonly ConfigProblem[] = [
      ...('window' in completion ? [] : [completion]),
      ...secretKeyProblems(deployment.secretKmsKeyArns),
      ...secretReferenceProblems(access.references, access.names),
      ...secretAccessProblems(this, access),
      ...networkProblems(props, deployment),
    ];
    if (!('window' in completion) || problems.length > 0) throw new ConfigError(source, problems);

    const serviceName = props.serviceName ?? uniqueInRegion(this);
    this.deadLetterQueue = new Queue(this, 'DeadLetters', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    Validations.of(this.deadLetterQueue).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason: "It is the dead-letter queue: of the schedule and of the function's asynchronous invocations.",
    });
    this.topic = new AlertTopic(this, 'Alerts', {
      alerts,
      encryption: deployment.topicEncryption,
      topic: props.topic,
      key: props.topicKey,
    }).topic;
    const auditor = new AuditorFunction(this, 'Auditor', {
      document: props.config,
      deployment,
      topic: this.topic,
      deadLetterQueue: this.deadLetterQueue,
      maxEventAge: worthStartingFor(schedule),
      serviceName,
      environment: secretArnsVariable(this, access.references),
      logGroup: props.logGroup,
      ...network(this, props, deployment),
      reservedConcurrentExecutions: props.reservedConcurrentExecutions ?? deployment.reservedConcurrency,
    });
    this.function = auditor.function;
    this.logGroup = auditor.logGroup;
    this.topic.grantPublish(auditor.role);
    Validations.of(auditor.role).acknowledge({
      id: 'AwsSolutions-IAM5[Action::kms:GenerateDataKey*]',
      reason: "What SNS needs of a publisher to an encrypted topic, on this topic's key alone.",
    });
    grantSecretAccess(this, auditor.role, access);
    grantSecretKeys(auditor.role, deployment.secretKmsKeyArns, [
      ...(props.secretKeys ?? []),
      ...Object.values(access.references).flatMap(({ encryptionKey }) => encryptionKey ?? []),
    ]);
    this.schedule = new RunSchedule(this, 'Runs', {
      expression: schedule,
      timezone: config.timezone,
      function: this.function,
      deadLetterQueue: this.deadLetterQueue,
    }).schedule;
    this.alarms = new AuditorAlarms(this, 'Alarms', {
      function: this.function,
      topic: this.topic,
      deadLetterQueue: this.deadLetterQueue,
      serviceName,
      completionWindow: completion.window,
    });
    if (props.topic === undefined && alerts.email.length + alerts.slack.length === 0) {
      Validations.of(this).addWarning(
        'pg-tls-auditor:nobodyIsTold',
        `${source} names no email address and no Slack channel under "alerts": findings reach nobody until something subscribes to the topic`,
      );
    }
  }
}

/** Stacks have unique names in an account and region, constructs unique paths in a stack. */
function uniqueInRegion(construct: Construct): string {
  const stack = Stack.of(construct);
  const path = construct.node.path.slice(stack.node.path.length + 1);
  return `${stack.stackName}-${path.replaceAll('/', '-')}`;
}
