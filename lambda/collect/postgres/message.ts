// Writes questions into one message to a server, whose answers no setting of the session can change.

import type { AuditQuery } from './query.ts';

/** Milliseconds. Far above what the views take (12 ms for 500 sessions), far below a target's deadline. */
const STATEMENT_TIMEOUT = 15_000;
const LOCK_TIMEOUT = 1_000;

/** Encodings in which every sequence of bytes is text. UTF-8 is sent as it is, whatever it is. */
const CONVERTED: ReadonlySet<string> = new Set([
  'UTF8',
  'LATIN1',
  'LATIN2',
  'LATIN4',
  'LATIN5',
  'LATIN6',
  'LATIN7',
  'LATIN8',
  'LATIN9',
  'LATIN10',
  'KOI8R',
]);

/** What a server announces at login that its questions depend on. */
export interface Announced {
  readonly major: number;
  /** Of the database; undefined where it is not announced. */
  readonly encoding: string | undefined;
}

/**
 * The text of a message.
 *
 * Everything is qualified by the search path and comes as text, so that neither objects nor settings of the database
 * change what is read. The isolation level too: a role or database may default to one that waits for others'
 * transactions, or that a standby refuses.
 */
export function message({ major, encoding }: Announced, questions: readonly AuditQuery<unknown>[]): string {
  const selects = questions.flatMap((question) => question.selects(major));
  return `
BEGIN READ ONLY;
SET LOCAL transaction_isolation = 'read committed';
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL statement_timeout = ${STATEMENT_TIMEOUT};
SET LOCAL lock_timeout = ${LOCK_TIMEOUT};
SET LOCAL client_encoding = '${clientEncoding(encoding)}';
${selects.map((select) => `${select};\n`).join('')}COMMIT`;
}

/**
 * A database without an encoding (SQL_ASCII), or with one in which not all bytes are characters, is asked for its bytes
 * as they are: names of roles and databases are of whatever database they were made in, and asked for UTF-8 it would
 * refuse all rows for one that it can't convert. What announces none is asked for UTF-8: it is better to have no answer
 * than names of which two may look the same.
 */
function clientEncoding(encoding: string | undefined): 'UTF8' | 'SQL_ASCII' {
  return encoding === undefined || CONVERTED.has(encoding) ? 'UTF8' : 'SQL_ASCII';
}
