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
const batch = z
  .strictObject({
    run: runIdSchema,
    worker: workerNameSchema,
    from: z.int().min(0),
    to: z.int().min(1),
    /** Of a satellite, whose account does not know it. */
    bucket: z
      .strictObject({
        name: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/),
        region: z.string().regex(/^[a-z]{2}(?:-[a-z]+)+-\d$/),
      })
      .optional(),
  })
  .refine(({ from, to }) => from < to, 'must be a range that holds a target');

/** Of the function that invokes satellites of other regions: which worker, and the batch for it. */
const relayInput = z.strictObject({
  functionArn: z.string().regex(/^arn:[\w-]+:lambda:[\w-]+:\d{12}:function:[\w-]+$/),
  roleArn: z.string().regex(/^arn:[\w-]+:iam::\d{12}:role\/[\w-]+$/),
  /** The ARN of the machine. */
  externalId: z.string().min(2).max(1224),
  batch,
});

/** Of Repair: the batches of the last round. */
const repairInput = z.strictObject({ run: runIdSchema, size: z.int().min(1) });

const digestInput = z.strictObject({ run: runIdSchema });

export type PlanInput = Readonly<z.infer<typeof planInput>>;
export type WorkerInput = Readonly<z.infer<typeof batch>>;
export type RelayInput = Readonly<z.infer<typeof relayInput>>;
export type RepairInput = Readonly<z.infer<typeof repairInput>>;
export type DigestInput = Readonly<z.infer<typeof digestInput>>;

/** An input that the machine does not send. The message quotes no value. */
class InputError extends Error {
  override readonly name = 'InputError';
}

export const parsePlanInput = parser(planInput);
export const parseWorkerInput = parser(batch);
export const parseRelayInput = parser(relayInput);
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
