// Finds whether a line of pg_hba.conf can be written again from what the server shows of it.

import { hbaLine } from '../../analysis/pg-hba/line.ts';
import { isInDoubt } from '../../analysis/pg-hba/names.ts';
import type { HbaRule } from '../../model/hba.ts';

/** Before PostgreSQL 14 a line has 8 KB at most. */
const LONGEST_LINE = 8_000;

/**
 * Not where the values of its options are hidden, or it is not known which of its words are quoted. Nor with `!`:
 * before version 5, bash puts earlier commands in its place from the second line of a quoted text on.
 */
export function isWritable(rule: HbaRule): boolean {
  const line = hbaLine(rule);
  return (
    !isInDoubt(rule) &&
    rule.options.every((option) => option.includes('=')) &&
    /^[\x20\x22-\x7e]*$/.test(line) &&
    line.length <= LONGEST_LINE
  );
}
