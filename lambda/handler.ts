// The Lambda function: runs the auditor, logs a failure, and answers an event that it refuses.

import { EventError, type Refusal, refusalOf } from './event.ts';
import { type Clock, systemClock } from './model/time.ts';
import type { Report } from './report/schema.ts';
import { run } from './run.ts';
import type { InvocationContext } from './run-context.ts';
import { createServices } from './services.ts';
import { TARGET_SOURCES, type TargetSourceFactory } from './targets/index.ts';

export type Handler = (event: unknown, invocation: InvocationContext) => Promise<Report | Refusal>;

/** For tests, and for a demo that simulates days. */
export interface HandlerOptions {
  /** @default - the machine's clock */
  readonly clock?: Clock;
  /** @default TARGET_SOURCES */
  readonly sources?: readonly TargetSourceFactory[];
}

/** One set for all invocations of an execution environment: connections and the state in memory outlive a run. */
const services = createServices();

/**
 * Runs the auditor once.
 *
 * @returns the report, or a refusal where the function does not understand the event: a typing error by hand is no
 * failure
 * @throws every error of `run` but EventError
 */
export const handler = createHandler();

export function createHandler({ clock = systemClock, sources = TARGET_SOURCES }: HandlerOptions = {}): Handler {
  return async (event, invocation) => {
    const { logger } = services;
    logger.appendKeys({ requestId: invocation.awsRequestId });
    try {
      return await run({ event, invocation, variables: process.env, clock, sources, services });
    } catch (error) {
      if (error instanceof EventError) {
        logger.warn('the event was refused', { problem: error.problem });
        return refusalOf(error);
      }
      logger.error('the run failed', error as Error);
      throw error;
    }
  };
}
