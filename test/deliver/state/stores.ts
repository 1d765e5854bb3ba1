// Both stores behind one face, so that one suite holds them to the same promises.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDynamoDb } from '../../../lab/dynamodb.ts';
import { createDynamoDbState } from '../../../lambda/deliver/state/dynamodb.ts';
import { createFileState } from '../../../lambda/deliver/state/file.ts';
import type { StateStore } from '../../../lambda/deliver/state/store.ts';
import { NOW } from './states.ts';

export interface StorePlace extends AsyncDisposable {
  /** A store as one run makes it; all of them keep the same state. */
  store(options?: { readonly now?: Date; readonly leaseMs?: number }): StateStore;
  /** Takes the turn away from whoever has it, as happens to a run that stood still for longer than its lease. */
  releaseLease(): Promise<void>;
  /** Whether somebody has the turn. */
  isHeld(): Promise<boolean>;
}

export const STORES: readonly { readonly kind: string; readonly open: () => Promise<StorePlace> }[] = [
  { kind: 'a DynamoDB table', open: openTable },
  { kind: 'a file', open: openFile },
];

async function openTable(): Promise<StorePlace> {
  const dynamodb = await startDynamoDb();
  return {
    store: ({ now = NOW, leaseMs } = {}) =>
      createDynamoDbState(dynamodb.client, dynamodb.tableName, {
        clock: () => now,
        owner: 'run of a test',
        receiver: 'all',
        ...(leaseMs === undefined ? {} : { leaseMs }),
      }),
    releaseLease: () => dynamodb.delete('all#run', 'lease'),
    isHeld: async () => (await dynamodb.items()).some(({ pk }) => pk === 'all#run'),
    [Symbol.asyncDispose]: () => dynamodb[Symbol.asyncDispose](),
  };
}

async function openFile(): Promise<StorePlace> {
  const folder = mkdtempSync(join(tmpdir(), 'state-'));
  const path = join(folder, 'state.json');
  return {
    store: ({ now = NOW, leaseMs } = {}) =>
      createFileState(path, { clock: () => now, ...(leaseMs === undefined ? {} : { leaseMs }) }),
    releaseLease: async () => rmSync(`${path}.lock`),
    isHeld: async () => existsSync(`${path}.lock`),
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true }),
  };
}
