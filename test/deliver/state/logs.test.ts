// What both stores promise of connection logs: nothing of one run is lost to another, and nothing hostile is believed.

import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startDynamoDb } from '../../../lab/dynamodb.ts';
import { createDynamoDbLogs } from '../../../lambda/deliver/state/dynamodb-logs.ts';
import { createFileLogs } from '../../../lambda/deliver/state/file-logs.ts';
import { StateError } from '../../../lambda/deliver/state/store.ts';
import type { LogStateStore } from '../../../lambda/model/log-state.ts';
import { HOSTILE_NAMES } from '../../report/hostile.ts';
import { NOW } from './states.ts';

interface Place extends AsyncDisposable {
  readonly store: LogStateStore;
  /** Puts something else in the place of what is stored of "orders". */
  spoil(record: unknown): Promise<void>;
}

async function openTable(): Promise<Place> {
  const dynamodb = await startDynamoDb();
  return {
    store: createDynamoDbLogs(dynamodb.client, dynamodb.tableName, () => NOW),
    spoil: (record) => dynamodb.put({ pk: 'connection-log', sk: 'orders', ...(record as object) }),
    [Symbol.asyncDispose]: () => dynamodb[Symbol.asyncDispose](),
  };
}

async function openFolder(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'logs-'));
  const store = createFileLogs(join(folder, 'state.json'));
  return {
    store,
    async spoil(record) {
      await store.save('orders', {}, (await store.read('orders')).version);
      const logs = join(folder, 'state.json.connection-logs');
      const [file = ''] = readdirSync(logs);
      writeFileSync(join(logs, file), typeof record === 'string' ? record : JSON.stringify(record));
    },
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true }),
  };
}

const NOTHING = { state: undefined, version: 0 };

describe.each([
  { kind: 'a DynamoDB table', open: openTable },
  { kind: 'a folder beside a state file', open: openFolder },
])('what is remembered of connection logs in $kind', ({ open }) => {
  test('is nothing at first, and then what was saved, for each target', async () => {
    await using place = await open();
    expect(await place.store.read('orders')).toEqual(NOTHING);
    expect(await place.store.save('orders', { position: 1, rows: [] }, 0)).toBe(true);
    expect(await place.store.read('orders')).toEqual({ state: { position: 1, rows: [] }, version: 1 });
    expect(await place.store.save('orders', { position: 2 }, 1)).toBe(true);
    expect(await place.store.read('orders')).toEqual({ state: { position: 2 }, version: 2 });
    expect(await place.store.read('shop')).toEqual(NOTHING);
  });

  test('is not overwritten by a run that read it before another one saved', async () => {
    await using place = await open();
    const { store } = place;
    expect(await store.save('orders', 'the first', 0)).toBe(true);
    expect(await store.save('orders', 'another first', 0)).toBe(false);
    const runs = await Promise.all(['a', 'b', 'c', 'd'].map((run) => store.save('orders', run, 1)));
    expect(runs.filter(Boolean)).toHaveLength(1);
    expect((await store.read('orders')).version).toBe(2);
  });

  test('keeps names that clients chose to do harm', async () => {
    await using place = await open();
    const names = ['__proto__', '', '\u0000', '\ud800', ...HOSTILE_NAMES.map(([, name]) => name)];
    const state = { names, byName: Object.fromEntries(names.map((name, index) => [`k${name}`, index])) };
    for (const target of ['orders', '../../x', '[::1]:5433', 'x'.repeat(2_000)]) {
      expect(await place.store.save(target, state, 0)).toBe(true);
      expect((await place.store.read(target)).state).toEqual(state);
    }
  });

  test('is bounded', async () => {
    await using place = await open();
    const { store } = place;
    expect(await store.save('orders', 'ü'.repeat(149_000), 0)).toBe(true);
    await expect(store.save('orders', 'ü'.repeat(151_000), 1)).rejects.toThrow(StateError);
    expect((await store.read('orders')).version).toBe(1);
  });

  test.each([
    ['is of another program', { hello: 'canary' }],
    ['is of another target', { schemaVersion: 1, target: 'shop', version: 1, state: '{}' }],
    ['holds no JSON', { schemaVersion: 1, target: 'orders', version: 1, state: '{canary' }],
    ['is of a newer version', { schemaVersion: 99, target: 'orders', version: 1, state: '{}' }],
    ['has no version', { schemaVersion: 1, target: 'orders', version: -1, state: '{}' }],
  ])('is refused where it %s, and left as it is', async (_what, record) => {
    await using place = await open();
    await place.spoil(record);
    const error = await place.store.read('orders').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StateError);
    expect(String(error)).not.toContain('canary');
  });
});

test('a table that fails says what to do, and an answer that was lost is no other run', async () => {
  await using dynamodb = await startDynamoDb();
  const store = createDynamoDbLogs(dynamodb.client, dynamodb.tableName, () => NOW);
  dynamodb.failNext('GetItem', { code: 'AccessDeniedException' });
  await expect(store.read('orders')).rejects.toThrow(/could not be read \(AccessDeniedException\)/);
  dynamodb.failNext('PutItem', { code: 'AccessDeniedException' });
  await expect(store.save('orders', {}, 0)).rejects.toThrow(/could not be saved \(AccessDeniedException\)/);
  dynamodb.failNext('PutItem', { network: 'lost-answer' });
  await store.save('orders', { run: 1 }, 0);
  expect(await store.read('orders')).toEqual({ state: { run: 1 }, version: 1 });
  expect(await dynamodb.items()).toMatchObject([{ pk: 'connection-log', sk: 'orders', expiresAt: expect.any(Number) }]);
});

test('the folder is for the user that runs the auditor only, and a file that is no JSON is refused', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'logs-'));
  const path = join(folder, 'state.json');
  const store = createFileLogs(path);
  await store.save('orders', {}, 0);
  const logs = `${path}.connection-logs`;
  const [file = ''] = readdirSync(logs);
  expect([statSync(logs).mode & 0o777, statSync(join(logs, file)).mode & 0o777]).toEqual([0o700, 0o600]);
  writeFileSync(join(logs, file), 'canary');
  await expect(store.read('orders')).rejects.toThrow(/was not written by the auditor \(it is not JSON\)/);
  rmSync(folder, { recursive: true });
  await expect(createFileLogs('/dev/null/state.json').save('orders', {}, 0)).rejects.toThrow(StateError);
});
