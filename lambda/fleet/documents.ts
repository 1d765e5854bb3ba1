// Defines the documents of a run of the fleet: its plan, and the slice of the plan that one worker gets.

import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import * as z from 'zod';
import { cloudOfTargets } from '../analysis/provider/cloud-facts.ts';
import { cloudListingSchema } from '../model/cloud-schema.ts';
import { displayText } from '../model/display.ts';
import { FAILURE_CAUSES, type Failure, PHASES } from '../model/failure.ts';
import type { Observed } from '../model/observed.ts';
import { policySchema } from '../model/run-schema.ts';
import type { NamedTarget } from '../model/target.ts';
import { namedTargetSchema, targetSchema } from './target-schema.ts';

/** Bytes of a document that is not packed: more would not fit into the memory of its readers. */
export const MOST_BYTES = 128 * 1024 * 1024;

const PLAN_VERSION = 1;

/** The name of an execution of the machine, as it stands in the names of objects. */
export const runIdSchema = z.string().regex(/^[A-Za-z0-9][\w.-]{0,79}$/);

/** The name of a network, or of an account's satellite; `default` where there is only one worker. */
export const workerNameSchema = z.string().regex(/^[A-Za-z0-9][\w-]{0,62}$/);

const moment = z.iso.datetime();
const sentence = z.string().min(1);

const failure: z.ZodType<Failure> = z.strictObject({
  cause: z.enum(FAILURE_CAUSES),
  phase: z.enum(PHASES),
  message: sentence,
  remedy: sentence,
  remedyForUrl: sentence.optional(),
});

const all: z.ZodType<Observed<readonly NamedTarget[]>> = z.union([
  z.strictObject({ known: z.literal(true), value: z.array(namedTargetSchema) }),
  z.strictObject({ known: z.literal(false), reason: sentence }),
]);

/** What every worker has to know besides its targets. */
const shared = {
  schemaVersion: z.literal(PLAN_VERSION),
  run: runIdSchema,
  /** No audit begins after it. */
  auditUntil: moment,
  policy: policySchema,
  /** Targets that a worker audits at the same time. */
  concurrency: z.int().min(1),
};

const planSchema = z.strictObject({
  ...shared,
  startedAt: moment,
  /** Targets in a batch at most. */
  batch: z.int().min(1),
  request: z.strictObject({
    trigger: z.enum(['schedule', 'hand']),
    targets: z.array(z.string()).optional(),
    notify: z.boolean(),
    testAlert: z.boolean(),
  }),
  coversAllTargets: z.boolean(),
  /** The targets of each worker, in the order in which ranges count them. */
  slices: z.array(z.strictObject({ worker: workerNameSchema, targets: z.array(targetSchema) })),
  /** Targets that no worker can audit, with the reason. */
  unassigned: z.array(z.strictObject({ target: targetSchema, failure })),
  list: z.strictObject({
    all,
    warnings: z.array(z.string()),
    cloud: cloudListingSchema,
    /** What discovery knows of replicas, by host. */
    replicas: z.array(z.tuple([z.string(), z.array(z.string())])),
  }),
});

/** Everything that a run is to do. */
export type Plan = Readonly<z.infer<typeof planSchema>>;

const sliceSchema = z.strictObject({
  ...shared,
  worker: workerNameSchema,
  targets: z.array(targetSchema),
  /** What discovery knows of these targets without a login. */
  cloud: cloudListingSchema,
});

/** What one worker may know of a plan. */
export type Slice = Readonly<z.infer<typeof sliceSchema>>;

/** How many targets each worker has. */
export function sharesOf({
  slices,
}: Pick<Plan, 'slices'>): readonly { readonly worker: string; readonly count: number }[] {
  return slices.map(({ worker, targets }) => ({ worker, count: targets.length }));
}

export function slicesOf({ slices, list, ...plan }: Plan): readonly Slice[] {
  const { schemaVersion, run, auditUntil, policy, concurrency } = plan;
  return slices.map((slice) => ({
    ...{ schemaVersion, run, auditUntil, policy, concurrency },
    ...slice,
    cloud: cloudOfTargets(list.cloud, slice.targets),
  }));
}

/** A document that can't be used. The message quotes nothing of it but the place of the first problem. */
export class DocumentError extends Error {
  override readonly name = 'DocumentError';
}

export function newPlan(plan: Omit<Plan, 'schemaVersion'>): Plan {
  return { schemaVersion: PLAN_VERSION, ...plan };
}

/** @throws DocumentError */
export async function unpackPlan(body: Uint8Array): Promise<Plan> {
  return parse('the plan of the run', planSchema, await unpackText('the plan of the run', body));
}

/** @throws DocumentError */
export async function unpackSlice(body: Uint8Array): Promise<Slice> {
  return parse("the worker's targets", sliceSchema, await unpackText("the worker's targets", body));
}

export async function pack(document: Plan | Slice | string): Promise<Uint8Array> {
  return await promisify(gzip)(typeof document === 'string' ? document : JSON.stringify(document));
}

/** @throws DocumentError for what is not packed, or has more than `mostBytes` */
export async function unpackText(what: string, body: Uint8Array, mostBytes = MOST_BYTES): Promise<string> {
  try {
    return (await promisify(gunzip)(body, { maxOutputLength: mostBytes })).toString('utf8');
  } catch (error) {
    const tooLong = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw new DocumentError(tooLong ? `${what} has more than ${mostBytes} bytes` : `${what} is not complete gzip`);
  }
}

function parse<T>(what: string, schema: z.ZodType<T>, text: string): T {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    // The parser's message quotes the text.
    throw new DocumentError(`${what} is not JSON`);
  }
  const result = schema.safeParse(document);
  if (result.success) return result.data;
  const place = displayText(result.error.issues[0]?.path.join('.') ?? '', 200);
  throw new DocumentError(`${what} can't be used: ${place === '' ? 'the document' : place} is not what it must be`);
}
