// Returns the remedy that the finding of a problem would have, for tests that call one check.

import { remedyText } from '../lambda/checks/remedies/remedy-text.ts';
import type { Problem } from '../lambda/model/finding.ts';
import type { Snapshot } from '../lambda/model/snapshot.ts';
import { healthySnapshot } from './snapshots.ts';

/** On a server of one's own, unless another snapshot is given; empty where the problem has none of its own. */
export function shownRemedy(problem: Problem | undefined, snapshot: Snapshot = healthySnapshot()): string {
  return remedyText(problem?.remedy ?? '', snapshot);
}
