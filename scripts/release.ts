// Makes a release of this checkout: version, changelog, package, commit and tag. It publishes nothing.

import { ROOT } from './package/folders.ts';
import { makeRelease } from './release/make-release.ts';

const [bump] = process.argv.slice(2);
if (bump === undefined) {
  console.error('error: name what the release changes: npm run release -- major, minor, patch, or a version');
  process.exit(2);
}
const { version, tarball, sha256 } = makeRelease({ root: ROOT, bump, date: new Date().toISOString().slice(0, 10) });
console.log(`
${tarball}
SHA-256 of its tar: ${sha256}

v${version} is committed and tagged here. To publish it: git push --follow-tags`);
