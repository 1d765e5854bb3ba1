// Breaks plain text into lines of a given width in terminal columns.

import stringWidth from 'string-width';

/**
 * Breaks `text` at its spaces. The first line starts with `first`, the others with `rest`. A word longer than a line
 * stays whole, so that names, addresses and ARNs can be copied.
 *
 * @param width columns of a line, its prefix included: an East Asian wide character or an emoji takes two
 */
export function wrap(text: string, width: number, first = '', rest = first): string[] {
  const lines: string[] = [];
  let line = first;
  let columns = stringWidth(first);
  let empty = true;
  for (const word of text.split(' ')) {
    const wordColumns = stringWidth(word);
    if (!empty && columns + 1 + wordColumns > width) {
      lines.push(line.trimEnd());
      line = rest;
      columns = stringWidth(rest);
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    columns += empty ? wordColumns : wordColumns + 1;
    empty = false;
  }
  lines.push(line.trimEnd());
  return lines;
}
