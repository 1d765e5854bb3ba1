// Reads and writes the items of a state table in DynamoDB.

import { createHash } from 'node:crypto';
import {
  DeleteCommand,
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  paginateQuery,
} from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import { displayText } from '../../model/display.ts';
import { describeIssue } from './issue.ts';
import { expiresAt, KINDS, parseRecord, STATE_SCHEMA_VERSION, type StateRecord } from './records.ts';
import { StateError } from './store.ts';

/** The table's keys, both strings. */
export const PARTITION_KEY = 'pk';
export const SORT_KEY = 'sk';
/** The attribute for DynamoDB's time to live: seconds since 1970. */
export const EXPIRY_ATTRIBUTE = 'expiresAt';

/** The most bytes of a sort key ("Quotas": sort key values). */
const SORT_KEY_BYTES = 1024;

/** A record as the table holds it. */
export type TableRecord = StateRecord & {
  /** Of a finding: it was also seen at every later scan of its target. @default false */
  readonly seenWithTarget?: boolean;
};

/** Items with `seenWithTarget`: an auditor that does not know it would take the finding for gone. */
const SCHEMA_VERSION = 2;

/** Each write of an item increments its version. */
export interface StoredItem {
  readonly entry: TableRecord;
  readonly version: number;
}

export interface StateTable {
  /** All records, including those that have expired and are not deleted yet. */
  load(signal?: AbortSignal): Promise<StoredItem[]>;
  get(entry: StateRecord): Promise<StoredItem | undefined>;
  /**
   * Writes the record if the table holds that version of it; with `version` undefined, if the table does not hold it.
   */
  put(entry: TableRecord, version: number | undefined): Promise<void>;
  delete(stored: StoredItem): Promise<void>;
}

/** The partition with one kind of records of one receiver, with its lease, its journal, or the scans of its targets. */
export function partition(receiver: string, kind: StateRecord['kind'] | 'run' | 'notified' | 'scans'): string {
  return `${receiver}#${kind}`;
}

/**
 * Every method throws what the SDK throws, or a StateError for an item that the auditor did not write.
 *
 * @param receiver the receiver whose state it is: the table may hold the states of others too
 */
export function stateTable(client: DynamoDBDocumentClient, tableName: string, receiver: string): StateTable {
  const keyOf = ({ kind, key }: StateRecord): Record<string, string> => ({
    [PARTITION_KEY]: partition(receiver, kind),
    [SORT_KEY]: sortKey(key),
  });
  const loadKind = async (kind: StateRecord['kind'], signal: AbortSignal | undefined): Promise<StoredItem[]> => {
    const pages = paginateQuery(
      { client },
      {
        TableName: tableName,
        ConsistentRead: true,
        KeyConditionExpression: '#pk = :kind',
        ExpressionAttributeNames: { '#pk': PARTITION_KEY },
        ExpressionAttributeValues: { ':kind': partition(receiver, kind) },
      },
      signal === undefined ? {} : { abortSignal: signal },
    );
    const found: StoredItem[] = [];
    const share = textSharing();
    for await (const { Items = [] } of pages) {
      found.push(...Items.map((item) => withSharedTexts(readItem(tableName, kind, item), share)));
    }
    return found;
  };
  return {
    async load(signal) {
      return (await Promise.all(KINDS.map((kind) => loadKind(kind, signal)))).flat();
    },
    async get(entry) {
      const command = new GetCommand({ TableName: tableName, Key: keyOf(entry), ConsistentRead: true });
      const { Item } = await client.send(command);
      return Item === undefined ? undefined : readItem(tableName, entry.kind, Item);
    },
    async put(entry, version) {
      await client.send(
        new PutCommand({
          TableName: tableName,
          Item: { ...keyOf(entry), ...writeItem(entry, (version ?? 0) + 1) },
          ...atVersion(version),
        }),
      );
    },
    async delete({ entry, version }) {
      await client.send(new DeleteCommand({ TableName: tableName, Key: keyOf(entry), ...atVersion(version) }));
    },
  };
}

/** @returns what makes equal texts one text: the findings of a fleet have few remedies, in thousands of copies */
function textSharing(): (text: string) => string {
  const kept = new Map<string, string>();
  return (text) => {
    const before = kept.get(text);
    if (before === undefined) kept.set(text, text);
    return before ?? text;
  };
}

function withSharedTexts(stored: StoredItem, share: (text: string) => string): StoredItem {
  const { entry } = stored;
  if (entry.kind !== 'finding') return stored;
  const { finding } = entry.record;
  const shared = { ...finding, title: share(finding.title), remedy: share(finding.remedy) };
  return { ...stored, entry: { ...entry, record: { ...entry.record, finding: shared } } };
}

/** The condition of a write; with `version` undefined: the table does not hold the item. */
export function atVersion(version: number | undefined) {
  if (version === undefined) {
    return { ConditionExpression: 'attribute_not_exists(#pk)', ExpressionAttributeNames: { '#pk': PARTITION_KEY } };
  }
  return {
    ConditionExpression: '#version = :version',
    ExpressionAttributeNames: { '#version': 'version' },
    ExpressionAttributeValues: { ':version': version },
  };
}

/**
 * The key itself, so that people find the item; the hash of a key that is longer than a sort key, as a mute's may be.
 */
export function sortKey(key: string): string {
  if (Buffer.byteLength(key) <= SORT_KEY_BYTES && key.isWellFormed()) return key;
  return `sha256:${createHash('sha256').update(JSON.stringify(key)).digest('hex')}`;
}

function writeItem(entry: TableRecord, version: number): Record<string, unknown> {
  const expiry = expiresAt(entry);
  return {
    ...(entry.seenWithTarget
      ? { schemaVersion: SCHEMA_VERSION, seenWithTarget: true }
      : { schemaVersion: STATE_SCHEMA_VERSION }),
    version,
    ...(expiry === undefined ? {} : { [EXPIRY_ATTRIBUTE]: expiry }),
    record: entry.record,
  };
}

const itemSchema = z.object({
  schemaVersion: z.int().positive(),
  version: z.int().positive(),
  seenWithTarget: z.boolean().optional(),
  record: z.unknown(),
});

function readItem(tableName: string, kind: StateRecord['kind'], item: Record<string, unknown>): StoredItem {
  const place = `The item ${kind} / ${displayText(String(item[SORT_KEY]), 200)} in DynamoDB table ${tableName}`;
  const read = itemSchema.safeParse(item);
  if (!read.success) throw unusable(place, read.error);
  const { schemaVersion, version, seenWithTarget, record } = read.data;
  if (schemaVersion > SCHEMA_VERSION) {
    throw new StateError(
      `${place} was written by a newer version of the auditor (schemaVersion ${schemaVersion}, this one knows ${SCHEMA_VERSION}): ` +
        'run the newer version, or name another table.',
    );
  }
  try {
    return { entry: { ...parseRecord(kind, record), ...(seenWithTarget ? { seenWithTarget } : {}) }, version };
  } catch (error) {
    if (error instanceof z.ZodError) throw unusable(place, error);
    throw error;
  }
}

function unusable(place: string, error: z.ZodError): StateError {
  return new StateError(
    `${place} was not written by the auditor (${describeIssue(error)}). Nothing was changed: ` +
      'delete the item if it is not needed, or name another table.',
    { cause: error },
  );
}
