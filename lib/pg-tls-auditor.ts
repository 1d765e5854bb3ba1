// The construct for other apps: a scheduled auditor of PostgreSQL TLS, its alerts, and alarms about itself.

import { Duration, Stack, Validations } from 'aws-cdk-lib';
import type { Dashboard } from 'aws-cdk-lib/aws-cloudwatch';
import { type Metric, type MetricOptions, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { Connections, IConnectable, ISecurityGroup } from 'aws-cdk-lib/aws-ec2';
import type { Grant, IGrantable, IPrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ISchedule } from 'aws-cdk-lib/aws-scheduler';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { type IQueue, Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import {
  type Config,
  ConfigError,
  type ConfigInput,
  type ConfigProblem,
  DEFAULT_NETWORK,
  parseConfig,
} from '../lambda/config/index.ts';
import { parseSchedule } from '../lambda/model/schedule.ts';
import { AuditorAlarms } from './alarms.ts';
import { AlertTopics } from './alert-topics.ts';
import { AuditorFunction } from './auditor-function.ts';
import { AUDITOR, checkProps } from './checked-props.ts';
import { completionWindow } from './completion-window.ts';
import { configDocument } from './config-document.ts';
import { configLocationProblems, grantConfigLocation } from './config-location.ts';
import { makeDashboard } from './dashboard.ts';
import { grantDiscovery } from './discovery.ts';
import { grantEvidence, grantPages, makeEvidenceBucket } from './evidence-bucket.ts';
import { Fleet, type FleetWorker, WORKER } from './fleet.ts';
import { environmentProblems, environmentUse, functionVariables, type Variables } from './function-environment.ts';
import {
  documentLimitUse,
  resourceLimitUse,
  resourceProblems,
  rolePolicyUse,
  routeLimitProblems,
  routeLimitUse,
  targetLimitUse,
  warnNearLimits,
} from './limits.ts';
import { warnOfRunTime } from './limits-run-time.ts';
import { auditorMetric, METRICS_NAMESPACE } from './metrics.ts';
import { importNetwork, type Network, networkProblems } from './network.ts';
import { grantNetworkAccess, networkAccess, networkAccessProblems, networkPolicyUse } from './network-access.ts';
import { ownParts, unreachedTargets } from './network-parts.ts';
import type { PgTlsAuditorProps } from './pg-tls-auditor-props.ts';
import { warnOfRunRetention } from './run-retention.ts';
import { maxEventAge, RunSchedule } from './run-schedule.ts';
import { bucketPolicyUse } from './satellite-bucket.ts';
import { homeOf, satellitesOf } from './satellite-names.ts';
import { listed, secretNames, secretPrefixProblems } from './secret-access.ts';
import { secretKeyProblems } from './secret-keys.ts';
import { secretArnsVariable, secretReferenceProblems } from './secret-references.ts';
import { grantFindingsImport } from './security-hub.ts';
import { grantPartition, grantState, makeStateTable } from './state-table.ts';

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
export class PgTlsAuditor extends Construct implements IConnectable, IGrantable {
  /** The function that connects to the databases: the whole auditor, or the worker of a fleet. */
  readonly function: IFunction;
  /** Each execution is a run. Undefined without `deployment.fleet`: each invocation of the function is one. */
  readonly stateMachine?: IStateMachine | undefined;
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
  /** The groups of each worker, by network. `default` is that of targets that name none. */
  readonly networkSecurityGroups: ReadonlyMap<string, readonly ISecurityGroup[]>;
  /** Events of runs that did not start in time, or failed. */
  readonly deadLetterQueue: IQueue;
  readonly logGroup: ILogGroup;
  readonly alarms: AuditorAlarms;
  /** Names this auditor's logs and metrics. */
  readonly serviceName: string;
  /** Undefined where it is switched off. */
  readonly dashboard?: Dashboard | undefined;

  /** @throws ConfigError naming every problem of the configuration at once, then every problem of the props with it. */
  constructor(scope: Construct, id: string, props: PgTlsAuditorProps) {
    super(scope, id);
    checkProps(`PgTlsAuditor ${this.node.path}`, props, AUDITOR);
    const { document, source } = configDocument(this, props);
    const { configLocation } = props;
    const config = parseConfig(document, {
      source,
      use: 'deployment',
      targetsElsewhere: configLocation !== undefined,
    });
    const { alerts, deployment, schedule } = config;
    const references = props.secrets ?? {};
    const prefixes = props.secretNamePrefixes ?? [];
    const names = secretNames(config);
    const hasDefaultVpc = props.vpc !== undefined || deployment.vpc !== undefined;
    const networks = ownParts(config, hasDefaultVpc).map((part) => networkAccess(part, { references, prefixes }));
    const completion = completionWindow(schedule, deployment.completionWindowHours);
    const problems: readonly ConfigProblem[] = [
      ...('window' in completion ? [] : [completion]),
      ...secretKeyProblems(deployment.secretKmsKeyArns),
      ...secretReferenceProblems(references, names),
      ...secretPrefixProblems({ names, prefixes }),
      ...networks.flatMap((access) => [...networkAccessProblems(this, access)]),
      ...networkProblems(props, config),
      ...routeLimitProblems(alerts.routes),
      ...partProblems(props, deployment),
      ...configLocationProblems(configLocation, config),
    ];
    if (!('window' in completion) || problems.length > 0) throw new ConfigError(source, problems);

    this.serviceName = props.serviceName ?? uniqueInRegion(this);
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
      this.evidenceBucket = props.evidenceBucket ?? makeEvidenceBucket(this, 'Evidence', deployment);
    }
    const environment = functionVariables({
      POWERTOOLS_SERVICE_NAME: this.serviceName,
      POWERTOOLS_METRICS_NAMESPACE: METRICS_NAMESPACE,
      ...topics.environment(),
      STATE_TABLE: this.stateTable?.tableName,
      EVIDENCE_BUCKET: this.evidenceBucket?.bucketName,
      AUDITOR_CONFIG_LOCATION: configLocation,
      DEPLOYED_SETTINGS:
        props.deployedSettings === undefined ? undefined : Stack.of(this).toJsonString(props.deployedSettings),
      ...secretArnsVariable(this, references),
    });
    const tooLarge = [...environmentProblems(this, environment, Object.keys(references).length)];
    if (tooLarge.length > 0) throw new ConfigError(source, tooLarge);
    const workers = networks.map((access, index) => ({
      ...access,
      // The function that connects to the databases is the same with a fleet: so are its security group and its role.
      worker: new AuditorFunction(this, index === 0 ? 'Auditor' : `Worker-${access.name}`, {
        document,
        config,
        hasConfigLocation: configLocation !== undefined,
        ...(deployment.fleet === undefined
          ? { asynchronous: { deadLetterQueue: this.deadLetterQueue, maxEventAge: maxEventAge(schedule) } }
          : { kind: WORKER }),
        environment,
        logGroup: props.logGroup,
        ...this.network(access.name, props, config),
        reservedConcurrentExecutions: props.reservedConcurrentExecutions ?? deployment.reservedConcurrency,
      }),
    }));
    const [{ worker: auditor }] = workers as [(typeof workers)[number]];
    this.function = auditor.function;
    this.logGroup = auditor.logGroup;
    this.securityGroups = auditor.securityGroups;
    this.networkSecurityGroups = new Map(workers.map(({ name, worker }) => [name, worker.securityGroups]));
    const fleet = this.makeFleet(props, document, config, workers, environment);
    this.stateMachine = fleet?.stateMachine;
    const { lister, notifier } =
      fleet === undefined
        ? { lister: auditor.role, notifier: auditor.role }
        : { lister: fleet.plan.role, notifier: fleet.digest.role };
    topics.grantAlerts(notifier);
    if (this.stateTable !== undefined) {
      if (fleet === undefined) grantState(auditor.role, this.stateTable);
      else {
        grantPartition(notifier, this.stateTable, 'receivers');
        // Digest has what every worker saw, those of other networks and accounts included.
        grantPartition(notifier, this.stateTable, 'clients');
        for (const { worker } of workers) grantPartition(worker.role, this.stateTable, 'connectionLogs');
        grantPartition(lister, this.stateTable, 'discovery');
      }
    }
    if (this.evidenceBucket !== undefined) {
      grantEvidence(this, notifier, this.evidenceBucket);
      if (deployment.pageLink === 'presigned') grantPages(this, notifier, this.evidenceBucket);
    }
    if (deployment.securityHub) grantFindingsImport(this, notifier);
    for (const role of new Set([...workers.map(({ worker }) => worker.role), lister, notifier])) {
      for (const action of ['kms:GenerateDataKey*', 'kms:ReEncrypt*']) {
        Validations.of(role).acknowledge({
          id: `AwsSolutions-IAM5[Action::${action}]`,
          reason: 'The rights of a writer to an encrypted topic, table or bucket, on its own key alone.',
        });
      }
    }
    if (configLocation !== undefined) grantConfigLocation(this, auditor.role, configLocation);
    grantDiscovery(this, lister, config);
    const keys = [
      ...(props.secretKeys ?? []),
      ...Object.values(references).flatMap(({ encryptionKey }) => encryptionKey ?? []),
    ];
    for (const { worker, ...access } of workers) {
      grantNetworkAccess(this, worker.role, access, { arns: deployment.secretKmsKeyArns, keys });
    }
    this.schedule = new RunSchedule(this, 'Runs', {
      expression: schedule,
      timezone: config.timezone,
      runs: fleet === undefined ? { function: this.function } : { stateMachine: fleet.stateMachine },
      deadLetterQueue: this.deadLetterQueue,
    }).schedule;
    this.alarms = new AuditorAlarms(this, 'Alarms', {
      runs: fleet === undefined ? { function: this.function } : { stateMachine: fleet.stateMachine },
      topics: topics.alarmTopics,
      deadLetterQueue: this.deadLetterQueue,
      serviceName: this.serviceName,
      completionWindow: completion.window,
    });
    if (deployment.dashboard) {
      this.dashboard = makeDashboard(this, 'Dashboard', {
        serviceName: this.serviceName,
        // Where the results of a run are logged.
        logGroup: fleet?.digest.logGroup ?? this.logGroup,
        alarms: this.alarms.all,
      });
    }
    const tooMany = [...resourceProblems(this)];
    if (tooMany.length > 0) throw new ConfigError(source, tooMany);
    warnOfUnreached(this, source, unreachedTargets(config, hasDefaultVpc));
    for (const access of networks) warnOfRunTime(this, source, access.config);
    warnNearLimits(this, source, [
      ...networks.map((access) => networkPolicyUse(this, access)),
      ...workers.map(({ worker }) => rolePolicyUse(worker.role)),
      environmentUse(this, environment),
      ...(this.evidenceBucket === undefined ? [] : [bucketPolicyUse(this, this.evidenceBucket)]),
      routeLimitUse(alerts.routes),
      resourceLimitUse(this),
      documentLimitUse(document),
      targetLimitUse(config),
    ]);
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

  /**
   * The network of the function, for rules of databases: `database.connections.allowDefaultPortFrom(auditor)`.
   *
   * @throws Error where it runs outside of a VPC
   */
  get connections(): Connections {
    return this.function.connections;
  }

  /** The role of the function that connects to the databases: `database.grantConnect(auditor, 'tls_auditor')`. */
  get grantPrincipal(): IPrincipal {
    return this.function.grantPrincipal;
  }

  /** Lets `grantee` start a run: by invoking the function, or by starting the state machine of a fleet. */
  grantInvoke(grantee: IGrantable): Grant {
    return this.stateMachine?.grantStartExecution(grantee) ?? this.function.grantInvoke(grantee);
  }

  /**
   * A metric that runs write, such as `RunDuration`; docs/deployment.md of the repository names them all.
   *
   * @param options - By default, the average over five minutes.
   */
  metric(metricName: string, options?: MetricOptions): Metric {
    return auditorMetric(this.serviceName, metricName, options);
  }

  /** Runs that audited every target and notified every receiver. @param options - By default, their sum. */
  metricRunsCompleted(options?: MetricOptions): Metric {
    return this.metric('RunsCompleted', { statistic: Stats.SUM, ...options });
  }

  /** Databases that a run could not look into. @param options - By default, the most that a run had. */
  metricTargetsNotAudited(options?: MetricOptions): Metric {
    return this.metric('TargetsNotAudited', { statistic: Stats.MAXIMUM, ...options });
  }

  /** Findings of a run that are not muted. @param options - By default, the most that a run had. */
  metricFindings(severity: 'critical' | 'high' | 'medium' | 'low' | 'info', options?: MetricOptions): Metric {
    const name = `Findings${severity.charAt(0).toUpperCase()}${severity.slice(1)}`;
    return this.metric(name, { statistic: Stats.MAXIMUM, ...options });
  }

  /** The network of that name: the default one is that of the props, or of `deployment.vpc`. */
  private network(name: string, props: PgTlsAuditorProps, { networks, deployment }: Config): Network {
    if (name !== DEFAULT_NETWORK) return importNetwork(new Construct(this, `Network-${name}`), networks[name]?.vpc);
    if (props.vpc === undefined) return importNetwork(this, deployment.vpc);
    return { vpc: props.vpc, vpcSubnets: props.vpcSubnets, securityGroups: props.securityGroups };
  }

  private makeFleet(
    { auditorName, evidenceBucket }: PgTlsAuditorProps,
    document: ConfigInput,
    config: Config,
    workers: readonly FleetWorker[],
    environment: Variables,
  ): Fleet | undefined {
    const { fleet } = config.deployment;
    if (fleet === undefined || this.evidenceBucket === undefined) return undefined;
    if (evidenceBucket !== undefined) warnOfRunRetention(this, evidenceBucket);
    const home = homeOf(config, auditorName ?? Stack.of(this).stackName);
    return new Fleet(this, 'Fleet', {
      document,
      config,
      fleet,
      environment,
      bucket: this.evidenceBucket,
      workers,
      satellites: satellitesOf(config, home),
      home,
    });
  }
}

/** Warns of targets whose findings will say that no network reaches them. */
function warnOfUnreached(scope: Construct, source: string, names: readonly string[]): void {
  if (names.length === 0) return;
  Validations.of(scope).addWarning(
    'pg-tls-auditor:noNetwork',
    `${source} names ${names.length} targets without a network, while no network is the default one: ${listed(names)}. ` +
      'Each run reports them as not audited. Set "network" of each, or deployment.vpc',
  );
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
