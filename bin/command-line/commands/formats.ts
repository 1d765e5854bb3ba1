// Finds the renderer of a report's format, with everything that the format needs.

import { catalogue } from '../../../lambda/checks/catalogue.ts';
import type { PageHistory } from '../../../lambda/page-history.ts';
import type { AwsPlace, Exporter } from '../../../lambda/report/exports/exporter.ts';
import { EXPORTERS, type Exporters } from '../../../lambda/report/exports/index.ts';
import type { Report } from '../../../lambda/report/schema.ts';
import packageJson from '../../../package.json' with { type: 'json' };
import type { AuditOptions, Environment } from '../grammar/options.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { outputColumns, showsColour } from '../terminal/terminal.ts';

/** The report as one text, or in parts that are made one after the other. */
export type Render = (report: Report, history?: PageHistory) => string | Iterable<string>;

interface FormatOptions extends Pick<AuditOptions, 'failOn'> {
  readonly format: string;
  readonly awsAccount?: string | undefined;
}

/**
 * @param exporters - The formats besides the terminal's own table.
 * @throws UsageError where the format lacks what it needs: before anything is audited
 */
export async function rendererFor(
  options: FormatOptions,
  environment: Environment,
  exporters: Exporters = EXPORTERS,
): Promise<Render> {
  const { format, awsAccount, failOn } = options;
  const exporter = Object.hasOwn(exporters, format) ? await exporters[format]?.() : undefined;
  const needsAws = exporter?.needs.includes('aws') ?? false;
  if (awsAccount !== undefined && !needsAws) {
    throw new UsageError(
      `--aws-account can only be used with --format asff, which names the account, not with ${format}`,
    );
  }
  if (exporter === undefined) return await tableRenderer();
  const context = {
    catalogue: catalogue(),
    toolVersion: packageJson.version,
    failOn,
    ...(needsAws ? { aws: await awsPlaceFor(exporter, awsAccount, environment) } : {}),
  };
  return (report, history) => exporter.render(report, history === undefined ? context : { ...context, history });
}

async function tableRenderer(): Promise<Render> {
  const { renderTable } = await import('../terminal/table.ts');
  return (report) => renderTable(report, { columns: outputColumns(), colour: showsColour(process.stdout) });
}

async function awsPlaceFor(
  { name }: Exporter,
  awsAccount: string | undefined,
  { AWS_ACCOUNT_ID, AWS_REGION, AWS_DEFAULT_REGION }: Environment,
): Promise<AwsPlace> {
  const { AwsPlaceError, awsPlace } = await import('../../../lambda/report/exports/asff.ts');
  try {
    return awsPlace(awsAccount ?? (AWS_ACCOUNT_ID || undefined), AWS_REGION || AWS_DEFAULT_REGION || undefined);
  } catch (error) {
    if (!(error instanceof AwsPlaceError)) throw error;
    throw new UsageError(
      `--format ${name}: ${error.message}. The account is taken from --aws-account or AWS_ACCOUNT_ID, the region from AWS_REGION or AWS_DEFAULT_REGION`,
      { cause: error },
    );
  }
}
