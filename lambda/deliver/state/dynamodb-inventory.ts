// Keeps what discovery found beside the state in DynamoDB, an item for each account and region, and one for all.

import { type DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import type { DiscoveryMemory, DiscoveryMemoryStore } from '../../model/discovery-memory.ts';
import type { InventoryStore, KeptInventory } from '../../model/inventory.ts';
import { type Clock, DAY_MS } from '../../model/time.ts';
import { tableFailure } from './dynamodb-failure.ts';
import { EXPIRY_ATTRIBUTE, PARTITION_KEY, SORT_KEY } from './dynamodb-table.ts';
import { packDiscovery, unpackInventory, unpackMemory } from './inventory-document.ts';

/** No receiver's partition: those have a # in their names. */
const PARTITION = 'discovery';

/** Begins the sort keys of memories: no region and no account has a # in its name. */
const MEMORY = '#memory';

/** Days after which DynamoDB deletes an item that no run has written again. An inventory counts for one. */
const DAYS_KEPT = 7;

export function createDynamoDbInventory(client: DynamoDBDocumentClient, tableName: string): InventoryStore {
  const items = itemsOf(client, tableName);
  return {
    read: async (place) => await items.read(place, unpackInventory),
    save: async (place, kept) => await items.save(place, kept, Date.parse(kept.at)),
  };
}

export interface MemoryOptions {
  readonly clock: Clock;
  /** Who uses the table with rules of its own. @default the function */
  readonly user?: string | undefined;
}

export function createDynamoDbMemory(
  client: DynamoDBDocumentClient,
  tableName: string,
  { clock, user = '' }: MemoryOptions,
): DiscoveryMemoryStore {
  const items = itemsOf(client, tableName);
  const key = `${MEMORY}${user}`;
  return {
    read: async () => await items.read(key, unpackMemory),
    save: async (memory) => await items.save(key, memory, clock().getTime()),
  };
}

function itemsOf(client: DynamoDBDocumentClient, tableName: string) {
  return {
    async read<T>(key: string, unpack: (packed: Uint8Array, where: string) => T): Promise<T | undefined> {
      try {
        const { Item } = await client.send(
          new GetCommand({ TableName: tableName, Key: { [PARTITION_KEY]: PARTITION, [SORT_KEY]: key } }),
        );
        if (Item === undefined) return undefined;
        const packed: unknown = Item.packed;
        return unpack(packed instanceof Uint8Array ? packed : new Uint8Array(), `DynamoDB table ${tableName}`);
      } catch (error) {
        throw tableFailure(tableName, 'read', error);
      }
    },
    async save(key: string, kept: KeptInventory | DiscoveryMemory, at: number): Promise<void> {
      try {
        await client.send(
          new PutCommand({
            TableName: tableName,
            Item: {
              [PARTITION_KEY]: PARTITION,
              [SORT_KEY]: key,
              [EXPIRY_ATTRIBUTE]: Math.ceil((at + DAYS_KEPT * DAY_MS) / 1000),
              packed: packDiscovery(kept),
            },
          }),
        );
      } catch (error) {
        throw tableFailure(tableName, 'saved', error);
      }
    },
  };
}
