// Writes what the bundles contain of others: their licences, and the bill of materials.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';
import { releaseDate } from '../release/changelog.ts';
import { bundledPackages } from './bundled-packages.ts';
import { DIST, ROOT } from './folders.ts';
import { SBOM, sbom } from './sbom.ts';
import { THIRD_PARTY_LICENSES, thirdPartyLicenses } from './third-party-licenses.ts';

/** @param metafiles - Of everything that is bundled. */
export function writeBundled(metafiles: readonly Metafile[]): void {
  const packages = bundledPackages(metafiles);
  const published = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const released = releaseDate(readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8'), published.version);
  writeFileSync(join(DIST, THIRD_PARTY_LICENSES), thirdPartyLicenses(packages));
  writeFileSync(join(DIST, SBOM), sbom({ ...published, released }, packages));
}
