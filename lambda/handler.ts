// Composition root of the Lambda function: environment and event in, report out, alert and metrics on the way.

import { join } from 'node:path';
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { S3Client } from '@aws-sdk/client-s3';
import type { SecurityHubClient } from '@aws-sdk/client-securityhub';
import * as z from 'zod';
import packageJson from '../package.json' with { type: 'json' };
import { auditTargets } from './audit.ts';
import { catalogue } from './checks/catalogue.ts';
import { createTrustStore } from './collect/connect/trust.ts';
import { createSourceReader } from './collect/secrets/sources.ts';
import {
  createSecretStore,
  prefetchSecrets,
  type SecretStore,
  secretsManagerClients,
} from './collect/secrets/store.ts';
import type { Collector } from './collect/snapshot.ts';
import { readConfigDocument } from './config/file.ts';
import { type Config, parseConfig } from './config/index.ts';
import { recordRun } from './deliver/metrics.ts';
import { publish, snsClient } from './deliver/sns.ts';
import type { StateStore } from './deliver/state/store.ts';
import { EventError, parseEvent, type Refusal, type RunRequest, refusalOf } from './event.ts';
import { showPath } from './model/given-text.ts';
import type { AuditState } from './model/lifecycle.ts';
import { type Clock, endsAfter, systemClock } from './model/time.ts';
import { type Integration, integrationsOf, type Topics } from './notify/integrations.ts';
import { defaultReceiverOf, type NotifyContext, notify, previewReport, withStateLease } from './notify/notify.ts';
import {
  countWithoutSubscriber,
  type SubscriberStatuses,
  subscriberStatusesOf,
  warningsOf,
} from './notify/subscriber-status.ts';
import { buildReport } from './report/build-report.ts';
import { fitReport } from './report/fit-report.ts';
import { renderTestAlert, renderTestChatMessage } from './report/messages/sns-message.ts';
import { DEFAULT_ROUTE, matchesRoute } from './report/receiver.ts';
import type { Report, ReportWarning } from './report/schema.ts';
import { ErrorCollector } from './runtime/error-collector.ts';
import { AWS_SERVICES, refuseUnsafeEnvironment, thisProcess } from './runtime/unsafe-environment.ts';

/** What of Lambda's context is used. */
export interface InvocationContext {
  readonly awsRequestId: string;
  getRemainingTimeInMillis(): number;
}

/** Kept for rendering, publishing and answering, out of the time an invocation has; a quarter of it when that is less. */
const RESERVE_MS = 20_000;

/** What a synchronous answer may have: 6 MB (Lambda quotas), with room for how the service wraps it. */
const RESPONSE_BYTES = 5_900_000;

/** The file that the deployment puts beside the bundle; AUDITOR_CONFIG_FILE names another. */
const CONFIG_FILE = 'auditor.config.json';

// Service name and namespace come from POWERTOOLS_* variables: the alarms look for the metrics under the same names.
const logger = new Logger();
const metrics = new Metrics();
const secretsManager = secretsManagerClients();
const sns = snsClient();
// Made when it is first wanted, and kept between invocations.
let dynamoDb: DynamoDBClient | undefined;
let s3: S3Client | undefined;
let securityHub: SecurityHubClient | undefined;
/** By delivery: what this execution environment told while the state could not be read. */
const notifiedWithoutState = new Map<string, AuditState>();

/**
 * Audits, and publishes an alert when there is something to tell.
 *
 * @returns the report; without its healthiest targets and last findings, counted, when it would pass Lambda's limit. A
 * refusal where the event is none that it understands: a person's typing error is no failure of the function
 * @throws UnsafeEnvironmentError, ConfigFileError, ConfigError, PublishError, StateError, and what the archive and Security Hub throw
 */
export const handler = createHandler();

export type Handler = (event: unknown, invocation: InvocationContext) => Promise<Report | Refusal>;

/** The handler of a function that lives by another clock: the same in everything else. */
export function createHandler({ clock = systemClock }: { readonly clock?: Clock } = {}): Handler {
  return async (event, invocation) => {
    logger.appendKeys({ requestId: invocation.awsRequestId });
    try {
      return await run(event, invocation, clock);
    } catch (error) {
      if (error instanceof EventError) {
        logger.warn('the event was refused', { problem: error.problem });
        return refusalOf(error);
      }
      logger.error('the run failed', error as Error);
      throw error;
    }
  };
}

async function run(event: unknown, invocation: InvocationContext, clock: Clock): Promise<Report> {
  refuseUnsafeEnvironment({ ...thisProcess(), services: AWS_SERVICES });
  const config = readConfig();
  const request = parseEvent(
    event,
    config.targets.map(({ name }) => name),
  );
  const targets = request.targets === undefined ? config.targets : pick(config, request.targets);
  logger.info('run started', { trigger: request.trigger, targets: targets.length, notify: request.notify });
  const service = process.env.POWERTOOLS_SERVICE_NAME ?? 'pg-tls-auditor';
  const integrations = integrationsOf(config.alerts, alertTopics(), service);
  const errors = new ErrorCollector();
  if (request.testAlert) await publishTests(integrations, config, { clock, errors });

  const remaining = invocation.getRemainingTimeInMillis();
  const reserve = Math.min(RESERVE_MS, remaining / 4);
  const deadline = endsAfter(remaining - reserve);
  const coversAllTargets = request.targets === undefined;
  const collector = collectorFor(targets, clock);
  const audited = await auditTargets({ ...config, targets }, { collector, deadline, coversAllTargets });
  const context: NotifyContext = { run: audited, config, now: clock().toISOString() };

  const subscriberStatuses: SubscriberStatuses =
    request.testAlert || request.notify ? await subscriberStatusesOf(sns, integrations) : new Map();
  // What is left of an invocation after the audit is for telling; another run may be telling at the moment.
  const patience = endsAfter(Math.max(1_000, invocation.getRemainingTimeInMillis() - reserve / 2));
  const report = await notifyAll(integrations, context, {
    request,
    invocation,
    clock,
    patience,
    errors,
    subscriberStatuses,
  });
  logReport(report);
  recordRun(metrics, {
    report,
    coversAllTargets: coversAllTargets && request.notify,
    completed: errors.none,
    withoutSubscriber: countWithoutSubscriber(integrations, subscriberStatuses),
  });
  await Promise.all([
    errors.attempt(() => archive(report, invocation)),
    errors.attempt(() => importIntoSecurityHub(context, config, { request, invocation, clock, patience })),
  ]);
  errors.throwIfAny();
  return fitReport(report, RESPONSE_BYTES, Buffer.byteLength);
}

function pick({ targets }: Config, names: readonly string[]): Config['targets'] {
  const wanted = new Set(names);
  return targets.filter(({ name }) => wanted.has(name));
}

function readConfig(): Config {
  const file = process.env.AUDITOR_CONFIG_FILE ?? join(import.meta.dirname, CONFIG_FILE);
  const document = readConfigDocument(file, {
    shownAs: showPath(file),
    whenMissing: 'deploy again, or correct AUDITOR_CONFIG_FILE',
  });
  return parseConfig(document, { source: showPath(file), use: 'deployment' });
}

/** New for every run: a secret that changed since the last one is seen. The SDK's clients live on. */
function collectorFor(targets: Config['targets'], clock: Clock): Collector {
  const secrets = byReference(createSecretStore(secretsManager));
  prefetchSecrets(targets, secrets);
  const sources = createSourceReader(secrets, {});
  return { sources, trust: createTrustStore(sources), clock };
}

/** Secrets whose ARN only the deployment knows: AUDITOR_SECRET_ARNS maps their names in the configuration to it. */
function byReference(store: SecretStore): SecretStore {
  const arns = secretArns();
  const arnOf = (id: string): string => arns.get(id) ?? id;
  return { get: (id) => store.get(arnOf(id)), refresh: (id) => store.refresh(arnOf(id)) };
}

function secretArns(): ReadonlyMap<string, string> {
  const { AUDITOR_SECRET_ARNS } = process.env;
  return new Map(Object.entries(jsonVariable('AUDITOR_SECRET_ARNS', AUDITOR_SECRET_ARNS, 'names of secrets to ARNs')));
}

/** A variable that the deployment sets to a JSON object; without it, an empty one. */
function jsonVariable(name: string, value: string | undefined, content: string): Readonly<Record<string, string>> {
  if (!value) return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    // The parser's message quotes the text.
  }
  const read = z.record(z.string(), z.string()).safeParse(parsed);
  if (!read.success) throw new Error(`${name} is not a JSON object of ${content}: the deployment sets it`);
  return read.data;
}

interface NotifyOptions {
  readonly request: RunRequest;
  readonly invocation: InvocationContext;
  readonly clock: Clock;
  /** Ends the wait for other runs. */
  readonly patience: AbortSignal;
  readonly errors: ErrorCollector;
  /** By delivery. */
  readonly subscriberStatuses: SubscriberStatuses;
}

/** @returns the report as everyone's decision has it; without any decision where that could not be made */
async function notifyAll(
  integrations: readonly Integration[],
  context: NotifyContext,
  { request, invocation, clock, patience, errors, subscriberStatuses }: NotifyOptions,
): Promise<Report> {
  const warnings = warningsOf(integrations, subscriberStatuses);
  for (const { id, message } of warnings) logger.warn(message, { warning: id });
  if (!request.notify) {
    logger.info('nobody is told: the event says "notify": false');
    const report = await errors.attempt(async () =>
      previewReport(context, await stateStore(DEFAULT_ROUTE, invocation, clock)),
    );
    return withWarnings(report ?? buildReport(context.run), warnings);
  }
  let defaultReceiver: Report | undefined;
  for (const integration of integrations) {
    const { key: receiver } = integration;
    const isDefaultReceiver = integration.receiver.route === DEFAULT_ROUTE;
    const hasSubscriber = subscriberStatuses.get(receiver)?.is !== 'unreceived';
    const told = await errors.attempt(async () =>
      notify(integration, context, {
        store: await stateStore(receiver, invocation, clock),
        publish: (topicArn, alert) => publish(sns, topicArn, alert),
        signal: patience,
        hasSubscriber,
        // Of other teams' topics a team reads nothing.
        warnings: isDefaultReceiver ? warnings : [],
        notifiedWithoutState,
      }),
    );
    if (told === undefined) continue;
    if (isDefaultReceiver) defaultReceiver ??= told.report;
    const { messageIds, stateError } = told;
    if (stateError !== undefined) errors.add(stateError);
    if (messageIds.length === 0) logger.info('nothing to tell', { receiver });
    else if (hasSubscriber) logger.info('alert published', { receiver, messageIds });
    // Published all the same: SNS may list late who has just confirmed, and a message to no one does no harm.
    else logger.warn('alert published, and no confirmed subscriber receives it', { receiver, messageIds });
  }
  return defaultReceiver ?? withWarnings(buildReport(context.run), warnings);
}

function withWarnings(report: Report, warnings: readonly ReportWarning[]): Report {
  return warnings.length === 0 ? report : { ...report, warnings: [...(report.warnings ?? []), ...warnings] };
}

async function publishTests(
  integrations: readonly Integration[],
  config: Config,
  { clock, errors }: Pick<NotifyOptions, 'clock' | 'errors'>,
): Promise<void> {
  const at = clock().toISOString();
  for (const { key, receiver, topicArn } of integrations) {
    const targets = config.targets.filter(matchesRoute(receiver)).map(({ name }) => name);
    const test = { route: receiver.route, targets, at };
    const message = key === receiver.route ? renderTestAlert(test) : renderTestChatMessage(test);
    await errors.attempt(async () => {
      logger.info('test alert published', { receiver: key, messageId: await publish(sns, topicArn, message) });
    });
  }
}

/** What is remembered for one way to one audience; undefined where the deployment keeps no state. */
async function stateStore(
  receiver: string,
  { awsRequestId: owner }: InvocationContext,
  clock: Clock,
): Promise<StateStore | undefined> {
  const { STATE_TABLE } = process.env;
  if (!STATE_TABLE) return undefined;
  const { createDynamoDbState, dynamoDbClient } = await import('./deliver/state/dynamodb.ts');
  dynamoDb ??= dynamoDbClient();
  return createDynamoDbState(dynamoDb, STATE_TABLE, { clock, owner, receiver });
}

/** Keeps the whole report as evidence, where the deployment has a place for it. */
async function archive(report: Report, { awsRequestId: requestId }: InvocationContext): Promise<void> {
  const { EVIDENCE_BUCKET } = process.env;
  if (!EVIDENCE_BUCKET) return;
  const { archiveReport, s3Client } = await import('./deliver/evidence-archive.ts');
  s3 ??= s3Client();
  logger.info('report archived', { evidence: await archiveReport(s3, EVIDENCE_BUCKET, { report, requestId }) });
}

/**
 * With a memory of its own, as those who are told have: what is over is archived there, also where an import failed. A run
 * that tells nobody changes nothing there either.
 */
async function importIntoSecurityHub(
  context: NotifyContext,
  { deployment, alerts }: Config,
  { request, invocation, clock, patience }: Pick<NotifyOptions, 'request' | 'invocation' | 'clock' | 'patience'>,
): Promise<void> {
  if (!deployment.securityHub || !request.notify) return;
  const { awsPlace, importFindings, securityHubClient } = await import('./deliver/security-hub.ts');
  securityHub ??= securityHubClient();
  const client = securityHub;
  const account = alertTopics().alerts.split(':')[4];
  const aws = awsPlace(account, process.env.AWS_REGION);
  const place = { catalogue: catalogue(), toolVersion: packageJson.version, aws };
  const store = await stateStore(`${DEFAULT_ROUTE}#security-hub`, invocation, clock);
  const imported = await withStateLease(defaultReceiverOf(alerts), context, { store, signal: patience }, ({ report }) =>
    importFindings(client, report, place),
  );
  logger.info('findings imported into Security Hub', { ...imported });
}

function alertTopics(): Topics {
  const { ALERT_TOPIC_ARN, ROUTE_TOPIC_ARN, CHAT_TOPICS } = process.env;
  if (!ALERT_TOPIC_ARN) {
    throw new Error('ALERT_TOPIC_ARN is not set: it names the SNS topic that alerts go to, and the deployment sets it');
  }
  return {
    alerts: ALERT_TOPIC_ARN,
    routes: ROUTE_TOPIC_ARN,
    chat: jsonVariable('CHAT_TOPICS', CHAT_TOPICS, 'names of routes to ARNs of topics'),
  };
}

/** The evidence of the run: what each target looked like, and each finding, for as long as the log is kept. */
function logReport(report: Report): void {
  for (const target of report.targets) {
    if (target.verdict === 'not-audited' || target.verdict === 'unknown') logger.warn('target', { target });
    else logger.info('target', { target });
  }
  for (const { remedy: _, ...finding } of report.findings) logger.info('finding', { finding });
  logger.info('run completed', { targets: report.targets.length, findings: report.findings.length });
}
