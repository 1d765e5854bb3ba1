// Reads the configuration file of a deployment: its own, or the example.

import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { readConfigDocument } from '../lambda/config/file.ts';
import type { ConfigInput } from '../lambda/config/index.ts';
import { showPath } from '../lambda/model/given-text.ts';

export { ConfigFileError } from '../lambda/config/file.ts';

const OWN = 'auditor.config.json';
const EXAMPLE = 'auditor.config.example.json';

export interface ConfigFile {
  /** Relative to the working directory. */
  readonly path: string;
  /** Not validated yet. */
  readonly document: ConfigInput;
  readonly configuration: 'own' | 'example';
}

export interface ConfigFileOptions {
  /** Folder of the project, where the default and the example are. */
  readonly root: string;
  /** Relative to `cwd`. @default - `auditor.config.json` in the root; where there is none, the example beside it */
  readonly path?: string | undefined;
  readonly cwd: string;
}

/** @throws ConfigFileError when the file does not exist, can't be read or is not JSON. */
export function readConfigFile({ root, path, cwd }: ConfigFileOptions): ConfigFile {
  if (path !== undefined) return read(resolve(cwd, path), 'own', root, cwd);
  const own = join(root, OWN);
  return existsSync(own) ? read(own, 'own', root, cwd) : read(join(root, EXAMPLE), 'example', root, cwd);
}

function read(file: string, configuration: 'own' | 'example', root: string, cwd: string): ConfigFile {
  const path = relative(cwd, file) || file;
  const document = readConfigDocument(file, {
    shownAs: showPath(path),
    whenMissing: `copy the example and name your own targets: cp ${relative(cwd, join(root, EXAMPLE))} ${showPath(path)}`,
  });
  // The caller validates it.
  return { path, configuration, document: document as ConfigInput };
}
