// The command `discover`: prints the databases that an audit would cover, and why each was taken or left out.

import { ConfigFileError } from '../../../lambda/config/file.ts';
import { ConfigError } from '../../../lambda/config/index.ts';
import type { DiscoverDocument } from '../../../lambda/report/discover-schema.ts';
import { TARGET_SOURCES, type TargetList, type TargetSourceFactory } from '../../../lambda/targets/index.ts';
import type { DiscoverOptions } from '../grammar/options.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { configurationOf, listConfigured } from '../targets/configuration.ts';
import { EXIT_CODES, type ExitCode } from '../terminal/exit-code.ts';
import { outputColumns, print, showsColour } from '../terminal/terminal.ts';

const INSTEAD = 'or the databases of an AWS account with --region NAME';

/** @throws UsageError */
export async function discover(
  { format, ...options }: DiscoverOptions,
  sources: readonly TargetSourceFactory[] = TARGET_SOURCES,
): Promise<ExitCode> {
  const document = discoverDocument(await listOf(options, sources));
  await print(format === 'json' ? `${JSON.stringify(document, null, 2)}\n` : await asText(document));
  return document.complete ? EXIT_CODES.passed : EXIT_CODES.failed;
}

async function listOf(
  options: Omit<DiscoverOptions, 'format'>,
  sources: readonly TargetSourceFactory[],
): Promise<TargetList> {
  try {
    return await listConfigured(configurationOf(options, process.env, INSTEAD), sources);
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof ConfigFileError)) throw error;
    throw new UsageError(error.message, { cause: error });
  }
}

function discoverDocument({ all, warnings, choices }: TargetList): DiscoverDocument {
  return {
    schemaVersion: 1,
    complete: all.known,
    problems: all.known ? [] : [all.reason],
    warnings: [...warnings],
    targets: choices.map((choice) => ({ ...choice })),
  };
}

async function asText(document: DiscoverDocument): Promise<string> {
  const { renderDiscovery } = await import('../terminal/discover-table.ts');
  return renderDiscovery(document, { columns: outputColumns(), colour: showsColour(process.stdout) });
}
