// Takes the scripts of the functions from the published package: those that a deployment's parts need.

import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FunctionEntry, HandlerScripts } from './handler-scripts.ts';

/** Scripts that were bundled together, by name, with what each loads. `npm run build` writes it. */
export type PrebuiltScripts = Readonly<Record<string, PrebuiltScript>>;

interface PrebuiltScript {
  /** Scripts that are loaded with it. */
  readonly needs: readonly string[];
  /** Scripts that are loaded when they are first used, by the module that the source imports. */
  readonly uses: Readonly<Record<string, string>>;
}

/** The function that does everything is bundled by itself: a script that the fleet shares would be one more to load. */
export const PREBUILT_FOLDERS = {
  function: ['index'],
  fleet: ['plan', 'worker', 'repair', 'digest', 'relay'],
} as const satisfies Readonly<Record<string, readonly FunctionEntry[]>>;

/** In each of the folders. */
export const PREBUILT_INDEX = 'scripts.json';

// Relative to dist/lib/, where this is part of the construct.
const SOURCE = join(import.meta.dirname, '..', 'handler');

export const handlerScripts: HandlerScripts = {
  source: SOURCE,
  write(folder, leftOut, entries) {
    const from = join(SOURCE, entries.includes('index') ? 'function' : 'fleet');
    const all = JSON.parse(readFileSync(join(from, PREBUILT_INDEX), 'utf8')) as PrebuiltScripts;
    for (const name of scriptsOf(all, leftOut, entries)) {
      for (const file of [name, `${name}.map`]) copyFileSync(join(from, file), join(folder, file));
    }
  },
};

/** The scripts of these entries, and what they load, now and later, without the modules that are left out. */
export function scriptsOf(
  all: PrebuiltScripts,
  leftOut: readonly string[],
  entries: readonly FunctionEntry[],
): ReadonlySet<string> {
  const taken = new Set<string>();
  const take = (name: string): void => {
    if (taken.has(name)) return;
    const script = all[name];
    if (script === undefined) throw new Error(`the package lacks the script ${name}: install pg-tls-auditor again`);
    taken.add(name);
    const used = Object.entries(script.uses).flatMap(([module, later]) => (leftOut.includes(module) ? [] : [later]));
    for (const next of [...script.needs, ...used]) take(next);
  };
  for (const entry of entries) take(`${entry}.js`);
  return taken;
}
