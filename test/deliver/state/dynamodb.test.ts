// The state in DynamoDB: what is written and how often, and what comes of it when the service or the way to it fails.

import { gzipSync } from 'node:zlib';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type DynamoDbEndpoint, type DynamoDbFault, startDynamoDb } from '../../../lab/dynamodb.ts';
import { freePort } from '../../../lab/free-port.ts';
import { createDynamoDbState, dynamoDbClient } from '../../../lambda/deliver/state/dynamodb.ts';
import { StateError, type StateStore } from '../../../lambda/deliver/state/store.ts';
import type { AuditState, FindingRecord } from '../../../lambda/model/lifecycle.ts';
import { daysBefore, fingerprint, NOW, openFinding, resolvedFinding, stateWith, waitLimit } from './states.ts';

afterEach(() => vi.unstubAllEnvs());

function storeOf(dynamodb: DynamoDbEndpoint, client: DynamoDBClient = dynamodb.client): StateStore {
  return createDynamoDbState(client, dynamodb.tableName, { clock: () => NOW, owner: 'run 1', receiver: 'all' });
}

/** The client that is deployed. */
function deployedClient(dynamodb: DynamoDbEndpoint): DynamoDBClient {
  for (const [name, value] of Object.entries(dynamodb.environment())) vi.stubEnv(name, value);
  return dynamoDbClient();
}

/** One that gives up soon. */
function impatientClient(dynamodb: { readonly url: string }): DynamoDBClient {
  return new DynamoDBClient({
    endpoint: dynamodb.url,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'AKIAIMPATIENT', secretAccessKey: 'kept-to-itself' },
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 500, requestTimeout: 500, throwOnRequestTimeout: true },
  });
}

const FINDINGS = Array.from({ length: 60 }, (_, index) => openFinding(index));

describe('what is written to the table', () => {
  test('lies where people find it, with a version, and a time to live unless the finding is open', async () => {
    await using dynamodb = await startDynamoDb();
    await using lease = await storeOf(dynamodb).acquire(waitLimit());
    const longKey = 'x'.repeat(1025);
    await lease.save(
      stateWith({
        findings: [openFinding(1), resolvedFinding(2, '2024-02-28T00:00:00.900Z')],
        targets: [{ name: 'orders', takenAt: '2024-02-29T00:00:00.000Z' }],
        mutes: [
          { key: 'k', firstSeen: '2023-01-01T00:00:00.000Z', lastMatched: '2024-01-01T00:00:00.000Z' },
          { key: longKey, firstSeen: '2024-01-01T00:00:00.000Z' },
        ],
      }),
    );
    await lease[Symbol.asyncDispose]();
    const items = await dynamodb.items();
    const rows = items.map(({ pk, sk, expiresAt, version, schemaVersion }) => [
      pk,
      sk,
      expiresAt,
      version,
      schemaVersion,
    ]);
    const seconds = (time: string): number => Date.parse(time) / 1000;
    expect(rows.toSorted((a, b) => String(a).localeCompare(String(b)))).toEqual([
      ['all#finding', fingerprint(1), undefined, 1, 1],
      ['all#finding', fingerprint(2), seconds('2024-05-28T00:00:00Z'), 1, 1],
      ['all#mute', 'k', seconds('2025-02-04T00:00:00Z'), 1, 1],
      ['all#mute', expect.stringMatching(/^sha256:[0-9a-f]{64}$/), seconds('2025-02-04T00:00:00Z'), 1, 1],
      ['all#scans', expect.stringMatching(/^[0-9a-f]$/), undefined, 1, 2],
    ]);
  });

  test('is only what changed', async () => {
    await using dynamodb = await startDynamoDb();
    {
      await using lease = await storeOf(dynamodb).acquire(waitLimit());
      await lease.save(stateWith({ findings: FINDINGS }));
    }
    await using lease = await storeOf(dynamodb).acquire(waitLimit());
    const puts = dynamodb.count('PutItem');
    await lease.save(lease.state);
    await lease.save(stateWith({ findings: FINDINGS.map((record) => ({ ...record, mute: undefined })) }));
    expect(dynamodb.count('PutItem') - puts, 'nothing changed').toBe(0);
    const changed = [openFinding(0, { count: 99 }), ...FINDINGS.slice(1, 59), openFinding(100)];
    for (const _ of ['once', 'again']) await lease.save(stateWith({ findings: changed }));
    expect(dynamodb.count('PutItem') - puts, 'one changed, one new').toBe(2);
    expect(dynamodb.count('DeleteItem'), 'the turn and the journal of the first run, and what was left out').toBe(4);
    expect((await dynamodb.items()).find(({ sk }) => sk === fingerprint(0))).toMatchObject({ version: 2 });
  });

  test('no longer has a time to live when what was resolved is open again', async () => {
    await using dynamodb = await startDynamoDb();
    for (const record of [resolvedFinding(1, daysBefore(1)), openFinding(1)]) {
      await using lease = await storeOf(dynamodb).acquire(waitLimit());
      await lease.save(stateWith({ findings: [record] }));
    }
    const [item] = await dynamodb.items();
    expect(item).toMatchObject({ version: 2, record: { status: 'open' } });
    expect(item).not.toHaveProperty('expiresAt');
  });

  /** What a run saves that sees all findings again, but those that are left out. */
  const seenAt = (minute: number, { unseen = [] }: { readonly unseen?: readonly number[] } = {}) => {
    const at = (of: number): string => new Date(NOW.getTime() + of * 60_000).toISOString();
    return stateWith({
      findings: FINDINGS.map((record, index) => ({ ...record, lastSeen: at(unseen.includes(index) ? 0 : minute) })),
      targets: [{ name: 'orders', takenAt: at(minute) }],
    });
  };
  const save = async (dynamodb: DynamoDbEndpoint, state: AuditState): Promise<number> => {
    await using lease = await storeOf(dynamodb).acquire(waitLimit());
    const before = dynamodb.count('PutItem');
    await lease.save(state);
    return dynamodb.count('PutItem') - before;
  };

  test('is one item where all findings of a target were seen again, and each knows when that was', async () => {
    await using dynamodb = await startDynamoDb();
    for (const [minute, puts] of [
      [0, FINDINGS.length + 3],
      [15, 1],
      [30, 1],
    ] as const) {
      // Of the first run the journal too: it has notified of everything.
      expect(await save(dynamodb, seenAt(minute)), `minute ${minute}`).toBe(puts);
      expect(await storeOf(dynamodb).read()).toEqual(seenAt(minute));
    }
    const gone = seenAt(45, { unseen: [3, 4] });
    expect(await save(dynamodb, gone), 'two were not seen').toBe(3);
    expect(await storeOf(dynamodb).read()).toEqual(gone);
    expect(await save(dynamodb, gone), 'they still were not').toBe(0);
  });

  test('is read where an older version wrote it, and packed by the next run', async () => {
    await using dynamodb = await startDynamoDb();
    const old = seenAt(0);
    const item = (pk: string, sk: string, record: object) => ({ pk, sk, schemaVersion: 1, version: 7, record });
    for (const [sk, record] of old.findings) await dynamodb.put(item('all#finding', sk, record));
    for (const [sk, record] of old.targets) await dynamodb.put(item('all#target', sk, record));
    expect(await storeOf(dynamodb).read()).toEqual(old);
    await save(dynamodb, seenAt(15));
    expect(await storeOf(dynamodb).read()).toEqual(seenAt(15));
    expect((await dynamodb.items()).filter(({ pk }) => pk === 'all#target')).toEqual([]);
    expect(await save(dynamodb, seenAt(30))).toBe(1);
  });

  test('says that a finding is open that another run saw later, where this run found it gone before', async () => {
    await using dynamodb = await startDynamoDb();
    await save(dynamodb, seenAt(0));
    await using late = await storeOf(dynamodb).acquire(waitLimit());
    await dynamodb.delete('all#run', 'lease');
    // It wrote no record of a finding: all were seen again.
    expect(await save(dynamodb, seenAt(30))).toBe(1);
    const { findings, targets } = seenAt(15);
    const resolved = { at: daysBefore(0), resolution: 'gone' } as const;
    const [first] = FINDINGS as [FindingRecord];
    await late.save({
      ...stateWith({ findings: [{ ...first, status: 'resolved', resolved }, ...[...findings.values()].slice(1)] }),
      targets,
    });
    const { findings: merged, targets: scanned } = await storeOf(dynamodb).read();
    expect(merged.get(fingerprint(0))).toMatchObject({
      status: 'open',
      lastSeen: seenAt(30).targets.get('orders')?.takenAt,
    });
    expect(scanned).toEqual(seenAt(30).targets);
  });

  test.each([
    ['another version wrote', { schemaVersion: 9, version: 1, packed: new Uint8Array([1]) }],
    ['are no archive', { schemaVersion: 2, version: 1, packed: new Uint8Array([1]) }],
    ['are none', { schemaVersion: 2, version: 1, packed: gzipSync('[["orders","yesterday"]]') }],
    ['unpack to more than memory holds', { schemaVersion: 2, version: 1, packed: gzipSync(Buffer.alloc(70_000_000)) }],
  ])('is refused where scans %s', async (_, item) => {
    await using dynamodb = await startDynamoDb();
    await dynamodb.put({ pk: 'all#scans', sk: '0', ...item });
    await expect(storeOf(dynamodb).read()).rejects.toThrow(
      /^An item of all#scans in DynamoDB table .* delete the item/,
    );
  });

  test('of a turn is its holder, and nothing once it is over', async () => {
    await using dynamodb = await startDynamoDb();
    const earliest = Date.now();
    const lease = await storeOf(dynamodb).acquire(waitLimit());
    const [item] = await dynamodb.items();
    expect(item).toMatchObject({ pk: 'all#run', sk: 'lease', owner: 'run 1' });
    expect(item?.until).toBeGreaterThanOrEqual(earliest + 60_000);
    expect(item?.until).toBeLessThanOrEqual(Date.now() + 60_000);
    await lease[Symbol.asyncDispose]();
    expect(await dynamodb.items()).toEqual([]);
  });
});

describe('a turn that a run left behind when it died', () => {
  test('is taken once its lease is over, and not before', async () => {
    await using dynamodb = await startDynamoDb();
    const died = { pk: 'all#run', sk: 'lease', token: 'of the dead', owner: 'dead\u001b[2J', since: daysBefore(0) };
    await dynamodb.put({ ...died, until: Date.now() + 60_000 });
    await expect(storeOf(dynamodb).acquire(AbortSignal.timeout(700))).rejects.toThrow(/dead\\u\{1b\}\[2J has held it/);
    await dynamodb.put({ ...died, until: Date.now() - 1 });
    await using _ = await storeOf(dynamodb).acquire(waitLimit());
    expect(await dynamodb.items()).toMatchObject([{ owner: 'run 1' }]);
  });

  test.each([3, 60, 24 * 60 * 365])(
    'is taken at once where its lease ends %d minutes after now: its clock stood ahead',
    async (minutes) => {
      await using dynamodb = await startDynamoDb();
      const until = Date.now() + minutes * 60_000;
      const died = { pk: 'all#run', sk: 'lease', token: 'of the dead', owner: 'ahead', since: daysBefore(0), until };
      await dynamodb.put(died);
      await using _ = await storeOf(dynamodb).acquire(AbortSignal.timeout(5_000));
      expect(await dynamodb.items()).toMatchObject([{ owner: 'run 1' }]);
    },
  );
});

describe('a run that dies while it saves', () => {
  test('has said of what it notified: the next run knows all of it, and saves the rest', async () => {
    await using dynamodb = await startDynamoDb();
    const before = FINDINGS.slice(0, 30);
    {
      await using lease = await storeOf(dynamodb).acquire(waitLimit());
      await lease.save(stateWith({ findings: before }));
    }
    const lastNotified = { at: daysBefore(0), severity: 'high', reason: 'reminder' } as const;
    const mute = { key: 'k', firstSeen: daysBefore(40), unusedNotifiedAt: daysBefore(0) };
    const next = stateWith({ findings: FINDINGS.map((record) => ({ ...record, lastNotified })), mutes: [mute] });
    const savedFindings = async () => (await dynamodb.items()).filter(({ pk }) => pk === 'all#finding').length;
    for (const after of [2, 20, 30]) {
      dynamodb.clearFaults();
      {
        await using lease = await storeOf(dynamodb).acquire(waitLimit());
        // Past the journal's part and head, and some records.
        dynamodb.failNext('PutItem', { code: 'AccessDeniedException', after, times: 999 });
        dynamodb.failNext('DeleteItem', { code: 'AccessDeniedException', times: 1 });
        await expect(lease.save(next)).rejects.toThrow(StateError);
        dynamodb.clearFaults();
      }
      expect(await storeOf(dynamodb).read(), `${after} requests`).toEqual(next);
    }
    expect(await savedFindings()).toBeLessThan(60);
    {
      await using lease = await storeOf(dynamodb).acquire(waitLimit());
      expect(lease.state).toEqual(next);
      await lease.save(lease.state);
    }
    expect(await savedFindings()).toBe(60);
    expect((await dynamodb.items()).filter(({ pk }) => pk === 'all#notified')).toEqual([]);
    expect(await storeOf(dynamodb).read()).toEqual(next);
  });

  test.each([
    ['a part without a head', [{ sk: 'a/0', packed: new Uint8Array([1, 2, 3]) }]],
    ['a head without its parts', [{ sk: 'head', token: 'a', parts: 2 }]],
    ['a head that is none', [{ sk: 'head', token: 7, parts: '2' }]],
    [
      'parts that are no archive',
      [
        { sk: 'head', token: 'a', parts: 1 },
        { sk: 'a/0', packed: new Uint8Array([1]) },
      ],
    ],
    [
      'records that are none',
      [
        { sk: 'head', token: 'a', parts: 1 },
        { sk: 'a/0', packed: gzipSync('[["finding",{}]]') },
      ],
    ],
  ])('and whose journal cannot be read is repeated, and stops no later run: %s', async (_, items) => {
    await using dynamodb = await startDynamoDb();
    const state = stateWith({ findings: FINDINGS.slice(0, 2) });
    {
      await using lease = await storeOf(dynamodb).acquire(waitLimit());
      await lease.save(state);
    }
    for (const item of items) await dynamodb.put({ pk: 'all#notified', ...item });
    await using lease = await storeOf(dynamodb).acquire(waitLimit());
    expect(lease.state).toEqual(state);
    await lease.save(state);
    expect((await dynamodb.items()).filter(({ pk }) => pk === 'all#notified')).toEqual([]);
  });

  test('says nothing in a run that notified of nothing: what was seen again is no notification', async () => {
    await using dynamodb = await startDynamoDb();
    {
      await using lease = await storeOf(dynamodb).acquire(waitLimit());
      await lease.save(stateWith({ findings: FINDINGS }));
    }
    await using lease = await storeOf(dynamodb).acquire(waitLimit());
    const puts = dynamodb.count('PutItem');
    await lease.save(stateWith({ findings: FINDINGS.map((record) => ({ ...record, lastSeen: daysBefore(-1) })) }));
    expect(dynamodb.count('PutItem') - puts).toBe(60);
  });
});

describe('faults between us and the table', () => {
  const PASSING: readonly (readonly [string, DynamoDbFault])[] = [
    ['throttling', { code: 'ThrottlingException', times: 3 }],
    ['a table that takes no more for now', { code: 'ProvisionedThroughputExceededException', times: 3 }],
    ['errors of the service', { code: 'InternalServerError', status: 500, times: 3 }],
    ['connections reset before the request is done', { network: 'reset', times: 3 }],
    ['connections reset after the request is done', { network: 'lost-answer', times: 3 }],
  ];

  // They wait for most of their time, each for a table of its own.
  test.concurrent.each(PASSING)('that pass are survived in every operation: %s', async (_, fault) => {
    await using dynamodb = await startDynamoDb();
    const client = deployedClient(dynamodb);
    for (const operation of ['Query', 'PutItem', 'GetItem', 'DeleteItem'] as const) dynamodb.failNext(operation, fault);
    {
      await using lease = await storeOf(dynamodb, client).acquire(waitLimit());
      dynamodb.failNext('PutItem', fault);
      await lease.save(stateWith({ findings: FINDINGS }));
      dynamodb.failNext('DeleteItem', fault);
      dynamodb.failNext('PutItem', fault);
      await lease.save(stateWith({ findings: [...FINDINGS.slice(1, 50), openFinding(50, { count: 99 })] }));
      dynamodb.clearFaults();
      dynamodb.failNext('DeleteItem', { ...fault, times: 1 });
    }
    expect(await storeOf(dynamodb, client).read()).toEqual(
      stateWith({ findings: [...FINDINGS.slice(1, 50), openFinding(50, { count: 99 })] }),
    );
    expect(
      (await dynamodb.items()).filter(({ pk }) => pk === 'all#run'),
      'the turn is given back',
    ).toEqual([]);
    client.destroy();
  });

  test.each([
    ['throttling', { code: 'ThrottlingException' }, 'ThrottlingException', /raise its capacity/],
    [
      'errors of the service',
      { code: 'InternalServerError', status: 500 },
      'InternalServerError',
      /health of DynamoDB/,
    ],
    ['a permission taken away', { code: 'AccessDeniedException' }, 'AccessDeniedException', /Allow dynamodb:Query/],
    ['resets', { network: 'reset' }, 'ECONNRESET', /Check the route to DynamoDB/],
    ['lost answers', { network: 'lost-answer' }, 'ECONNRESET', /Check the route to DynamoDB/],
    ['silence', { network: 'hang' }, 'ETIMEDOUT|TimeoutError', /Check the route to DynamoDB/],
  ] as const)(
    'that stay are an error with what was saved, and saving again saves the rest: %s',
    async (_, fault, name, remedy) => {
      await using dynamodb = await startDynamoDb();
      const client = impatientClient(dynamodb);
      const options = { clock: () => NOW, owner: 'run 1', receiver: 'all', throttledRetries: 0 };
      await using lease = await createDynamoDbState(client, dynamodb.tableName, options).acquire(waitLimit());
      dynamodb.failNext('PutItem', { ...fault, after: 32, times: 40 });
      const next = stateWith({ findings: FINDINGS });
      const failure = await lease.save(next).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(StateError);
      const { message, cause } = failure as StateError;
      expect(message).toMatch(
        new RegExp(`^The state in DynamoDB table ${dynamodb.tableName} could not be saved \\((${name})\\)\\.`),
      );
      expect(message).toMatch(remedy);
      expect(message).toMatch(/ \d+ of 60 changed records were saved; saving again is safe/);
      expect(message).not.toMatch(/kept-to-itself|AKIA/);
      expect(cause).toBeInstanceOf(Error);
      const saved = Number(/ (\d+) of 60/.exec(message)?.[1]);
      const stored = (await dynamodb.items()).filter(({ pk }) => pk === 'all#finding').length;
      expect(saved).toBeGreaterThanOrEqual(1);
      expect(saved, 'it claims no more than there is').toBeLessThanOrEqual(stored);
      expect(stored).toBeLessThan(60);

      // The faults that are left are met, and the rest is written.
      for (let attempt = 1; attempt <= 60; attempt += 1) {
        try {
          await lease.save(next);
          break;
        } catch (error) {
          expect(error).toBeInstanceOf(StateError);
        }
      }
      expect(await storeOf(dynamodb).read()).toEqual(next);
      client.destroy();
    },
  );

  test('throttling that outlasts the attempts of the client costs time and no record', async () => {
    await using dynamodb = await startDynamoDb();
    const client = new DynamoDBClient({
      endpoint: dynamodb.url,
      region: 'eu-west-1',
      credentials: { accessKeyId: 'AKIAONCE', secretAccessKey: 'x' },
      maxAttempts: 1,
    });
    await using lease = await storeOf(dynamodb, client).acquire(waitLimit());
    dynamodb.failNext('PutItem', { code: 'ProvisionedThroughputExceededException', after: 10, times: 50 });
    const next = stateWith({ findings: FINDINGS });
    await lease.save(next);
    expect(await storeOf(dynamodb).read()).toEqual(next);
    client.destroy();
  });

  // Each with a table of its own: requests that were under way when one failed would meet the faults of the next.
  test.each([0, 1, 2])(
    'while reading, after %i answers, are an error too, with the turn given back: never a memory with holes',
    async (after) => {
      await using dynamodb = await startDynamoDb();
      const client = impatientClient(dynamodb);
      {
        await using lease = await storeOf(dynamodb).acquire(waitLimit());
        await lease.save(stateWith({ findings: FINDINGS, targets: [{ name: 'orders', takenAt: daysBefore(0) }] }));
      }
      dynamodb.failNext('Query', { code: 'InternalServerError', status: 500, after, times: 100 });
      await expect(storeOf(dynamodb, client).acquire(waitLimit())).rejects.toThrow(StateError);
      expect((await dynamodb.items()).filter(({ pk }) => pk === 'all#run')).toEqual([]);
      client.destroy();
    },
  );

  test('that leave no time to read the state are an error of the turn, which is given back', async () => {
    await using dynamodb = await startDynamoDb();
    dynamodb.failNext('Query', { network: 'hang', times: 9 });
    await expect(storeOf(dynamodb).acquire(AbortSignal.timeout(400))).rejects.toThrow(
      /was not free in time: the time ended before the state could be read/,
    );
    expect(await dynamodb.items()).toEqual([]);
  });

  test('do not make a dead run out of a living one: a renewal that fails is made up for by the next', async () => {
    await using dynamodb = await startDynamoDb();
    const store = (): StateStore =>
      createDynamoDbState(dynamodb.client, dynamodb.tableName, {
        clock: () => NOW,
        owner: 'run 1',
        receiver: 'all',
        leaseMs: 2_000,
      });
    await using _ = await store().acquire(waitLimit());
    // The first is of the one who tries to take the turn, the second the renewal.
    dynamodb.failNext('PutItem', { code: 'ValidationException', after: 1 });
    await expect(store().acquire(AbortSignal.timeout(4_000))).rejects.toThrow(/was not free in time/);
    expect(dynamodb.count('PutItem'), 'the turn was renewed').toBeGreaterThanOrEqual(4);
  });
});

describe('a table that can not be used', () => {
  test('because it does not exist is named, with what to do', async () => {
    await using dynamodb = await startDynamoDb();
    const store = createDynamoDbState(dynamodb.client, 'no-such-table', {
      clock: () => NOW,
      owner: 'run 1',
      receiver: 'all',
    });
    const message =
      'The state in DynamoDB table no-such-table could not be read (ResourceNotFoundException). There is no such table in this account and region: deploy again, or correct its name or AWS_REGION.';
    await expect(store.read()).rejects.toThrow(new StateError(message));
    await expect(store.acquire(waitLimit())).rejects.toThrow(new StateError(message));
  });

  test.each([
    [
      'other names',
      [
        ['id', 'S'],
        ['range', 'S'],
      ],
    ],
    [
      'another type',
      [
        ['pk', 'S'],
        ['sk', 'N'],
      ],
    ],
  ] as const)('because its keys have %s is named, with the keys it must have', async (_, keys) => {
    await using dynamodb = await startDynamoDb({ keys });
    await expect(storeOf(dynamodb).acquire(waitLimit())).rejects.toThrow(
      /^The state in DynamoDB table pg-tls-auditor-state could not be read \(ValidationException\)\. .*partition key pk and the sort key sk, both strings/,
    );
  });

  test('because we may not is named, with the permissions to give', async () => {
    await using dynamodb = await startDynamoDb();
    dynamodb.failNext('PutItem', { code: 'AccessDeniedException' });
    await expect(storeOf(dynamodb).acquire(waitLimit())).rejects.toThrow(
      /\(AccessDeniedException\)\. Allow dynamodb:Query, dynamodb:GetItem, dynamodb:PutItem and dynamodb:DeleteItem on the table/,
    );
  });

  test('because nothing answers is named, with where to look, and no credentials', async () => {
    const client = impatientClient({ url: `http://127.0.0.1:${await freePort()}` });
    const store = createDynamoDbState(client, 'state', { clock: () => NOW, owner: 'run 1', receiver: 'all' });
    const failure = (await store.acquire(waitLimit()).catch((error: unknown) => error)) as StateError;
    expect(failure).toBeInstanceOf(StateError);
    expect(failure.message).toMatch(/table state could not be read \(ECONNREFUSED\)\. Check the route to DynamoDB/);
    expect(failure.message).not.toMatch(/AKIA|kept-to-itself/);
  });

  const record = { name: 'orders', takenAt: daysBefore(0) };
  test.each([
    [
      'a newer version of the auditor wrote',
      { schemaVersion: 3, version: 1, record },
      /newer version of the auditor \(schemaVersion 3, this one knows 2\): run the newer/,
    ],
    [
      'somebody else wrote',
      { data: 'of theirs' },
      /was not written by the auditor \(schemaVersion: .*delete the item if it is not needed/,
    ],
    [
      'somebody changed',
      { schemaVersion: 1, version: 1, record: { ...record, takenAt: 'yesterday' } },
      /was not written by the auditor \(takenAt: /,
    ],
  ])('because of an item that %s is refused, and left as it is', async (_, item, message) => {
    await using dynamodb = await startDynamoDb();
    const foreign = { pk: 'all#target', sk: 'orders', ...item };
    await dynamodb.put(foreign);
    await expect(storeOf(dynamodb).read()).rejects.toThrow(StateError);
    await expect(storeOf(dynamodb).acquire(waitLimit())).rejects.toThrow(message);
    await expect(storeOf(dynamodb).read()).rejects.toThrow(/^The item target \/ orders in DynamoDB table /);
    expect(await dynamodb.items()).toEqual([foreign]);
  });
});

test('audiences have memories of their own: what one was told, another was not, and neither waits for the other', async () => {
  await using dynamodb = await startDynamoDb();
  const of = (receiver: string) =>
    createDynamoDbState(dynamodb.client, dynamodb.tableName, { clock: () => NOW, owner: 'run 1', receiver });
  await using defaultLease = await of('all').acquire(waitLimit());
  await using team = await of('payments').acquire(waitLimit());
  await defaultLease.save(stateWith({ findings: [openFinding(1)] }));
  expect((await of('payments').read()).findings.size).toBe(0);
  await team.save(stateWith({ findings: [openFinding(2)] }));
  expect([...(await of('all').read()).findings.keys()]).toEqual([fingerprint(1)]);
  expect([...(await of('payments').read()).findings.keys()]).toEqual([fingerprint(2)]);
});
