// Keeps what a run saw of the clients of each target, for plans of later days.

import pMap from 'p-map';
import type { ClientRecordStore } from '../model/client-record.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { recordSnapshot } from './record.ts';

const CONCURRENCY = 16;
/** How often a record is read again because another run saved it in between. */
const ATTEMPTS = 4;

/**
 * Adds each snapshot to what is kept of its target. One that fails costs the others nothing.
 *
 * @throws the first failure, when every other target is done
 */
export async function keepClients(snapshots: readonly Snapshot[], store: ClientRecordStore): Promise<void> {
  const failures: unknown[] = [];
  await pMap(
    snapshots,
    async (snapshot) => {
      try {
        await keepOne(snapshot, store);
      } catch (error) {
        failures.push(error);
      }
    },
    { concurrency: CONCURRENCY },
  );
  if (failures.length > 0) throw failures[0];
}

async function keepOne(snapshot: Snapshot, store: ClientRecordStore): Promise<void> {
  const { name } = snapshot.target;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const { record, version } = await store.read(name);
    const next = recordSnapshot(record, snapshot);
    if (next === undefined || next === record || (await store.save(name, next, version))) return;
  }
}
