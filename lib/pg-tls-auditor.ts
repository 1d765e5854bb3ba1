// The construct for other apps: a scheduled auditor of PostgreSQL TLS, its alerts, and alarms about itself.

import { Duration, Stack, Validations } from 'aws-cdk-lib';
import type { Dashboard } from 'aws-cdk-lib/aws-cloudwatch';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { ISecurityGroup } from 'aws-cdk-lib/aws-ec2';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ISchedule } from 'aws-cdk-lib/aws-scheduler';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { type IQueue, Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { type Config, ConfigError, type ConfigProblem, parseConfig } from '../lambda/config/index.ts';
import { parseSchedule } from '../lambda/model/schedule.ts';
import { AuditorAlarms, METRICS_NAMESPACE } from './alarms.ts';
import { AlertTopics } from './alert-topics.ts';
import { AuditorFunction } from './auditor-function.ts';
import { completionWindow } from './completion-window.ts';
import { rejectTokens } from './config-tokens.ts';
import { makeDashboard } from './dashboard.ts';
import { discoveredSecrets, grantDiscovery, rdsRules } from './discovery.ts';
import { grantEvidence, makeEvidenceBucket } from './evidence-bucket.ts';
import { environmentProblems, functionVariables } from './function-environment.ts';
import { grantIamLogin } from './iam-login.ts';
import { resourceProblems, routeLimitProblems } from './limits.ts';
import { grantLogAccess, logAccessProblems, logGroups } from './log-access.ts';
import { network, networkProblems } from './network.ts';
import type { PgTlsAuditorProps } from './pg-tls-auditor-props.ts';
import { maxEventAge, RunSchedule } from './run-schedule.ts';
import {
  grantSecretAccess,
  type SecretAccessProps,
  secretAccessProblems,
  secretNames,
  secretPolicyCount,
} from './secret-access.ts';
import { grantSecretKeys, secretKeyProblems } from './secret-keys.ts';
import { secretArnsVariable, secretReferenceProblems } from './secret-references.ts';
import { grantFindingsImport } from './security-hub.ts';
import { grantState, makeStateTable } from './state-table.ts';

export type { PgTlsAuditorProps } from './pg-tls-auditor-props.ts';

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
  /** The alerts of the default route, and the alarms. */
  readonly topic: ITopic;
  /**
   * The alerts of all routes, each with the message attribute `route`. Undefined without routes: subscribe with a
   * filter policy, such as `{"route": ["shop"]}`.
   */
  readonly routeTopic?: ITopic | undefined;
  /** Topics of Slack channels, by route; `all` is the default route. Only routes with channels have one. */
  readonly chatTopics: ReadonlyMap<string, ITopic>;
  /** Undefined where no state is kept. */
  readonly stateTable?: ITable | undefined;
  /** Undefined where reports are only in the log. */
  readonly evidenceBucket?: IBucket | undefined;
  readonly schedule: ISchedule;
  /** The groups of the function in its VPC, for rules of databases; none where it runs outside of a VPC. */
  readonly securityGroups: readonly ISecurityGroup[];
  /** Events of runs that did not start in time, or failed. */
  readonly deadLetterQueue: IQueue;
  readonly logGroup: ILogGroup;
  readonly alarms: AuditorAlarms;
  /** Undefined where it is switched off. */
  readonly dashboard?: Dashboard | undefined;

  /** @throws ConfigError naming every problem of the configuration at once, then every problem of the props with it. */
  constructor(scope: Construct, id: string, props: PgTlsAuditorProps) {
    super(scope, id);
    const source = props.configSource ?? `the config of ${this.node.path}`;
    const config = parseConfig(rejectTokens(props.config, source), { source, use: 'deployment' });
    const { alerts, deployment, schedule } = config;
    const access: SecretAccessProps = {
      names: secretNames(config),
      references: props.secrets ?? {},
      prefixes: props.secretNamePrefixes ?? [],
      discovered: discoveredSecrets(config).prefixes,
      byTag: rdsRules(config).some(({ tagSecrets }) => tagSecrets),
    };
    const groups = logGroups(config);
    const completion = completionWindow(schedule, deployment.completionWindowHours);
    const problems: readonly ConfigProblem[] = [
      ...('window' in completion ? [] : [completion]),
      ...secretKeyProblems(deployment.secretKmsKeyArns),
      ...secretReferenceProblems(access.references, access.names),
      ...secretAccessProblems(this, access),
      ...logAccessProblems(groups, secretPolicyCount(this, access)),
      ...networkProblems(props, deployment),
      ...routeLimitProblems(alerts.routes),
      ...partProblems(props, deployment),
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
    const topics = new AlertTopics(this, 'Alerts', {
      alerts,
      encryption: deployment.topicEncryption,
      topic: props.topic,
      key: props.topicKey,
      auditorName: uniqueInRegion(this),
    });
    this.topic = topics.topic;
    this.routeTopic = topics.routeTopic;
    this.chatTopics = topics.chatTopics;
    if (deployment.state === 'dynamodb') this.stateTable = props.stateTable ?? makeStateTable(this, 'State');
    if (deployment.evidence === 's3') {
      this.evidenceBucket =
        props.evidenceBucket ?? makeEvidenceBucket(this, 'Evidence', deployment.evidenceRetentionDays);
    }
    const environment = functionVariables({
      POWERTOOLS_SERVICE_NAME: serviceName,
      POWERTOOLS_METRICS_NAMESPACE: METRICS_NAMESPACE,
      ...topics.environment(),
      STATE_TABLE: this.stateTable?.tableName,
      EVIDENCE_BUCKET: this.evidenceBucket?.bucketName,
      ...secretArnsVariable(this, access.references),
    });
    const tooLarge = [...environmentProblems(this, environment, Object.keys(access.references).length)];
    if (tooLarge.length > 0) throw new ConfigError(source, tooLarge);
    const auditor = new AuditorFunction(this, 'Auditor', {
      document: props.config,
      config,
      deadLetterQueue: this.deadLetterQueue,
      maxEventAge: maxEventAge(schedule),
      environment,
      logGroup: props.logGroup,
      ...network(this, props, deployment),
      reservedConcurrentExecutions: props.reservedConcurrentExecutions ?? deployment.reservedConcurrency,
    });
    this.function = auditor.function;
    this.logGroup = auditor.logGroup;
    this.securityGroups = auditor.securityGroups;
    topics.grantAlerts(auditor.role);
    if (this.stateTable !== undefined) grantState(auditor.role, this.stateTable);
    if (this.evidenceBucket !== undefined) grantEvidence(this, auditor.role, this.evidenceBucket);
    if (deployment.securityHub) grantFindingsImport(this, auditor.role);
    for (const action of ['kms:GenerateDataKey*', 'kms:ReEncrypt*']) {
      Validations.of(auditor.role).acknowledge({
        id: `AwsSolutions-IAM5[Action::${action}]`,
        reason: 'The rights of a writer to an encrypted topic, table or bucket, on its own key alone.',
      });
    }
    grantIamLogin(this, auditor.role, config);
    grantDiscovery(this, auditor.role, config);
    grantSecretAccess(this, auditor.role, access);
    grantLogAccess(this, auditor.role, groups);
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
      topics: topics.alarmTopics,
      deadLetterQueue: this.deadLetterQueue,
      serviceName,
      completionWindow: completion.window,
    });
    if (deployment.dashboard) {
      this.dashboard = makeDashboard(this, 'Dashboard', {
        serviceName,
        logGroup: this.logGroup,
        alarms: this.alarms.all,
      });
    }
    const tooMany = [...resourceProblems(this)];
    if (tooMany.length > 0) throw new ConfigError(source, tooMany);
    warnOfWeekdayNumbers(this, schedule, source);
    if (props.topic === undefined && alerts.email.length + alerts.slack.length === 0) {
      Validations.of(this).addWarning(
        'pg-tls-auditor:noRecipient',
        `${source} names no email address and no Slack channel under "alerts": ${
          alerts.routes.length === 0 ? 'findings' : 'alarms, and findings of databases that no route names,'
        } have no recipient until something subscribes to the topic`,
      );
    }
  }
}

/** Yields a problem for a resource of a part that is switched off. */
function* partProblems(
  props: Pick<PgTlsAuditorProps, 'stateTable' | 'evidenceBucket'>,
  { state, evidence }: Config['deployment'],
): Iterable<ConfigProblem> {
  const off = (setting: string, prop: string): ConfigProblem => ({
    path: `deployment.${setting}`,
    message: `is "none" while the prop "${prop}" is given: remove one of them`,
  });
  if (props.stateTable !== undefined && state === 'none') yield off('state', 'stateTable');
  if (props.evidenceBucket !== undefined && evidence === 'none') yield off('evidence', 'evidenceBucket');
}

/** Stacks have unique names in an account and region, constructs unique paths in a stack. */
function uniqueInRegion(construct: Construct): string {
  const stack = Stack.of(construct);
  const path = construct.node.path.slice(stack.node.path.length + 1);
  return `${stack.stackName}-${path.replaceAll('/', '-')}`;
}

/**
 * Other cron dialects count days from Monday or from 0: 1-5 is meant as Monday to Friday, and is Sunday to Thursday.
 */
function warnOfWeekdayNumbers(scope: Construct, expression: string, source: string): void {
  const schedule = parseSchedule(expression);
  if (!('kind' in schedule) || schedule.kind !== 'cron' || schedule.weekdayNumbers === undefined) return;
  Validations.of(scope).addWarning(
    'pg-tls-auditor:weekdayNumbers',
    `${source} has the days of week ${schedule.weekdayNumbers} in ${expression}: EventBridge counts from 1, which is Sunday, ` +
      'so 1-5 is Sunday to Thursday. Write names, such as MON-FRI',
  );
}
