// Holds lines to 120 columns: comments and code in sources, and prose in documents.

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { longProseLines, longSourceLines, MAX_COLUMNS } from '../lab/line-length.ts';

const ROOT = join(import.meta.dirname, '..');
/** Not ours, or not kept. */
const IGNORED = ['node_modules', 'cdk.out', 'dist', 'coverage'];
/** Written by `npm run generate`, which puts each text of a check on one line. */
const GENERATED = /^docs\/checks\//;

function paths(pattern: string): readonly string[] {
  const exclude = (path: string): boolean => path.split(/[\\/]/).some((part) => IGNORED.includes(part));
  return globSync(pattern, { cwd: ROOT, exclude }).map((path) => path.replaceAll('\\', '/'));
}

describe('lines', () => {
  test.each(['**/*.{ts,mjs}', '.ci/**/*.mjs'])(`of %s have at most ${MAX_COLUMNS} columns`, (pattern) => {
    const long = paths(pattern).flatMap((path) =>
      longSourceLines(path, readFileSync(join(ROOT, path), 'utf8')).map((line) => `${path}:${line}`),
    );
    expect(long).toEqual([]);
  });

  test(`of documents have at most ${MAX_COLUMNS} columns`, () => {
    const all = paths('**/*.md').filter((path) => !GENERATED.test(path));
    expect(all).toContain('docs/glossary.md');
    const long = all.flatMap((path) =>
      longProseLines(readFileSync(join(ROOT, path), 'utf8')).map((line) => `${path}:${line}`),
    );
    expect(long).toEqual([]);
  });
});

const wide = 'long '.repeat(25);

describe('a line of a source', () => {
  test.each([
    ['a comment', `// ${wide}`],
    ['a docstring', `/** ${wide} */\nconst a = 1;`],
    ['a comment behind code', `const a = 1; // ${wide}`],
    ['code', `const a = [${'1, '.repeat(50)}];`],
  ])('is too long as %s', (_what, source) => {
    expect(longSourceLines('a.ts', source)).toEqual([1]);
  });

  test.each([
    ['of 120 columns', `// ${'a'.repeat(117)}`],
    ['of 120 characters and more bytes', `// ${'…'.repeat(117)}`],
    ['of a long text', `const a = '${wide}';`],
    ['of a long template', `const a = \`${wide}\`;`],
    ['of a long regular expression', `const a = /${wide}/;`],
    ['of a long address', `// See https://example.com/${'a'.repeat(120)}`],
  ])('is not too long %s', (_what, source) => {
    expect(longSourceLines('a.ts', source)).toEqual([]);
  });

  test('has its number', () => {
    expect(longSourceLines('a.ts', `const a = \`\n${wide}\n\`;\n// ${wide}`)).toEqual([4]);
  });
});

describe('a line of a document', () => {
  test.each([
    ['prose', wide],
    ['a list', `- ${wide}`],
    ['prose after code', `\`\`\`\n\`\`\`\n${wide}`],
  ])('is too long as %s', (_what, text) => {
    expect(longProseLines(text)).toHaveLength(1);
  });

  test.each([
    ['a table', `| ${wide} |`],
    ['code', `\`\`\`sh\n${wide}\n\`\`\``],
    ['HTML', `<img alt="${wide}">`],
    ['a link with a long address', `[a](docs/${'a'.repeat(120)}.md)`],
  ])('may be long as %s', (_what, text) => {
    expect(longProseLines(text)).toEqual([]);
  });
});
