// Reduces package.json to its name and version where it is bundled.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plugin } from 'esbuild';
import { ROOT } from './folders.ts';

const FILE = join(ROOT, 'package.json');

/** Otherwise all of it would be in the bundle, with what is installed for development. */
export const onlyVersion: Plugin = {
  name: 'only-version',
  setup(build) {
    build.onLoad({ filter: /[/\\]package\.json$/ }, async ({ path }) => {
      if (path !== FILE) return undefined;
      const { name, version } = JSON.parse(await readFile(FILE, 'utf8')) as { name: string; version: string };
      return { contents: JSON.stringify({ name, version }), loader: 'json' };
    });
  },
};
