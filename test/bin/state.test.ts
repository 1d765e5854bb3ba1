// `--state`: a file or a table, and what is neither.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { UsageError } from '../../bin/command-line/grammar/usage-error.ts';
import { readState, stateStoreFor } from '../../bin/command-line/targets/state.ts';
import { startDynamoDb } from '../../lab/dynamodb.ts';
import { createDynamoDbState } from '../../lambda/deliver/state/dynamodb.ts';
import type { StateStore } from '../../lambda/deliver/state/store.ts';
import { DEFAULT_ROUTE } from '../../lambda/report/receiver.ts';
import { fingerprint, openFinding, stateWith, waitLimit } from '../deliver/state/states.ts';

afterEach(() => vi.unstubAllEnvs());

const SAVED = stateWith({ findings: [openFinding(1)] });

test('--state FILE keeps the state in that file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'state-'));
  const path = join(folder, 'state.json');
  const store = await stateStoreFor(path);
  expect(store.name).toBe(`file ${path}`);
  {
    await using turn = await store.acquire(waitLimit());
    await turn.save(SAVED);
  }
  expect(await (await stateStoreFor(path)).read()).toEqual(SAVED);
  rmSync(folder, { recursive: true });
});

test('--state dynamodb:TABLE keeps the state in that table, where the standard variables of AWS lead', async () => {
  await using dynamodb = await startDynamoDb({ tableName: 'audit.state' });
  for (const [name, value] of Object.entries(dynamodb.environment())) vi.stubEnv(name, value);
  const store = await stateStoreFor('dynamodb:audit.state');
  expect(store.name).toBe('DynamoDB table audit.state');
  {
    await using turn = await store.acquire(waitLimit());
    await turn.save(SAVED);
  }
  expect(await store.read()).toEqual(SAVED);
  expect(await dynamodb.items()).toHaveLength(1);
});

test.each(['', '  ', 'a\0b', 'dynamodb:', 'dynamodb:x', 'dynamodb:no spaces', 'dynamodb:a/b/c'])(
  '--state %j is refused with what is allowed',
  async (spec) => {
    await expect(stateStoreFor(spec)).rejects.toThrow(UsageError);
    await expect(stateStoreFor(spec)).rejects.toThrow(/name a file, .* or a table as dynamodb:TABLE/);
  },
);

test.each(['dynamodb:arn:aws:dynamodb:eu-west-1:123456789012:table/state', 'dynamodb:a_b-c.d'])(
  '--state %s is a table',
  async (spec) => {
    vi.stubEnv('AWS_REGION', 'eu-west-1');
    expect((await stateStoreFor(spec)).name).toMatch(/^DynamoDB table /);
  },
);

test('a table is shared with the function, but what was told is not: both are remembered, and read together', async () => {
  await using dynamodb = await startDynamoDb({ tableName: 'audit.state' });
  for (const [name, value] of Object.entries(dynamodb.environment())) vi.stubEnv(name, value);
  const functions = createDynamoDbState(dynamodb.client, 'audit.state', {
    clock: () => new Date(),
    owner: 'an invocation',
    receiver: DEFAULT_ROUTE,
  });
  const save = async (store: StateStore, number: number): Promise<void> => {
    await using turn = await store.acquire(waitLimit());
    expect(turn.state.findings.size).toBe(0);
    await turn.save(stateWith({ findings: [openFinding(number)] }));
  };
  const own = await stateStoreFor('dynamodb:audit.state');
  await save(functions, 1);
  await save(own, 2);
  expect([...(await functions.read()).findings.keys()]).toEqual([fingerprint(1)]);
  expect([...(await own.read()).findings.keys()]).toEqual([fingerprint(2)]);
  const { name, state } = await readState('dynamodb:audit.state');
  expect(name).toBe('DynamoDB table audit.state');
  expect([...state.findings.keys()].sort()).toEqual([fingerprint(1), fingerprint(2)]);
});
