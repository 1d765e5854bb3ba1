// Makes the links of packed pages lead somewhere: to a file of the package, or to the repository.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { API_PAGES } from './declarations.ts';
import { DIST, ROOT } from './folders.ts';

export interface PackedPage {
  /** Its place in the package and in the repository. */
  readonly path: string;
  /** Whether the package has that file. */
  readonly isPacked: (path: string) => boolean;
  /** The address in front of a file's path in the repository; undefined where there is no repository. */
  readonly files: string | undefined;
}

const CODE_BLOCK = /(^ *```[\s\S]*?^ *```)/m;
const RELATIVE_LINK = /\[([^[\]]+)\]\((?![a-z]+:|#)([^()\s#]+)(#[^()\s]*)?\)/g;

/** Links to what the package does not have lead to the repository; without one, their text alone stays. */
export function packedLinks(markdown: string, { path, isPacked, files }: PackedPage): string {
  const replaced = (link: string, text: string, target: string, fragment = ''): string => {
    const file = posix.join(posix.dirname(path), target);
    if (isPacked(file)) return link;
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

/** Of every page but those about the API, which link to one another only. */
export function writeLinks(): void {
  const { repository, version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const files = filesOf(repository, version);
  const isPacked = (path: string): boolean => existsSync(join(DIST, path));
  for (const entry of readdirSync(DIST, { recursive: true, encoding: 'utf8' })) {
    const path = entry.replaceAll('\\', '/');
    if (!path.endsWith('.md') || path.startsWith(`${API_PAGES}/`)) continue;
    const page = join(DIST, path);
    writeFileSync(page, packedLinks(readFileSync(page, 'utf8'), { path, isPacked, files }));
  }
}
