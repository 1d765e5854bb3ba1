// Renders the licences of the packages that are in the bundles.

import { type BundledPackage, idOf } from './bundled-packages.ts';

/** The file's name in the package. */
export const THIRD_PARTY_LICENSES = 'THIRD-PARTY-LICENSES.txt';

const RULE = '-'.repeat(80);

/** A list of the packages, then each text once, under all of the packages that have it. */
export function thirdPartyLicenses(packages: readonly BundledPackage[]): string {
  const list = packages.map((each) => `${idOf(each)}  ${each.license}`);
  const holders = new Map<string, string[]>();
  for (const each of packages) {
    for (const text of each.texts) holders.set(text, [...(holders.get(text) ?? []), idOf(each)]);
  }
  const texts = [...holders].map(([text, ids]) => `${RULE}\n${ids.join('\n')}\n${RULE}\n\n${text}\n`);
  return `The scripts of this package contain code of these packages:

${list.join('\n')}

Those under Apache-2.0 whose text is not below: it is in LICENSE.

${texts.join('\n')}`;
}
