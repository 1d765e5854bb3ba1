// The order in which a worker writes: what it read of connection logs counts as read once its part is stored.

import { expect, test, vi } from 'vitest';
import { PLANNED_AT, planOf } from '../../lab/fleet-plan.ts';
import type { auditTargets } from '../../lambda/audit.ts';
import { pack, slicesOf } from '../../lambda/fleet/documents.ts';
import { rangeOfPart } from '../../lambda/fleet/object-keys.ts';
import type { RunObjects } from '../../lambda/fleet/run-objects.ts';
import { auditRange } from '../../lambda/fleet/worker.ts';

const plan = planOf(['orders']);

/** An audit that only reads a connection log. */
const readsLog: typeof auditTargets = async ({ policy }, { collector }) => {
  await collector.logs?.state?.save('orders', { position: 7 }, 0);
  return { startedAt: PLANNED_AT, finishedAt: PLANNED_AT, policy, audited: [] };
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
    clock: () => new Date(PLANNED_AT),
    time: { deadline: new AbortController().signal, auditMs: 1_000, leftMs: () => 1_000 },
    services: { logger: { info: vi.fn() }, collector: async () => ({ logs: { state } }) },
  };
  const range = { run: 'run-1', worker: 'default', from: 0, to: 1 };
  await auditRange(range, context as never, objects, readsLog).catch(() => undefined);
  expect(steps).toEqual(expected);
});
