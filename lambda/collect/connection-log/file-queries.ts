// Lists the log files of a server, and reads pieces of them.

import type { Row } from '../answers/answer.ts';
import { answerAbout } from '../answers/answer.ts';
import { sqlText } from '../postgres/planned-when-reached.ts';
import type { AuditQuery } from '../postgres/query.ts';
import type { FileReading } from './settings.ts';

export interface ListedFile {
  readonly name: string;
  readonly size: number;
  /** Milliseconds since 1970, by the server's clock. */
  readonly modified: number;
}

/** The most recent ones. */
const MOST_LISTED = 5_000;
/** Of file systems. */
const LONGEST_NAME = 256;

const read = answerAbout('the log files');
const SIZES = { min: 0, max: 2 ** 50 };
const TIMES = { min: 0, max: 253_402_300_799_000 };

export const listQuery: AuditQuery<readonly ListedFile[]> = {
  selects: () => [
    `SELECT name, size, floor(extract(epoch FROM modification) * 1000)::bigint
  FROM pg_ls_logdir() ORDER BY modification DESC, name DESC LIMIT ${MOST_LISTED}`,
  ],
  read: ([rows]) => read.rows(rows, 3).flatMap(readFile),
};

function readFile([name, size, modified]: Row): readonly ListedFile[] {
  // What cannot be named in a question is no log of the server's.
  if (name === null || name === undefined || name === '' || name.length > LONGEST_NAME || /[\0/]/.test(name)) return [];
  return [
    {
      name,
      size: read.wholeOrNull(size, 'the size of a file', SIZES) ?? 0,
      modified: read.wholeOrNull(modified, 'the time of a file', TIMES) ?? 0,
    },
  ];
}

/**
 * Bytes of a file; fewer where it ends before.
 *
 * As text, the server refuses a piece in which not all bytes are characters of the database's encoding (22021).
 */
export function pieceQuery(path: string, offset: number, length: number, reading: FileReading): AuditQuery<Buffer> {
  const piece = `(${sqlText(path)}, ${offset}, ${length})`;
  const bytes =
    reading === 'bytes' ? `pg_read_binary_file${piece}` : `convert_to(pg_read_file${piece}, getdatabaseencoding())`;
  return {
    selects: () => [`SELECT encode(${bytes}, 'base64')`],
    read: ([rows]) => {
      const found = Buffer.from(read.oneRow(rows, 1)[0] ?? '', 'base64');
      return found.length <= length ? found : read.refuse('a piece of a file is longer than what was asked for');
    },
  };
}
