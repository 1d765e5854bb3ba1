// Writes what is made from the sources. A test fails when a file is out of step: then run `npm run generate`.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generatedFiles, ROOT } from './generated-files.ts';

for (const [path, content] of generatedFiles()) {
  writeFileSync(join(ROOT, path), content);
  console.log(`wrote ${path}`);
}
