// A run's turn in a DynamoDB table: one item that names its holder, and is free again when nobody renews it.

import { randomUUID } from 'node:crypto';
import { setInterval } from 'node:timers/promises';
import { DeleteCommand, type DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import { isConditionFailure, tableFailure } from './dynamodb-failure.ts';
import { EXPIRY_ATTRIBUTE, PARTITION_KEY, partition, SORT_KEY } from './dynamodb-table.ts';
import { LEASE_MS, LEASE_SKEW_MS, leaseTimeout, pollDelay, RENEWAL } from './lease-wait.ts';

export interface DynamoDbLeaseOptions {
  readonly tableName: string;
  /** Whose turns: those of others are taken at the same time. */
  readonly receiver: string;
  /** Names the run for people. */
  readonly owner: string;
  /** Milliseconds of real time. */
  readonly leaseMs: number;
}

/** Milliseconds that giving a turn back may take: without it the turn is free when its lease ends. */
const RELEASE_MS = 10_000;
/** The same after a turn that did not come: who waited for a table that does not answer has other things left to do. */
const GIVE_UP_MS = 1_000;

const TTL_GRACE_SECONDS = 86_400;

const NAMES = { '#token': 'token' };

const leaseSchema = z.object({ owner: z.string(), since: z.string(), until: z.number() });
type Lease = z.output<typeof leaseSchema>;

/**
 * Waits for the turn and keeps it until it is disposed of.
 *
 * @throws StateError
 */
export async function acquireDynamoDbLease(
  client: DynamoDBDocumentClient,
  { tableName, receiver, owner, leaseMs }: DynamoDbLeaseOptions,
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  // Two runs of one owner exclude each other too: an invocation may be delivered twice.
  const token = randomUUID();
  const key = { [PARTITION_KEY]: partition(receiver, 'run'), [SORT_KEY]: 'turn' };
  const mine = {
    ConditionExpression: '#token = :me',
    ExpressionAttributeNames: NAMES,
    ExpressionAttributeValues: { ':me': token },
  };
  let holder: Lease | undefined;

  const release = async (patienceMs: number): Promise<void> => {
    try {
      const command = new DeleteCommand({ TableName: tableName, Key: key, ...mine });
      await client.send(command, { abortSignal: AbortSignal.timeout(patienceMs) });
    } catch {
      // No longer ours, or not to be reached: then it is free when the lease ends, and the run was no worse for it.
    }
  };

  const lease = (since: number, until: number): Record<string, unknown> => ({
    ...key,
    token,
    owner,
    since: new Date(since).toISOString(),
    until,
    // Of a run that died when no other came after it.
    [EXPIRY_ATTRIBUTE]: Math.ceil(until / 1000) + TTL_GRACE_SECONDS,
  });

  /** The latest end of a lease that a right clock gave it: tests wait with shorter leases than those that hold one. */
  const latest = (now: number): number => now + Math.max(leaseMs, LEASE_MS) + LEASE_SKEW_MS;

  const take = async (): Promise<boolean> => {
    const now = Date.now();
    const command = new PutCommand({
      TableName: tableName,
      Item: lease(now, now + leaseMs),
      // The last part: an earlier attempt of this very request was done, and its answer lost.
      ConditionExpression: 'attribute_not_exists(#pk) OR #until < :now OR #until > :latest OR #token = :me',
      ExpressionAttributeNames: { ...NAMES, '#pk': PARTITION_KEY, '#until': 'until' },
      ExpressionAttributeValues: { ':now': now, ':latest': latest(now), ':me': token },
    });
    try {
      await client.send(command, { abortSignal: signal });
      return true;
    } catch (error) {
      if (isConditionFailure(error)) return false;
      throw error;
    }
  };

  const look = async (): Promise<Lease | undefined> => {
    const command = new GetCommand({ TableName: tableName, Key: key, ConsistentRead: true });
    const { Item } = await client.send(command, { abortSignal: signal });
    return leaseSchema.safeParse(Item).data;
  };

  let hasTried = false;
  try {
    signal.throwIfAborted();
    hasTried = true;
    while (!(await take())) {
      // Looking costs less than trying.
      do {
        holder = await look();
        await pollDelay(signal);
      } while (holder !== undefined && holder.until >= Date.now() && holder.until <= latest(Date.now()));
    }
  } catch (error) {
    // The request that was given up may have been done.
    if (hasTried) await release(GIVE_UP_MS);
    throw signal.aborted
      ? leaseTimeout(`DynamoDB table ${tableName}`, holder, error)
      : tableFailure(tableName, 'read', error);
  }

  const taken = Date.now();
  const ended = new AbortController();
  const renew = async (): Promise<void> => {
    for await (const _ of setInterval(leaseMs * RENEWAL, undefined, { signal: ended.signal, ref: false })) {
      const command = new PutCommand({ TableName: tableName, Item: lease(taken, Date.now() + leaseMs), ...mine });
      try {
        await client.send(command, { abortSignal: ended.signal });
      } catch (error) {
        // Lost: what is saved from now on is merged with what others save. Other failures: the next renewal may do.
        if (isConditionFailure(error)) return;
      }
    }
  };
  const renewing = renew().catch(() => undefined);
  return {
    async [Symbol.asyncDispose]() {
      ended.abort();
      await renewing;
      await release(RELEASE_MS);
    },
  };
}
