// What is kept of clients in a table: for a quarter, without losing what another run saved, and bounded.

import { createHash, randomBytes } from 'node:crypto';
import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { type DynamoDbEndpoint, startDynamoDb } from '../../../lab/dynamodb.ts';
import * as make from '../../../lab/snapshots.ts';
import { createClientRecords } from '../../../lambda/deliver/state/client-records.ts';
import { createDynamoDbLogs } from '../../../lambda/deliver/state/dynamodb-logs.ts';
import { StateError } from '../../../lambda/deliver/state/store.ts';
import { recordSnapshot } from '../../../lambda/enforcement/record.ts';
import { KeepClientsError, keepClients } from '../../../lambda/keep-clients.ts';
import type { ClientRecord, ClientRecordStore } from '../../../lambda/model/client-record.ts';
import { unknown } from '../../../lambda/model/observed.ts';
import type { Snapshot } from '../../../lambda/model/snapshot.ts';
import { NOW } from './states.ts';

const DAY_SECONDS = 86_400;
/** By the first digit of the SHA-256 of the target's name. */
const PARTITION = `clients-${createHash('sha256').update('orders').digest('hex').charAt(0)}`;

function storeOf({ client, tableName }: DynamoDbEndpoint): ClientRecordStore {
  return createClientRecords(createDynamoDbLogs(client, tableName, () => NOW, 'clients'));
}

function seen(role: string, overrides: Partial<Snapshot> = {}): Snapshot {
  return make.healthySnapshot([make.session({ role, transport: 'plaintext' })], {
    takenAt: NOW.toISOString(),
    ...overrides,
  });
}

const rolesIn = (record: ClientRecord | undefined): unknown => record?.clients.map(({ role }) => role).sort();

describe('clients in the state table', () => {
  test('are an item of each target, which ends a quarter after its last run', async () => {
    await using dynamodb = await startDynamoDb();
    const store = storeOf(dynamodb);
    await keepClients([seen('etl')], store);
    const { record, version } = await store.read('orders');
    expect([rolesIn(record), version]).toEqual([['etl'], 1]);
    const [item] = await dynamodb.items();
    expect(item).toMatchObject({ pk: PARTITION, sk: 'orders', version: 1 });
    expect(item?.expiresAt).toBe(Math.floor(NOW.getTime() / 1_000) + 120 * DAY_SECONDS);
  });

  test('of two runs at once are those of both', async () => {
    await using dynamodb = await startDynamoDb();
    const store = storeOf(dynamodb);
    const later = new Date(NOW.getTime() + 60_000).toISOString();
    let isFirst = true;
    const late: ClientRecordStore = {
      read: (target) => store.read(target),
      async save(target, record, version) {
        // Another run saves between this one's reading and saving.
        if (isFirst) await keepClients([seen('web')], store);
        isFirst = false;
        return await store.save(target, record, version);
      },
    };
    await keepClients([seen('etl', { takenAt: later })], late);
    const { record, version } = await store.read('orders');
    expect([rolesIn(record), version]).toEqual([['etl', 'web'], 2]);
  });

  test('are counted once where an answer is lost', async () => {
    await using dynamodb = await startDynamoDb();
    const store = storeOf(dynamodb);
    dynamodb.failNext('PutItem', { network: 'lost-answer' });
    await keepClients([seen('etl')], store);
    expect((await store.read('orders')).record?.snapshots).toEqual([[expect.any(Number), 1]]);
  });

  test('are saved once an hour where nothing is new, and at once where something is', async () => {
    await using dynamodb = await startDynamoDb();
    const store = storeOf(dynamodb);
    const at = (minutes: number): string => new Date(NOW.getTime() + minutes * 60_000).toISOString();
    const elsewhere = make.session({ role: 'etl', transport: 'plaintext', clientAddress: '192.0.2.77' });
    const runs: readonly (readonly [minutes: number, snapshot: Snapshot, saves: number])[] = [
      [0, seen('etl'), 1],
      [15, seen('etl', { takenAt: at(15) }), 1],
      [30, seen('web', { takenAt: at(30) }), 2],
      [45, make.healthySnapshot([elsewhere], { takenAt: at(45) }), 3],
      [60, seen('etl', { takenAt: at(60), hba: make.healthySnapshot([]).hba }), 3],
      [75, seen('etl', { takenAt: at(75), settings: unknown('no privilege') }), 4],
      [90, seen('etl', { takenAt: at(90), settings: unknown('no privilege') }), 4],
      [134, seen('etl', { takenAt: at(134), settings: unknown('no privilege') }), 4],
      [135, seen('etl', { takenAt: at(135), settings: unknown('no privilege') }), 5],
    ];
    for (const [minutes, snapshot, saves] of runs) {
      const records: ClientRecord[] = [];
      await keepClients([snapshot], store, { onRecord: (_, record) => void records.push(record) });
      expect([minutes, dynamodb.count('PutItem')]).toEqual([minutes, saves]);
      // The page of the run has what is known now, saved or not.
      expect(records.map(({ lastSeen }) => lastSeen)).toEqual([Date.parse(snapshot.takenAt)]);
    }
  });

  test('of a target whose item can not be used cost the others nothing, and are left as they are', async () => {
    await using dynamodb = await startDynamoDb();
    const store = storeOf(dynamodb);
    const state = JSON.stringify('canary');
    await dynamodb.put({ pk: PARTITION, sk: 'orders', schemaVersion: 1, target: 'orders', version: 3, state });
    const shop = seen('web', { target: { name: 'shop', labels: {} } });
    const error = await keepClients([seen('etl'), shop], store).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(KeepClientsError);
    expect(String(error)).toMatch(/1 of 2 targets.*delete it/);
    expect(String(error)).not.toContain('canary');
    expect(rolesIn((await store.read('shop')).record)).toEqual(['web']);
    await expect(store.read('orders')).rejects.toThrow(StateError);
  });

  test('are not begun once the time is over', async () => {
    await using dynamodb = await startDynamoDb();
    const signal = AbortSignal.abort();
    await expect(keepClients([seen('etl')], storeOf(dynamodb), { signal })).rejects.toThrow(
      /the time of the run was over/,
    );
    expect(dynamodb.count('PutItem')).toBe(0);
  });

  test('of thousands fit into one item, those that break first', async () => {
    await using dynamodb = await startDynamoDb();
    const store = storeOf(dynamodb);
    const random = (): string => randomBytes(120).toString('hex');
    const sessions = Array.from({ length: 3_000 }, (_, index) =>
      make.session({
        role: `r${index}`,
        application: random(),
        transport: index < 20 ? 'plaintext' : 'tls',
      }),
    );
    await keepClients([make.healthySnapshot(sessions, { takenAt: NOW.toISOString() })], store);
    const { record } = await store.read('orders');
    expect(record?.isCut).toBe(true);
    const plaintext = record?.clients.filter(({ uses }) => uses.plaintext !== undefined) ?? [];
    expect([plaintext.length, (record?.clients.length ?? 0) <= 400]).toEqual([20, true]);
    const item = await dynamodb.client.send(
      new GetItemCommand({ TableName: dynamodb.tableName, Key: { pk: { S: PARTITION }, sk: { S: 'orders' } } }),
    );
    expect(JSON.stringify(item.Item).length).toBeLessThan(400_000);
  });

  test('of an audit that failed are not asked for', async () => {
    await using dynamodb = await startDynamoDb();
    await keepClients(
      [make.failedSnapshot()].map((part) => seen('etl', part)),
      storeOf(dynamodb),
    );
    expect(dynamodb.count('GetItem')).toBe(0);
    expect(recordSnapshot(undefined, seen('etl', make.failedSnapshot()))).toBeUndefined();
  });
});
