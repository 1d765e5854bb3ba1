// Finds whether a line of pg_hba.conf can be written again from what the server shows of it.

import { hbaLine } from '../../analysis/pg-hba/line.ts';
import { isInDoubt } from '../../analysis/pg-hba/names.ts';
import type { HbaRule } from '../../model/hba.ts';

/** Not where the values of its options are hidden, or it is not known which of its words are quoted. */
export function isWritable(rule: HbaRule): boolean {
  return (
    !isInDoubt(rule) && rule.options.every((option) => option.includes('=')) && !/[^\x20-\x7e]/.test(hbaLine(rule))
  );
}
