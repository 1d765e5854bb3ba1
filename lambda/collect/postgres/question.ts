// The form of what an audit asks a server: SELECTs that go out in one message with others, and what their rows mean.

/** A row in array mode: every value as PostgreSQL's text, in the order of the SELECT list. */
export type Row = readonly (string | null)[];

export interface Question<T> {
  /** For a session whose search path is `pg_catalog`, without semicolons; for the major version that was announced. */
  readonly selects: (major: number) => readonly string[];
  /** The rows of each SELECT, in their order. */
  readonly read: (results: readonly (readonly Row[])[]) => T;
}
