// Declares the props of the construct.

import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { ConfigProps } from './config-document.ts';

export interface PgTlsAuditorProps extends ConfigProps {
  /**
   * Secrets known by reference rather than by name, by the name that the configuration uses for them, e.g.
   * `{ orders: database.secret }` for a target with `"secret": "orders"`. Their keys are granted too. About 15 of them
   * fit.
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
   * The topic of the default route's alerts and of the alarms. Its policy must allow `cloudwatch.amazonaws.com` to
   * publish, and the policy of its key too. Routes and Slack channels get topics of their own in any case.
   * @default - a new topic, encrypted as `config.deployment.topicEncryption` says, that only takes TLS
   */
  readonly topic?: ITopic | undefined;

  /**
   * The customer-managed key of the new topics. An imported key's policy must let CloudWatch use it.
   * @default - a new key, unless `config.deployment.topicEncryption` is `none`
   */
  readonly topicKey?: IKey | undefined;

  /**
   * The table that keeps the state of each receiver. Its keys are the strings `pk` and `sk`; `expiresAt` should be its
   * attribute for time to live. A table belongs to one auditor.
   * @default - a new table that outlives the stack, unless `config.deployment.state` is `none`
   */
  readonly stateTable?: ITable | undefined;

  /**
   * The bucket that archives the full report of every run, under `reports/`. Its owner decides how long, and who may
   * read.
   * @default - a new bucket that outlives the stack and keeps `config.deployment.evidenceRetentionDays`, unless
   * `config.deployment.evidence` is `none`
   */
  readonly evidenceBucket?: IBucket | undefined;

  /**
   * The VPC to run in. Isolated subnets need endpoints for Secrets Manager and SNS, and for DynamoDB, S3 and Security
   * Hub where they are used.
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
   * The name by which satellites know this auditor, the `auditorName` of their stacks: unique in the account and
   * region.
   * @default - the stack's name
   */
  readonly auditorName?: string | undefined;

  /**
   * Names this auditor's logs and metrics; unique among the auditors of an account and region.
   * @default - the stack's name and the construct's path in it
   */
  readonly serviceName?: string | undefined;
}
