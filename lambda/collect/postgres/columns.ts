// Names the columns of a SELECT, so that its list and the reading of its rows cannot disagree about their order.

import type { Row } from '../answers/answer.ts';

export interface Columns<Name extends string> {
  /** How many columns a row has. */
  readonly count: number;
  /** Where a row has the value of each column. */
  readonly places: Readonly<Record<Name, number>>;
  /** The SELECT list: SQL by the name of the column. */
  readonly list: (sql: Readonly<Record<Name, string>>) => string;
  /** The value of a column in a row, as PostgreSQL's text. */
  readonly cell: (row: Row, name: Name) => string | null | undefined;
}

/** @param names in the order in which rows have the values */
export function columns<const Name extends string>(names: readonly Name[]): Columns<Name> {
  const places = Object.fromEntries(names.map((name, place) => [name, place])) as Record<Name, number>;
  return {
    count: names.length,
    places,
    list: (sql) => names.map((name) => sql[name]).join(',\n       '),
    cell: (row, name) => row[places[name]],
  };
}
