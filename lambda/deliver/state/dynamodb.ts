// Keeps the state in a DynamoDB table: reads it whole, and writes changed records, each with a condition.

import { isDeepStrictEqual } from 'node:util';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import pMap from 'p-map';
import pRetry from 'p-retry';
import type { DiscoveryMemoryStore } from '../../model/discovery-memory.ts';
import { displayText } from '../../model/display.ts';
import type { InventoryStore } from '../../model/inventory.ts';
import type { KeptConfigStore } from '../../model/kept-config.ts';
import type { AuditState } from '../../model/lifecycle.ts';
import { type Clock, compareMoments, later } from '../../model/time.ts';
import { isConditionFailure, isThrottled, tableFailure } from './dynamodb-failure.ts';
import { createDynamoDbInventory, createDynamoDbMemory, type MemoryOptions } from './dynamodb-inventory.ts';
import { type Journal, openJournal } from './dynamodb-journal.ts';
import { createDynamoDbKeptConfig } from './dynamodb-kept-config.ts';
import { acquireDynamoDbLease } from './dynamodb-lease.ts';
import { type Scans, type ScansTable, scansTable } from './dynamodb-scans.ts';
import { type StateTable, type StoredItem, stateTable, type TableRecord } from './dynamodb-table.ts';
import { LEASE_MS, leaseTimeoutError } from './lease-wait.ts';
import {
  isExpired,
  isSame,
  mergeStateRecords,
  recordId,
  recordsOf,
  type StateRecord,
  stateOf,
  targetEntry,
} from './records.ts';
import { StateError, type StateStore } from './store.ts';
import { underLease } from './under-lease.ts';

export { createClientRecords } from './client-records.ts';
export { createDynamoDbLogs } from './dynamodb-logs.ts';

export interface DynamoDbStateOptions {
  /** Decides which records have expired. Leases use the time of the machine. */
  readonly clock: Clock;
  /** Names this run to runs that wait for it, e.g. the id of its invocation. */
  readonly owner: string;
  /** The receiver whose state it is: each receiver has its own state, apart from the others. */
  readonly receiver: string;
  /** Milliseconds after which the lease of a run that died expires. @default 60000 */
  readonly leaseMs?: number;
  /** How often a throttled write is tried again, after the attempts of the SDK. @default 6 */
  readonly throttledRetries?: number;
}

/** Concurrent writes. */
const CONCURRENCY = 16;

/**
 * Milliseconds before a throttled write is tried again, at first and at most. A new table takes 4,000 writes of 1 KB a
 * second and one partition 1,000 ("Quotas"; "Partitions"), and the first run of a fleet writes tens of thousands.
 */
const THROTTLED_WAIT_MS = { minTimeout: 500, maxTimeout: 8_000 };

/** How often a record is read again and merged because another run wrote it in between. */
const MERGE_ATTEMPTS = 8;

/** The real client, with the SDK's own retries and bounded waits. The SDK reads the standard AWS variables. */
export function dynamoDbClient(): DynamoDBClient {
  return new DynamoDBClient({
    // Not the adaptive mode: after a few throttled requests it waits longer than an invocation has.
    retryMode: 'standard',
    maxAttempts: 8,
    requestHandler: { connectionTimeout: 2_000, requestTimeout: 3_000, throwOnRequestTimeout: true },
  });
}

/** Keeps what discovery found, in the same table as the state. */
export function createInventory(client: DynamoDBClient, tableName: string): InventoryStore {
  return createDynamoDbInventory(DynamoDBDocumentClient.from(client), tableName);
}

/** Keeps since when rules of discovery match nothing, in the same table as the state. */
export function createMemory(client: DynamoDBClient, tableName: string, options: MemoryOptions): DiscoveryMemoryStore {
  return createDynamoDbMemory(DynamoDBDocumentClient.from(client), tableName, options);
}

/** Keeps the last good configuration, in the same table as the state. */
export function createKeptConfig(client: DynamoDBClient, tableName: string): KeptConfigStore {
  return createDynamoDbKeptConfig(DynamoDBDocumentClient.from(client), tableName);
}

/** The table's keys are `pk` and `sk`, both strings; its attribute for time to live is `expiresAt`. */
export function createDynamoDbState(
  client: DynamoDBClient,
  tableName: string,
  { clock, owner, receiver, leaseMs = LEASE_MS, throttledRetries = 6 }: DynamoDbStateOptions,
): StateStore {
  // Without this option, the client refuses an object that has a property called `constructor`.
  const documents = DynamoDBDocumentClient.from(client, { marshallOptions: { convertClassInstanceToMap: true } });
  const table = stateTable(documents, tableName, receiver);
  const scans = scansTable(documents, tableName, receiver);
  const name = `DynamoDB table ${tableName}`;
  const load = async (signal?: AbortSignal): Promise<Loaded> => {
    try {
      const [stored, journal, scanned] = await Promise.all([
        table.load(signal),
        openJournal(documents, tableName, receiver, signal),
        scans.load(signal),
      ]);
      return { stored, journal, scanned };
    } catch (error) {
      throw signal?.aborted ? leaseTimeoutError(name, undefined, error) : tableFailure(tableName, 'read', error);
    }
  };
  return {
    name,
    async read() {
      return toState(await load(), clock());
    },
    async acquire(signal) {
      const lease = await acquireDynamoDbLease(documents, { tableName, receiver, owner, leaseMs }, signal);
      return await underLease(lease, async () => {
        const now = clock();
        const loaded = await load(signal);
        const { journal } = loaded;
        const changesFor = changesSince({ tableName, table, scans }, loaded.stored, now);
        return {
          state: toState(loaded, now),
          async save(next) {
            const { changes, notified } = await changesFor(next);
            // Without the journal the records are saved all the same, and what is left of it is merged by the next run.
            if (notified.length > 1) await journal.write(notified).catch(() => undefined);
            await saveAll(tableName, changes, throttledRetries);
            // After the findings: one that is no longer seen must not count as seen at the scan that missed it.
            await saveAll(tableName, [() => scans.save(scansOf(next))], throttledRetries);
            await journal.clear().catch(() => undefined);
          },
        };
      });
    },
  };
}

interface Loaded {
  readonly stored: readonly StoredItem[];
  readonly journal: Journal;
  readonly scanned: Scans;
}

/** The records of the table, and on top of them what a run notified of that died while it saved. */
function toState({ stored, journal, scanned }: Loaded, now: Date): AuditState {
  // An older version of the auditor kept a record for each target.
  const scannedEntries = [...scanned].map(([name, takenAt]): StateRecord => targetEntry({ name, takenAt }));
  const entries = new Map(
    [...stored.map(({ entry }) => withScan(entry, scanned)), ...scannedEntries].map((entry) => [
      recordId(entry),
      entry,
    ]),
  );
  for (const entry of journal.records) {
    const id = recordId(entry);
    const before = entries.get(id);
    entries.set(id, before === undefined ? entry : mergeStateRecords(before, entry));
  }
  return stateOf(entries.values(), now);
}

function scansOf({ targets }: AuditState): Scans {
  return new Map([...targets.values()].map(({ name, takenAt }) => [name, takenAt]));
}

/** The record with its own last sighting. */
function withScan({ seenWithTarget, ...entry }: TableRecord, scanned: Scans): StateRecord {
  if (!seenWithTarget || entry.kind !== 'finding' || entry.record.status !== 'open') return entry;
  const { lastSeen, finding } = entry.record;
  return { ...entry, record: { ...entry.record, lastSeen: later(lastSeen, scanned.get(finding.target) ?? lastSeen) } };
}

/** The records as the table is to have them: targets are not among them. */
function tableRecordsOf(state: AuditState): readonly TableRecord[] {
  return recordsOf({ ...state, targets: new Map() }).map((entry) => {
    if (entry.kind !== 'finding' || entry.record.status !== 'open') return entry;
    const { lastSeen, finding } = entry.record;
    return state.targets.get(finding.target)?.takenAt === lastSeen ? { ...entry, seenWithTarget: true } : entry;
  });
}

/** Whether the table need not be written: of a finding that was seen again, the scan of its target says so. */
function isKept(before: TableRecord | undefined, wanted: TableRecord): boolean {
  if (before?.kind !== 'finding' || wanted.kind !== 'finding' || !before.seenWithTarget || !wanted.seenWithTarget) {
    return isSame(before, wanted);
  }
  const { lastSeen } = wanted.record;
  return isSame({ ...before, record: { ...before.record, lastSeen } }, wanted);
}

type Change = () => Promise<void>;

interface Changes {
  readonly changes: readonly Change[];
  /** The records by which the next run knows what this one notified of. */
  readonly notified: readonly StateRecord[];
}

/** Whether the receiver was notified of what the record is about, since it was saved. */
function isNotification(entry: StateRecord, before: StateRecord | undefined): boolean {
  if (entry.kind === 'finding') {
    const earlier = before?.kind === 'finding' ? before.record.lastNotified : undefined;
    return !isDeepStrictEqual(entry.record.lastNotified, earlier);
  }
  if (entry.kind === 'mute') {
    return entry.record.unusedNotifiedAt !== (before?.kind === 'mute' ? before.record.unusedNotifiedAt : undefined);
  }
  return false;
}

/** An item of the table as this run last read or wrote it. */
interface Known {
  /** As the table holds it. */
  readonly stored: StoredItem;
  /**
   * The record that this run wanted; `stored` differs where another run's record was merged into it. Undefined:
   * expired.
   */
  readonly wanted: TableRecord | undefined;
}

interface Tables {
  readonly tableName: string;
  readonly table: StateTable;
  readonly scans: ScansTable;
}

/** Finds the changes to write, for one lease. A record that this run has written is not written again. */
function changesSince(
  { tableName, table, scans }: Tables,
  loaded: readonly StoredItem[],
  now: Date,
): (next: AuditState) => Promise<Changes> {
  const known = new Map<string, Known>(
    loaded.map((stored) => [
      recordId(stored.entry),
      { stored, wanted: isExpired(stored.entry, now) ? undefined : stored.entry },
    ]),
  );

  const write = async (wanted: TableRecord, scanned: Scans, isOvertaken: boolean): Promise<void> => {
    const before = known.get(recordId(wanted));
    const mergedBefore = before?.wanted !== undefined && !isSame(before.stored.entry, before.wanted);
    let entry: TableRecord = mergedBefore ? mergeStateRecords(wanted, before.stored.entry) : wanted;
    let version = before?.stored.version;
    for (let attempt = 1; attempt <= MERGE_ATTEMPTS; attempt += 1) {
      // Another run scanned the target since, and may have left the record as it was because it saw the finding again.
      if (attempt > 1 || !isOvertaken) {
        try {
          await table.put(entry, version);
          known.set(recordId(wanted), { stored: { entry, version: (version ?? 0) + 1 }, wanted });
          return;
        } catch (error) {
          if (!isConditionFailure(error)) throw error;
        }
      }
      const current = await table.get(wanted);
      version = current?.version;
      if (current === undefined || isExpired(current.entry, now)) {
        entry = wanted;
        continue;
      }
      const { seenWithTarget: _, ...mine } = wanted;
      entry = mergeStateRecords(current.entry.seenWithTarget ? mine : wanted, withScan(current.entry, scanned));
      // Also where an earlier attempt of this run wrote it, and its answer was lost.
      if (isSame(entry, current.entry)) {
        known.set(recordId(wanted), { stored: current, wanted });
        return;
      }
    }
    throw new StateError(
      `The ${wanted.kind} ${displayText(wanted.key)} in DynamoDB table ${tableName} could not be saved: other runs changed it ${MERGE_ATTEMPTS} times in between. Start runs less often.`,
    );
  };

  const remove = async (stored: StoredItem): Promise<void> => {
    try {
      await table.delete(stored);
    } catch (error) {
      // Another run has written or deleted it since: that is newer.
      if (!isConditionFailure(error)) throw error;
    }
    known.delete(recordId(stored.entry));
  };

  return async (next) => {
    const wanted = new Map(tableRecordsOf(next).map((entry) => [recordId(entry), entry]));
    const changed = [...wanted].filter(([id, entry]) => !isKept(known.get(id)?.wanted, entry));
    const scanned = await scans.reload();
    const isOvertaken = (entry: TableRecord): boolean => {
      const theirs = entry.kind === 'finding' ? scanned.get(entry.record.finding.target) : undefined;
      const mine = entry.kind === 'finding' ? next.targets.get(entry.record.finding.target)?.takenAt : undefined;
      return theirs !== undefined && (mine === undefined || compareMoments(theirs, mine) > 0);
    };
    const gone = [...known].filter(([id, { wanted: before }]) => before !== undefined && !wanted.has(id));
    return {
      changes: [
        ...changed.map(
          ([, entry]) =>
            () =>
              write(entry, scanned, isOvertaken(entry)),
        ),
        ...gone.map(
          ([, { stored }]) =>
            () =>
              remove(stored),
        ),
      ],
      notified: changed.flatMap(([id, entry]) => (isNotification(entry, known.get(id)?.stored.entry) ? [entry] : [])),
    };
  };
}

/** Starts no further change after the first failure: each would wait for the same retries. */
async function saveAll(tableName: string, changes: readonly Change[], throttledRetries: number): Promise<void> {
  let saved = 0;
  let failure: { readonly cause: unknown } | undefined;
  await pMap(
    changes,
    async (change) => {
      if (failure !== undefined) return;
      try {
        await pRetry(change, {
          ...THROTTLED_WAIT_MS,
          retries: throttledRetries,
          shouldRetry: ({ error }) => failure === undefined && isThrottled(error),
        });
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
