// What a worker saw of clients reaches the plan of later days whole, about its own targets only, and within bounds.

import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { healthySnapshot, POLICY, plaintextSession, session } from '../../lab/snapshots.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import { recordSnapshot } from '../../lambda/enforcement/record.ts';
import { putClients, readClients } from '../../lambda/fleet/client-parts.ts';
import { clientsKey, rangeOfPart } from '../../lambda/fleet/object-keys.ts';
import { RunObjectError, type RunObjects } from '../../lambda/fleet/run-objects.ts';
import { WorkerBudget } from '../../lambda/fleet/worker-budget.ts';
import type { Session, Snapshot } from '../../lambda/model/snapshot.ts';
import type { Target } from '../../lambda/model/target.ts';

const RUN = 'run-1';
const RANGE = { worker: 'emea', from: 0, to: 2 };
const KEY = clientsKey(RUN, RANGE);
const NAMES = ['billing', 'payroll'];
const HOST = 'db.example.com';
const TARGETS = NAMES.map(
  (name) => ({ name, host: HOST, port: 5432, kind: 'postgresql', labels: { team: 'a' } }) as unknown as Target,
);
const TIME = { from: Date.parse('2026-11-10T06:10:00.000Z'), to: Date.parse('2026-11-10T06:20:00.000Z') };

function snapshotOf(name: string, sessions: readonly Session[]): Snapshot {
  return healthySnapshot(sessions, {
    target: { name, host: HOST, port: 5432, kind: 'postgresql', labels: { team: 'a' } },
  });
}

function inMemory(objects: Map<string, Uint8Array> = new Map()): RunObjects & { readonly objects: typeof objects } {
  return {
    objects,
    put: async (key, body) => !objects.has(key) && objects.set(key, body).size > 0,
    async get(key, most) {
      const body = objects.get(key);
      if (body === undefined || body.length > most) throw new RunObjectError(`${key} is not there, or too large`);
      return body;
    },
    list: async () => [...objects.keys()],
  };
}

async function written(...snapshots: readonly Snapshot[]): Promise<ReturnType<typeof inMemory>> {
  const bucket = inMemory();
  const audited = snapshots.map((snapshot) => ({ snapshot, ...evaluate(snapshot, POLICY) }));
  const at = '2026-11-10T06:15:02.000Z';
  await putClients(RUN, RANGE, { startedAt: at, finishedAt: at, policy: POLICY, audited }, bucket);
  return bucket;
}

const read = (bucket: RunObjects) =>
  readClients(RUN, { range: RANGE, targets: TARGETS, time: TIME, budget: new WorkerBudget(2) }, bucket);

describe('the clients of a range', () => {
  test('make the same record as the snapshots themselves', async () => {
    const sessions = [
      ...Array.from({ length: 300 }, (_, index) => session({ pid: index, startedAt: 1_700_000_000_000 + index })),
      plaintextSession({ role: 'etl' }),
      plaintextSession({ role: 'etl', clientAddress: '192.0.2.9' }),
    ];
    const own = [snapshotOf('billing', sessions), snapshotOf('payroll', [])];
    const clients = await read(await written(...own));
    expect(typeof clients).not.toBe('string');
    const records = (clients as readonly Snapshot[]).map((snapshot) => recordSnapshot(undefined, snapshot));
    const whole = own.map((snapshot) => recordSnapshot(undefined, snapshot));
    expect(records.map((record) => ({ ...record, server: undefined }))).toEqual(
      whole.map((record) => ({ ...record, server: undefined })),
    );
  });

  test('are no part', () => {
    expect(rangeOfPart(KEY, RUN, { worker: 'emea', count: 2 })).toBeUndefined();
  });

  test('of a target that shows too much are left out, and those of the others stay', async () => {
    const many = Array.from({ length: 60_000 }, (_, index) =>
      session({ application: `worker ${index}`.padEnd(63, 'x') }),
    );
    const bucket = await written(snapshotOf('billing', many), snapshotOf('payroll', [session()]));
    const clients = await read(bucket);
    expect((clients as readonly Snapshot[]).map(({ target }) => target.name)).toEqual(['payroll']);
  });
});

describe('a hostile worker', () => {
  const other = snapshotOf('orders', [session()]);
  const snapshot = snapshotOf('billing', [session()]);
  const documentOf = (...snapshots: readonly unknown[]) => gzipSync(JSON.stringify({ schemaVersion: 1, snapshots }));
  test.each<[string, () => Uint8Array, string]>([
    ['speaks for other targets', () => documentOf(other, other), 'other targets than its own'],
    [
      'speaks for another host of its own',
      () => documentOf({ ...snapshot, target: { ...snapshot.target, host: 'other.example.com' } }, null),
      'other targets than its own',
    ],
    [
      'speaks for another port of its own',
      () => documentOf({ ...snapshot, target: { ...snapshot.target, port: 6432 } }, null),
      'other targets than its own',
    ],
    [
      'speaks of a time that is yet to come',
      () => documentOf({ ...snapshot, takenAt: '2099-01-01T00:00:00.000Z' }, null),
      'another time than the run',
    ],
    [
      'speaks of an earlier run',
      () => documentOf({ ...snapshot, takenAt: '2026-11-09T06:15:00.000Z' }, null),
      'another time than the run',
    ],
    ['speaks for fewer', () => documentOf(null), 'other targets than its own'],
    ['writes no snapshots', () => documentOf({ target: 1 }, null), 'not what a worker of this version writes'],
    ['writes no JSON', () => gzipSync('canary'), 'not JSON'],
    ['writes no gzip', () => Buffer.from('canary'), 'not complete gzip'],
    ['writes a bomb', () => gzipSync(Buffer.alloc(64 * 1024 * 1024)), 'more than 8388608 bytes'],
  ])('that %s has no clients, and a reason', async (_, body, reason) => {
    const answer = await read(inMemory(new Map([[KEY, body()]])));
    expect(answer).toContain(reason);
    expect(answer).not.toContain('canary');
  });
});
