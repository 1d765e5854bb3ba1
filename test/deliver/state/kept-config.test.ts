// The last good configuration in DynamoDB: which of two runs' is kept, and what becomes of an item that is none.

import { gzipSync } from 'node:zlib';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type DynamoDbEndpoint, startDynamoDb } from '../../../lab/dynamodb.ts';
import { parseConfig } from '../../../lambda/config/index.ts';
import { createDynamoDbKeptConfig } from '../../../lambda/deliver/state/dynamodb-kept-config.ts';
import { createConfigLoader } from '../../../lambda/loaded-config/load.ts';
import type { KeptConfigStore } from '../../../lambda/model/kept-config.ts';

const DEPLOYED = parseConfig({}, { use: 'deployment', targetsElsewhere: true });
const LOCATION = { is: 'ssm', name: '/audit/config' } as const;
const PLACE = 'ssm:/audit/config';
const BOTH = documentOf('orders', 'shop');
const ONE = documentOf('orders');

let dynamodb: DynamoDbEndpoint;
let store: KeptConfigStore;

beforeAll(async () => {
  dynamodb = await startDynamoDb();
  store = createDynamoDbKeptConfig(DynamoDBDocumentClient.from(dynamodb.client), dynamodb.tableName);
});
afterAll(() => dynamodb[Symbol.asyncDispose]());
beforeEach(() => dynamodb.delete('configuration', PLACE));

function documentOf(...names: readonly string[]): string {
  return JSON.stringify({ targets: names.map((name) => ({ name, secret: `prod/${name}` })) });
}

function at(minute: number): string {
  return new Date(Date.UTC(2026, 2, 1, 12, minute)).toISOString();
}

/** An execution environment. @returns the targets that its run follows */
function environment(): (minute: number, holds: string) => Promise<readonly string[]> {
  let document = '';
  const load = createConfigLoader({ location: LOCATION, read: async () => Buffer.from(document) });
  return async (minute, holds) => {
    document = holds;
    const { config, errors } = await load({ deployed: DEPLOYED, store, clock: () => new Date(at(minute)) });
    expect(errors).toEqual([]);
    return config.targets.map(({ name }) => name);
  };
}

test('of two that are saved at once, in any order, the one that was read later is kept', async () => {
  for (let turn = 0; turn < 5; turn += 1) {
    const [earlier, later] = [
      { text: ONE, readAt: at(2 * turn) },
      { text: BOTH, readAt: at(2 * turn + 1) },
    ];
    const inOrder = turn % 2 === 0 ? [earlier, later] : [later, earlier];
    await Promise.all(inOrder.map((kept) => store.save(PLACE, kept)));
    expect(await store.read(PLACE)).toEqual(later);
  }
});

test('an environment that saved a document keeps it again after another one kept another', async () => {
  const [first, second] = [environment(), environment()];
  await first(0, BOTH);
  await second(10, ONE);
  await first(20, BOTH);
  expect(await store.read(PLACE)).toEqual({ text: BOTH, readAt: at(20) });
  expect(await second(30, '{')).toEqual(['orders', 'shop']);
});

test('an environment whose document was refused as the earlier one keeps it in its next run', async () => {
  await store.save(PLACE, { text: ONE, readAt: at(1) });
  const run = environment();
  await run(0, BOTH);
  expect((await store.read(PLACE))?.text).toBe(ONE);
  await run(15, BOTH);
  expect((await store.read(PLACE))?.text).toBe(BOTH);
});

test.each([
  ['of no time', { packed: gzipSync(BOTH) }],
  ['of a time that is a number', { packed: gzipSync(BOTH), readAt: 2_000_000_000_000 }],
  ['of a time that is none', { packed: gzipSync(BOTH), readAt: 'soon' }],
  ['without a document', { readAt: at(0) }],
  ['whose document is a text', { packed: BOTH, readAt: at(5) }],
  ['whose document is not packed', { packed: Buffer.from(BOTH), readAt: at(0) }],
  ['whose document is cut off', { packed: gzipSync(BOTH).subarray(0, 30), readAt: at(0) }],
  ['whose document is endless', { packed: gzipSync(Buffer.alloc(20 * 1024 * 1024)), readAt: at(0) }],
  ['of another version', { packed: gzipSync('{"version":2,"databases":[]}'), readAt: at(0) }],
])('an item %s is replaced by the next run, and followed by none', async (_, item) => {
  const spoil = () => dynamodb.put({ pk: 'configuration', sk: PLACE, ...item });
  await spoil();
  const run = environment();
  await run(1, ONE);
  expect(await store.read(PLACE)).toEqual({ text: ONE, readAt: at(1) });
  await spoil();
  expect(await run(2, '{')).toEqual(['orders']);
});

test('an item of a clock that was ahead by a year is replaced by the next run', async () => {
  await store.save(PLACE, { text: BOTH, readAt: '2027-03-01T12:00:00.000Z' });
  await environment()(0, BOTH);
  expect(await store.read(PLACE)).toEqual({ text: BOTH, readAt: at(0) });
});
