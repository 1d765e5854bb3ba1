// Licences and the bill of materials of what is bundled.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import type { Metafile } from 'esbuild';
import { afterAll, describe, expect, test } from 'vitest';
import { type BundledPackage, bundledPackages } from '../../scripts/package/bundled-packages.ts';
import { sbom } from '../../scripts/package/sbom.ts';
import { thirdPartyLicenses } from '../../scripts/package/third-party-licenses.ts';

const root = mkdtempSync(join(tmpdir(), 'bundled-'));
afterAll(() => rmSync(root, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** A package in that folder, with these further files. */
function install(folder: string, license: unknown, files: Readonly<Record<string, string>>, version = '1.0.0'): void {
  const name = folder.replace(/.*node_modules\//, '');
  write(`${folder}/package.json`, JSON.stringify({ name, version, license }));
  for (const [file, text] of Object.entries(files)) write(`${folder}/${file}`, text);
}

install('node_modules/one', 'MIT', { LICENSE: 'MIT of one\r\n' });
install('node_modules/@scope/two', 'Apache-2.0', {});
install('node_modules/@scope/two/node_modules/one', 'MIT', { 'LICENSE.md': 'MIT of one' }, '2.0.0');
install('node_modules/unused', 'GPL-3.0-only', { LICENSE: 'GPL' });
install('node_modules/copyleft', 'GPL-3.0-only', { LICENSE: 'GPL' });
install('node_modules/unnamed', undefined, { LICENSE: 'text' });
install('node_modules/textless', 'MIT', { 'README.md': '# Textless\n\n## License\n\nMIT\n' });
install('node_modules/in-readme', 'ISC', { 'README.md': '# x\n\n## License\n\nISC\n\nCopyright (c) A\n' });

/** A bundle of these files, with the files that each imports; those with no bytes were left out. */
function metafile(files: Readonly<Record<string, { readonly bytes?: number; readonly imports?: readonly string[] }>>) {
  const entries = Object.entries(files);
  const inputs = entries.map(([path, { imports = [] }]) => [path, { imports: imports.map((to) => ({ path: to })) }]);
  const used = entries.map(([path, { bytes = 9 }]) => [path, { bytesInOutput: bytes }]);
  return {
    inputs: Object.fromEntries(inputs),
    outputs: { 'out.js': { inputs: Object.fromEntries(used) } },
  } as unknown as Metafile;
}

const BUNDLE = metafile({
  'lib/own.ts': { imports: ['node_modules/@scope/two/index.js', 'node_modules/unused/index.js'] },
  'node_modules/@scope/two/index.js': {
    imports: ['node_modules/@scope/two/node_modules/one/a.js', 'node_modules/@scope/two/b.js'],
  },
  'node_modules/@scope/two/node_modules/one/a.js': {},
  'node_modules/one/index.js': {},
  'node_modules/unused/index.js': { bytes: 0 },
});
const PACKAGES = bundledPackages([BUNDLE, BUNDLE], root);

describe('what is bundled', () => {
  test('is each package of which there is code, once for each version, with what it imports', () => {
    expect(PACKAGES).toEqual([
      { name: '@scope/two', version: '1.0.0', license: 'Apache-2.0', texts: [], needs: ['one@2.0.0'] },
      { name: 'one', version: '1.0.0', license: 'MIT', texts: ['MIT of one'], needs: [] },
      { name: 'one', version: '2.0.0', license: 'MIT', texts: ['MIT of one'], needs: [] },
    ]);
  });

  test.each([
    ['copyleft', /copyleft@1.0.0 has the licence "GPL-3.0-only".*only MIT, .*take another package/],
    ['unnamed', /unnamed@1.0.0 has the licence undefined/],
    ['textless', /textless@1.0.0 has the licence MIT, which must be published with its text/],
  ])('may not be %s', (name, message) => {
    expect(() => bundledPackages([metafile({ [`node_modules/${name}/index.js`]: {} })], root)).toThrow(message);
  });

  test('may have its licence in its README', () => {
    const [found] = bundledPackages([metafile({ 'node_modules/in-readme/index.js': {} })], root);
    expect(found?.texts).toEqual(['ISC\n\nCopyright (c) A']);
  });

  test('has each text once, under all who share it', () => {
    const text = thirdPartyLicenses(PACKAGES);
    expect(text.match(/^MIT of one$/gm)).toHaveLength(1);
    expect(text).toContain('one@1.0.0\none@2.0.0\n---');
    expect(text).toContain('\n@scope/two@1.0.0  Apache-2.0\n');
  });
});

describe('the bill of materials', () => {
  const published = { name: 'published', version: '3.0.0', license: 'Apache-2.0', description: 'x' };
  const released = new Date('2026-04-05T00:00:00Z');
  const make = (packages: readonly BundledPackage[]) => sbom({ ...published, released }, packages);

  test('is what the schema of CycloneDX allows', async () => {
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
    expect(await validator.validate(make(PACKAGES))).toBeNull();
    const spoiled = JSON.stringify({ ...JSON.parse(make(PACKAGES)), components: [{ type: 'library' }] });
    expect(await validator.validate(spoiled)).not.toBeNull();
  });

  test('names each package with its licence and its place, and who needs it', () => {
    const { metadata, components, dependencies } = JSON.parse(make(PACKAGES));
    expect(metadata.timestamp).toBe('2026-04-05T00:00:00.000Z');
    expect(components.map(({ purl }: { purl: string }) => purl)).toEqual([
      'pkg:npm/%40scope/two@1.0.0',
      'pkg:npm/one@1.0.0',
      'pkg:npm/one@2.0.0',
    ]);
    expect(components[0]).toMatchObject({ group: '@scope', licenses: [{ license: { id: 'Apache-2.0' } }] });
    expect(dependencies).toEqual([
      { ref: '@scope/two@1.0.0', dependsOn: ['one@2.0.0'] },
      { ref: 'one@1.0.0' },
      { ref: 'one@2.0.0' },
      { ref: 'published@3.0.0', dependsOn: ['@scope/two@1.0.0', 'one@1.0.0'] },
    ]);
  });

  test('is the same for the same packages, and has another number for others', () => {
    const numberOf = (text: string): string => JSON.parse(text).serialNumber;
    expect(make([...PACKAGES].reverse())).not.toContain('undefined');
    expect(make(PACKAGES)).toBe(make(PACKAGES));
    expect(numberOf(make(PACKAGES))).not.toBe(numberOf(make(PACKAGES.slice(1))));
  });

  test('has no time before the release', () => {
    expect(JSON.parse(sbom({ ...published, released: undefined }, PACKAGES)).metadata.timestamp).toBeUndefined();
  });
});
