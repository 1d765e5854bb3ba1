// What an embedder of the construct may set, or bring along.

import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { ConfigInput } from '../lambda/config/index.ts';

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
   * Where everyone's alerts and the alarms go. Its policy must let `cloudwatch.amazonaws.com` publish, and so must its
   * key's. Routes and Slack channels have topics of their own, which are made all the same.
   * @default - a new topic, encrypted as `config.deployment.topicEncryption` says, that only takes TLS
   */
  readonly topic?: ITopic | undefined;

  /**
   * The customer-managed key of the new topics. An imported key's policy must let CloudWatch use it.
   * @default - a new key, unless `config.deployment.topicEncryption` is `none`
   */
  readonly topicKey?: IKey | undefined;

  /**
   * The table in which runs remember what they have told. Its keys are the strings `pk` and `sk`; `expiresAt` should be its
   * attribute for time to live. A table belongs to one auditor.
   * @default - a new table that outlives the stack, unless `config.deployment.state` is `none`
   */
  readonly stateTable?: ITable | undefined;

  /**
   * The bucket that keeps every run's full report, under `reports/`. How long, and who may read them, is its owner's.
   * @default - a new bucket that outlives the stack and keeps `config.deployment.evidenceRetentionDays`, unless
   * `config.deployment.evidence` is `none`
   */
  readonly evidenceBucket?: IBucket | undefined;

  /**
   * The VPC to run in. Isolated subnets need endpoints for Secrets Manager and SNS, and for DynamoDB, S3 and Security Hub
   * where they are used.
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
