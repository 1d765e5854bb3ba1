// What the auditor remembers, in a DynamoDB table: read whole, written record by record, each with a condition.

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import pMap from 'p-map';
import { displayText } from '../../model/display.ts';
import type { AuditState } from '../../model/lifecycle.ts';
import type { Clock } from '../../model/time.ts';
import { isConditionFailure, tableFailure } from './dynamodb-failure.ts';
import { acquireDynamoDbLease } from './dynamodb-lease.ts';
import { type StateTable, type StoredEntry, stateTable } from './dynamodb-table.ts';
import { LEASE_MS, leaseTimeout } from './lease-wait.ts';
import { isExpired, isSame, mergeStateRecords, recordId, recordsOf, type StateRecord, stateOf } from './records.ts';
import { StateError, type StateStore } from './store.ts';

export interface DynamoDbStateOptions {
  /** For what has expired. Turns go by the machine's own time. */
  readonly clock: Clock;
  /** Names this run to those that wait for it, e.g. the id of its invocation. */
  readonly owner: string;
  /** Whose memory it is: each audience is told, and remembered to have been told, apart from the others. */
  readonly receiver: string;
  /** Milliseconds after which the turn of a run that died is free. @default 60000 */
  readonly leaseMs?: number;
}

/** Records written at once. */
const CONCURRENCY = 16;

/** Times a record is read again and merged because another run wrote it in between. */
const MERGE_ATTEMPTS = 8;

/** The real client, with the SDK's own retries and bounded waits. Standard AWS variables apply, AWS_ENDPOINT_URL included. */
export function dynamoDbClient(): DynamoDBClient {
  return new DynamoDBClient({
    // Not the adaptive mode: after a few throttled requests it waits longer than an invocation has.
    retryMode: 'standard',
    maxAttempts: 8,
    requestHandler: { connectionTimeout: 2_000, requestTimeout: 3_000, throwOnRequestTimeout: true },
  });
}

/** The table's keys are `pk` and `sk`, both strings; its attribute for time to live is `expiresAt`. */
export function createDynamoDbState(
  client: DynamoDBClient,
  tableName: string,
  { clock, owner, receiver, leaseMs = LEASE_MS }: DynamoDbStateOptions,
): StateStore {
  // Without it, the client takes an object with a property called `constructor` for none that it knows.
  const documents = DynamoDBDocumentClient.from(client, { marshallOptions: { convertClassInstanceToMap: true } });
  const table = stateTable(documents, tableName, receiver);
  const name = `DynamoDB table ${tableName}`;
  const load = async (signal?: AbortSignal): Promise<readonly StoredEntry[]> => {
    try {
      return await table.load(signal);
    } catch (error) {
      throw signal?.aborted ? leaseTimeout(name, undefined, error) : tableFailure(tableName, 'read', error);
    }
  };
  return {
    name,
    async read() {
      return toState(await load(), clock());
    },
    async acquire(signal) {
      await using cleanup = new AsyncDisposableStack();
      cleanup.use(await acquireDynamoDbLease(documents, { tableName, receiver, owner, leaseMs }, signal));
      const now = clock();
      const stored = await load(signal);
      const changes = changesSince(tableName, table, stored, now);
      const held = cleanup.move();
      return {
        state: toState(stored, now),
        save: (next) => saveAll(tableName, changes(next)),
        [Symbol.asyncDispose]: () => held.disposeAsync(),
      };
    },
  };
}

function toState(stored: readonly StoredEntry[], now: Date): AuditState {
  return stateOf(
    stored.map(({ entry }) => entry),
    now,
  );
}

type Change = () => Promise<void>;

/** What is known of an item of the table. */
interface Known {
  /** As the table holds it. */
  readonly stored: StoredEntry;
  /** As the run last knew or wanted it: something else where another run's was merged into it. Undefined: expired. */
  readonly wanted: StateRecord | undefined;
}

/** Finds what is to be written, for one turn. What has been written is known, and not written again. */
function changesSince(
  tableName: string,
  table: StateTable,
  loaded: readonly StoredEntry[],
  now: Date,
): (next: AuditState) => readonly Change[] {
  const known = new Map<string, Known>(
    loaded.map((stored) => [
      recordId(stored.entry),
      { stored, wanted: isExpired(stored.entry, now) ? undefined : stored.entry },
    ]),
  );

  const write = async (wanted: StateRecord): Promise<void> => {
    const before = known.get(recordId(wanted));
    const mergedBefore = before?.wanted !== undefined && !isSame(before.stored.entry, before.wanted);
    let entry = mergedBefore ? mergeStateRecords(wanted, before.stored.entry) : wanted;
    let version = before?.stored.version;
    for (let attempt = 1; attempt <= MERGE_ATTEMPTS; attempt += 1) {
      try {
        await table.put(entry, version);
        known.set(recordId(wanted), { stored: { entry, version: (version ?? 0) + 1 }, wanted });
        return;
      } catch (error) {
        if (!isConditionFailure(error)) throw error;
      }
      const current = await table.get(wanted);
      version = current?.version;
      if (current === undefined || isExpired(current.entry, now)) {
        entry = wanted;
        continue;
      }
      entry = mergeStateRecords(wanted, current.entry);
      // Also when it was we who wrote it, and the answer was lost.
      if (isSame(entry, current.entry)) {
        known.set(recordId(wanted), { stored: current, wanted });
        return;
      }
    }
    throw new StateError(
      `The ${wanted.kind} ${displayText(wanted.key)} in DynamoDB table ${tableName} could not be saved: other runs changed it ${MERGE_ATTEMPTS} times meanwhile. Start runs less often.`,
    );
  };

  const remove = async (stored: StoredEntry): Promise<void> => {
    try {
      await table.delete(stored);
    } catch (error) {
      // Another run has written or deleted it: theirs is newer.
      if (!isConditionFailure(error)) throw error;
    }
    known.delete(recordId(stored.entry));
  };

  return (next) => {
    const wanted = new Map(recordsOf(next).map((entry) => [recordId(entry), entry]));
    const changed = [...wanted].filter(([id, entry]) => !isSame(known.get(id)?.wanted, entry));
    const gone = [...known].filter(([id, { wanted: before }]) => before !== undefined && !wanted.has(id));
    return [
      ...changed.map(
        ([, entry]) =>
          () =>
            write(entry),
      ),
      ...gone.map(
        ([, { stored }]) =>
          () =>
            remove(stored),
      ),
    ];
  };
}

/** After the first failure no further one is begun: each would wait for the same attempts. */
async function saveAll(tableName: string, changes: readonly Change[]): Promise<void> {
  let saved = 0;
  let failure: { readonly cause: unknown } | undefined;
  await pMap(
    changes,
    async (change) => {
      if (failure !== undefined) return;
      try {
        await change();
        saved += 1;
      } catch (cause) {
        failure ??= { cause };
      }
    },
    { concurrency: CONCURRENCY },
  );
  if (failure === undefined) return;
  const { message } = tableFailure(tableName, 'saved', failure.cause);
  throw new StateError(
    `${message} ${saved} of ${changes.length} changed records were saved; saving again is safe, and writes the rest.`,
    { cause: failure.cause },
  );
}
