// Reads the configuration file of a deployment: its own, or the example.

import { existsSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { readConfigDocument } from '../lambda/config/file.ts';
import { type ConfigInput, parseTargetList } from '../lambda/config/index.ts';
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

/**
 * Reads the file, and puts the targets of the files that its rules of discovery name in their place.
 *
 * @throws ConfigFileError when a file does not exist, can't be read or is not JSON; ConfigError for a file of targets
 * with wrong settings
 */
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
  return { path, configuration, document: withTargetFiles(document as ConfigInput, dirname(file)) };
}

/** A function has no other file than its configuration. Of two targets with one name, the configuration's own stays. */
function withTargetFiles(document: ConfigInput, folder: string): ConfigInput {
  const { targets = [], discovery = [] } = Object(document) as ConfigInput;
  // Lists of another type are the caller's to report.
  if (!Array.isArray(targets) || !Array.isArray(discovery)) return document;
  const fileOf = (rule: (typeof discovery)[number] | undefined): string | undefined =>
    typeof rule?.file === 'string' && Object.keys(rule).length === 1 ? rule.file : undefined;
  const files = discovery.flatMap((rule) => fileOf(rule) ?? []);
  if (files.length === 0) return document;
  const own = new Set(targets.map((target) => target?.name));
  const packed = files.flatMap((name) => {
    const shownAs = showPath(name);
    const list = readConfigDocument(resolve(folder, name), {
      shownAs,
      whenMissing:
        'write it, or correct its path under "discovery" of the configuration, whose folder it is relative to',
    });
    return parseTargetList(list, { source: shownAs, use: 'deployment' }).filter((target) => !own.has(target.name));
  });
  return {
    ...document,
    targets: [...targets, ...packed],
    discovery: discovery.filter((rule) => fileOf(rule) === undefined),
  };
}
