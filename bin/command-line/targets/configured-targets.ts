// Reads a configuration file for `audit`, and selects all of its targets or the named ones.

import { dirname, isAbsolute, join, relative } from 'node:path';
import { readConfigDocument } from '../../../lambda/config/file.ts';
import { parseConfig } from '../../../lambda/config/index.ts';
import { quoteName, showPath } from '../../../lambda/model/given-text.ts';
import type { CaSource, ClientCertificateSource, CredentialSource, Target } from '../../../lambda/model/target.ts';
import { systemClock } from '../../../lambda/model/time.ts';
import { refuseUnsafeEnvironment, thisProcess } from '../../../lambda/runtime/unsafe-environment.ts';
import { listTargets, type TargetList, type TargetSourceFactory } from '../../../lambda/targets/index.ts';
import type { AuditOptions, AuditRequest } from '../grammar/options.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { inventoryStoreFor } from './state.ts';

/** Relative to the folder where the command runs. */
export const DEFAULT_CONFIG = 'auditor.config.json';
const EXAMPLE = join(import.meta.dirname, '..', '..', '..', 'auditor.config.example.json');

/** The most targets that a message names: a fleet has thousands. */
const NAMES_SHOWN = 20;

/**
 * Lists the targets of the configuration's sources.
 *
 * @throws UsageError, ConfigError, ConfigFileError
 */
export async function requestFromConfig(
  { config: file = DEFAULT_CONFIG, target: names, state }: AuditOptions,
  sources: readonly TargetSourceFactory[],
): Promise<AuditRequest> {
  const document = readConfigDocument(file, {
    shownAs: showPath(file),
    whenMissing: `name a configuration file with --config FILE, or one server with --url postgres://USER@HOST:5432/DATABASE. An example of such a file is ${exampleFile()}`,
  });
  const config = parseConfig(document, { source: showPath(file), use: 'command-line' });
  // Discovery talks to AWS before anything else does.
  if (config.discovery.some(({ source }) => source === 'rds')) {
    refuseUnsafeEnvironment({ ...thisProcess(), services: ['RDS', 'STS'] });
  }
  const list = await listTargets(sources, config, undefined, {
    folder: dirname(file),
    clock: systemClock,
    inventory: state === undefined ? undefined : await inventoryStoreFor(state),
  });
  const targets = names === undefined ? list.found : pick(list, names, file);
  const { concurrency, policy, alerts, mutes } = config;
  return {
    targets: targets.map((target) => resolveRelativePaths(target, dirname(file))),
    concurrency,
    policy,
    alerts,
    mutes,
    configured: list.all,
    targetNotes: list.warnings,
    optionContents: {},
    notes: [
      ...(list.all.known
        ? []
        : [`error: not all targets are known: ${list.all.reason}; the audit covers only the targets that are known`]),
      ...list.warnings.map((warning) => `warning: ${warning}`),
    ],
  };
}

/** Its path relative to the working folder, if that folder still exists. */
function exampleFile(): string {
  try {
    return relative('.', EXAMPLE);
  } catch {
    return EXAMPLE;
  }
}

function pick({ found, all }: TargetList, names: readonly string[], file: string): readonly Target[] {
  const unknownNames = names.filter((name) => !found.some((target) => target.name === name));
  if (unknownNames.length > 0) {
    const existing = found.map(({ name }) => name);
    throw new UsageError(
      all.known
        ? `${showPath(file)} has no target named ${quoted(unknownNames)}; it has ${quoted(existing)}`
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
