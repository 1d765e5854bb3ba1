// Finds lines of sources and documents that are longer than a screen is wide.

import { parseSync, Visitor } from 'oxc-parser';

/** Columns; biome formats code to the same width, and leaves comments alone. */
export const MAX_COLUMNS = 120;

/**
 * The numbers, from 1, of the lines of a TypeScript or JavaScript source that are too long. A text, template or regular
 * expression counts for nothing: it stays in one piece, so that a search finds it. Nor does a URL in a comment.
 */
export function longSourceLines(path: string, source: string): readonly number[] {
  if (widest(source.split('\n')) <= MAX_COLUMNS) return [];
  const { program, comments, errors } = parseSync(path, source);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  const literals: (readonly [start: number, end: number])[] = [];
  new Visitor({
    Literal: ({ value, start, end }) => {
      if (typeof value === 'string' || value instanceof RegExp) literals.push([start, end]);
    },
    TemplateElement: ({ start, end }) => void literals.push([start, end]),
  }).visit(program);
  let rest = source;
  const blank = (start: number, end: number): void => {
    rest = rest.slice(0, start) + rest.slice(start, end).replaceAll(/[^\n]/g, '\0') + rest.slice(end);
  };
  for (const [start, end] of literals) blank(start, end);
  for (const { start, end } of comments) {
    for (const { index, 0: url } of source.slice(start, end).matchAll(URL_TEXT)) {
      blank(start + index, start + index + url.length);
    }
  }
  return tooLong(rest.replaceAll('\0', '').split('\n'));
}

/**
 * The numbers, from 1, of the lines of prose in a Markdown document that are too long. Tables, fenced code and HTML
 * stay as they are, and the address of a link counts for nothing.
 */
export function longProseLines(source: string): readonly number[] {
  let isCode = false;
  const prose = source.split('\n').map((line) => {
    if (/^\s*(?:```|~~~)/.test(line)) isCode = !isCode;
    if (isCode || /^\s*[|<]/.test(line)) return '';
    return line.replaceAll(/\]\([^)\s]*\)/g, ']()').replaceAll(URL_TEXT, '');
  });
  return tooLong(prose);
}

const URL_TEXT = /https?:\/\/[^\s)>\]]+/g;

function tooLong(lines: readonly string[]): readonly number[] {
  return lines.flatMap((line, index) => ([...line].length > MAX_COLUMNS ? index + 1 : []));
}

function widest(lines: readonly string[]): number {
  return Math.max(...lines.map((line) => line.length));
}
