// The Lambda function Relay: invokes the worker of a satellite in another region, which Step Functions can't.

import { Logger } from '@aws-lambda-powertools/logger';
import { parseRelayInput } from './messages.ts';
import { relay } from './relay.ts';

const logger = new Logger();

/** @returns what the worker answers @throws RelayError, InputError */
export async function handler(given: unknown): Promise<unknown> {
  try {
    return await relay(parseRelayInput(given));
  } catch (error) {
    logger.error('the worker of the satellite brought no answer', error as Error);
    throw error;
  }
}
