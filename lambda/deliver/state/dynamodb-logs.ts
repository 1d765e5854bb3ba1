// Keeps what is remembered of targets in the state table in DynamoDB: an item for each, of its log or of its clients.

import { createHash } from 'node:crypto';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { displayText } from '../../model/display.ts';
import type { LogStateStore } from '../../model/log-state.ts';
import { type Clock, DAY_MS } from '../../model/time.ts';
import { isConditionFailure, tableFailure } from './dynamodb-failure.ts';
import { EXPIRY_ATTRIBUTE, PARTITION_KEY, SORT_KEY, sortKey } from './dynamodb-table.ts';
import { DAYS_KEPT, logRecord, NOTHING_STORED, parseLogRecord, UNUSED_DAYS } from './log-record.ts';

/** Partitions of receivers hold a `#`. What is kept of a target is the same for all of them. */
const PARTITIONS = { 'connection-log': UNUSED_DAYS, clients: DAYS_KEPT } as const;

/** One function saves those of a whole fleet, and one partition takes 1,000 writes of 1 KB a second: there are 16. */
function clientPartition(target: string): string {
  return `clients-${createHash('sha256').update(target).digest('hex').charAt(0)}`;
}

/** @param of what is kept: the position in the log, with a day's logins, or the clients of a quarter */
export function createDynamoDbLogs(
  client: DynamoDBClient,
  tableName: string,
  clock: Clock,
  of: keyof typeof PARTITIONS = 'connection-log',
): LogStateStore {
  const documents = DynamoDBDocumentClient.from(client);
  const keyOf = (target: string): Record<string, string> => ({
    [PARTITION_KEY]: of === 'clients' ? clientPartition(target) : of,
    [SORT_KEY]: sortKey(target),
  });
  return {
    async read(target) {
      const command = new GetCommand({ TableName: tableName, Key: keyOf(target), ConsistentRead: true });
      const { Item } = await documents.send(command).catch((error: unknown) => {
        throw tableFailure(tableName, 'read', error);
      });
      if (Item === undefined) return NOTHING_STORED;
      const place = `The item ${of} / ${displayText(target, 200)} in DynamoDB table ${tableName}`;
      return parseLogRecord(place, target, Item);
    },
    async save(target, state, version) {
      const expiry = Math.floor((clock().getTime() + PARTITIONS[of] * DAY_MS) / 1000);
      const command = new PutCommand({
        TableName: tableName,
        Item: { ...keyOf(target), ...logRecord(target, state, version + 1), [EXPIRY_ATTRIBUTE]: expiry },
        ...(version === 0
          ? { ConditionExpression: 'attribute_not_exists(#pk)', ExpressionAttributeNames: { '#pk': PARTITION_KEY } }
          : {
              ConditionExpression: '#version = :version',
              ExpressionAttributeNames: { '#version': 'version' },
              ExpressionAttributeValues: { ':version': version },
            }),
      });
      try {
        await documents.send(command);
        return true;
      } catch (error) {
        // Also where an earlier attempt of this run wrote it, and its answer was lost: what is there is as good.
        if (isConditionFailure(error)) return false;
        throw tableFailure(tableName, 'saved', error);
      }
    },
  };
}
