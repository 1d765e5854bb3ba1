// The command `audit`: reads what is to be audited, audits it, prints the report.

import { auditTargets } from '../../lambda/audit.ts';
import { prefetchSecrets } from '../../lambda/collect/prefetch.ts';
import { createSecretStore, secretsManagerClients } from '../../lambda/collect/secrets.ts';
import { createSourceReader } from '../../lambda/collect/sources.ts';
import { createTrustStore } from '../../lambda/collect/trust.ts';
import { ConfigError } from '../../lambda/config.ts';
import { ConfigFileError } from '../../lambda/config-file.ts';
import type { Report } from '../../lambda/report/schema.ts';
import { renderTable } from '../../lambda/report/table.ts';
import { type ExitCode, exitCodeOf } from './exit-code.ts';
import { awaitInterruption } from './interruption.ts';
import { hint } from './one-server.ts';
import type { AuditOptions, AuditRequest, Format } from './options.ts';
import { startProgress } from './progress.ts';
import { auditRequest } from './request.ts';
import { note, outputColumns, print, showsColour } from './terminal.ts';
import { UsageError } from './usage-error.ts';

/** @throws UsageError */
export async function audit(options: AuditOptions): Promise<ExitCode> {
  const request = readRequest(options);
  for (const text of request.notes) note(text);
  const report = await runAudit(request, options.target === undefined);
  await print(render(report, options.format));
  const hinted = options.url === undefined ? undefined : hint(report);
  if (hinted !== undefined) note(`hint: with --url, ${hinted}`);
  return exitCodeOf(report, options.failOn);
}

function readRequest(options: AuditOptions): AuditRequest {
  try {
    return auditRequest(options, process.env);
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof ConfigFileError)) throw error;
    throw new UsageError(error.message, { cause: error });
  }
}

async function runAudit(request: AuditRequest, everyTarget: boolean): Promise<Report> {
  using interruption = awaitInterruption();
  using progress = startProgress(request.targets.length, process.stderr);
  // Clients are made for secrets that targets name: where none does, nothing of AWS is touched.
  const secrets = createSecretStore(secretsManagerClients());
  prefetchSecrets(request.targets, secrets);
  const sources = createSourceReader(secrets, process.env, request.optionContents);
  return await auditTargets(request, {
    collector: { sources, trust: createTrustStore(sources) },
    deadline: interruption.signal,
    everyTarget,
    onTarget: progress.onTarget,
  });
}

function render(report: Report, format: Format): string {
  if (format === 'json') return `${JSON.stringify(report, null, 2)}\n`;
  return renderTable(report, { columns: outputColumns(), colour: showsColour(process.stdout) });
}
