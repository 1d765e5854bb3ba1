// Reads cells of a server's answer. A value that PostgreSQL cannot have sent makes its fact unusable; the error names
// the fact and never quotes the value.

import { known, type Observed, unknown } from '../../model/observed.ts';

/** A row in array mode: every value as PostgreSQL's text, in the order of the SELECT list. */
export type Row = readonly (string | null)[];

/** An answer that no PostgreSQL gives. `queryFailure` makes the failure `answer-unusable` of it. */
export class UnusableAnswer extends Error {
  override readonly name = 'UnusableAnswer';

  /**
   * @param question what was asked about, e.g. `sessions`
   * @param fact what is wrong, e.g. `the port of a client is no number from 0 to 65535`
   */
  constructor(question: string, fact: string) {
    super(`the answer about ${question} is not what PostgreSQL sends: ${fact}`);
  }
}

/** What a reader makes of an answer, or that it can't be used: for a fact that costs the others nothing. */
export function asObserved<T>(read: () => T): Observed<T> {
  try {
    return known(read());
  } catch (error) {
    if (!(error instanceof UnusableAnswer)) throw error;
    return unknown(error.message);
  }
}

export type Cell = string | null | undefined;

/** Readers of the cells of one question's answer. All but `flagOrNull` and `wholeOrNull` refuse NULL. */
export interface AnswerReader {
  /** The rows, each with so many columns. @throws UnusableAnswer */
  rows(rows: readonly Row[] | undefined, columns: number): readonly Row[];
  /** The one row of a SELECT that always has one. @throws UnusableAnswer */
  oneRow(rows: readonly Row[] | undefined, columns: number): Row;
  /** `t` or `f`. @throws UnusableAnswer */
  flag(cell: Cell, fact: string): boolean;
  /** @throws UnusableAnswer */
  flagOrNull(cell: Cell, fact: string): boolean | undefined;
  /** A whole number within bounds. @throws UnusableAnswer */
  wholeOrNull(cell: Cell, fact: string, bounds: Bounds): number | undefined;
  /** An object identifier, as text. @throws UnusableAnswer */
  oid(cell: Cell, fact: string): string;
  /** @throws UnusableAnswer */
  text(cell: Cell, fact: string): string;
  /** @throws UnusableAnswer always */
  refuse(fact: string): never;
}

interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** A safe integer has no more. */
const MOST_DIGITS = 15;

/**
 * The number that the digits of a text from one place to before another make; NaN where something else is among them,
 * or nothing. Without a regular expression: of tens of thousands of sessions, most of the time would go into those.
 */
export function digitsOf(text: string, from: number, to: number): number {
  if (from >= to || to - from > MOST_DIGITS) return Number.NaN;
  let value = 0;
  for (let place = from; place < to; place += 1) {
    const digit = text.charCodeAt(place) - 48;
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

function wholeNumber(text: string): number {
  return text.startsWith('-') ? -digitsOf(text, 1, text.length) : digitsOf(text, 0, text.length);
}

export function answerAbout(question: string): AnswerReader {
  const refuse = (fact: string): never => {
    throw new UnusableAnswer(question, fact);
  };
  const flagOrNull = (cell: Cell, fact: string): boolean | undefined => {
    if (cell === null || cell === undefined) return undefined;
    return cell === 't' || cell === 'f' ? cell === 't' : refuse(`${fact} is neither t nor f`);
  };
  const wholeOrNull = (cell: Cell, fact: string, { min, max }: Bounds): number | undefined => {
    if (cell === null || cell === undefined) return undefined;
    const value = wholeNumber(cell);
    return value >= min && value <= max ? value : refuse(`${fact} is no whole number from ${min} to ${max}`);
  };
  const text = (cell: Cell, fact: string): string => cell ?? refuse(`${fact} is missing`);
  const rows = (given: readonly Row[] | undefined, columns: number): readonly Row[] => {
    const odd = given?.find((row) => row.length !== columns);
    if (odd !== undefined) refuse(`a row has ${odd.length} columns in place of ${columns}`);
    return given ?? refuse('there are no rows');
  };
  return {
    refuse,
    rows,
    oneRow: (given, columns) => {
      const all = rows(given, columns);
      const [row] = all;
      return row !== undefined && all.length === 1 ? row : refuse(`there are ${all.length} rows in place of one`);
    },
    flag: (cell, fact) => flagOrNull(cell, fact) ?? refuse(`${fact} is missing`),
    flagOrNull,
    wholeOrNull,
    oid: (cell, fact) => (/^\d{1,10}$/.test(cell ?? '') ? text(cell, fact) : refuse(`${fact} is no object identifier`)),
    text,
  };
}
