// What discovery found, beside the state: it is what was saved, or an error, whatever the store holds.

import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type DynamoDbEndpoint, startDynamoDb } from '../../../lab/dynamodb.ts';
import { createInventory, createMemory, dynamoDbClient } from '../../../lambda/deliver/state/dynamodb.ts';
import { createFileInventory, createFileMemory } from '../../../lambda/deliver/state/file-inventory.ts';
import { unpackInventory } from '../../../lambda/deliver/state/inventory-document.ts';
import type { DiscoveryMemory, DiscoveryMemoryStore } from '../../../lambda/model/discovery-memory.ts';
import type { InventoryStore, KeptInventory } from '../../../lambda/model/inventory.ts';

const KEPT: KeptInventory = {
  at: '2026-03-10T12:00:00.000Z',
  inventory: {
    instances: [
      {
        id: 'orders',
        arn: 'arn:aws:rds:eu-west-1:123456789012:db:orders',
        engine: 'postgres',
        status: 'available',
        host: 'orders.abc.eu-west-1.rds.amazonaws.com',
        port: 5432,
        tags: [['team', 'shop']],
        iamAuthentication: true,
        logExports: ['postgresql'],
      },
    ],
    clusters: [],
    proxies: [],
  },
};

const clock = () => new Date('2026-03-10T12:00:00Z');

let dynamodb: DynamoDbEndpoint;
let folder: string;
beforeEach(async () => {
  dynamodb = await startDynamoDb();
  for (const [name, value] of Object.entries(dynamodb.environment())) vi.stubEnv(name, value);
  folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-inventory-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await dynamodb[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

describe.each<[string, () => InventoryStore]>([
  ['a table', () => createInventory(dynamoDbClient(), dynamodb.tableName)],
  ['files', () => createFileInventory(join(folder, 'state.json'))],
])('%s', (_what, open) => {
  test('keeps each place apart, and the latest of each', async () => {
    const store = open();
    expect(await store.read('eu-west-1')).toBeUndefined();
    await store.save('eu-west-1', KEPT);
    const later = { ...KEPT, at: '2026-03-10T13:00:00.000Z' };
    await store.save('111122223333/eu-west-1/0123456789abcdef', later);
    expect(await store.read('eu-west-1')).toEqual(KEPT);
    await store.save('eu-west-1', later);
    expect(await open().read('eu-west-1')).toEqual(later);
  });
});

const MEMORY: DiscoveryMemory = {
  unmatchedSince: { '0123456789abcdef': '2026-03-10T12:00:00.000Z' },
  elasticSeen: { 'shop/application-autoscaling-1': '2026-03-10T12:00:00.000Z', __proto__x: KEPT.at },
};

describe.each<[string, (user?: string) => DiscoveryMemoryStore]>([
  ['a table', (user) => createMemory(dynamoDbClient(), dynamodb.tableName, { clock, user })],
  ['files', (user = '') => createFileMemory(join(folder, `state.json${user}`))],
])('the memory in %s', (_what, open) => {
  test('is what was saved last, each user has one, and no inventory is touched', async () => {
    expect(await open().read()).toBeUndefined();
    await open().save({ unmatchedSince: {}, elasticSeen: {} });
    await open().save(MEMORY);
    expect(await open().read()).toEqual(MEMORY);
    expect(await open('#command-line').read()).toBeUndefined();
  });
});

test('the memory expires a week after the last run that wrote it', async () => {
  await createMemory(dynamoDbClient(), dynamodb.tableName, { clock }).save(MEMORY);
  expect(await dynamodb.items()).toMatchObject([
    { pk: 'discovery', sk: '#memory', expiresAt: clock().getTime() / 1000 + 7 * 24 * 3600 },
  ]);
});

test.each<[string, unknown]>([
  ['no times', { unmatchedSince: { canary: 'soon' }, elasticSeen: {} }],
  ['a name without end', { unmatchedSince: { ['canary'.repeat(1_000)]: KEPT.at }, elasticSeen: {} }],
  ['another document', { canary: true }],
])('a memory with %s is refused, and not quoted', async (_what, document) => {
  await writeFile(join(folder, 'state.json.discovery.gz'), gzipSync(JSON.stringify(document)));
  const read = async () => await createFileMemory(join(folder, 'state.json')).read();
  await expect(read()).rejects.toThrow("can't be used");
  await expect(read()).rejects.not.toThrow(/canary/);
});

test('files are for their user only, and nothing else is left beside the state', async () => {
  await createFileInventory(join(folder, 'state.json')).save('eu-west-1', KEPT);
  expect(await readdir(folder)).toEqual(['state.json.discovery-eu-west-1.gz']);
  expect((await stat(join(folder, 'state.json.discovery-eu-west-1.gz'))).mode & 0o777).toBe(0o600);
});

test('an item expires by itself, and is of no receiver', async () => {
  await createInventory(dynamoDbClient(), dynamodb.tableName).save('eu-west-1', KEPT);
  const [item] = await dynamodb.items();
  expect(item).toMatchObject({
    pk: 'discovery',
    sk: 'eu-west-1',
    expiresAt: Date.parse('2026-03-17T12:00:00Z') / 1000,
  });
});

test.each<[string, Uint8Array]>([
  ['no archive', Buffer.from('orders')],
  ['no JSON', gzipSync('{')],
  ['another document', gzipSync(JSON.stringify({ at: KEPT.at, inventory: { instances: [{ id: 'canary' }] } }))],
  ['more than is asked for', gzipSync(JSON.stringify({ ...KEPT, canary: true }))],
  ['no time', gzipSync(JSON.stringify({ ...KEPT, at: 'canary' }))],
  ['an archive that grows without end', gzipSync(Buffer.alloc(64 * 1024 * 1024))],
])('%s is refused, and not quoted', async (_what, packed) => {
  expect(() => unpackInventory(packed, 'the table')).toThrow(
    /^What discovery found before, in the table, can't be used/,
  );
  expect(() => unpackInventory(packed, 'the table')).not.toThrow(/canary/);
  await writeFile(join(folder, 'state.json.discovery-eu-west-1.gz'), packed);
  await expect(createFileInventory(join(folder, 'state.json')).read('eu-west-1')).rejects.toThrow("can't be used");
});
