// Quotes words for shells and statements that people copy.

/** One word of a POSIX shell, whatever is in it. */
export function shellQuote(text: string): string {
  return /^[\w./:@%+-]+$/.test(text) && !text.startsWith('-') ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
