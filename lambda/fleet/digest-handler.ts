// The Lambda function Digest: notifies of what all workers found.

import { digestRun, type RunSummary } from './digest.ts';
import { type FleetFunction, type FleetFunctionOptions, fleetFunction } from './fleet-function.ts';
import { parseDigestInput } from './messages.ts';

export const handler = createDigestHandler();

export function createDigestHandler(options: FleetFunctionOptions = {}): FleetFunction<RunSummary> {
  return fleetFunction({ parse: parseDigestInput, run: digestRun }, options);
}
