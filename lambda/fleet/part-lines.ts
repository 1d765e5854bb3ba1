// Reads the lines of a part, of which nothing is known, one by one.

import type * as z from 'zod';
import { RunError } from '../model/run.ts';

/** Lines of a part behind its first one. */
export const MOST_LINES = 100_000;

/**
 * Values of JSON in a line. Each that is not as it must be costs its reader a record of its own before the line is
 * refused, and the part with it.
 */
export const MOST_VALUES = 100_000;

/** The lines behind the first one, which says how many of them are what. */
export class LineReader {
  readonly #lines: readonly string[];
  #next = 0;

  constructor(lines: readonly string[]) {
    this.#lines = lines;
  }

  get isAtEnd(): boolean {
    return this.#next === this.#lines.length;
  }

  /**
   * @param what the lines are, for the message
   * @param count of which nothing is known
   * @throws RunError for what is no number of lines that there are, and for the first line that can't be read
   */
  take<T>(what: string, count: unknown, read: (line: string) => T): readonly T[] {
    const left = this.#lines.length - this.#next;
    if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 0 || count > left) {
      throw new RunError(`the part has another number of ${what} than it says`);
    }
    this.#next += count;
    return this.#lines.slice(this.#next - count, this.#next).map(read);
  }
}

/** @returns what parses a line of that schema; it throws RunError for any other line */
export function lineParser<T>(what: string, schema: z.ZodType<T>): (line: string) => T {
  return (line) => {
    if (countValues(line) > MOST_VALUES) throw new RunError(`${what} of the part has more than ${MOST_VALUES} values`);
    let document: unknown;
    try {
      document = JSON.parse(line);
    } catch {
      // The parser's message quotes the text.
      throw new RunError(`the part can't be used: ${what} is not JSON`);
    }
    const result = schema.safeParse(document);
    if (!result.success) throw new RunError(`the part can't be used: ${what} is not what it must be`);
    return result.data;
  };
}

const QUOTE = '"';
const [COMMA, BRACKET, BRACE] = [',', '[', '{'].map((character) => character.charCodeAt(0));

/** At least the values that are in the text: what separates or holds them, also within strings. A string is one. */
export function countValues(text: string): number {
  if (text.startsWith(QUOTE)) return 1;
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
