// The formats of a report, each with its renderer, which is loaded when it is wanted.

import { catalogue } from '../../../lambda/checks/catalogue.ts';
import type { ExportContext } from '../../../lambda/report/exports/entries.ts';
import type { Report } from '../../../lambda/report/schema.ts';
import packageJson from '../../../package.json' with { type: 'json' };
import type { AuditOptions, Environment, ReportFormat } from '../grammar/options.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { outputColumns, showsColour } from '../terminal/terminal.ts';

export type Render = (report: Report) => string;

/** @throws UsageError where the format lacks what it needs: that is known before anything is audited */
export async function rendererFor(
  { format, awsAccount, failOn }: Pick<AuditOptions, 'format' | 'awsAccount' | 'failOn'>,
  environment: Environment,
): Promise<Render> {
  if (awsAccount !== undefined && format !== 'asff') {
    throw new UsageError(
      `--aws-account can only be used with --format asff, which names the account, not with ${format}`,
    );
  }
  return await RENDERERS[format]({ awsAccount, failOn, environment });
}

interface Needs {
  readonly awsAccount: string | undefined;
  readonly failOn: AuditOptions['failOn'];
  readonly environment: Environment;
}

const RENDERERS: Readonly<Record<ReportFormat, (needs: Needs) => Promise<Render>>> = {
  async table() {
    const { renderTable } = await import('../terminal/table.ts');
    return (report) => renderTable(report, { columns: outputColumns(), colour: showsColour(process.stdout) });
  },
  async json() {
    return (report) => `${JSON.stringify(report, null, 2)}\n`;
  },
  async ocsf() {
    const { renderOcsf } = await import('../../../lambda/report/exports/ocsf.ts');
    return (report) => renderOcsf(report, exportContext());
  },
  async asff({ awsAccount, environment }) {
    const { AwsPlaceError, awsPlace, renderAsff } = await import('../../../lambda/report/exports/asff.ts');
    const { AWS_ACCOUNT_ID, AWS_REGION, AWS_DEFAULT_REGION } = environment;
    try {
      const aws = awsPlace(awsAccount ?? (AWS_ACCOUNT_ID || undefined), AWS_REGION || AWS_DEFAULT_REGION || undefined);
      return (report) => renderAsff(report, { ...exportContext(), aws });
    } catch (error) {
      if (!(error instanceof AwsPlaceError)) throw error;
      throw new UsageError(
        `--format asff: ${error.message}. The account is taken from --aws-account or AWS_ACCOUNT_ID, the region from AWS_REGION or AWS_DEFAULT_REGION`,
        { cause: error },
      );
    }
  },
  async sarif() {
    const { renderSarif } = await import('../../../lambda/report/exports/sarif.ts');
    return (report) => renderSarif(report, exportContext());
  },
  async junit({ failOn }) {
    const { renderJunit } = await import('../../../lambda/report/exports/junit.ts');
    return (report) => renderJunit(report, { ...exportContext(), failOn });
  },
  async markdown() {
    const { renderMarkdown } = await import('../../../lambda/report/exports/markdown.ts');
    return (report) => renderMarkdown(report, exportContext());
  },
};

function exportContext(): ExportContext {
  return { catalogue: catalogue(), toolVersion: packageJson.version };
}
