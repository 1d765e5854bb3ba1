// Keeps what discovery found beside the state in DynamoDB, an item for each account and region.

import { type DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import type { InventoryStore } from '../../model/inventory.ts';
import { DAY_MS } from '../../model/time.ts';
import { tableFailure } from './dynamodb-failure.ts';
import { EXPIRY_ATTRIBUTE, PARTITION_KEY, SORT_KEY } from './dynamodb-table.ts';
import { packInventory, unpackInventory } from './inventory-document.ts';

/** No receiver's partition: those have a # in their names. */
const PARTITION = 'discovery';

/** Days after which DynamoDB deletes an item. It counts for one. */
const DAYS_KEPT = 7;

export function createDynamoDbInventory(client: DynamoDBDocumentClient, tableName: string): InventoryStore {
  return {
    async read(place) {
      try {
        const { Item } = await client.send(
          new GetCommand({ TableName: tableName, Key: { [PARTITION_KEY]: PARTITION, [SORT_KEY]: place } }),
        );
        if (Item === undefined) return undefined;
        const packed: unknown = Item.packed;
        const bytes = packed instanceof Uint8Array ? packed : new Uint8Array();
        return unpackInventory(bytes, `DynamoDB table ${tableName}`);
      } catch (error) {
        throw tableFailure(tableName, 'read', error);
      }
    },
    async save(place, kept) {
      const expiresAt = Math.ceil((Date.parse(kept.at) + DAYS_KEPT * DAY_MS) / 1000);
      try {
        await client.send(
          new PutCommand({
            TableName: tableName,
            Item: {
              [PARTITION_KEY]: PARTITION,
              [SORT_KEY]: place,
              [EXPIRY_ATTRIBUTE]: expiresAt,
              packed: packInventory(kept),
            },
          }),
        );
      } catch (error) {
        throw tableFailure(tableName, 'saved', error);
      }
    },
  };
}
