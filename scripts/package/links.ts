// Makes the links of packed pages lead somewhere: to a file of the package, or to the repository.

import { posix } from 'node:path';

export interface PackedPage {
  /** Its place in the package and in the repository. */
  readonly path: string;
  /** The place in the package of a file or folder of the repository; undefined where the package lacks it. */
  readonly placeOf: (path: string) => string | undefined;
  /** The address in front of a file's path in the repository; undefined where there is no repository. */
  readonly files: string | undefined;
}

const CODE_BLOCK = /(^ *```[\s\S]*?^ *```)/m;
const RELATIVE_LINK = /(!?)\[([^[\]]+)\]\((?![a-z]+:|#)([^()\s#]+)(#[^()\s]*)?\)/g;

/** Links to what the package lacks lead to the repository; without one, their text alone stays, and no image. */
export function packedLinks(markdown: string, { path, placeOf, files }: PackedPage): string {
  const folder = posix.dirname(path);
  const replaced = (_: string, image: string, text: string, target: string, fragment = ''): string => {
    const file = posix.join(folder, target);
    const place = placeOf(file);
    const end = target.endsWith('/') ? '/' : '';
    if (place !== undefined) return `${image}[${text}](${posix.relative(folder, place)}${end}${fragment})`;
    if (image !== '') return '';
    return files === undefined ? text : `[${text}](${files}${file}${fragment})`;
  };
  return markdown
    .split(CODE_BLOCK)
    .map((part) => (part.trimStart().startsWith('```') ? part : part.replace(RELATIVE_LINK, replaced)))
    .join('');
}

/** @param repository - Of package.json: an address, or what has one as its `url`. Of GitHub, or of no use here. */
export function filesOf(repository: unknown, version: string): string | undefined {
  const url = (repository as { readonly url?: unknown } | undefined)?.url ?? repository;
  const [, name] = /(?:[/@]github\.com[/:]|^github:)([\w-]+\/[\w.-]+?)(?:\.git)?\/?$/.exec(String(url)) ?? [];
  return name === undefined ? undefined : `https://github.com/${name}/blob/v${version}/`;
}
