// Makes the functions of the fleet: each parses its input, runs its step, and logs a failure.

import { type Clock, systemClock } from '../model/time.ts';
import { type InvocationContext, type RunContext, runContext } from '../run-context.ts';
import type { RunBucket, RunObjects } from './run-objects.ts';
import { createFleetServices } from './services.ts';

export type FleetFunction<Output> = (input: unknown, invocation: InvocationContext) => Promise<Output>;

/** One set for all invocations of an execution environment. */
const services = createFleetServices();

interface StepInput {
  readonly run: string;
  /** Where the objects of the run are. @default - as the environment says */
  readonly bucket?: RunBucket | undefined;
}

/** A step with a run id in its input, which names it in logs, in leases and in the names of reports. */
export interface Step<Input extends StepInput, Output, Answer> {
  /** Whether it publishes messages. @default true */
  readonly publishes?: boolean;
  /** @throws InputError */
  readonly parse: (input: unknown) => Input;
  readonly run: (input: Input, context: RunContext, objects: RunObjects) => Promise<Output>;
  /** For an error that is an answer. @returns undefined where it is a failure */
  readonly answerTo?: (error: unknown) => Answer | undefined;
}

export interface FleetFunctionOptions {
  /** For tests. @default - the machine's clock */
  readonly clock?: Clock | undefined;
}

/** @throws what the step throws */
export function fleetFunction<Input extends StepInput, Output, Answer = never>(
  { publishes, parse, run, answerTo }: Step<Input, Output, Answer>,
  { clock = systemClock }: FleetFunctionOptions = {},
): FleetFunction<Output | Answer> {
  return async (given, invocation) => {
    const { logger } = services;
    logger.appendKeys({ requestId: invocation.awsRequestId });
    try {
      const input = parse(given);
      logger.appendKeys({ run: input.run });
      const context = await runContext({ publishes, invocation, variables: process.env, clock, services });
      const objects = await services.runObjects(context.environment, input.bucket);
      return await run(input, named(context, input.run), objects);
    } catch (error) {
      const answer = answerTo?.(error);
      if (answer !== undefined) return answer;
      logger.error('the step of the run failed', error as Error);
      throw error;
    }
  };
}

/** A step that is repeated has an id of its own, and its report another name: no report is overwritten. */
function named(context: RunContext, run: string): RunContext {
  return { ...context, runId: `${run}-${context.runId}` };
}
