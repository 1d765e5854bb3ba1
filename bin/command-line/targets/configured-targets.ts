// The targets of a configuration file, all or those named.

import { dirname, isAbsolute, join, relative } from 'node:path';
import { readConfigDocument } from '../../../lambda/config/file.ts';
import { type Config, parseConfig } from '../../../lambda/config/index.ts';
import { quoteName, showPath } from '../../../lambda/model/given-text.ts';
import type { CaSource, ClientCertificateSource, CredentialSource, Target } from '../../../lambda/model/target.ts';
import type { AuditOptions, AuditRequest } from '../grammar/options.ts';
import { UsageError } from '../grammar/usage-error.ts';

/** In the folder where the command is typed. */
export const DEFAULT_CONFIG = 'auditor.config.json';
const EXAMPLE = join(import.meta.dirname, '..', '..', '..', 'auditor.config.example.json');

/** A message names this many targets at most: a fleet has thousands. */
const NAMES_SHOWN = 20;

/** @throws UsageError, ConfigError, ConfigFileError */
export function configuredTargets({ config: file = DEFAULT_CONFIG, target: names }: AuditOptions): AuditRequest {
  const document = readConfigDocument(file, {
    shownAs: showPath(file),
    whenMissing: `name a configuration file with --config FILE, or one server with --url postgres://USER@HOST:5432/DATABASE. An example of such a file is ${exampleFile()}`,
  });
  const config = parseConfig(document, { source: showPath(file), use: 'command-line' });
  const targets = names === undefined ? config.targets : pick(config.targets, names, file);
  const { concurrency, policy, alerts, mutes } = config;
  return {
    targets: targets.map((target) => resolveRelativePaths(target, dirname(file))),
    concurrency,
    policy,
    alerts,
    mutes,
    configured: config.targets,
    optionContents: {},
    notes: [],
  };
}

/** As it is called from here, if the folder where the command was typed still exists. */
function exampleFile(): string {
  try {
    return relative('.', EXAMPLE);
  } catch {
    return EXAMPLE;
  }
}

function pick(targets: Config['targets'], names: readonly string[], file: string): Config['targets'] {
  const unknownNames = names.filter((name) => !targets.some((target) => target.name === name));
  if (unknownNames.length > 0) {
    const existing = targets.map(({ name }) => name);
    throw new UsageError(`${showPath(file)} has no target named ${quoted(unknownNames)}; it has ${quoted(existing)}`);
  }
  return targets.filter(({ name }) => names.includes(name));
}

function quoted(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN).map(quoteName);
  return shown.join(', ') + (names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : '');
}

/** Files that a configuration names are found from where it is, wherever the command is typed. */
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
