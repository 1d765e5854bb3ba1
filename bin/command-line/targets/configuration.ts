// Reads the configuration of `audit` and `discover`, from a file or from options, and lists its targets.

import { findPackageJSON } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { readConfigDocument } from '../../../lambda/config/file.ts';
import { type Config, parseConfig } from '../../../lambda/config/index.ts';
import { showPath } from '../../../lambda/model/given-text.ts';
import { systemClock } from '../../../lambda/model/time.ts';
import { refuseUnsafeEnvironment, thisProcess } from '../../../lambda/runtime/unsafe-environment.ts';
import { listTargets, type TargetList, type TargetSourceFactory } from '../../../lambda/targets/index.ts';
import type { DiscoveryOptions, Environment } from '../grammar/options.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { discoveryStoresFor } from './state.ts';

/** Relative to the folder where the command runs. */
export const DEFAULT_CONFIG = 'auditor.config.json';
/** In the checkout as in the published package, whose modules are bundled, it is beside package.json. */
const EXAMPLE = join(dirname(findPackageJSON('.', import.meta.url) ?? ''), 'auditor.config.example.json');

export interface Configuration {
  readonly config: Config;
  /** As messages name it. */
  readonly source: string;
  /** The folder that its paths are relative to. */
  readonly folder: string;
}

/**
 * With --region or --discover every PostgreSQL of the account counts, whatever its tags; otherwise the file says.
 *
 * @param instead what else people can name, where there is no file
 * @throws UsageError, ConfigError, ConfigFileError
 */
export function configurationOf(
  options: DiscoveryOptions,
  environment: Environment,
  instead = 'one server with --url postgres://USER@HOST:5432/DATABASE, or the databases of an AWS account with --discover',
): Configuration {
  if (options.discover || options.region !== undefined) return fromOptions(options, environment);
  const { config: file = DEFAULT_CONFIG } = options;
  const source = showPath(file);
  const document = readConfigDocument(file, {
    shownAs: source,
    whenMissing: `name a configuration file with --config FILE, ${instead}. An example of such a file is ${exampleFile()}`,
  });
  return { config: parseConfig(document, { source, use: 'command-line' }), source, folder: dirname(file) };
}

/** @param state where lists of earlier runs are kept: a file, or `dynamodb:TABLE` */
export async function listConfigured(
  { config, folder }: Configuration,
  sources: readonly TargetSourceFactory[],
  state?: string,
): Promise<TargetList> {
  // Discovery talks to AWS before anything else does.
  if (config.discovery.some(({ source }) => source === 'rds')) {
    refuseUnsafeEnvironment({ ...thisProcess(), services: ['RDS', 'STS'] });
  }
  const stores = state === undefined ? {} : await discoveryStoresFor(state);
  return await listTargets(sources, config, undefined, { folder, clock: systemClock, ...stores });
}

function fromOptions({ region, role, ca }: DiscoveryOptions, environment: Environment): Configuration {
  const { AWS_REGION, AWS_DEFAULT_REGION } = environment;
  const regions = region ?? [AWS_REGION || AWS_DEFAULT_REGION].filter((name) => name !== undefined && name !== '');
  if (regions.length === 0) throw new UsageError('--discover needs a region: give --region, or set AWS_REGION');
  const source = 'the options of discovery';
  const document = {
    discovery: [
      {
        rds: { regions, tags: 'all' },
        credentials: 'iam',
        role: role ?? DEFAULT_ROLE,
        ca: (ca ?? [environment.PGSSLROOTCERT || 'system']).map((each) => (each === 'system' ? each : { file: each })),
        logs: 'auto',
      },
    ],
  };
  return { config: parseConfig(document, { source, use: 'command-line' }), source, folder: '.' };
}

/** The role that the documentation creates. */
const DEFAULT_ROLE = 'tls_auditor';

/** Its path relative to the working folder, if that folder still exists. */
function exampleFile(): string {
  try {
    return relative('.', EXAMPLE);
  } catch {
    return EXAMPLE;
  }
}
