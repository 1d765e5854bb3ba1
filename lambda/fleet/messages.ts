// Defines what the states of the machine hand to the fleet's functions, and refuses anything else.

import * as z from 'zod';
import { runIdSchema, workerNameSchema } from './documents.ts';

/** Of Plan: the context of the execution, and its input. */
const planInput = z.strictObject({
  run: runIdSchema,
  startedAt: z.iso.datetime(),
  /** Names of the workers that the machine can invoke. */
  workers: z.array(workerNameSchema).min(1),
  event: z.unknown(),
});

/** Of a worker: a range of its targets. */
const workerInput = z
  .strictObject({
    run: runIdSchema,
    worker: workerNameSchema,
    from: z.int().min(0),
    to: z.int().min(1),
  })
  .refine(({ from, to }) => from < to, 'must be a range that holds a target');

/** Of Repair: the batches of the last round. */
const repairInput = z.strictObject({ run: runIdSchema, size: z.int().min(1) });

const digestInput = z.strictObject({ run: runIdSchema });

export type PlanInput = Readonly<z.infer<typeof planInput>>;
export type WorkerInput = Readonly<z.infer<typeof workerInput>>;
export type RepairInput = Readonly<z.infer<typeof repairInput>>;
export type DigestInput = Readonly<z.infer<typeof digestInput>>;

/** An input that the machine does not send. The message quotes no value. */
class InputError extends Error {
  override readonly name = 'InputError';
}

export const parsePlanInput = parser(planInput);
export const parseWorkerInput = parser(workerInput);
export const parseRepairInput = parser(repairInput);
export const parseDigestInput = parser(digestInput);

function parser<T>(schema: z.ZodType<T>): (input: unknown) => T {
  return (input) => {
    const result = schema.safeParse(input);
    if (result.success) return result.data;
    const places = result.error.issues.map(({ path }) => path.join('.') || 'the input');
    const name = places.includes('run')
      ? ' Start executions with names of at most 80 letters, digits, dots, hyphens and underscores.'
      : '';
    throw new InputError(
      `The machine sent another input than this function takes (${[...new Set(places)].join(', ')}). Start an execution of ` +
        `the state machine; the functions of the fleet are not invoked by themselves.${name}`,
    );
  };
}
