// The pages of the package speak to those who have the package.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../../scripts/package/folders.ts';
import { packageText, packedPages } from '../../scripts/package/pages.ts';

const OF_A_CLONE = /npm (?:ci|run|test)\b|\bdist\/|npx cdk \w+ -c |\.ci\/run/;

const textOf = (path: string): string => packageText(path, readFileSync(join(ROOT, path), 'utf8'));

/** Paragraphs, lists and blocks of code, each with what is before and after it. */
function partsOf(text: string): readonly { readonly part: string; readonly around: string }[] {
  const parts = text.split(/\n\n+/);
  return parts.map((part, index) => ({ part, around: parts.slice(Math.max(0, index - 2), index + 2).join('\n') }));
}

test.each(['README.md', 'examples/README.md', ...packedPages()])(
  '%s has no command that only a clone has, unless it says so',
  (path) => {
    const wrong = partsOf(textOf(path)).filter(
      ({ part, around }) => OF_A_CLONE.test(part) && !/\bclone\b/.test(around),
    );
    expect(wrong.map(({ part }) => part)).toEqual([]);
  },
);

test('the README of the package has no command of a clone at all', () => {
  expect(textOf('README.md')).not.toMatch(OF_A_CLONE);
});

test('configurations have the schema where an app has it', () => {
  expect(textOf('auditor.config.example.json')).toContain('"$schema": "./node_modules/pg-tls-auditor/schema.json"');
  expect(textOf('docs/configuration.md')).not.toContain('"./auditor.schema.json"');
});

test('a README without a part that is replaced stops the build', () => {
  expect(() => packageText('README.md', '# pg-tls-auditor')).toThrow(
    /README\.md lacks a part that .* replaces: On Linux/,
  );
});
