// Keeps the last good configuration beside the state in DynamoDB, an item for each location.

import { gunzipSync, gzipSync } from 'node:zlib';
import { type DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import type { KeptConfig, KeptConfigStore } from '../../model/kept-config.ts';
import { DAY_MS } from '../../model/time.ts';
import { isConditionFailure, tableFailure } from './dynamodb-failure.ts';
import { PARTITION_KEY, SORT_KEY } from './dynamodb-table.ts';
import { StateError } from './store.ts';

/** No receiver's partition: those have a # in their names. */
const PARTITION = 'configuration';

/** Bytes of a document at most, unpacked. */
const MOST_BYTES = 1024 * 1024;

/** Bytes of an item at most, less its names ("Quotas": item size). */
const MOST_PACKED_BYTES = 395_000;

const itemSchema = z.object({ packed: z.instanceof(Uint8Array), readAt: z.iso.datetime() });

export function createDynamoDbKeptConfig(client: DynamoDBDocumentClient, tableName: string): KeptConfigStore {
  const keyOf = (location: string) => ({ [PARTITION_KEY]: PARTITION, [SORT_KEY]: location });
  return {
    async read(location) {
      try {
        const { Item } = await client.send(
          new GetCommand({ TableName: tableName, Key: keyOf(location), ConsistentRead: true }),
        );
        return Item === undefined ? undefined : unpack(Item, tableName);
      } catch (error) {
        throw tableFailure(tableName, 'read', error);
      }
    },
    async save(location, { text, readAt }) {
      const packed = gzipSync(text);
      if (packed.length > MOST_PACKED_BYTES) {
        throw new StateError(
          `The configuration can't be kept in DynamoDB table ${tableName}: it has ${packed.length} bytes when it is ` +
            `compressed, and ${MOST_PACKED_BYTES} fit. Let "discovery" find targets instead of naming each.`,
        );
      }
      try {
        await client.send(
          new PutCommand({
            TableName: tableName,
            Item: { ...keyOf(location), packed, readAt },
            // A run that read the location earlier may save later. A clock that was ahead must not keep it for ever,
            // nor an item that is no configuration.
            ConditionExpression:
              'NOT attribute_type(readAt, :text) OR NOT attribute_type(packed, :bytes) OR readAt <= :readAt OR readAt > :future',
            ExpressionAttributeValues: {
              ':text': 'S',
              ':bytes': 'B',
              ':readAt': readAt,
              ':future': new Date(Date.parse(readAt) + DAY_MS).toISOString(),
            },
          }),
        );
      } catch (error) {
        if (!isConditionFailure(error)) throw tableFailure(tableName, 'saved', error);
      }
    },
  };
}

/** @throws StateError for what `save` did not write: it quotes nothing of it */
function unpack(item: unknown, tableName: string): KeptConfig {
  try {
    const { packed, readAt } = itemSchema.parse(item);
    return { text: gunzipSync(packed, { maxOutputLength: MOST_BYTES }).toString(), readAt };
  } catch (cause) {
    throw new StateError(
      `The last good configuration in DynamoDB table ${tableName} can't be used: delete its item, and the next run that ` +
        'reads a good one writes it again.',
      { cause },
    );
  }
}
