// Finds the configuration of a construct: a document in the app, a file, or a file with parts of it given in the app.

import { join } from 'node:path';
import type { Construct } from 'constructs';
import { ConfigError, type ConfigInput } from '../lambda/config/index.ts';
import type { AuditorConfig } from './auditor-config.generated.ts';
import { readConfigFile } from './config-file.ts';
import { rejectTokens } from './config-tokens.ts';

export interface ConfigProps {
  /**
   * The content of `auditor.config.json`: targets, policy, schedule, alerts, deployment. It is validated at synthesis
   * and packed with the function, so it cannot hold values that only a deployment knows (tokens): see `secrets`.
   *
   * Beside `configFile`, each part that is given here at the top, such as `schedule` or `deployment`, replaces that of
   * the file.
   * @default - the content of `configFile`
   */
  readonly config?: AuditorConfig | undefined;

  /**
   * The path of the configuration file, relative to the folder in which the app runs. Files of targets that it names
   * under `discovery` are packed with it.
   * @default - there is no file: `config` is the configuration
   */
  readonly configFile?: string | undefined;

  /**
   * The name of the configuration in error messages.
   * @default - the path of `configFile`, or the construct's path
   */
  readonly configSource?: string | undefined;
}

export interface ConfigDocument {
  /** As written; not validated but for tokens. */
  readonly document: ConfigInput;
  /** As messages name it. */
  readonly source: string;
}

/** Holds the example: of the checkout, or of the published package. */
const ROOT = join(import.meta.dirname, '..');

/** @throws ConfigError, ConfigFileError */
export function configDocument(scope: Construct, { config, configFile, configSource }: ConfigProps): ConfigDocument {
  const file =
    configFile === undefined ? undefined : readConfigFile({ root: ROOT, path: configFile, cwd: process.cwd() });
  const source = configSource ?? file?.path ?? `the config of ${scope.node.path}`;
  if (file === undefined && config === undefined) {
    throw new ConfigError(source, [{ path: '', message: 'is missing: give the prop "config", "configFile", or both' }]);
  }
  return { document: rejectTokens(withParts(file?.document, config), source), source };
}

function withParts(document: ConfigInput | undefined, config: AuditorConfig | undefined): ConfigInput {
  if (document === undefined || config === undefined) return { ...document, ...config };
  // A part that is set to undefined is not given.
  const given = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
  return { ...document, ...given };
}
