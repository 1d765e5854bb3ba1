// Writes the generated files and parts of files, and removes pages of checks that are gone.

import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CHECK_PAGES, generatedFiles, ROOT } from './generated-files.ts';

const files = generatedFiles();
for (const [path, content] of files) {
  mkdirSync(dirname(join(ROOT, path)), { recursive: true });
  writeFileSync(join(ROOT, path), content);
  console.log(`wrote ${path}`);
}
for (const name of readdirSync(join(ROOT, CHECK_PAGES))) {
  const path = `${CHECK_PAGES}/${name}`;
  if (files.has(path)) continue;
  rmSync(join(ROOT, path));
  console.log(`removed ${path}`);
}
