// Reads a configuration file for `audit`, and selects all of its targets or the named ones.

import { isAbsolute, join } from 'node:path';
import { quoteName } from '../../../lambda/model/given-text.ts';
import type { CaSource, ClientCertificateSource, CredentialSource, Target } from '../../../lambda/model/target.ts';
import type { TargetList, TargetSourceFactory } from '../../../lambda/targets/index.ts';
import type { AuditOptions, AuditRequest, Environment } from '../grammar/options.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { configurationOf, listConfigured } from './configuration.ts';

/** The most targets that a message names: a fleet has thousands. */
const NAMES_SHOWN = 20;

/**
 * Lists the targets of the configuration's sources.
 *
 * @throws UsageError, ConfigError, ConfigFileError
 */
export async function requestFromConfig(
  options: AuditOptions,
  environment: Environment,
  sources: readonly TargetSourceFactory[],
): Promise<AuditRequest> {
  const configuration = configurationOf(options, environment);
  const list = await listConfigured(configuration, sources, options.state);
  const targets = options.target === undefined ? list.found : pick(list, options.target, configuration.source);
  const { concurrency, policy, alerts, mutes } = configuration.config;
  return {
    targets: targets.map((target) => resolveRelativePaths(target, configuration.folder)),
    concurrency,
    policy,
    alerts,
    mutes,
    configured: list.all,
    targetNotes: list.warnings,
    cloud: list.cloud,
    replicas: list.replicas,
    optionContents: {},
    notes: [
      ...(list.all.known
        ? []
        : [`error: not all targets are known: ${list.all.reason}; the audit covers only the targets that are known`]),
      ...list.warnings.map((warning) => `warning: ${warning}`),
    ],
  };
}

function pick({ found, all }: TargetList, names: readonly string[], source: string): readonly Target[] {
  const unknownNames = names.filter((name) => !found.some((target) => target.name === name));
  if (unknownNames.length > 0) {
    const existing = found.map(({ name }) => name);
    throw new UsageError(
      all.known
        ? `${source} has no target named ${quoted(unknownNames)}; it has ${quoted(existing)}`
        : `it is not known whether there is a target named ${quoted(unknownNames)}: ${all.reason}`,
    );
  }
  return found.filter(({ name }) => names.includes(name));
}

function quoted(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN).map(quoteName);
  return shown.join(', ') + (names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : '');
}

/** A path in a configuration is relative to the folder of the configuration, not to the working folder. */
function resolveRelativePaths(target: Target, folder: string): Target {
  const found = (file: string): string => (isAbsolute(file) ? file : join(folder, file));
  const credentials = (source: CredentialSource): CredentialSource =>
    'file' in source ? { file: found(source.file) } : source;
  const ca = (source: CaSource): CaSource =>
    typeof source === 'object' && 'file' in source ? { file: found(source.file) } : source;
  const clientCertificate = (source: ClientCertificateSource): ClientCertificateSource =>
    'certificateFile' in source
      ? {
          certificateFile: found(source.certificateFile),
          keyFile: found(source.keyFile),
          keyPassphrase:
            source.keyPassphrase !== undefined && 'file' in source.keyPassphrase
              ? { file: found(source.keyPassphrase.file) }
              : source.keyPassphrase,
        }
      : source;
  return {
    ...target,
    credentials: credentials(target.credentials),
    ca: target.ca.map(ca),
    crl: target.crl?.map((source) => ('file' in source ? { file: found(source.file) } : source)),
    clientCertificate: target.clientCertificate && clientCertificate(target.clientCertificate),
  };
}
