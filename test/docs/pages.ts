// Reads the documentation: every page with its links, headings, blocks of code and words in code.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lexer, type Token, walkTokens } from 'marked';
import { ROOT } from '../../scripts/generated-files.ts';

export interface CodeBlock {
  /** What stands after the fence: `sh`, `json config`. */
  readonly language: string;
  readonly text: string;
}

export interface Page {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
  /** As written: `configuration.md#policy`. */
  readonly links: readonly string[];
  /** What links may give after `#`. */
  readonly anchors: ReadonlySet<string>;
  readonly blocks: readonly CodeBlock[];
  /** Texts between backticks. */
  readonly codeSpans: readonly string[];
}

/** Every page that a person reads. */
export function readPages(): readonly Page[] {
  const inFolder = (folder: string): readonly string[] =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
  return ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', ...inFolder('docs'), ...inFolder('examples')]
    .filter((path) => path.endsWith('.md'))
    .map((path) => readPage(path, readFileSync(join(ROOT, path), 'utf8')));
}

export function readPage(path: string, text: string): Page {
  const links: string[] = [];
  const headings: string[] = [];
  const blocks: CodeBlock[] = [];
  const codeSpans: string[] = [];
  walkTokens(lexer(text), (token: Token) => {
    if (token.type === 'link' || token.type === 'image') links.push(token.href);
    else if (token.type === 'heading') headings.push(token.text);
    else if (token.type === 'code') blocks.push({ language: token.lang ?? '', text: token.text });
    else if (token.type === 'codespan') codeSpans.push(token.text);
  });
  return { path, text, links, anchors: anchorsOf(headings), blocks, codeSpans };
}

/** The anchors that GitHub gives to headings: a repeated one gets a number. */
function anchorsOf(headings: readonly string[]): ReadonlySet<string> {
  const counts = new Map<string, number>();
  return new Set(
    headings.map((heading) => {
      const slug = heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(/\s/g, '-');
      const count = counts.get(slug) ?? 0;
      counts.set(slug, count + 1);
      return count === 0 ? slug : `${slug}-${count}`;
    }),
  );
}

/**
 * The commands of a block for the shell, each as its words: lines that go on are joined, comments left out, and
 * commands joined by `&&` or `|` taken apart. Quotes are understood as far as the pages use them.
 */
export function commandsOf(script: string): readonly (readonly string[])[] {
  const commands: string[][] = [];
  for (const line of script.replaceAll('\\\n', ' ').split('\n')) {
    let words: string[] = [];
    for (const [word] of line.matchAll(
      /#.*$|&&|\||(?:'[^']*'|"(?:\$\([^)]*\)|[^"])*"|<[^>]*>|[^\s'"|&#<]|(?<=\S)#)+|<|&/g,
    )) {
      if (word.startsWith('#')) break;
      if (word === '&&' || word === '|') {
        commands.push(words);
        words = [];
      } else words.push(unquoted(word));
    }
    if (words.length > 0) commands.push(words);
  }
  return commands;
}

function unquoted(word: string): string {
  return word.replaceAll(/'([^']*)'|"([^"]*)"/g, (_match, single?: string, double?: string) => single ?? double ?? '');
}
