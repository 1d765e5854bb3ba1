// The order in which a worker writes: what it read of connection logs counts as read once its part is stored.

import { expect, test, vi } from 'vitest';
import { targetOf } from '../../lab/collector.ts';
import { POLICY } from '../../lab/snapshots.ts';
import type { auditTargets } from '../../lambda/audit.ts';
import { newPlan, pack, slicesOf } from '../../lambda/fleet/documents.ts';
import { rangeOfPart } from '../../lambda/fleet/object-keys.ts';
import type { RunObjects } from '../../lambda/fleet/run-objects.ts';
import { auditRange } from '../../lambda/fleet/worker.ts';

const NOW = '2026-11-28T12:00:00.000Z';
const plan = newPlan({
  run: 'run-1',
  startedAt: NOW,
  auditUntil: '2026-11-28T13:00:00.000Z',
  batch: 100,
  policy: POLICY as never,
  concurrency: 1,
  request: { trigger: 'schedule', notify: true, testAlert: false },
  coversAllTargets: true,
  slices: [{ worker: 'default', targets: [targetOf() as never] }],
  unassigned: [],
  list: { all: { known: true, value: [] }, warnings: [], cloud: { databases: [], places: [] }, replicas: [] },
});

/** An audit that only reads a connection log. */
const readsLog: typeof auditTargets = async ({ policy }, { collector }) => {
  await collector.logs?.state?.save('orders', { position: 7 }, 0);
  return { startedAt: NOW, finishedAt: NOW, policy, audited: [] };
};

type Case = readonly [string, () => Promise<boolean>, readonly string[]];

test.each<Case>([
  ['is stored', async () => true, ['put clients', 'put', 'save']],
  ['was stored by an earlier attempt', async () => false, ['put clients', 'put']],
  ['can not be stored', () => Promise.reject(new Error('S3 is away')), ['put clients', 'put']],
])('where the part %s, the steps are as they must be', async (_, stored, expected) => {
  const steps: string[] = [];
  const [slice] = slicesOf(plan);
  const body = slice === undefined ? new Uint8Array() : await pack(slice);
  const objects: RunObjects = {
    get: async () => body,
    async put(key) {
      const isPart = rangeOfPart(key, 'run-1', { worker: 'default', count: 1 }) !== undefined;
      steps.push(isPart ? 'put' : 'put clients');
      return isPart ? await stored() : true;
    },
    list: async () => [],
  };
  const state = {
    read: async () => ({ state: undefined, version: 0 }),
    save: async () => {
      steps.push('save');
      return true;
    },
  };
  const context = {
    environment: {},
    clock: () => new Date(NOW),
    time: { deadline: new AbortController().signal, auditMs: 1_000, leftMs: () => 1_000 },
    services: { logger: { info: vi.fn() }, collector: async () => ({ logs: { state } }) },
  };
  const range = { run: 'run-1', worker: 'default', from: 0, to: 1 };
  await auditRange(range, context as never, objects, readsLog).catch(() => undefined);
  expect(steps).toEqual(expected);
});
