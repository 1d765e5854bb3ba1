// Two records of the same thing, saved by two runs that did not know of each other, made one.

import { mergeMuteRecords, mergeRecords, mergeTargetRecords } from '../../lifecycle/merge.ts';
import type { Entry } from './records.ts';

/** Both must be of one kind and key. */
export function mergeEntries(mine: Entry, theirs: Entry): Entry {
  if (mine.kind === 'finding' && theirs.kind === 'finding') {
    return { ...mine, record: mergeRecords(mine.record, theirs.record) };
  }
  if (mine.kind === 'target' && theirs.kind === 'target') {
    return { ...mine, record: mergeTargetRecords(mine.record, theirs.record) };
  }
  if (mine.kind === 'mute' && theirs.kind === 'mute') {
    return { ...mine, record: mergeMuteRecords(mine.record, theirs.record) };
  }
  throw new TypeError(`a ${mine.kind} and a ${theirs.kind} are not of one kind`);
}
