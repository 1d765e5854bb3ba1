// One message to a server: the SELECTs it holds, what came back, and what the rows mean.

import type pg from 'pg';
import type { Row } from '../answers/answer.ts';
import { Query } from '../protocol/driver.ts';

export interface QueryResult {
  /** The rows of each SELECT that was answered to its end, in their order. */
  readonly selects: readonly (readonly Row[])[];
  /** What ended the message; undefined where nothing did. */
  readonly error: unknown;
}

interface Result {
  /** Undefined until the statement is through. */
  readonly command: string | null;
  readonly rows: readonly Row[];
}

/** What pg's query has and its types do not show: the results before the one that failed. */
interface QueryInternals {
  readonly _results: Result | readonly Result[];
}

/**
 * Sends statements in one message. Never rejects: a promise of pg's would drop what was answered before an error, and
 * the whole of it would have to be asked again.
 */
export function simpleQuery(client: pg.Client, text: string): Promise<QueryResult> {
  const query = new Query({ text, rowMode: 'array' } as pg.QueryConfig);
  const answer = (error?: unknown): QueryResult => {
    const results = [(query as unknown as QueryInternals)._results].flat();
    return { selects: results.filter(({ command }) => command === 'SELECT').map(({ rows }) => rows), error };
  };
  return new Promise((resolve) => {
    query.once('end', () => resolve(answer()));
    query.on('error', (error) => resolve(answer(error)));
    client.query(query);
  });
}

export interface AuditQuery<T> {
  /** For a session whose search path is `pg_catalog`, without semicolons; for the major version that was announced. */
  readonly selects: (major: number) => readonly string[];
  /** The rows of each SELECT, in their order. */
  readonly read: (results: readonly (readonly Row[])[]) => T;
}

/** The same question; its text is built once for each major version. */
export function builtOnce<T>({ selects, read }: AuditQuery<T>): AuditQuery<T> {
  const built = new Map<number, readonly string[]>();
  return {
    selects: (major) => {
      const text = built.get(major) ?? selects(major);
      built.set(major, text);
      return text;
    },
    read,
  };
}
