// Opens the state of `--state FILE` or `--state dynamodb:TABLE`.

import { hostname } from 'node:os';
import type { StateStore } from '../../../lambda/deliver/state/store.ts';
import { mergeState } from '../../../lambda/lifecycle/merge.ts';
import type { DiscoveryMemoryStore } from '../../../lambda/model/discovery-memory.ts';
import { displayText } from '../../../lambda/model/display.ts';
import { holdsSecret, mayBeSecret } from '../../../lambda/model/given-text.ts';
import type { InventoryStore } from '../../../lambda/model/inventory.ts';
import type { AuditState } from '../../../lambda/model/lifecycle.ts';
import type { LogStateStore } from '../../../lambda/model/log-state.ts';
import { systemClock } from '../../../lambda/model/time.ts';
import { DEFAULT_ROUTE } from '../../../lambda/report/receiver.ts';
import type { AwsService } from '../../../lambda/runtime/unsafe-environment.ts';
import { UsageError } from '../grammar/usage-error.ts';

const TABLE_PREFIX = 'dynamodb:';

/** Names and ARNs of tables ("Naming rules"). */
const TABLE = /^(arn:[\w-]+:dynamodb:[\w-]+:\d{12}:table\/)?[\w.-]{3,255}$/;

/**
 * The command line's receiver in a table that the function shares: a report that is printed here was not sent by email
 * or chat, and must not count as notified there.
 */
const COMMAND_LINE = `${DEFAULT_ROUTE}#command-line`;

/** The AWS service that keeps the state; none for a file. */
export function servicesOfState(spec: string | undefined): readonly AwsService[] {
  return spec?.startsWith(TABLE_PREFIX) ? ['DYNAMODB'] : [];
}

/**
 * @param spec - A file, which need not exist yet, or a table. The SDK is loaded for a table only.
 * @throws UsageError
 */
export async function stateStoreFor(spec: string): Promise<StateStore> {
  if (spec.startsWith(TABLE_PREFIX)) return await tableStore(spec, COMMAND_LINE);
  refuseFile(spec);
  const { createFileState } = await import('../../../lambda/deliver/state/file.ts');
  return createFileState(spec, { clock: systemClock });
}

/**
 * What is remembered of connection logs, beside that state; of a table it is what the function remembers too.
 *
 * @throws UsageError
 */
export async function logStoreFor(spec: string): Promise<LogStateStore> {
  if (!spec.startsWith(TABLE_PREFIX)) {
    const { createFileLogs } = await import('../../../lambda/deliver/state/file-logs.ts');
    return createFileLogs(spec);
  }
  const { createDynamoDbLogs, dynamoDbClient } = await import('../../../lambda/deliver/state/dynamodb.ts');
  return createDynamoDbLogs(dynamoDbClient(), tableOf(spec), systemClock);
}

/**
 * Reads the state without a lease; of a table, the state of the function's default receiver too.
 *
 * @throws UsageError, StateError
 */
export async function readState(spec: string): Promise<{ readonly name: string; readonly state: AuditState }> {
  const own = await stateStoreFor(spec);
  const others = spec.startsWith(TABLE_PREFIX) ? await tableStore(spec, DEFAULT_ROUTE) : undefined;
  const [state, theirs] = await Promise.all([own.read(), others?.read()]);
  return { name: own.name, state: theirs === undefined ? state : mergeState(theirs, state) };
}

/**
 * What discovery found, beside the state.
 *
 * @throws UsageError
 */
export async function discoveryStoresFor(
  spec: string,
): Promise<{ readonly inventory: InventoryStore; readonly memory: DiscoveryMemoryStore }> {
  if (spec.startsWith(TABLE_PREFIX)) {
    const tableName = tableOf(spec);
    const { createInventory, createMemory, dynamoDbClient } = await import('../../../lambda/deliver/state/dynamodb.ts');
    const client = dynamoDbClient();
    return {
      inventory: createInventory(client, tableName),
      memory: createMemory(client, tableName, { clock: systemClock, user: COMMAND_LINE }),
    };
  }
  refuseFile(spec);
  const { createFileInventory, createFileMemory } = await import('../../../lambda/deliver/state/file-inventory.ts');
  return { inventory: createFileInventory(spec), memory: createFileMemory(spec) };
}

function refuseFile(spec: string): void {
  // As a path, the password of a URL would become a part of a file's name.
  if (spec.trim() === '' || /[\n\0]|:\/\//.test(spec) || holdsSecret(spec)) throw refused(spec);
}

function refused(spec: string): UsageError {
  const place = spec.startsWith(TABLE_PREFIX) ? spec.slice(TABLE_PREFIX.length) : spec;
  return new UsageError(`--state ${mayBeSecret(place) ? '(not shown)' : `"${displayText(spec)}"`}: ${ALLOWED}`);
}

const ALLOWED =
  'name a file, which need not exist yet, or a table as dynamodb:TABLE (3 to 255 letters, digits, dots, dashes or underscores, or its ARN)';

async function tableStore(spec: string, receiver: string): Promise<StateStore> {
  const tableName = tableOf(spec);
  const { createDynamoDbState, dynamoDbClient } = await import('../../../lambda/deliver/state/dynamodb.ts');
  const owner = `process ${process.pid} on ${hostname()}`;
  return createDynamoDbState(dynamoDbClient(), tableName, { clock: systemClock, owner, receiver });
}

function tableOf(spec: string): string {
  const tableName = spec.slice(TABLE_PREFIX.length);
  if (!TABLE.test(tableName) || holdsSecret(tableName)) throw refused(spec);
  return tableName;
}
