// Keeps what is known of the clients of each target, packed, in a store that has one record for each.

import { gunzipSync, gzipSync } from 'node:zlib';
import { type ClientRecord, type ClientRecordStore, clientRecordSchema } from '../../model/client-record.ts';
import type { LogStateStore } from '../../model/log-state.ts';
import { StateError } from './store.ts';

/** Bytes of the JSON of one record. */
const MOST_BYTES = 16 * 1024 * 1024;
/** Characters of a packed record: an item of DynamoDB has 400 KB. */
const MOST_PACKED = 290_000;

export function createClientRecords(store: LogStateStore): ClientRecordStore {
  return {
    async read(target) {
      const { state, version } = await store.read(target);
      return { record: state === undefined ? undefined : unpack(state, target), version };
    },
    save: async (target, record, version) => await store.save(target, pack(record), version),
  };
}

/** Where it is too large, the rules of the server go first, then the clients that were seen least recently. */
function pack(record: ClientRecord): string {
  let kept = record;
  for (;;) {
    const packed = gzipSync(JSON.stringify(kept)).toString('base64');
    if (packed.length <= MOST_PACKED) return packed;
    kept =
      kept.server === undefined
        ? { ...kept, clients: kept.clients.slice(0, Math.floor(kept.clients.length / 2)), isCut: true }
        : { ...kept, server: undefined };
  }
}

/** @throws StateError for what `pack` did not write: it quotes nothing of it */
function unpack(state: unknown, target: string): ClientRecord {
  try {
    const json = gunzipSync(Buffer.from(String(state), 'base64'), { maxOutputLength: MOST_BYTES }).toString();
    return clientRecordSchema.parse(JSON.parse(json));
  } catch (cause) {
    throw new StateError(
      `What is kept of the clients of ${JSON.stringify(target.slice(0, 200))} can't be used: delete it, and runs keep it again from then on.`,
      { cause },
    );
  }
}
