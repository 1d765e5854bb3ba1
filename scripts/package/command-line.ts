// Bundles the command line as ESM: a script that starts it, and scripts that are loaded when they are needed.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { ROOT } from './folders.ts';
import { onlyVersion } from './only-version.ts';

/** The script that npm links to. */
export const COMMAND = 'pg-tls-auditor.mjs';

/** Packages that are CommonJS ask for Node's modules by `require`, which ESM has not. */
const REQUIRE = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

/** Imports of pg that are never reached: of its native client and of Cloudflare's sockets. */
const NEVER_REACHED = ['pg-native', 'pg-cloudflare'];

/**
 * @param needed - The oldest Node.js, such as 22.15.
 * @param folder - Where the scripts go.
 * @returns what is in the bundle
 */
export async function buildCommandLine(needed: string, folder: string): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: { 'command-line': 'bin/pg-tls-auditor.ts' },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    chunkNames: 'scripts/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: `node${needed}`,
    mainFields: ['module', 'main'],
    // Not minified: a person can read it, and the places that a crash names.
    banner: { js: REQUIRE },
    external: NEVER_REACHED,
    plugins: [onlyVersion],
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  });
  await writeFile(join(folder, COMMAND), starter(needed));
  return metafile;
}

/** In syntax that every Node.js with `import()` reads: an older one would end in a stack trace. */
function starter(needed: string): string {
  const [major, minor = '0'] = needed.split('.');
  return `#!/usr/bin/env node
// Starts the command line, or says which Node.js it needs.

var version = process.versions.node.split('.');
if (Number(version[0]) < ${major} || (Number(version[0]) === ${major} && Number(version[1]) < ${minor})) {
  console.error('error: pg-tls-auditor needs Node.js ${needed} or newer, and this is ' + process.versions.node);
  // As for everything that could not be audited.
  process.exitCode = 2;
} else {
  import('./command-line.mjs');
}
`;
}
