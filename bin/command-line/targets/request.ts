// From the options of `audit` to what is to be audited, with what.

import type { AuditOptions, AuditRequest, Environment } from '../grammar/options.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { configuredTargets } from './configured-targets.ts';
import { oneServer } from './one-server.ts';

/** Options that say what a configuration says for each target. */
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
} as const satisfies Partial<Record<keyof AuditOptions, string>>;

/** @throws UsageError, ConfigError, ConfigFileError */
export function auditRequest(options: AuditOptions, environment: Environment): AuditRequest {
  const request = options.url === undefined ? fromConfiguration(options) : oneServer(options, options.url, environment);
  const { loopback = request.policy.loopback } = options;
  return { ...request, policy: { ...request.policy, loopback } };
}

function fromConfiguration(options: AuditOptions): AuditRequest {
  const misplacedOptions = Object.entries(ONLY_WITH_URL)
    .filter(([key]) => options[key as keyof typeof ONLY_WITH_URL] !== undefined)
    .map(([, option]) => option);
  if (misplacedOptions.length > 0) {
    throw new UsageError(
      `${misplacedOptions.join(', ')} can only be used with --url: in a configuration file each target has settings of its own for that`,
    );
  }
  return configuredTargets(options);
}
