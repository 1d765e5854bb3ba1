// Runs the synthesised state machine of a fleet, with the real functions in this process.

import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { StateMachine } from 'aws-local-stepfunctions';
import type { ConfigInput } from '../lambda/config/index.ts';
import type { TargetSourceFactory } from '../lambda/targets/index.ts';
import { PgTlsAuditor } from '../lib/pg-tls-auditor.ts';
import type { PublishedMessage } from './aws.ts';
import { type FunctionLab, SCHEDULED } from './function-lab.ts';

/** The definition of the machine, with other names for what only a deployment knows. */
export function machineDefinition(config: ConfigInput): MachineDefinition {
  const app = new App({ context: { 'aws:cdk:bundling-stacks': [] }, analyticsReporting: false });
  const stack = new Stack(app, 'Databases', { env: { account: '123456789012', region: 'eu-west-1' } });
  new PgTlsAuditor(stack, 'TlsAuditor', { config });
  const [machine] = Object.values(Template.fromStack(stack).findResources('AWS::StepFunctions::StateMachine'));
  return JSON.parse(textOf(machine?.Properties.DefinitionString)) as MachineDefinition;
}

export interface MachineDefinition {
  readonly TimeoutSeconds?: number;
  readonly States: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** CloudFormation's joins, with ARNs of functions in place of references. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  const { Ref, ...functions } = value as Readonly<Record<string, unknown>>;
  if (Ref !== undefined) return 'aws';
  const [id] = (functions['Fn::GetAtt'] ?? []) as readonly string[];
  if (id !== undefined) return `arn:aws:lambda:eu-west-1:123456789012:function:${id}`;
  const [separator = '', parts = []] = (functions['Fn::Join'] ?? []) as [string?, (readonly unknown[])?];
  return parts.map(textOf).join(separator);
}

/** What a state hands to a function, and the function. */
type Call = (input: unknown, fn: (input: unknown) => Promise<unknown>) => Promise<unknown>;

export interface Execution {
  readonly at: Date;
  /** @default `at` */
  readonly startedAt?: Date;
  /** @default the event of the schedule */
  readonly event?: unknown;
  /** @default a new one for each execution */
  readonly name?: string;
  /** @default the function's own */
  readonly sources?: readonly TargetSourceFactory[];
  /** Milliseconds that each function has. @default 60000 */
  readonly remainingMs?: number;
  /** Milliseconds that a worker has left whenever it asks after its start. @default `remainingMs` */
  readonly leftMs?: number;
  /** By the name of the state: what stands between the machine and the function. @default the function is called */
  readonly calls?: Readonly<Record<string, Call>>;
  /** Changes the definition of the machine. @default it is as it was synthesised */
  readonly spoil?: (definition: MachineDefinition) => MachineDefinition;
}

export interface ExecutionOutcome {
  /** Undefined where the execution failed. */
  readonly output: unknown;
  readonly error: Error | undefined;
  readonly published: readonly PublishedMessage[];
  /** Each call of a function, by the state that called it. */
  readonly calls: readonly { readonly state: string; readonly input: unknown }[];
}

export interface FleetLab {
  /** Never throws: an execution that fails is an outcome with an error. */
  execute(execution: Execution): Promise<ExecutionOutcome>;
}

/** Loads the functions with the environment of the lab, whose configuration must be this one. */
export async function startFleetLab(lab: FunctionLab, config: ConfigInput): Promise<FleetLab> {
  const synthesised = machineDefinition(config);
  const { createPlanHandler } = await import('../lambda/fleet/plan-handler.ts');
  const { createWorkerHandler } = await import('../lambda/fleet/worker-handler.ts');
  const { createRepairHandler } = await import('../lambda/fleet/repair-handler.ts');
  const { createDigestHandler } = await import('../lambda/fleet/digest-handler.ts');
  let executions = 0;
  let invocations = 0;
  return {
    async execute({
      at,
      startedAt = at,
      event = SCHEDULED,
      name,
      sources,
      remainingMs = 60_000,
      leftMs = remainingMs,
      calls: between = {},
      spoil,
    }) {
      const definition = spoil === undefined ? synthesised : spoil(structuredClone(synthesised));
      executions += 1;
      const before = lab.aws.published.length;
      const calls: { state: string; input: unknown }[] = [];
      const options = { clock: () => at };
      const workers = workerStates(definition);
      const functions = {
        Plan: createPlanHandler({ ...options, sources }),
        ...Object.fromEntries(workers.map((state) => [state, createWorkerHandler(options)])),
        Repair: createRepairHandler(options),
        Digest: createDigestHandler(options),
      };
      const handlers = Object.entries(functions).map(([state, fn]) => {
        const invoke = (input: unknown): Promise<unknown> => {
          invocations += 1;
          const answers = workers.includes(state) ? [remainingMs] : [];
          const getRemainingTimeInMillis = (): number =>
            answers.pop() ?? (workers.includes(state) ? leftMs : remainingMs);
          return fn(overTheWire(input), { awsRequestId: `request-${invocations}`, getRemainingTimeInMillis });
        };
        const call = between[state] ?? invoke;
        const handler = async (input: unknown): Promise<unknown> => {
          calls.push({ state, input });
          // The library has a clock of its own.
          const given =
            state === 'Plan'
              ? { ...(input as object), startedAt: startedAt.toISOString() }
              : batchOf(input, lab.aws.bucket);
          const answer = overTheWire(await call(given, invoke));
          return given === input || state === 'Plan' ? answer : { Payload: answer };
        };
        return [state, handler] as const;
      });
      const machine = new StateMachine(definition as never, { validationOptions: { checkArn: false } });
      const execution = machine.run(
        event as never,
        {
          context: {
            Execution: { Name: name ?? `execution-${executions}`, Input: event },
          },
          overrides: {
            taskResourceLocalHandlers: Object.fromEntries(handlers),
            retryIntervalOverrides: Object.fromEntries(handlers.map(([state]) => [state, 1])),
          },
        } as never,
      );
      const outcome = (output: unknown, error: Error | undefined): ExecutionOutcome => ({
        output,
        error,
        published: lab.aws.published.slice(before),
        calls,
      });
      return await execution.result.then(
        (output) => outcome(output, undefined),
        (error: Error) => outcome(undefined, error),
      );
    },
  };
}

/** States in which a worker audits. */
function workerStates({ States }: MachineDefinition): readonly string[] {
  const { ItemProcessor } = States.Fleet as { readonly ItemProcessor: Pick<MachineDefinition, 'States'> };
  return Object.keys(ItemProcessor.States).filter((state) => state.startsWith('Audit by '));
}

/** What a worker is handed: a satellite's is wrapped, with the bucket, whose name the definition does not have here. */
function batchOf(input: unknown, name: string): unknown {
  const { Payload, batch } = input as { readonly Payload?: object; readonly batch?: object };
  const wrapped = Payload ?? batch;
  return wrapped === undefined ? input : { ...wrapped, bucket: { region: 'eu-west-1', name } };
}

/** Bytes of a state (Step Functions quotas). */
const MOST_BYTES = 256 * 1024;

/** As JSON, within the limit of a state. */
function overTheWire(value: unknown): unknown {
  const text = JSON.stringify(value ?? null);
  if (Buffer.byteLength(text) > MOST_BYTES) throw new RangeError('States.DataLimitExceeded');
  return JSON.parse(text);
}
