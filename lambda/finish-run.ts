// Finishes a run: notifies each receiver, logs, writes metrics, archives the report, and imports its findings.

import type { ArchivedReport } from './deliver/evidence-archive.ts';
import { recordRun } from './deliver/metrics.ts';
import type { StateStore } from './deliver/state/store.ts';
import { EnvironmentError } from './environment.ts';
import type { RunRequest } from './event.ts';
import type { Run } from './model/run.ts';
import type { FleetPace, Pace } from './model/run-time.ts';
import type { Snapshot } from './model/snapshot.ts';
import type { NamedTarget } from './model/target.ts';
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
import type { PageHistory, PageHistoryCollector } from './page-history.ts';
import { renderTestAlert, renderTestChatMessage } from './report/messages/sns-message.ts';
import { objectLink, type PageLink, pageKey } from './report/page-link.ts';
import { DEFAULT_ROUTE, matchesRoute } from './report/receiver.ts';
import type { Report, ReportWarning } from './report/schema.ts';
import type { RunContext } from './run-context.ts';
import type { TargetList } from './targets/index.ts';

/** A run whose targets are audited. */
export interface AuditedRun {
  readonly request: RunRequest;
  readonly run: Run;
  readonly list: Pick<TargetList, 'all' | 'warnings'>;
  /** Whether the run audited every target that there is. */
  readonly coversAllTargets: boolean;
  /** Whole snapshots, where those of `run` have only what the report needs. @default those of `run` */
  readonly clients?: AsyncIterable<Snapshot>;
  readonly pace: Pace | FleetPace;
}

export interface FinishedRun {
  readonly report: Report;
  /** Undefined where the deployment keeps no evidence, and where it could not be stored. */
  readonly evidence: ArchivedReport | undefined;
}

/**
 * Notifies each receiver of what changed, logs, writes metrics, archives the report and imports the findings. Adds the
 * errors of steps to those of the context: the caller throws them when its own steps are done.
 */
export async function finishRun(
  { request, run, list, coversAllTargets, pace, clients }: AuditedRun,
  context: RunContext,
): Promise<FinishedRun> {
  const { config, clock, services, errors, time } = context;
  const integrations = integrationsOfRun(context);
  const subscriberStatuses: SubscriberStatuses =
    request.testAlert || request.notify ? await services.subscriberStatuses(integrations) : new Map();
  const notification: Notification = {
    context: {
      run,
      config,
      targets: list.all,
      targetNotes: list.warnings,
      pace,
      now: clock().toISOString(),
      page: await pageLink(run, context),
    },
    integrations,
    subscriberStatuses,
    // Another run may hold the lease at the moment.
    leaseTimeout: time.leaseTimeout(),
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
  const history = await errors.attempt(() => services.pageHistory(context.environment, run));
  const [evidence] = await Promise.all([
    errors.attempt(() => archive(report, context)),
    // A run that does not notify changes nothing, here or there.
    request.notify ? errors.attempt(() => keepClients(notification, { clients, history, context })) : undefined,
    request.notify ? errors.attempt(() => importIntoSecurityHub(notification, context)) : undefined,
  ]);
  // Last, since rendering keeps everything else waiting.
  await errors.attempt(() => archivePage(report, history?.history(), context));
  return { report, evidence };
}

/** Where the page of this run will be; undefined where none is stored. */
async function pageLink(
  { startedAt }: Run,
  { config, environment, services, runId }: RunContext,
): Promise<PageLink | undefined> {
  const { evidenceBucket: bucket, region } = environment;
  if (bucket === undefined || region === undefined) return undefined;
  const key = pageKey(startedAt, runId);
  const inConsole: PageLink = { url: objectLink({ bucket, region }, key), opens: 'console' };
  if (config.deployment.pageLink === 'console') return inConsole;
  try {
    return { url: await services.presignPage(environment, bucket, key), opens: 'page' };
  } catch (error) {
    // A link must not cost anyone an alert.
    services.logger.warn('the link to the page could not be signed; it opens the console', error as Error);
    return inConsole;
  }
}

/** Publishes a test message to every receiver, which names the targets that it is notified of. */
export async function publishTestAlerts(found: readonly NamedTarget[], context: RunContext): Promise<void> {
  const { clock, services, errors } = context;
  const at = clock().toISOString();
  for (const { key, receiver, topicArn } of integrationsOfRun(context)) {
    const targets = found.filter(matchesRoute(receiver)).map(({ name }) => name);
    const test = { route: receiver.route, targets, at };
    const message = key === receiver.route ? renderTestAlert(test) : renderTestChatMessage(test);
    await errors.attempt(async () => {
      const messageId = await services.publish(topicArn, message);
      services.logger.info('test alert published', { receiver: key, messageId });
    });
  }
}

function integrationsOfRun({ config, environment }: RunContext): readonly Integration[] {
  const { topics, serviceName } = environment;
  if (topics === undefined) {
    throw new EnvironmentError(
      'ALERT_TOPIC_ARN is not set: a run is finished by a function that publishes. Deploy again.',
    );
  }
  return integrationsOf(config.alerts, topics, serviceName);
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
  { environment: { stateTable }, services, clock, runId }: RunContext,
): Promise<StateStore | undefined> {
  return stateTable === undefined
    ? undefined
    : await services.stateStore(stateTable, { clock, owner: runId, receiver });
}

async function archive(
  report: Report,
  { environment, services, runId }: RunContext,
): Promise<ArchivedReport | undefined> {
  const evidence = await services.archive(environment, { report, requestId: runId });
  if (evidence !== undefined) services.logger.info('report archived', { evidence });
  return evidence;
}

/** What plans of later days are made of. A failure costs them a day, and the notification nothing. */
async function keepClients(
  { context: { run }, leaseTimeout: signal }: Notification,
  {
    clients = run.audited.map(({ snapshot }) => snapshot),
    history,
    context: { environment, services, clock },
  }: {
    readonly clients: AsyncIterable<Snapshot> | readonly Snapshot[] | undefined;
    readonly history: PageHistoryCollector | undefined;
    readonly context: RunContext;
  },
): Promise<void> {
  if (environment.stateTable === undefined) return;
  await services.keepClients(environment.stateTable, clients, { clock, signal, onRecord: history?.add });
}

/** Milliseconds that are kept for storing what is rendered, and for the answer. */
const STORING_MS = 15_000;

/** A page without time for every database says how many are not on it. */
async function archivePage(
  report: Report,
  history: PageHistory | undefined,
  { environment, services, runId, time }: RunContext,
): Promise<void> {
  const hasTime = (): boolean => time.remainingMs() > STORING_MS;
  const page = await services.archivePage(environment, { report, requestId: runId }, { hasTime, history });
  if (page !== undefined) services.logger.info('page archived', { page });
}

/**
 * Security Hub has a state of its own, as receivers have: a finding that is over is archived there, also after an
 * import that failed.
 */
async function importIntoSecurityHub({ context, leaseTimeout }: Notification, runContext: RunContext): Promise<void> {
  const { config, environment, services } = runContext;
  if (!config.deployment.securityHub) return;
  const store = await stateStore(`${DEFAULT_ROUTE}#security-hub`, runContext);
  const imported = await withStateLease(
    defaultReceiverOf(config.alerts),
    context,
    { store, signal: leaseTimeout },
    ({ report }) => services.importIntoSecurityHub(environment, report),
  );
  services.logger.info('findings imported into Security Hub', { ...imported });
}

/** Bytes of the facts in a line of the log: CloudWatch Logs takes 256 KB with the rest of the line. */
const MOST_LOGGED = 240_000;

/** Logs the evidence of the run: the facts of each target, and each finding. */
function logReport(report: Report, { services: { logger } }: RunContext): void {
  for (const target of report.targets) {
    const { name, takenAt, verdict } = target;
    const line = { target: fitting(target, { name, takenAt, verdict }) };
    if (verdict === 'not-audited' || verdict === 'unknown') logger.warn('target', line);
    else logger.info('target', line);
  }
  for (const { remedy: _, ...finding } of report.findings) {
    const { fingerprint, check, severity, target, title } = finding;
    logger.info('finding', { finding: fitting(finding, { fingerprint, check, severity, target, title }) });
  }
  logger.info('run completed', { targets: report.targets.length, findings: report.findings.length });
}

/** The whole where a line of the log holds it, else its least; the report in the archive has all of it. */
function fitting(whole: object, least: object): object {
  return Buffer.byteLength(JSON.stringify(whole)) <= MOST_LOGGED
    ? whole
    : { ...least, omitted: 'too long for the log' };
}
