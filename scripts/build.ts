// Makes the npm package in dist/, from which it is packed and published.

import { chmodSync, cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeBundled } from './package/bundled.ts';
import { buildCloudFormation } from './package/cloudformation.ts';
import { buildCommandLine, COMMAND } from './package/command-line.ts';
import { buildDeclarations } from './package/declarations.ts';
import { DIST, ROOT } from './package/folders.ts';
import { buildHandler } from './package/handler.ts';
import { buildLibrary } from './package/library.ts';
import { NEEDED_NODE, writeManifest } from './package/manifest.ts';
import { packedPages, writePages } from './package/pages.ts';

/** Files as they are in the checkout, by their place in the package. */
const COPIES = {
  'schema.json': 'auditor.schema.json',
  'schemas/report.json': 'docs/report.schema.json',
  'schemas/logs.json': 'docs/logs.schema.json',
  'schemas/discover.json': 'docs/discover.schema.json',
  'schemas/plan.json': 'docs/plan.schema.json',
  'docs/checks': 'docs/checks',
  'docs/reader-role.json': 'docs/reader-role.json',
  ...Object.fromEntries(packedPages().map((path) => [path, path])),
  examples: 'examples',
  Dockerfile: 'Dockerfile',
  'auditor.config.example.json': 'auditor.config.example.json',
  'CHANGELOG.md': 'CHANGELOG.md',
  'README.md': 'README.md',
  LICENSE: 'LICENSE',
};

rmSync(DIST, { recursive: true, force: true });
mkdirSync(DIST);
for (const [to, from] of Object.entries(COPIES)) cpSync(join(ROOT, from), join(DIST, to), { recursive: true });
writeManifest();
const functions = buildHandler();
buildCloudFormation();
const [commandLine, library] = await Promise.all([
  buildCommandLine(NEEDED_NODE, join(DIST, 'bin')),
  buildLibrary(NEEDED_NODE),
]);
writeBundled([...functions, commandLine, ...library]);
await buildDeclarations();
writePages(COPIES);

// Packed, files have the permissions that they have here: the same ones, whatever the checkout's are.
for (const entry of readdirSync(DIST, { recursive: true, withFileTypes: true })) {
  const isRun = entry.isDirectory() || entry.name === COMMAND;
  chmodSync(join(entry.parentPath, entry.name), isRun ? 0o755 : 0o644);
}
