// Implements the command `audit`: reads the targets, audits them, prints the report.

import { type AuditOptions as AuditTargetsOptions, auditTargets } from '../../../lambda/audit.ts';
import { createTrustStore } from '../../../lambda/collect/connect/trust.ts';
import type { LogServices } from '../../../lambda/collect/connection-log/source.ts';
import { createSourceReader } from '../../../lambda/collect/secrets/sources.ts';
import { createSecretStore, prefetchSecrets, secretsManagerClients } from '../../../lambda/collect/secrets/store.ts';
import { ConfigFileError } from '../../../lambda/config/file.ts';
import { ConfigError } from '../../../lambda/config/index.ts';
import { StateError } from '../../../lambda/deliver/state/store.ts';
import { known } from '../../../lambda/model/observed.ts';
import type { Run } from '../../../lambda/model/run.ts';
import type { Target } from '../../../lambda/model/target.ts';
import { systemClock } from '../../../lambda/model/time.ts';
import type { NotifyContext } from '../../../lambda/notify/notify.ts';
import type { PageHistory } from '../../../lambda/page-history.ts';
import { lazily } from '../../../lambda/runtime/lazily.ts';
import { refuseUnsafeEnvironment, thisProcess } from '../../../lambda/runtime/unsafe-environment.ts';
import { TARGET_SOURCES, type TargetSourceFactory } from '../../../lambda/targets/index.ts';
import type { AuditOptions, AuditRequest } from '../grammar/options.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { looseFiles } from '../targets/loose-files.ts';
import { auditRequest } from '../targets/request.ts';
import { clientStoreFor, logStoreFor, servicesOfState, stateStoreFor } from '../targets/state.ts';
import { EXIT_CODES, type ExitCode, exitCodeOf } from '../terminal/exit-code.ts';
import { interruptSignal } from '../terminal/interruption.ts';
import { startProgress } from '../terminal/progress.ts';
import { logStderr } from '../terminal/terminal.ts';
import { discover } from './discover.ts';
import { rendererFor } from './formats.ts';
import { printReport } from './print-report.ts';

/** @throws UsageError */
export async function audit(
  options: AuditOptions,
  sources: readonly TargetSourceFactory[] = TARGET_SOURCES,
): Promise<ExitCode> {
  if (options.dryRun) {
    const format = options.format === 'json' || options.format === 'table' ? options.format : undefined;
    if (format === undefined) throw new UsageError('--dry-run prints a table, or --format json');
    return await discover({ ...options, format }, sources);
  }
  const request = await readRequest(options, sources);
  refuseUnsafeEnvironment({
    ...thisProcess(),
    services: [
      ...servicesOfState(options.state),
      ...(request.targets.some(usesAws) ? (['SECRETS_MANAGER'] as const) : []),
      ...(request.targets.some(namesLogGroup) ? (['CLOUDWATCH_LOGS'] as const) : []),
    ],
  });
  const render = await rendererFor(options, process.env);
  const store = options.state === undefined ? undefined : await stateStoreFor(options.state);
  for (const text of [...request.notes, ...looseFiles(request.targets)]) logStderr(text);
  using interruption = interruptSignal();
  const run = await runAudit(request, {
    includesListed: options.target === undefined,
    coversAllTargets: options.target === undefined && (request.configured?.known ?? true),
    deadline: interruption.signal,
    logs: await logServicesFor(request.targets, options.state),
  });
  const isWhole = !interruption.signal.aborted;
  const history = options.format === 'html' ? await pageHistoryOf(run, options.state) : undefined;
  const { report, stateUsed } = await printReport(notifyContextOf(request, run), {
    store,
    render: (whole) => render(whole, history),
    interruption,
  });
  const kept = !stateUsed || !isWhole || (await keepClientsOf(run, options.state));
  return stateUsed && kept ? exitCodeOf(report, options.failOn) : EXIT_CODES.failed;
}

/** What the page shows of earlier days, with this run; undefined where no state is kept, or where it can't be read. */
async function pageHistoryOf(run: Run, state: string | undefined): Promise<PageHistory | undefined> {
  if (state === undefined) return undefined;
  const [{ collectPageHistory }, { recordSnapshot }, store] = await Promise.all([
    import('../../../lambda/page-history.ts'),
    import('../../../lambda/enforcement/record.ts'),
    clientStoreFor(state),
  ]);
  const collector = collectPageHistory(run);
  try {
    for (const { snapshot } of run.audited) {
      const record = recordSnapshot((await store.read(snapshot.target.name)).record, snapshot);
      if (record !== undefined) collector.add(snapshot.target.name, record);
    }
    return collector.history();
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
    logStderr(`error: the page has nothing of earlier days: ${error.message}`);
    return undefined;
  }
}

/** For the plan of later days; false where they could not be kept. */
async function keepClientsOf({ audited }: Run, state: string | undefined): Promise<boolean> {
  if (state === undefined) return true;
  const { keepClients, KeepClientsError } = await import('../../../lambda/keep-clients.ts');
  try {
    await keepClients(
      audited.map(({ snapshot }) => snapshot),
      await clientStoreFor(state),
    );
    return true;
  } catch (error) {
    if (!(error instanceof KeepClientsError)) throw error;
    logStderr(`error: ${error.message}`);
    return false;
  }
}

function usesAws({ credentials, ca, crl = [], clientCertificate }: Target): boolean {
  return [credentials, ...ca, ...crl, clientCertificate].some(
    (source) => typeof source === 'object' && ('secret' in source || 'iam' in source),
  );
}

async function readRequest(options: AuditOptions, sources: readonly TargetSourceFactory[]): Promise<AuditRequest> {
  try {
    return await auditRequest(options, process.env, sources);
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof ConfigFileError)) throw error;
    throw new UsageError(error.message, { cause: error });
  }
}

/** Nothing of the state is touched where no target's log is read. */
async function logServicesFor(targets: readonly Target[], state: string | undefined): Promise<LogServices> {
  const readsLogs = targets.some(({ logs }) => logs !== 'none');
  // The AWS SDK's part for log groups is loaded where a target names one.
  const logGroups = lazily(async () => {
    const { logGroupReaders } = await import('../../../lambda/collect/connection-log/cloudwatch.ts');
    return logGroupReaders();
  });
  return {
    state: readsLogs && state !== undefined ? await logStoreFor(state) : undefined,
    logGroup: async (source, settings) => (await logGroups())(source, settings),
  };
}

function namesLogGroup({ logs }: Target): boolean {
  return typeof logs === 'object';
}

async function runAudit(
  request: AuditRequest,
  {
    logs,
    ...options
  }: Pick<AuditTargetsOptions, 'deadline' | 'coversAllTargets' | 'includesListed'> & { readonly logs: LogServices },
): Promise<Run> {
  using progress = startProgress(request.targets.length, process.stderr);
  // Clients are made for secrets that targets name: where none does, nothing of AWS is touched.
  const secrets = createSecretStore(secretsManagerClients());
  prefetchSecrets(request.targets, secrets);
  const sources = createSourceReader(secrets, process.env, request.optionContents);
  return await auditTargets(request, {
    cloud: request.cloud,
    collector: { sources, trust: createTrustStore(sources), clock: systemClock, logs },
    ...options,
    onTarget: progress.onTarget,
  });
}

function notifyContextOf({ alerts, mutes, targets, configured, targetNotes }: AuditRequest, run: Run): NotifyContext {
  return {
    run,
    config: { alerts, mutes },
    targets: configured ?? known(targets),
    targetNotes,
    coversAllTargets: configured !== undefined,
    now: systemClock().toISOString(),
  };
}
