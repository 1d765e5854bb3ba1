// What synthesis writes as the definition of the state machine.

import validate from 'asl-validator';
import { expect, test } from 'vitest';
import { type MachineDefinition, machineDefinition } from '../../lab/fleet-lab.ts';
import { ASSUMED } from '../../scripts/cost-figures.ts';

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

test('has the transitions that the costs count: one for each state, and one for the end', () => {
  const networks = { prod: {}, partners: {} };
  const targets = Object.keys(networks).map((network) => ({ name: network, secret: network, network }));
  const several = machineDefinition({ ...CONFIG, networks, targets, deployment: { fleet: {} } });
  // A run with batches, of which each comes back.
  const parent = statesFrom(several);
  expect(parent).toEqual(['Plan', 'Is any batch left?', 'Fleet', 'Repair', 'Is any batch left?', 'Digest']);
  expect(parent.length + 1).toBe(ASSUMED.parentTransitions);
  const { ItemProcessor } = several.States.Fleet as { readonly ItemProcessor: MachineDefinition };
  expect(statesFrom(ItemProcessor).length + 1).toBe(ASSUMED.childTransitions);
});

/** The states of an execution: the first choice leads to workers where it can, and no state twice but that choice. */
function statesFrom(machine: MachineDefinition & { readonly StartAt?: unknown }): readonly string[] {
  const passed: string[] = [];
  let next: string | undefined = String(machine.StartAt);
  while (next !== undefined) {
    const state: Readonly<Record<string, unknown>> = machine.States[next] ?? {};
    const again = passed.includes(next);
    passed.push(next);
    const options = ((state.Choices ?? []) as readonly { readonly Next: string }[]).map(({ Next }) => Next);
    if (state.Type !== 'Choice') next = state.Next as string | undefined;
    else next = again ? String(state.Default) : options.find((option) => /^(Fleet|Audit by)/.test(option));
  }
  return passed;
}
