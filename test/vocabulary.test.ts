// Holds the words that were given up out of identifiers, and out of what shipped code says.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type Found,
  GIVEN_UP_PHRASES,
  GIVEN_UP_WORDS,
  givenUpNames,
  givenUpPhrases,
  KEPT_NAMES,
  readSource,
  sourcesIn,
  wordsOf,
} from '../lab/vocabulary.ts';

const SHIPPED = ['bin', 'lib', 'lambda'];
const ALL = [...SHIPPED, 'lab', 'demo', 'bench', 'fuzz', 'scripts', 'test'];

const shown = ({ path, line, text }: Found): string => `${path}:${line} ${text}`;

describe('sources', () => {
  test('have no identifier with a given-up word: docs/glossary.md says what to write instead', () => {
    expect(sourcesIn(ALL).flatMap((path) => givenUpNames(path, readSource(path)).map(shown))).toEqual([]);
  });

  test('that ship have no comment and no text with a given-up phrase', () => {
    expect(sourcesIn(SHIPPED).flatMap((path) => givenUpPhrases(path, readSource(path)).map(shown))).toEqual([]);
  });

  test.each(ALL)('are read from %s', (folder) => {
    expect(sourcesIn([folder]).length).toBeGreaterThan(0);
  });

  test('contain each name that is kept', () => {
    const all = sourcesIn(ALL).map(readSource);
    for (const name of Object.keys(KEPT_NAMES)) {
      expect(
        all.some((source) => new RegExp(`\\b${name}\\b`).test(source)),
        name,
      ).toBe(true);
    }
  });
});

describe('a name', () => {
  test.each([
    ['heardBy', ['heard', 'by']],
    ['MAX_LOOKS', ['max', 'looks']],
    ['outlook', ['outlook']],
    ['readHTTPNotice', ['read', 'http', 'notice']],
    ['sha256Told', ['sha', 'told']],
    ['#hop', ['hop']],
  ])('%s is the words %j', (name, words) => {
    expect(wordsOf(name)).toEqual(words);
  });

  test.each([
    ['a variable', 'const toldAt = 1;'],
    ['a function', 'function lookAt() {}'],
    ['a parameter', 'const f = (stranger: string) => 1;'],
    ['a type', 'type Judged = string;'],
    ['a property', 'const a = { quiet: 1 };'],
    ['a quoted property', "const a = { 'told': 1 };"],
    ['a property of an interface', 'interface A { readonly heardBy: string }'],
    ['a private field', 'class A { #patience = 1 }'],
    ['a constant', 'const PATIENCE_MS = 1;'],
    ['a property that is read', 'a.remembered;'],
    ['an import', "import { tell } from './a.ts';"],
  ])('is found as %s', (_what, source) => {
    expect(givenUpNames('a.ts', `\n${source}`)).toMatchObject([{ path: 'a.ts', line: 2 }]);
  });

  test.each([
    ['is a word inside another one', 'const shop = 1, outlook = 2, lookup = 3, unquieted = 4;'],
    ['is kept', 'const a = { byHop: 1 };'],
    ['stands in a text', "const a = 'told';"],
    ['stands in a comment', '// told\nconst a = 1;'],
  ])('is passed over where it %s', (_what, source) => {
    expect(givenUpNames('a.ts', source)).toEqual([]);
  });

  test('is reported once a file', () => {
    expect(givenUpNames('a.ts', 'const told = 1;\nf(told);')).toHaveLength(1);
  });
});

describe('a phrase', () => {
  test.each([
    ['a comment', '// Nobody knows.'],
    ['a docstring', '/** For whoever reads. */\nconst a = 1;'],
    ['a text', "const a = 'somebody';"],
    ['a template', 'const a = `is told`;'],
    ['a line of a comment', '/**\n * It tells it.\n */'],
  ])('is found in %s', (_what, source) => {
    expect(givenUpPhrases('a.ts', source)).toHaveLength(1);
  });

  test('is found at its own line', () => {
    expect(givenUpPhrases('a.ts', '/**\n * Nobody.\n */')).toEqual([{ path: 'a.ts', line: 2, text: 'nobody' }]);
  });

  test('is passed over in identifiers and inside other words', () => {
    expect(givenUpPhrases('a.ts', '// untold, Nobodys\nconst told = 1;')).toEqual([]);
  });
});

describe('docs/glossary.md', () => {
  const text = readFileSync(join(import.meta.dirname, '..', 'docs', 'glossary.md'), 'utf8');
  const section = text.slice(text.indexOf('## Given-up words'));
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));

  test('lists the words that the test knows, and no others', () => {
    const listed = rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, word]) => word));
    expect(listed.toSorted()).toEqual([...GIVEN_UP_WORDS].sort());
  });

  test('says what to write instead of each', () => {
    for (const row of rows) expect(row.split('|')[2]?.trim(), row).toMatch(/\w/);
  });

  test('names the phrases', () => {
    for (const phrase of GIVEN_UP_PHRASES) expect(section).toContain(`"${phrase}"`);
  });
});
