// Turns the options of `audit` into a request: which targets to audit, and with which policy.

import type { TargetSourceFactory } from '../../../lambda/targets/index.ts';
import type { AuditOptions, AuditRequest, Environment } from '../grammar/options.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { requestFromConfig } from './configured-targets.ts';
import { oneServer } from './one-server.ts';

/** Options for which each target of a configuration has a setting of its own. */
const ONLY_WITH_URL = {
  kind: '--kind',
  ca: '--ca',
  crl: '--crl',
  tlsServerName: '--tls-server-name',
  sslNegotiation: '--ssl-negotiation',
  authentication: '--authentication',
  clientCertificate: '--client-certificate',
  clientKey: '--client-key',
  clientKeyPassphraseFile: '--client-key-passphrase-file',
  timeout: '--timeout',
  probe: '--probe',
  logs: '--logs',
  sample: '--sample',
} as const satisfies Partial<Record<keyof AuditOptions, string>>;

/** @throws UsageError, ConfigError, ConfigFileError */
export async function auditRequest(
  options: AuditOptions,
  environment: Environment,
  sources: readonly TargetSourceFactory[],
): Promise<AuditRequest> {
  const request =
    options.url === undefined
      ? await fromConfiguration(options, environment, sources)
      : oneServer(options, options.url, environment);
  const { loopback = request.policy.loopback } = options;
  return { ...request, policy: { ...request.policy, loopback } };
}

async function fromConfiguration(
  options: AuditOptions,
  environment: Environment,
  sources: readonly TargetSourceFactory[],
): Promise<AuditRequest> {
  const discovers = options.discover || options.region !== undefined;
  const misplacedOptions = Object.entries(ONLY_WITH_URL)
    .filter(([key]) => options[key as keyof typeof ONLY_WITH_URL] !== undefined && !(discovers && key === 'ca'))
    .map(([, option]) => option);
  if (misplacedOptions.length > 0) {
    throw new UsageError(
      `${misplacedOptions.join(', ')} can only be used with --url: in a configuration file each target has settings of its own for that`,
    );
  }
  if (options.role !== undefined && !discovers) throw new UsageError('--role goes with --discover or --region');
  return await requestFromConfig(options, environment, sources);
}
