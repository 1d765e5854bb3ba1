// One run of the function: environment, targets, audit, notification, archive.

import { join } from 'node:path';
import { auditTargets } from './audit.ts';
import { readConfigDocument } from './config/file.ts';
import { type Config, parseConfig } from './config/index.ts';
import { recordRun } from './deliver/metrics.ts';
import type { StateStore } from './deliver/state/store.ts';
import { type FunctionEnvironment, parseEnvironment } from './environment.ts';
import { parseEvent, type RunRequest, requestedTargets } from './event.ts';
import { showPath } from './model/given-text.ts';
import { type Clock, endsAfter } from './model/time.ts';
import { type Integration, integrationsOf } from './notify/integrations.ts';
import {
  defaultReceiverOf,
  type NotifyContext,
  notify,
  previewReport,
  reportWithoutDecision,
  withStateLease,
} from './notify/notify.ts';
import { countWithoutSubscriber, type SubscriberStatuses, warningsOf } from './notify/subscriber-status.ts';
import { fitReport } from './report/fit-report.ts';
import { renderTestAlert, renderTestChatMessage } from './report/messages/sns-message.ts';
import { objectLink, pageKey } from './report/page-link.ts';
import { DEFAULT_ROUTE, matchesRoute } from './report/receiver.ts';
import type { Report, ReportWarning } from './report/schema.ts';
import { ErrorCollector } from './runtime/error-collector.ts';
import { AWS_SERVICES, refuseUnsafeEnvironment, thisProcess } from './runtime/unsafe-environment.ts';
import type { Services } from './services.ts';
import { listTargets, type TargetList, type TargetSourceFactory } from './targets/index.ts';

/** The part of Lambda's context that a run uses. */
export interface InvocationContext {
  readonly awsRequestId: string;
  getRemainingTimeInMillis(): number;
}

export interface RunInput {
  readonly event: unknown;
  readonly invocation: InvocationContext;
  /** The variables of the process. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly sources: readonly TargetSourceFactory[];
  readonly services: Services;
}

/** What every step of a run needs. */
interface RunContext {
  readonly environment: FunctionEnvironment;
  readonly config: Config;
  readonly request: RunRequest;
  /** Of the invocation. */
  readonly requestId: string;
  readonly clock: Clock;
  readonly services: Services;
  /** Failures of steps that the other steps do not depend on. */
  readonly errors: ErrorCollector;
}

/** A run that does not know all targets has failed, however well it audited those that it knows. */
class TargetSourceError extends Error {
  override readonly name = 'TargetSourceError';
}

/** Milliseconds kept for rendering, publishing and answering; a quarter of the invocation's time when that is less. */
const RESERVE_MS = 20_000;

/** Bytes of a synchronous answer: 6 MB (Lambda quotas), less what the service wraps it in. */
const RESPONSE_BYTES = 5_900_000;

/** The file that the deployment puts beside the bundle. */
const CONFIG_FILE = 'auditor.config.json';

/**
 * Audits the requested targets, notifies each receiver of what changed, and archives the report.
 *
 * @returns the report; without its healthiest targets and last findings, counted, when it would pass Lambda's limit
 * @throws UnsafeEnvironmentError, EnvironmentError, ConfigFileError, ConfigError, EventError before anything is
 * audited; TargetSourceError, PublishError, StateError, EvidenceError, SecurityHubError at the end, when every other
 * step is done
 */
export async function run(input: RunInput): Promise<Report> {
  const { event, invocation, variables, clock, sources, services } = input;
  const remaining = invocation.getRemainingTimeInMillis();
  const reserve = Math.min(RESERVE_MS, remaining / 4);
  const deadline = endsAfter(remaining - reserve);

  refuseUnsafeEnvironment({ ...thisProcess(), services: AWS_SERVICES });
  const environment = parseEnvironment(variables);
  const config = readConfig(environment);
  const request = parseEvent(event);
  const errors = new ErrorCollector();
  const requestId = invocation.awsRequestId;
  const context: RunContext = { environment, config, request, requestId, clock, services, errors };

  const list = await listTargets(sources, config, deadline, {
    folder: import.meta.dirname,
    clock,
    inventory: environment.stateTable === undefined ? undefined : services.inventoryStore(environment.stateTable),
  });
  const targets = requestedTargets(request, list);
  const coversAllTargets = request.targets === undefined && list.all.known;
  services.logger.info('run started', { trigger: request.trigger, targets: targets.length, notify: request.notify });
  if (request.targets === undefined) addTargetSourceError(list, errors);

  const integrations = integrationsOf(config.alerts, environment.topics, environment.serviceName);
  if (request.testAlert) await publishTestAlerts(integrations, list, context);

  const collector = await services.collector(targets, environment, clock);
  const audited = await auditTargets({ ...config, targets }, { collector, deadline, coversAllTargets });

  const subscriberStatuses: SubscriberStatuses =
    request.testAlert || request.notify ? await services.subscriberStatuses(integrations) : new Map();
  const notification: Notification = {
    context: {
      run: audited,
      config,
      targets: list.all,
      targetNotes: list.warnings,
      uncovered: list.uncovered,
      now: clock().toISOString(),
      page: pageLink(environment, audited.startedAt, requestId),
    },
    integrations,
    subscriberStatuses,
    // Another run may hold the lease at the moment.
    leaseTimeout: endsAfter(Math.max(1_000, invocation.getRemainingTimeInMillis() - reserve / 2)),
  };
  const report = request.notify
    ? await notifyReceivers(notification, context)
    : await reportWithoutNotifying(notification, context);

  logReport(report, context);
  recordRun(services.metrics, {
    report,
    coversAllTargets: coversAllTargets && request.notify,
    completed: errors.none,
    withoutSubscriber: countWithoutSubscriber(integrations, subscriberStatuses),
  });
  await Promise.all([
    errors.attempt(() => archive(report, context)),
    errors.attempt(() => archivePage(report, context)),
    errors.attempt(() => importIntoSecurityHub(notification, context)),
  ]);
  errors.throwIfAny();
  return fitReport(report, RESPONSE_BYTES, Buffer.byteLength);
}

/** Where the page of this run will be; undefined where none is stored. */
function pageLink(
  { evidenceBucket: bucket, region }: FunctionEnvironment,
  startedAt: string,
  requestId: string,
): string | undefined {
  if (bucket === undefined || region === undefined) return undefined;
  return objectLink({ bucket, region }, pageKey(startedAt, requestId));
}

function readConfig({ configFile }: Pick<FunctionEnvironment, 'configFile'>): Config {
  const file = configFile ?? join(import.meta.dirname, CONFIG_FILE);
  const document = readConfigDocument(file, {
    shownAs: showPath(file),
    whenMissing: 'deploy again, or correct AUDITOR_CONFIG_FILE',
  });
  return parseConfig(document, { source: showPath(file), use: 'deployment' });
}

function addTargetSourceError({ all }: TargetList, errors: ErrorCollector): void {
  if (all.known) return;
  errors.add(
    new TargetSourceError(
      `Not all targets are known: ${all.reason}. The targets that are known were audited, and no finding was resolved ` +
        'because its target is missing. Correct the source of targets; the next run asks it again.',
    ),
  );
}

async function publishTestAlerts(
  integrations: readonly Integration[],
  { found }: TargetList,
  { clock, services, errors }: RunContext,
): Promise<void> {
  const at = clock().toISOString();
  for (const { key, receiver, topicArn } of integrations) {
    const targets = found.filter(matchesRoute(receiver)).map(({ name }) => name);
    const test = { route: receiver.route, targets, at };
    const message = key === receiver.route ? renderTestAlert(test) : renderTestChatMessage(test);
    await errors.attempt(async () => {
      const messageId = await services.publish(topicArn, message);
      services.logger.info('test alert published', { receiver: key, messageId });
    });
  }
}

interface Notification {
  readonly context: NotifyContext;
  readonly integrations: readonly Integration[];
  readonly subscriberStatuses: SubscriberStatuses;
  /** Ends the wait for other runs. */
  readonly leaseTimeout: AbortSignal;
}

/**
 * Notifies one receiver after the other. A receiver that fails does not keep the others from being notified.
 *
 * @returns the report with the decision for the default receiver; without a decision where that one failed
 */
async function notifyReceivers(notification: Notification, runContext: RunContext): Promise<Report> {
  const { context, integrations, subscriberStatuses, leaseTimeout } = notification;
  const { services, errors } = runContext;
  const warnings = subscriberWarnings(notification, runContext);
  let defaultReport: Report | undefined;
  for (const integration of integrations) {
    const { key: receiver } = integration;
    const isDefaultReceiver = integration.receiver.route === DEFAULT_ROUTE;
    const hasSubscriber = subscriberStatuses.get(receiver)?.is !== 'unreceived';
    const result = await errors.attempt(async () =>
      notify(integration, context, {
        store: await stateStore(receiver, runContext),
        publish: services.publish,
        signal: leaseTimeout,
        hasSubscriber,
        // A team does not read about the topics of other teams.
        warnings: isDefaultReceiver ? warnings : [],
        notifiedWithoutState: services.notifiedWithoutState,
      }),
    );
    if (result === undefined) continue;
    if (isDefaultReceiver) defaultReport ??= result.report;
    const { messageIds, stateError } = result;
    if (stateError !== undefined) errors.add(stateError);
    if (messageIds.length === 0) services.logger.info('no alert needed', { receiver });
    else if (hasSubscriber) services.logger.info('alert published', { receiver, messageIds });
    // Published all the same: SNS may list a new subscriber late, and a message without a subscriber does no harm.
    else services.logger.warn('alert published, but it has no confirmed subscriber', { receiver, messageIds });
  }
  return defaultReport ?? reportWithoutDecision(context, warnings);
}

/** @returns the report as the default receiver's state has it; without a decision where that could not be read */
async function reportWithoutNotifying(notification: Notification, runContext: RunContext): Promise<Report> {
  const { context } = notification;
  const { services, errors } = runContext;
  const warnings = subscriberWarnings(notification, runContext);
  services.logger.info('no alert published: the event says "notify": false');
  const report = await errors.attempt(async () =>
    previewReport(context, await stateStore(DEFAULT_ROUTE, runContext), warnings),
  );
  return report ?? reportWithoutDecision(context, warnings);
}

function subscriberWarnings(
  { integrations, subscriberStatuses }: Notification,
  { services }: RunContext,
): readonly ReportWarning[] {
  const warnings = warningsOf(integrations, subscriberStatuses);
  for (const { id, message } of warnings) services.logger.warn(message, { warning: id });
  return warnings;
}

/** @returns undefined where the deployment keeps no state */
async function stateStore(
  receiver: string,
  { environment: { stateTable }, services, clock, requestId }: RunContext,
): Promise<StateStore | undefined> {
  return stateTable === undefined
    ? undefined
    : await services.stateStore(stateTable, { clock, owner: requestId, receiver });
}

async function archive(report: Report, { environment, services, requestId }: RunContext): Promise<void> {
  const evidence = await services.archive(environment, { report, requestId });
  if (evidence !== undefined) services.logger.info('report archived', { evidence });
}

/** Beside the evidence, which does not depend on it. */
async function archivePage(report: Report, { environment, services, requestId }: RunContext): Promise<void> {
  const page = await services.archivePage(environment, { report, requestId });
  if (page !== undefined) services.logger.info('page archived', { page });
}

/**
 * Security Hub has a state of its own, as receivers have: a finding that is over is archived there, also after an
 * import that failed. A run that does not notify changes nothing there either.
 */
async function importIntoSecurityHub({ context, leaseTimeout }: Notification, runContext: RunContext): Promise<void> {
  const { config, environment, request, services } = runContext;
  if (!config.deployment.securityHub || !request.notify) return;
  const store = await stateStore(`${DEFAULT_ROUTE}#security-hub`, runContext);
  const imported = await withStateLease(
    defaultReceiverOf(config.alerts),
    context,
    { store, signal: leaseTimeout },
    ({ report }) => services.importIntoSecurityHub(environment, report),
  );
  services.logger.info('findings imported into Security Hub', { ...imported });
}

/** Logs the evidence of the run: the facts of each target, and each finding. */
function logReport(report: Report, { services: { logger } }: RunContext): void {
  for (const target of report.targets) {
    if (target.verdict === 'not-audited' || target.verdict === 'unknown') logger.warn('target', { target });
    else logger.info('target', { target });
  }
  for (const { remedy: _, ...finding } of report.findings) logger.info('finding', { finding });
  logger.info('run completed', { targets: report.targets.length, findings: report.findings.length });
}
