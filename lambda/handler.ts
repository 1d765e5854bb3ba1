// Composition root of the Lambda function: environment and event in, report out, alert and metrics on the way.

import { join } from 'node:path';
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { auditTargets } from './audit.ts';
import { prefetchSecrets } from './collect/prefetch.ts';
import { createSecretStore, type SecretStore, secretsManagerClients } from './collect/secrets.ts';
import type { Collector } from './collect/snapshot.ts';
import { createSourceReader } from './collect/sources.ts';
import { createTrustStore } from './collect/trust.ts';
import { type Config, parseConfig } from './config.ts';
import { readConfigDocument } from './config-file.ts';
import { recordRun } from './deliver/metrics.ts';
import { publish, snsClient } from './deliver/publish.ts';
import { parseEvent, type RunRequest } from './event.ts';
import { systemClock } from './model/clock.ts';
import { buildReport } from './report/build-report.ts';
import { buildDigest } from './report/digest.ts';
import { fitReport } from './report/fit-report.ts';
import type { Report } from './report/schema.ts';
import { renderAlert, renderTestAlert } from './report/sns-message.ts';

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

/**
 * Audits, and publishes an alert when there is something to tell.
 *
 * @returns the report; without its healthiest targets and last findings, counted, when it would pass Lambda's limit
 * @throws ConfigFileError, ConfigError, EventError, PublishError
 */
export async function handler(event: unknown, context: InvocationContext): Promise<Report> {
  logger.appendKeys({ requestId: context.awsRequestId });
  try {
    return await run(event, context);
  } catch (error) {
    logger.error('the run failed', error as Error);
    throw error;
  }
}

async function run(event: unknown, context: InvocationContext): Promise<Report> {
  const config = readConfig();
  const request = parseEvent(
    event,
    config.targets.map(({ name }) => name),
  );
  const targets = request.targets === undefined ? config.targets : pick(config, request.targets);
  logger.info('run started', { trigger: request.trigger, targets: targets.length, notify: request.notify });

  if (request.testAlert) {
    const test = renderTestAlert({ targets: config.targets.map(({ name }) => name), at: new Date().toISOString() });
    logger.info('test alert published', { messageId: await publish(sns, alertTopic(), test) });
  }

  const remaining = context.getRemainingTimeInMillis();
  const deadline = AbortSignal.timeout(Math.floor(remaining - Math.min(RESERVE_MS, remaining / 4)));
  const everyTarget = request.targets === undefined;
  const report = buildReport(
    await auditTargets({ ...config, targets }, { collector: collectorFor(targets), deadline, everyTarget }),
  );
  logReport(report);
  let told = false;
  try {
    await alert(report, config, request);
    told = true;
  } finally {
    // What was seen counts also when nobody could be told of it; the run does not.
    recordRun(metrics, { report, everyTarget: everyTarget && request.notify, completed: told });
  }
  return fitReport(report, RESPONSE_BYTES, Buffer.byteLength);
}

function pick({ targets }: Config, names: readonly string[]): Config['targets'] {
  const wanted = new Set(names);
  return targets.filter(({ name }) => wanted.has(name));
}

function readConfig(): Config {
  const file = process.env.AUDITOR_CONFIG_FILE ?? join(import.meta.dirname, CONFIG_FILE);
  const document = readConfigDocument(file, {
    shownAs: file,
    whenMissing: 'deploy again, or correct AUDITOR_CONFIG_FILE',
  });
  return parseConfig(document, { source: file, use: 'deployment' });
}

/** New for every run: a secret that changed since the last one is seen. The SDK's clients live on. */
function collectorFor(targets: Config['targets']): Collector {
  const secrets = byReference(createSecretStore(secretsManager));
  prefetchSecrets(targets, secrets);
  const sources = createSourceReader(secrets, {});
  return { sources, trust: createTrustStore(sources), clock: systemClock };
}

/** Secrets whose ARN only the deployment knows: AUDITOR_SECRET_ARNS maps their names in the configuration to it. */
function byReference(store: SecretStore): SecretStore {
  const arns = secretArns();
  const arnOf = (id: string): string => arns.get(id) ?? id;
  return { get: (id) => store.get(arnOf(id)), refresh: (id) => store.refresh(arnOf(id)) };
}

function secretArns(): ReadonlyMap<string, string> {
  const { AUDITOR_SECRET_ARNS } = process.env;
  if (!AUDITOR_SECRET_ARNS) return new Map();
  try {
    return new Map(Object.entries(JSON.parse(AUDITOR_SECRET_ARNS) as Record<string, string>));
  } catch {
    // The parser's message quotes the text.
    throw new Error('AUDITOR_SECRET_ARNS is not a JSON object of names of secrets to ARNs: the deployment sets it');
  }
}

async function alert(report: Report, { alerts }: Config, { notify }: RunRequest): Promise<void> {
  const digest = buildDigest(report, { minSeverity: alerts.minSeverity });
  if (digest === undefined) return logger.info('nothing to tell', { minSeverity: alerts.minSeverity });
  if (!notify) return logger.info('not told: the event says "notify": false', { notices: digest.notices.length });
  const messageId = await publish(sns, alertTopic(), renderAlert(digest, report));
  logger.info('alert published', { messageId, severity: digest.severity, notices: digest.notices.length });
}

function alertTopic(): string {
  const { ALERT_TOPIC_ARN } = process.env;
  if (ALERT_TOPIC_ARN) return ALERT_TOPIC_ARN;
  throw new Error('ALERT_TOPIC_ARN is not set: it names the SNS topic that alerts go to, and the deployment sets it');
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
