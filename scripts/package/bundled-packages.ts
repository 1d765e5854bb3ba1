// Lists the packages of others that are in the bundles, with their licences.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';
import { ROOT } from './folders.ts';

/** A package whose code is in what is published. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** Of SPDX, such as MIT. */
  readonly license: string;
  /** The files with its licence and its notices, in the order of their names. */
  readonly texts: readonly string[];
  /** The packages that it imports, as NAME@VERSION. */
  readonly needs: readonly string[];
}

/** Licences that allow to publish the code within a package under Apache-2.0, as long as their texts are with it. */
const ALLOWED_LICENSES = ['MIT', 'MIT-0', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD'];

/** The package's own LICENSE has the text of Apache-2.0; MIT-0 and 0BSD ask for none. */
const WITHOUT_TEXT = ['Apache-2.0', 'MIT-0', '0BSD'];

/** The files of a package that are published with its code. */
const TEXTS = /^(licen[cs]e|copying|notice)([.-].*)?$/i;

/** Where a package has no such file, its README may have the text, below a heading. */
const README = /^readme(\.md)?$/i;
const LICENSE_SECTION = /^#+ *licen[cs]e\s*\n([\s\S]*copyright[\s\S]*)$/im;

/** The last package of a path: one may be inside of another's folder. */
const FOLDER = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/;

export function idOf({ name, version }: Pick<BundledPackage, 'name' | 'version'>): string {
  return `${name}@${version}`;
}

/**
 * @param metafiles - Of esbuild, with paths from the root of the checkout.
 * @returns each package once, in the order of names and versions
 * @throws Error where a licence is not allowed, or its text is missing
 */
export function bundledPackages(metafiles: readonly Metafile[], root: string = ROOT): readonly BundledPackage[] {
  const published = new Set(metafiles.flatMap(publishedFiles));
  const folders = new Set([...published].flatMap((path) => folderOf(path) ?? []));
  const packages = new Map([...folders].map((folder) => [folder, readPackage(root, folder)]));
  const needs = new Map<string, Set<string>>([...packages.values()].map((each) => [idOf(each), new Set()]));
  for (const [path, { imports }] of metafiles.flatMap(({ inputs }) => Object.entries(inputs))) {
    const from = published.has(path) ? packages.get(folderOf(path) ?? '') : undefined;
    for (const imported of from === undefined ? [] : imports) {
      const to = packages.get(folderOf(imported.path) ?? '');
      if (from !== undefined && to !== undefined && idOf(from) !== idOf(to)) needs.get(idOf(from))?.add(idOf(to));
    }
  }
  // A package may be there twice, in folders of two others.
  return [...new Map([...packages.values()].map((each) => [idOf(each), each])).entries()]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([id, each]) => ({ ...each, needs: [...(needs.get(id) ?? [])].sort() }));
}

/** Files of which something is in the bundle: what is imported and never used is left out. */
function publishedFiles({ outputs }: Metafile): readonly string[] {
  return Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
}

function folderOf(path: string): string | undefined {
  return FOLDER.exec(path)?.[0];
}

function readPackage(root: string, folder: string): Omit<BundledPackage, 'needs'> {
  const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Record<
    string,
    unknown
  >;
  if (typeof name !== 'string' || typeof version !== 'string') throw new Error(`${folder} is no package of npm`);
  if (typeof license !== 'string' || !ALLOWED_LICENSES.includes(license)) {
    throw new Error(
      `${name}@${version} has the licence ${JSON.stringify(license)}, and what is bundled may have only ` +
        `${ALLOWED_LICENSES.join(', ')}: take another package`,
    );
  }
  const texts = readTexts(join(root, folder));
  if (texts.length === 0 && !WITHOUT_TEXT.includes(license)) {
    throw new Error(
      `${name}@${version} has the licence ${license}, which must be published with its text, and comes without it`,
    );
  }
  return { name, version, license, texts };
}

function readTexts(folder: string): readonly string[] {
  const read = (file: string) => readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n');
  const files = readdirSync(folder);
  const texts = files.filter((file) => TEXTS.test(file)).sort();
  if (texts.length > 0) return texts.map((file) => read(file).trim());
  return files
    .filter((file) => README.test(file))
    .flatMap((file) => LICENSE_SECTION.exec(read(file))?.[1]?.trim() ?? []);
}
