// What synthesis writes as the definition of the state machine.

import validate from 'asl-validator';
import { expect, test } from 'vitest';
import { machineDefinition } from '../../lab/fleet-lab.ts';

const CONFIG = {
  alerts: { email: ['dba@example.com'] },
  targets: [{ name: 'orders', secret: 'prod/orders' }],
};

test('is a definition by the Amazon States Language', () => {
  const definition = machineDefinition({ ...CONFIG, deployment: { fleet: {} } });
  const { isValid, errorsText } = validate(definition);
  expect(isValid, errorsText()).toBe(true);
  expect(validate({ ...definition, StartAt: 'Nowhere' }).isValid).toBe(false);
});

test('gives every task and every run an end', () => {
  const definition = machineDefinition({ ...CONFIG, deployment: { fleet: { timeoutMinutes: 90 } } });
  expect(definition.TimeoutSeconds).toBe(5400);
  const tasks = [...tasksOf(definition)];
  expect(tasks).toHaveLength(4);
  for (const task of tasks) expect(task.TimeoutSeconds).toBeGreaterThan(0);
});

function* tasksOf(value: unknown): Iterable<Readonly<Record<string, unknown>>> {
  if (typeof value !== 'object' || value === null) return;
  const state = value as Readonly<Record<string, unknown>>;
  if (state.Type === 'Task') yield state;
  for (const child of Object.values(state)) yield* tasksOf(child);
}
