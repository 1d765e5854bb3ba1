// Finds and reads the configuration file of a deployment.

import { existsSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { ConfigInput } from '../lambda/config.ts';

const OWN = 'auditor.config.json';
const EXAMPLE = 'auditor.config.example.json';

/** A configuration file that can't be read; the message says what to do. */
export class ConfigFileError extends Error {
  override readonly name = 'ConfigFileError';
}

export interface ConfigFile {
  /** As a person would call it: relative to the working directory. */
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
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const remedy =
      code === 'ENOENT'
        ? `copy the example and name your own targets: cp ${relative(cwd, join(root, EXAMPLE))} ${path}`
        : 'it must be a readable JSON file';
    throw new ConfigFileError(`${path} can't be read (${code ?? 'unknown cause'}): ${remedy}`, { cause });
  }
  try {
    // The caller validates it: what the file really holds is not known here.
    return { path, configuration, document: JSON.parse(text.replace(/^\uFEFF/, '')) as ConfigInput };
  } catch (cause) {
    // The parser's own message quotes the file, which could hold a secret put in the wrong place.
    const position = /position (\d+)/.exec((cause as Error).message)?.[1];
    const before = text.slice(0, position === undefined ? text.length : Number(position)).split('\n');
    throw new ConfigFileError(
      `${path} is not JSON: look at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}. Comments and trailing commas are not allowed`,
    );
  }
}
