// Keeps what a run saw of the clients of each target, for plans of later days.

import pMap from 'p-map';
import { describeDefect } from './collect/defect.ts';
import { StateError } from './deliver/state/store.ts';
import { isNews, recordSnapshot, showsClients } from './enforcement/record.ts';
import type { ClientRecord, ClientRecordStore } from './model/client-record.ts';
import type { Snapshot } from './model/snapshot.ts';

const CONCURRENCY = 16;
/** How often a record is read again because another run saved it in between. */
const ATTEMPTS = 4;

/** The clients of some targets were not kept. The message says of how many, and why of the first. */
export class KeepClientsError extends Error {
  override readonly name = 'KeepClientsError';
}

export interface KeepClientsOptions {
  /** Ends it: no further target is begun. @default - it has the time that it takes */
  readonly signal?: AbortSignal | undefined;
  /** Given what is now known of the clients of each target, as soon as it is. */
  readonly onRecord?: ((target: string, record: ClientRecord) => void) | undefined;
}

/**
 * Adds each snapshot to what is kept of its target. One that fails costs the others nothing.
 *
 * @throws KeepClientsError when every other target is done
 */
export async function keepClients(
  snapshots: Iterable<Snapshot> | AsyncIterable<Snapshot>,
  store: ClientRecordStore,
  { signal, onRecord }: KeepClientsOptions = {},
): Promise<void> {
  const failures: unknown[] = [];
  let targets = 0;
  let late = 0;
  await pMap(
    snapshots,
    async (snapshot) => {
      targets += 1;
      if (!showsClients(snapshot)) return;
      if (signal?.aborted) {
        late += 1;
        return;
      }
      try {
        const record = await keepOne(snapshot, store);
        if (record === undefined) failures.push(new StateError('other runs saved them at the same time'));
        else onRecord?.(snapshot.target.name, record);
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
    `The clients of ${failed} of ${targets} targets were not kept for "plan", which knows less of this day: ${why}`,
    { cause },
  );
}

/** @returns what is now known; undefined where other runs got ahead of it each time */
async function keepOne(snapshot: Snapshot, store: ClientRecordStore): Promise<ClientRecord | undefined> {
  const { name } = snapshot.target;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const { record, version } = await store.read(name);
    const next = recordSnapshot(record, snapshot);
    if (next === undefined || next === record || !isNews(record, next)) return next;
    if (await store.save(name, next, version)) return next;
  }
  return undefined;
}
