// Keeps what a run saw of the clients of each target, for plans of later days.

import pMap from 'p-map';
import { describeDefect } from './collect/defect.ts';
import { StateError } from './deliver/state/store.ts';
import { isNews, recordSnapshot, showsClients } from './enforcement/record.ts';
import type { ClientRecordStore } from './model/client-record.ts';
import type { Snapshot } from './model/snapshot.ts';

const CONCURRENCY = 16;
/** How often a record is read again because another run saved it in between. */
const ATTEMPTS = 4;

/** The clients of some targets were not kept. The message says of how many, and why of the first. */
export class KeepClientsError extends Error {
  override readonly name = 'KeepClientsError';
}

/**
 * Adds each snapshot to what is kept of its target. One that fails costs the others nothing.
 *
 * @param signal ends it: no further target is begun. @default - it has the time that it takes
 * @throws KeepClientsError when every other target is done
 */
export async function keepClients(
  snapshots: readonly Snapshot[],
  store: ClientRecordStore,
  signal?: AbortSignal,
): Promise<void> {
  const failures: unknown[] = [];
  let late = 0;
  await pMap(
    snapshots.filter(showsClients),
    async (snapshot) => {
      if (signal?.aborted) {
        late += 1;
        return;
      }
      try {
        if (!(await keepOne(snapshot, store))) failures.push(new StateError('other runs saved them at the same time'));
      } catch (error) {
        failures.push(error);
      }
    },
    { concurrency: CONCURRENCY },
  );
  const failed = failures.length + late;
  if (failed === 0) return;
  const [cause = new StateError('the time of the run was over')] = failures;
  // Other errors are defects, whose messages may quote anything.
  const why = cause instanceof StateError ? cause.message : describeDefect(cause);
  throw new KeepClientsError(
    `The clients of ${failed} of ${snapshots.length} targets were not kept for "plan", which knows less of this day: ${why}`,
    { cause },
  );
}

/** @returns false where other runs got ahead of it each time */
async function keepOne(snapshot: Snapshot, store: ClientRecordStore): Promise<boolean> {
  const { name } = snapshot.target;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const { record, version } = await store.read(name);
    const next = recordSnapshot(record, snapshot);
    if (next === undefined || next === record || !isNews(record, next)) return true;
    if (await store.save(name, next, version)) return true;
  }
  return false;
}
