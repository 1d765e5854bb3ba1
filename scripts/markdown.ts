// Writes Markdown: tables, code, and text that must not be read as Markdown or HTML.

/** A table; cells are Markdown. */
export function markdownTable(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return `${[line(heading), line(heading.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}

/** A value as code: a string as it is, anything else as JSON. */
export function code(value: unknown): string {
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

/** Plain text as Markdown that shows the same text: `<group>` is a placeholder and no HTML, `app_*` no emphasis. */
export function plainText(text: string): string {
  // An underscore within a word means nothing in Markdown.
  return text.replaceAll(/[\\`*<>[\]]|(?<![a-z\d])_|_(?![a-z\d])/gi, '\\$&');
}
