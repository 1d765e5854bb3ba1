// The Lambda function Plan: lists the targets of a run, and hands out the first batches.

import { EventError, type Refusal, refusalOf } from '../event.ts';
import { TARGET_SOURCES, type TargetSourceFactory } from '../targets/index.ts';
import { type FleetFunction, type FleetFunctionOptions, fleetFunction } from './fleet-function.ts';
import { parsePlanInput } from './messages.ts';
import { type Batches, planRun } from './plan.ts';

export interface PlanHandlerOptions extends FleetFunctionOptions {
  /** For tests. @default TARGET_SOURCES */
  readonly sources?: readonly TargetSourceFactory[] | undefined;
}

/** A refusal where the event is not understood: a typing error by hand is no failure. */
export const handler = createPlanHandler();

export function createPlanHandler({
  sources = TARGET_SOURCES,
  ...options
}: PlanHandlerOptions = {}): FleetFunction<Batches | Refusal> {
  return fleetFunction(
    {
      parse: parsePlanInput,
      run: (input, context, objects) => planRun(input, context, objects, sources),
      answerTo: (error) => (error instanceof EventError ? refusalOf(error) : undefined),
    },
    options,
  );
}
