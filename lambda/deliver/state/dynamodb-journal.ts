// Keeps what a run notified of in a few items, before it writes the many records of its state.
//
// A run that dies while it writes the records has saved some of them: without the journal, the next run would repeat
// the notifications of the others. The item `head` names the journal that counts, so that a part of one never does.

import { randomUUID } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGzip, gunzip } from 'node:zlib';
import { DeleteCommand, type DynamoDBDocumentClient, PutCommand, paginateQuery } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import { DAY_MS } from '../../model/time.ts';
import { EXPIRY_ATTRIBUTE, PARTITION_KEY, partition, SORT_KEY } from './dynamodb-table.ts';
import { KINDS, parseRecord, type StateRecord } from './records.ts';

export interface Journal {
  /** What a run that died notified of, and may not have saved; empty where no run did. */
  readonly records: readonly StateRecord[];
  /** Replaces the journal. What it was is kept until the new one is complete. */
  write(records: readonly StateRecord[]): Promise<void>;
  /** Removes the journal: the records are saved. */
  clear(): Promise<void>;
}

/** Bytes of a part: an item holds 400 KB ("Quotas": item size). */
const PART_BYTES = 350_000;
/** Bytes of all records as JSON: room for a hundred thousand findings. */
const MOST_BYTES = 256 * 1024 * 1024;
/** Days after which DynamoDB deletes a journal: a run that died is followed by another one long before. */
const DAYS_KEPT = 30;
const HEAD = 'head';

const headSchema = z.object({ token: z.string(), parts: z.int().positive() });
const partSchema = z.object({ packed: z.instanceof(Uint8Array) });
const recordsSchema = z.array(z.tuple([z.enum(KINDS), z.unknown()]));

/** @throws what the SDK throws */
export async function openJournal(
  client: DynamoDBDocumentClient,
  tableName: string,
  receiver: string,
  signal?: AbortSignal,
): Promise<Journal> {
  const pk = partition(receiver, 'notified');
  const items = new Map<string, unknown>();
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
  for await (const { Items = [] } of pages) for (const item of Items) items.set(String(item[SORT_KEY]), item);
  const keys = new Set(items.keys());

  const put = async (key: string, content: Readonly<Record<string, unknown>>): Promise<void> => {
    const expiresAt = Math.ceil((Date.now() + DAYS_KEPT * DAY_MS) / 1000);
    keys.add(key);
    const Item = { [PARTITION_KEY]: pk, [SORT_KEY]: key, [EXPIRY_ATTRIBUTE]: expiresAt, ...content };
    await client.send(new PutCommand({ TableName: tableName, Item }));
  };
  const removeAll = async (old: readonly string[]): Promise<void> => {
    for (const key of old) {
      await client.send(new DeleteCommand({ TableName: tableName, Key: { [PARTITION_KEY]: pk, [SORT_KEY]: key } }));
      keys.delete(key);
    }
  };
  return {
    records: await unpack(items),
    async write(records) {
      const old = [...keys].filter((key) => key !== HEAD);
      const token = randomUUID();
      // As one text, the records of a fleet would take a hundred megabytes.
      const zipped = createGzip();
      const [packed] = await Promise.all([buffer(zipped), pipeline(jsonOf(records), zipped)]);
      const parts = Math.ceil(packed.length / PART_BYTES);
      for (let index = 0; index < parts; index += 1) {
        await put(partKey(token, index), { packed: packed.subarray(index * PART_BYTES, (index + 1) * PART_BYTES) });
      }
      await put(HEAD, { token, parts });
      await removeAll(old);
    },
    // The head first: parts without one count for nothing.
    clear: () => removeAll([...keys].toSorted((a, b) => Number(b === HEAD) - Number(a === HEAD))),
  };
}

function* jsonOf(records: readonly StateRecord[]): Iterable<string> {
  for (const [index, { kind, record }] of records.entries()) {
    yield `${index === 0 ? '[' : ','}${JSON.stringify([kind, record])}`;
  }
  yield records.length === 0 ? '[]' : ']';
}

/** A journal that is not whole, or not ours, counts for nothing: a notification twice is better than never. */
async function unpack(items: ReadonlyMap<string, unknown>): Promise<readonly StateRecord[]> {
  const head = headSchema.safeParse(items.get(HEAD)).data;
  if (head === undefined) return [];
  const parts: Uint8Array[] = [];
  for (let index = 0; index < head.parts; index += 1) {
    const part = partSchema.safeParse(items.get(partKey(head.token, index))).data;
    if (part === undefined) return [];
    parts.push(part.packed);
  }
  try {
    const text = await promisify(gunzip)(Buffer.concat(parts), { maxOutputLength: MOST_BYTES });
    return recordsSchema.parse(JSON.parse(text.toString('utf8'))).map(([kind, record]) => parseRecord(kind, record));
  } catch {
    return [];
  }
}

function partKey(token: string, index: number): string {
  return `${token}/${index}`;
}
