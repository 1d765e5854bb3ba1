// Counts and narrows what is in JSON of which nothing is known.

/**
 * Values that a text of JSON may have to be parsed. Each that is not as it must be costs its reader a record of its
 * own before the text is refused.
 */
export const MOST_VALUES = 100_000;

const [COMMA, BRACKET, BRACE] = [',', '[', '{'].map((character) => character.charCodeAt(0));

/** At least the values that are in the text: what separates or holds them, also within strings. */
export function countValues(text: string): number {
  let count = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === COMMA || code === BRACKET || code === BRACE) count += 1;
  }
  return count;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
