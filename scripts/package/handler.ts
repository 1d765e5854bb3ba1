// Bundles the functions with all of their parts, and writes which script loads which others.

import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Metafile } from 'esbuild';
import { bundleHandler, writeScripts } from '../../lib/bundled-handler.ts';
import { RUNTIME_CLIENTS } from '../../lib/feature-modules.ts';
import { PREBUILT_FOLDERS, PREBUILT_INDEX, type PrebuiltScripts } from '../../lib/prebuilt-handler.ts';
import { DIST } from './folders.ts';

/** @returns what is in the bundles */
export function buildHandler(): readonly Metafile[] {
  const metafiles = Object.entries(PREBUILT_FOLDERS).map(([name, entries]) => {
    const folder = join(DIST, 'handler', name);
    mkdirSync(folder, { recursive: true });
    const bundle = bundleHandler(folder, RUNTIME_CLIENTS, entries);
    writeScripts(folder, bundle);
    writeFileSync(join(folder, PREBUILT_INDEX), `${JSON.stringify(scriptsOf(bundle.metafile), undefined, 2)}\n`);
    return bundle.metafile;
  });
  // The modules of the package are ESM otherwise.
  writeFileSync(join(DIST, 'handler', 'package.json'), '{"type":"commonjs"}\n');
  return metafiles;
}

function scriptsOf({ inputs, outputs }: Metafile): PrebuiltScripts {
  // As the sources name the modules that they import when they are first used.
  const names = new Map(
    Object.values(inputs)
      .flatMap(({ imports }) => imports)
      .flatMap(({ kind, path, original }) => (kind === 'dynamic-import' ? [[path, original ?? path]] : [])) as [
      string,
      string,
    ][],
  );
  const modules = new Map(
    Object.entries(outputs).flatMap(([path, { entryPoint }]) =>
      entryPoint === undefined ? [] : [[path, names.get(entryPoint) ?? entryPoint] as const],
    ),
  );
  return Object.fromEntries(
    Object.entries(outputs).map(([path, { imports }]) => {
      const inside = imports.filter(({ external }) => external !== true);
      const needs = inside.filter(({ kind }) => kind === 'import-statement').map((each) => basename(each.path));
      const uses = inside
        .filter(({ kind }) => kind === 'dynamic-import')
        .map((each) => [modules.get(each.path) ?? each.path, basename(each.path)]);
      return [basename(path), { needs, uses: Object.fromEntries(uses) }];
    }),
  );
}
