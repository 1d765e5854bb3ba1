// Text in GitHub Flavored Markdown that shows what it holds and does nothing: no markup, link, mention or HTML.

import { displayText } from '../../model/display.ts';
import type { Style } from '../text.ts';

const SENTENCE_LENGTH = 400;

/** What is markup wherever it stands; an underscore is not between letters. */
const INLINE = /[\\`*[\]<|~&$]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu;
/** What makes a heading, a quotation, a list or a rule of the line that it begins. */
const LEADING = /^(?:[#>+=-]|\d+(?=[.)]))/;

/** A sentence of ours that may quote names that others chose. One line. */
export function markdownText(text: string, maxLength = SENTENCE_LENGTH): string {
  return (
    displayText(text, maxLength)
      .trim()
      .replaceAll(INLINE, '\\$&')
      .replace(LEADING, (start) => (/\d/.test(start) ? `${start}\\` : `\\${start}`))
      // Links are made of `www.evil.example` and `someone@evil.example` without any markup, and mentions of `@team`.
      .replaceAll(/www\./gi, (www) => `${www.slice(0, 3)}\\.`)
      .replaceAll('@', '`@`')
  );
}

/** A value that others chose, in a code span: nothing in it is markup or a mention. One line. */
export function codeSpan(value: string): string {
  const shown = displayText(value);
  const fence = '`'.repeat(longestRun(shown) + 1);
  const room = /^[` ]|[` ]$/.test(shown) || shown === '' ? ' ' : '';
  return `${fence}${room}${shown}${room}${fence}`;
}

/** Inline Markdown in a cell of a table, where a pipe ends the cell even in a code span. */
export function tableCell(markdown: string): string {
  return markdown.replaceAll(/\\?\|/g, '\\|');
}

/** Lines to be copied as they are. */
export function codeBlock(text: string): string {
  const fence = '`'.repeat(Math.max(3, longestRun(text) + 1));
  return `${fence}text\n${text}\n${fence}`;
}

/** A link that shows where it goes. Only for addresses of ours. */
export function link(url: string): string {
  return `<${url.replaceAll(/[<>\s]/g, encodeURIComponent)}>`;
}

function longestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
}

/** How the words that every format shares look here. */
export const MARKDOWN: Style = {
  target: (name) => codeSpan(name),
  value: (raw) => codeSpan(raw),
  prose: (text) => markdownText(text),
};
