// Quotes words for shells that people copy commands to.

/** One word of a POSIX shell, whatever is in it. */
export function shellQuote(text: string): string {
  return /^[\w./:@%+-]+$/.test(text) && !text.startsWith('-') ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
