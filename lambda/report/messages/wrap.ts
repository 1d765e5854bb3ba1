// Breaks plain text into lines.

/**
 * `text` as lines of at most `width` UTF-16 code units, broken at spaces, the first behind `first` and the others behind
 * `rest`. A word longer than a line stays whole, so that names, addresses and ARNs can be copied.
 */
export function wrap(text: string, width: number, first = '', rest = first): string[] {
  const lines: string[] = [];
  let line = first;
  let empty = true;
  for (const word of text.split(' ')) {
    if (!empty && line.length + 1 + word.length > width) {
      lines.push(line.trimEnd());
      line = rest;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  lines.push(line.trimEnd());
  return lines;
}
