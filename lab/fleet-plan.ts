// Makes the plan of a fleet's run for tests of its parts, without a machine.

import { newPlan, type Plan } from '../lambda/fleet/documents.ts';
import { targetOf } from './collector.ts';
import { POLICY } from './snapshots.ts';

/** When the run of the plan began. */
export const PLANNED_AT = '2026-11-28T12:00:00.000Z';

/** All targets are of the worker `default`, in one batch. */
export function planOf(names: readonly string[]): Plan {
  return newPlan({
    run: 'run-1',
    startedAt: PLANNED_AT,
    auditUntil: '2026-11-28T13:00:00.000Z',
    batch: 100,
    policy: POLICY as never,
    concurrency: 1,
    request: { trigger: 'schedule', notify: true, testAlert: false },
    coversAllTargets: true,
    slices: [{ worker: 'default', targets: names.map((name) => targetOf({ name })) as never }],
    unassigned: [],
    list: { all: { known: true, value: [] }, warnings: [], cloud: { databases: [], places: [] }, replicas: [] },
  });
}
