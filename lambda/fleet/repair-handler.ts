// The Lambda function Repair: hands out again what came back without a result.

import { type FleetFunction, type FleetFunctionOptions, fleetFunction } from './fleet-function.ts';
import { parseRepairInput } from './messages.ts';
import type { Batches } from './plan.ts';
import { repairRun } from './repair.ts';

export const handler = createRepairHandler();

export function createRepairHandler(options: FleetFunctionOptions = {}): FleetFunction<Batches> {
  return fleetFunction({ parse: parseRepairInput, run: repairRun }, options);
}
