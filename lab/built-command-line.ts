// Builds the command line once for a test run, as the package has it: it starts in half of the time of the sources.

import { copyFile, mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { buildCommandLine, COMMAND } from '../scripts/package/command-line.ts';
import { ROOT } from '../scripts/package/folders.ts';
import { NEEDED_NODE } from '../scripts/package/manifest.ts';
import { madeOnce, RUN_FOLDER } from './run-folder.ts';

export interface CommandLine {
  readonly script: string;
  /** Variables for its processes: where they keep what Node.js compiled. */
  readonly env: Readonly<Record<string, string>>;
}

let built: Promise<CommandLine> | undefined;

/** Within a test run only. */
export function commandLine(): Promise<CommandLine> {
  built ??= builtIn(process.env[RUN_FOLDER]);
  return built;
}

async function builtIn(shared: string | undefined): Promise<CommandLine> {
  if (shared === undefined) throw new Error(`${RUN_FOLDER} names no folder: no test run was started`);
  const folder = join(shared, 'command-line');
  await madeOnce(folder, async () => {
    const own = await mkdtemp(join(shared, 'building-'));
    await mkdir(join(own, 'bin'));
    await buildCommandLine(NEEDED_NODE, join(own, 'bin'));
    for (const file of ['package.json', 'auditor.config.example.json'])
      await copyFile(join(ROOT, file), join(own, file));
    return own;
  });
  return { script: join(folder, 'bin', COMMAND), env: { NODE_COMPILE_CACHE: join(shared, 'compile-cache') } };
}
