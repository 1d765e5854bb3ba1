// Reads from the sources which module imports which.

import { globSync, readFileSync } from 'node:fs';
import { join, posix, sep } from 'node:path';
import { parseSync } from 'oxc-parser';

const ROOT = join(import.meta.dirname, '..');

export interface Import {
  /** Path of the importing module from the root, with `/`. */
  readonly from: string;
  /** A path from the root, a package's name, or `node:…`. */
  readonly to: string;
  readonly kind: 'ours' | 'package' | 'node';
  /** Only types: gone when the program runs. */
  readonly typeOnly: boolean;
}

/** Every import and re-export of the modules in those folders, dynamic ones included. */
export function readImports(folders: readonly string[]): readonly Import[] {
  return globSync(
    folders.map((folder) => `${folder}/**/*.ts`),
    { cwd: ROOT, exclude: (path) => path.includes('node_modules') },
  ).flatMap((path) => importsOf(path.split(sep).join('/'), readFileSync(join(ROOT, path), 'utf8')));
}

/** The imports of one module's source. */
export function importsOf(from: string, source: string): readonly Import[] {
  const { module, errors } = parseSync(from, source);
  if (errors.length > 0) throw new Error(`${from}: ${errors[0]?.message}`);
  const requests = [
    ...module.staticImports.map(({ moduleRequest, entries }) => ({ request: moduleRequest.value, entries })),
    ...module.staticExports.flatMap(({ entries }) =>
      entries.flatMap((entry) => (entry.moduleRequest ? { request: entry.moduleRequest.value, entries: [entry] } : [])),
    ),
    ...module.dynamicImports.map(({ moduleRequest: { start, end } }) => ({
      request: source.slice(start, end).replace(/^['"`]|['"`]$/g, ''),
      entries: [],
    })),
  ];
  return requests.map(({ request, entries }) => ({
    from,
    ...resolve(from, request),
    typeOnly: entries.length > 0 && entries.every(({ isType }) => isType),
  }));
}

function resolve(from: string, request: string): Pick<Import, 'to' | 'kind'> {
  if (request.startsWith('node:')) return { to: request, kind: 'node' };
  if (request.startsWith('.')) return { to: posix.join(posix.dirname(from), request), kind: 'ours' };
  return { to: /^(@[^/]+\/)?[^/]+/.exec(request)?.[0] ?? request, kind: 'package' };
}

/** A cycle of modules, as the path that closes it; undefined when there is none. */
export function findCycle(imports: readonly Import[]): readonly string[] | undefined {
  const next = Map.groupBy(
    imports.filter(({ kind }) => kind === 'ours'),
    ({ from }) => from,
  );
  const done = new Set<string>();
  const visit = (module: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(module)) return [...path.slice(path.indexOf(module)), module];
    if (done.has(module)) return undefined;
    for (const { to } of next.get(module) ?? []) {
      const cycle = visit(to, [...path, module]);
      if (cycle !== undefined) return cycle;
    }
    done.add(module);
    return undefined;
  };
  for (const module of next.keys()) {
    const cycle = visit(module, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
