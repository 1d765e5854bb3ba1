// The words that this project gave up, and the search that finds them in sources.

import { globSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { type Comment, parseSync, Visitor } from 'oxc-parser';

const ROOT = join(import.meta.dirname, '..');

/** Words that no identifier may contain. `docs/glossary.md` names what to say instead of each. */
export const GIVEN_UP_WORDS = [
  ...['tell', 'tells', 'telling', 'told', 'untold', 'hear', 'hears', 'heard'],
  ...['whoever', 'nobody', 'somebody', 'everyone'],
  ...['circumstances', 'patience', 'stranger', 'strangers', 'loud', 'quiet', 'kinship', 'alike'],
  ...['judge', 'judged', 'judges', 'judgement', 'judgements', 'goodbye', 'stray', 'strays', 'anew'],
  ...['remember', 'remembered', 'look', 'looks', 'looked', 'notice', 'notices', 'hop', 'hops'],
] as const;

/** Names that stay although they contain such a word, with the reason. */
export const KEPT_NAMES: Readonly<Record<string, string>> = {
  byHop: 'a key of the report schema',
  quietHours: 'a setting that was renamed: the configuration refuses it and names the new one',
};

/** What the comments and the texts of shipped code must not say. */
export const GIVEN_UP_PHRASES = ['whoever', 'nobody', 'somebody', 'told', 'tells it'] as const;

export interface Found {
  /** From the root, with `/`. */
  readonly path: string;
  /** Counted from 1. */
  readonly line: number;
  readonly text: string;
}

/** The paths of all TypeScript sources in those folders of the root, with `/`. */
export function sourcesIn(folders: readonly string[]): readonly string[] {
  return globSync(
    folders.map((folder) => `${folder}/**/*.ts`),
    { cwd: ROOT, exclude: (path) => path.includes('node_modules') },
  )
    .map((path) => path.split(sep).join('/'))
    .sort();
}

export function readSource(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** The lower-case words of a camelCase, PascalCase or UPPER_CASE name: `heardBy` is heard and by, `outlook` is one. */
export function wordsOf(name: string): readonly string[] {
  return (name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g) ?? []).map((word) => word.toLowerCase());
}

/** Identifiers, private names and property names, quoted ones too, that contain a given-up word; each once a source. */
export function givenUpNames(path: string, source: string): readonly Found[] {
  const found = new Map<string, Found>();
  const check = (name: string, start: number): void => {
    if (found.has(name) || Object.hasOwn(KEPT_NAMES, name)) return;
    if (wordsOf(name).some((word) => (GIVEN_UP_WORDS as readonly string[]).includes(word))) {
      found.set(name, { path, line: lineAt(source, start), text: name });
    }
  };
  const checkKey = ({ key }: { readonly key: unknown }): void => {
    const { type, value, start } = key as { type: string; value?: unknown; start: number };
    if (type === 'Literal' && typeof value === 'string') check(value, start);
  };
  new Visitor({
    Identifier: ({ name, start }) => check(name, start),
    PrivateIdentifier: ({ name, start }) => check(name, start),
    Property: checkKey,
    PropertyDefinition: checkKey,
    MethodDefinition: checkKey,
    TSPropertySignature: checkKey,
  }).visit(parse(path, source).program);
  return [...found.values()];
}

/** Comments and texts in which a given-up phrase stands as whole words. */
export function givenUpPhrases(path: string, source: string): readonly Found[] {
  const { program, comments } = parse(path, source);
  const found: Found[] = [];
  const check = (text: string, start: number): void => {
    for (const { index, 0: phrase } of text.matchAll(PHRASES)) {
      found.push({ path, line: lineAt(source, start + index), text: phrase.toLowerCase() });
    }
  };
  for (const { start, end } of comments) check(source.slice(start, end), start);
  new Visitor({
    Literal: ({ value, start, end }) => {
      if (typeof value === 'string') check(source.slice(start, end), start);
    },
    TemplateElement: ({ start, end }) => check(source.slice(start, end), start),
  }).visit(program);
  return found.sort((a, b) => a.line - b.line);
}

const PHRASES = new RegExp(`\\b(?:${GIVEN_UP_PHRASES.join('|')})\\b`, 'gi');

function parse(path: string, source: string): { program: Parameters<Visitor['visit']>[0]; comments: Comment[] } {
  const { program, comments, errors } = parseSync(path, source);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  return { program, comments };
}

function lineAt(source: string, offset: number): number {
  return source.slice(0, offset).split('\n').length;
}
