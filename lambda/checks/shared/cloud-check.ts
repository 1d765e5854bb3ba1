// Evaluates checks of what discovery lists: databases and places, each without a login.

import { cloudDatabaseOf } from '../../analysis/provider/cloud-facts.ts';
import type { CloudDatabase, CloudPlace } from '../../model/cloud.ts';
import type { Outcome, Problem } from '../../model/finding.ts';
import type { Observed } from '../../model/observed.ts';
import type { Snapshot } from '../../model/snapshot.ts';

const NOT_LISTED: Outcome = { status: 'not-applicable', reason: 'discovery does not know this target' };
const NO_PLACE: Outcome = { status: 'not-applicable', reason: 'it is no place that discovery lists' };

export const NO_POOLER = (): Outcome => ({ status: 'not-applicable', reason: 'a PgBouncer is no database of RDS' });

/** Of a target that discovery knows; unknown where its facts are. */
export function ofCloudDatabase(snapshot: Snapshot, evaluate: (database: CloudDatabase) => Outcome): Outcome {
  const database = cloudDatabaseOf(snapshot);
  if (database === undefined) return NOT_LISTED;
  return database.known ? evaluate(database.value) : { status: 'unknown', reason: database.reason };
}

/** Of a place, for each entry of one of its lists; unknown where the list is, so that nothing of it is over. */
export function ofCloudPlace<T>(
  { cloud }: Snapshot,
  list: (place: CloudPlace) => Observed<readonly T[]>,
  problemOf: (entry: T) => Problem | undefined,
): Outcome {
  if (!cloud?.known || cloud.value.is !== 'place') return NO_PLACE;
  const entries = list(cloud.value);
  if (!entries.known) return { status: 'unknown', reason: entries.reason };
  const problems = new Map(
    entries.value.flatMap((entry) => {
      const problem = problemOf(entry);
      return problem === undefined ? [] : [[problem.subject, problem] as const];
    }),
  );
  return problems.size === 0 ? { status: 'pass' } : { status: 'fail', problems: [...problems.values()] };
}
