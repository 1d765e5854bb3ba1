// Names the folders of the build.

import { join } from 'node:path';

/** Of the checkout. */
export const ROOT = join(import.meta.dirname, '..', '..');

/** What `npm run build` makes, and what `npm pack ./dist` packs. */
export const DIST = join(ROOT, 'dist');
