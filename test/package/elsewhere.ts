// Builds and packs the package from another folder, as a clone on another machine is.

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './install.ts';

const run = promisify(execFile);

/** With a strict umask, as not every machine has it. */
const BUILD = `
  set -eu
  umask 077
  git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents --target-directory="$1"
  cp --archive --link node_modules "$1"
  cd "$1"
  "$3" scripts/build.ts
  npm pack ./dist --silent --pack-destination "$2"`;

/** @returns the path of the tarball, in `parent` */
export async function packElsewhere(parent: string): Promise<string> {
  // Links to files lead only to the same file system.
  const folder = await mkdtemp(join(ROOT, '.build-elsewhere-'));
  try {
    const { stdout } = await run('sh', ['-c', BUILD, 'sh', folder, parent, process.execPath], { cwd: ROOT });
    return join(parent, stdout.trim());
  } finally {
    await rm(folder, { recursive: true });
  }
}
