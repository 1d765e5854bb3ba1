// The lease of a state in DynamoDB: one item that names its holder, and expires when the holder no longer renews it.

import { randomUUID } from 'node:crypto';
import { setInterval } from 'node:timers/promises';
import { DeleteCommand, type DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import { isConditionFailure, tableFailure } from './dynamodb-failure.ts';
import { EXPIRY_ATTRIBUTE, PARTITION_KEY, partition, SORT_KEY } from './dynamodb-table.ts';
import { LEASE_MS, LEASE_SKEW_MS, leaseTimeoutError, pollDelay, RENEWAL_FRACTION } from './lease-wait.ts';

export interface DynamoDbLeaseOptions {
  readonly tableName: string;
  /** The receiver whose state is leased. Each receiver has a lease of its own. */
  readonly receiver: string;
  /** The run, as messages name it. */
  readonly owner: string;
  /** Milliseconds of real time. */
  readonly leaseMs: number;
}

/** Milliseconds that a release may take. Without a release, the lease expires. */
const RELEASE_MS = 10_000;
/** The same for a run that did not get the lease: it needs its time for other steps. */
const GIVE_UP_MS = 1_000;

/** DynamoDB may delete an item this long after its lease: clocks of machines differ. */
const TTL_GRACE_SECONDS = 86_400;

const NAMES = { '#token': 'token' };

const leaseSchema = z.object({ owner: z.string(), since: z.string(), until: z.number() });
type Lease = z.output<typeof leaseSchema>;

/**
 * Waits for the lease, and renews it until it is disposed of.
 *
 * @throws StateError
 */
export async function acquireDynamoDbLease(
  client: DynamoDBDocumentClient,
  { tableName, receiver, owner, leaseMs }: DynamoDbLeaseOptions,
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  // Two runs of one owner exclude each other too: Lambda may deliver an invocation twice.
  const token = randomUUID();
  const key = { [PARTITION_KEY]: partition(receiver, 'run'), [SORT_KEY]: 'lease' };
  const ifMine = {
    ConditionExpression: '#token = :me',
    ExpressionAttributeNames: NAMES,
    ExpressionAttributeValues: { ':me': token },
  };
  let holder: Lease | undefined;

  const release = async (timeoutMs: number): Promise<void> => {
    try {
      const command = new DeleteCommand({ TableName: tableName, Key: key, ...ifMine });
      await client.send(command, { abortSignal: AbortSignal.timeout(timeoutMs) });
    } catch {
      // The lease is no longer ours, or DynamoDB does not answer: then it expires. The run is done either way.
    }
  };

  const lease = (since: number, until: number): Record<string, unknown> => ({
    ...key,
    token,
    owner,
    since: new Date(since).toISOString(),
    until,
    // For a run that died without a successor.
    [EXPIRY_ATTRIBUTE]: Math.ceil(until / 1000) + TTL_GRACE_SECONDS,
  });

  /** The latest end that a correct clock can have given a lease. Tests wait with a shorter lease than the holder's. */
  const latestEnd = (now: number): number => now + Math.max(leaseMs, LEASE_MS) + LEASE_SKEW_MS;

  const tryAcquire = async (): Promise<boolean> => {
    const now = Date.now();
    const command = new PutCommand({
      TableName: tableName,
      Item: lease(now, now + leaseMs),
      // The last part: an earlier attempt of this request succeeded, and its answer was lost.
      ConditionExpression: 'attribute_not_exists(#pk) OR #until < :now OR #until > :latest OR #token = :me',
      ExpressionAttributeNames: { ...NAMES, '#pk': PARTITION_KEY, '#until': 'until' },
      ExpressionAttributeValues: { ':now': now, ':latest': latestEnd(now), ':me': token },
    });
    try {
      await client.send(command, { abortSignal: signal });
      return true;
    } catch (error) {
      if (isConditionFailure(error)) return false;
      throw error;
    }
  };

  const readLease = async (): Promise<Lease | undefined> => {
    const command = new GetCommand({ TableName: tableName, Key: key, ConsistentRead: true });
    const { Item } = await client.send(command, { abortSignal: signal });
    return leaseSchema.safeParse(Item).data;
  };

  let hasTried = false;
  try {
    signal.throwIfAborted();
    hasTried = true;
    while (!(await tryAcquire())) {
      // A read costs less than a write.
      do {
        holder = await readLease();
        await pollDelay(signal);
      } while (holder !== undefined && holder.until >= Date.now() && holder.until <= latestEnd(Date.now()));
    }
  } catch (error) {
    // The request that was aborted may have succeeded.
    if (hasTried) await release(GIVE_UP_MS);
    throw signal.aborted
      ? leaseTimeoutError(`DynamoDB table ${tableName}`, holder, error)
      : tableFailure(tableName, 'read', error);
  }

  const acquiredAt = Date.now();
  const ended = new AbortController();
  const renew = async (): Promise<void> => {
    for await (const _ of setInterval(leaseMs * RENEWAL_FRACTION, undefined, { signal: ended.signal, ref: false })) {
      const command = new PutCommand({
        TableName: tableName,
        Item: lease(acquiredAt, Date.now() + leaseMs),
        ...ifMine,
      });
      try {
        await client.send(command, { abortSignal: ended.signal });
      } catch (error) {
        // The lease is lost: later saves are merged with those of other runs. After another failure the next renewal
        // may succeed.
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
