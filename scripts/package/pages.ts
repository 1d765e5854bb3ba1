// Writes the pages of the package: what they say to those who have a clone is said to those who have the package.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { API_PAGES } from './declarations.ts';
import { DIST, ROOT } from './folders.ts';
import { filesOf, packedLinks } from './links.ts';

/** About the repository itself. */
const NOT_PACKED = ['docs/architecture.md', 'docs/releasing.md'];

/** A part of a page, and what the package has in its place. */
interface Replacement {
  readonly from: string;
  readonly to: string;
}

/** Where an app finds the schema of its configuration. */
const SCHEMA: Replacement = {
  from: '"$schema": "./auditor.schema.json"',
  to: '"$schema": "./node_modules/pg-tls-auditor/schema.json"',
};

/** Says how to make the page again. */
const GENERATED = /^<!-- Made by npm run .*-->\n\n/m;

const README: readonly Replacement[] = [
  {
    from: `On Linux with glibc (Debian, Ubuntu, Fedora, …), with Node 20 or newer and npm; no Docker, no AWS account, no root:

\`\`\`sh
npm ci && npm run demo
\`\`\`

starts real PostgreSQL servers and clients, runs the function against local stand-ins for AWS, and shows its messages:
`,
    to: `With Node.js 22.15 or newer, where the package is [installed](docs/install.md):

\`\`\`sh
npx pg-tls-auditor --help
\`\`\`

A message of a run:
`,
  },
  {
    from: `\`\`\`sh
npm ci && npm test
\`\`\`

runs every test that needs nothing but npm, against real servers and real TLS from 1.0 to 1.3.

`,
    to: '',
  },
  {
    from: '4. **The configuration**, `auditor.config.json` in this folder',
    to: '4. **The configuration**, `auditor.config.json` in the folder of a [CDK app](docs/install.md#the-construct)',
  },
  { from: '   npx cdk deploy\n', to: "   npx cdk deploy --app 'node app.mjs'\n" },
  { from: '[installation without a clone]', to: '[installation]' },
];

/** The pages of the repository that the package has, besides those about checks and the API. */
export function packedPages(): readonly string[] {
  return readdirSync(join(ROOT, 'docs'))
    .map((name) => `docs/${name}`)
    .filter((path) => path.endsWith('.md') && !NOT_PACKED.includes(path));
}

/** @throws Error for a part that the page lacks: it was changed, and what the package says has to follow */
export function packageText(path: string, text: string): string {
  const parts = path === 'README.md' ? README : [];
  const missing = parts.find(({ from }) => !text.includes(from));
  if (missing !== undefined) {
    throw new Error(`${path} lacks a part that scripts/package/pages.ts replaces: ${missing.from.split('\n', 1)}`);
  }
  const replaced = [...parts, SCHEMA].reduce((changed, { from, to }) => changed.replaceAll(from, () => to), text);
  return replaced.replace(GENERATED, '');
}

/**
 * Of every page but those about the API, which link to one another only, and of the configurations.
 *
 * @param copies - Files of the repository, by their place in the package.
 */
export function writePages(copies: Readonly<Record<string, string>>): void {
  const { repository, version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const files = filesOf(repository, version);
  const moved = new Map(Object.entries(copies).map(([to, from]) => [from, to]));
  const placeOf = (path: string): string | undefined => {
    const place = moved.get(path) ?? path;
    return existsSync(join(DIST, place)) ? place : undefined;
  };
  for (const entry of readdirSync(DIST, { recursive: true, encoding: 'utf8' })) {
    const path = entry.split('\\').join(posix.sep);
    const isPage = path.endsWith('.md') && !path.startsWith(`${API_PAGES}/`);
    const isConfig = /^examples\/.*\.json$|^auditor\.config\.example\.json$/.test(path);
    if (!isPage && !isConfig) continue;
    const file = join(DIST, path);
    const text = packageText(path, readFileSync(file, 'utf8'));
    writeFileSync(file, isPage ? packedLinks(text, { path, placeOf, files }) : text);
  }
}
