// Keeps when each target was last scanned, packed into a few items of a state table: every run changes all of them.
//
// A record of a finding that is seen again and again then stays as it is: it says that it was seen whenever its target
// was scanned (`seenWithTarget`).

import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { type DynamoDBDocumentClient, GetCommand, PutCommand, paginateQuery } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import { later } from '../../model/time.ts';
import { isConditionFailure } from './dynamodb-failure.ts';
import { atVersion, PARTITION_KEY, partition, SORT_KEY } from './dynamodb-table.ts';
import { StateError } from './store.ts';

/** By the name of a target: when its newest snapshot was taken. ISO 8601, UTC. */
export type Scans = ReadonlyMap<string, string>;

export interface ScansTable {
  /** @throws what the SDK throws; StateError for an item that the auditor did not write */
  load(signal?: AbortSignal): Promise<Scans>;
  /** What the table holds now: another run may have written since it was loaded. */
  reload(): Promise<Scans>;
  /**
   * Writes what changed since it was loaded, once it is reloaded. Where another run wrote, the later scan of each
   * target counts.
   */
  save(scans: Scans): Promise<void>;
}

/** How often an item is read again and merged because another run wrote it in between. */
const MERGE_ATTEMPTS = 8;

/** Bytes of a packed item before it is unpacked, at most. An item holds 400 KB, which unpack to a few MB. */
const MOST_BYTES = 64 * 1024 * 1024;

const SCHEMA_VERSION = 2;

const itemSchema = z.object({
  schemaVersion: z.literal(SCHEMA_VERSION),
  version: z.int().positive(),
  packed: z.instanceof(Uint8Array),
});
const scansSchema = z.array(z.tuple([z.string().min(1), z.iso.datetime()]));

interface Bucket {
  readonly scans: Scans;
  /** Undefined: there is no such item. */
  readonly version: number | undefined;
}

const EMPTY: Bucket = { scans: new Map(), version: undefined };

export function scansTable(client: DynamoDBDocumentClient, tableName: string, receiver: string): ScansTable {
  const pk = partition(receiver, 'scans');
  const known = new Map<string, Bucket>();
  /** What this run knows of: what it no longer wants is to go, and what another run added is to stay. */
  let loaded: Scans = new Map();
  const bucketFrom = async (item: Readonly<Record<string, unknown>>): Promise<Bucket> => {
    try {
      const { version, packed } = itemSchema.parse(item);
      const text = await promisify(gunzip)(packed, { maxOutputLength: MOST_BYTES });
      return { scans: new Map(scansSchema.parse(JSON.parse(text.toString('utf8')))), version };
    } catch (error) {
      throw new StateError(
        `An item of ${pk} in DynamoDB table ${tableName} was not written by this version of the auditor. Nothing was ` +
          'changed: delete the item if it is not needed, or name another table.',
        { cause: error },
      );
    }
  };
  const get = async (bucket: string): Promise<Bucket> => {
    const Key = { [PARTITION_KEY]: pk, [SORT_KEY]: bucket };
    const { Item } = await client.send(new GetCommand({ TableName: tableName, Key, ConsistentRead: true }));
    return Item === undefined ? EMPTY : await bucketFrom(Item);
  };
  const put = async (bucket: string, scans: Scans, version: number | undefined): Promise<void> => {
    const packed = await promisify(gzip)(JSON.stringify([...scans]));
    const Item = { [PARTITION_KEY]: pk, [SORT_KEY]: bucket, schemaVersion: SCHEMA_VERSION, packed };
    await client.send(
      new PutCommand({ TableName: tableName, Item: { ...Item, version: (version ?? 0) + 1 }, ...atVersion(version) }),
    );
    known.set(bucket, { scans, version: (version ?? 0) + 1 });
  };
  const saveBucket = async (bucket: string, wanted: Scans): Promise<void> => {
    let before = known.get(bucket) ?? EMPTY;
    for (let attempt = 1; attempt <= MERGE_ATTEMPTS; attempt += 1) {
      const scans = merged(wanted, before.scans, loaded);
      if (isEqual(scans, before.scans)) return;
      try {
        await put(bucket, scans, before.version);
        return;
      } catch (error) {
        if (!isConditionFailure(error)) throw error;
      }
      before = await get(bucket);
    }
    throw new StateError(
      `The scans ${bucket} of ${pk} in DynamoDB table ${tableName} could not be saved: other runs changed them ` +
        `${MERGE_ATTEMPTS} times in between. Start runs less often.`,
    );
  };
  const read = async (signal?: AbortSignal): Promise<Scans> => {
    const pages = paginateQuery(
      { client },
      {
        TableName: tableName,
        ConsistentRead: true,
        KeyConditionExpression: '#pk = :pk',
        ExpressionAttributeNames: { '#pk': PARTITION_KEY },
        ExpressionAttributeValues: { ':pk': pk },
      },
      signal === undefined ? {} : { abortSignal: signal },
    );
    known.clear();
    for await (const { Items = [] } of pages) {
      for (const item of Items) known.set(String(item[SORT_KEY]), await bucketFrom(item));
    }
    return new Map([...known.values()].flatMap(({ scans }) => [...scans]));
  };
  return {
    async load(signal) {
      loaded = await read(signal);
      return loaded;
    },
    reload: () => read(),
    async save(scans) {
      const wanted = Map.groupBy(scans, ([name]) => bucketOf(name));
      for (const bucket of new Set([...known.keys(), ...wanted.keys()])) {
        await saveBucket(bucket, new Map(wanted.get(bucket)));
      }
      loaded = scans;
    },
  };
}

/** One of sixteen: ten thousand targets take some 8 KB in each. */
function bucketOf(name: string): string {
  return createHash('sha256').update(JSON.stringify(name)).digest('hex').slice(0, 1);
}

function merged(wanted: Scans, current: Scans, loaded: Scans): Scans {
  const scans = new Map(wanted);
  for (const [name, takenAt] of current) {
    const own = scans.get(name);
    if (own !== undefined) scans.set(name, later(own, takenAt));
    else if (loaded.get(name) !== takenAt) scans.set(name, takenAt);
  }
  return scans;
}

function isEqual(a: Scans, b: Scans): boolean {
  return a.size === b.size && [...a].every(([name, takenAt]) => b.get(name) === takenAt);
}
