// The Lambda function Worker: audits a range of the targets of a run.

import { type FleetFunction, type FleetFunctionOptions, fleetFunction } from './fleet-function.ts';
import { parseWorkerInput } from './messages.ts';
import { auditRange, type PartSummary } from './worker.ts';

export const handler = createWorkerHandler();

export function createWorkerHandler(options: FleetFunctionOptions = {}): FleetFunction<PartSummary> {
  return fleetFunction({ publishes: false, parse: parseWorkerInput, run: auditRange }, options);
}
