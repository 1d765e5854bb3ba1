// Lists the targets of a run, and those of them that its event asks for.

import { type RunRequest, requestedTargets } from './event.ts';
import type { Target } from './model/target.ts';
import type { RunContext } from './run-context.ts';
import type { ErrorCollector } from './runtime/error-collector.ts';
import { configurationSource } from './targets/configuration.ts';
import { listTargets, type TargetList, type TargetSourceFactory } from './targets/index.ts';

/** What a run audits, and what it knows of all targets. */
export interface RunTargets {
  readonly list: TargetList;
  /** To audit. */
  readonly targets: readonly Target[];
  /** Whether the run audits every target that there is. */
  readonly coversAllTargets: boolean;
}

/** A run that does not know all targets has failed, however well it audited those that it knows. */
class TargetSourceError extends Error {
  override readonly name = 'TargetSourceError';
}

/** @throws EventError for a target that there is not */
export async function targetsOfRun(
  { environment, config, configuration, clock, services, time }: RunContext,
  sources: readonly TargetSourceFactory[],
  request: RunRequest,
): Promise<RunTargets> {
  const { stateTable } = environment;
  const outside = configuration === undefined ? [] : [configurationSource(configuration)];
  const list = await listTargets([...outside, ...sources], config, time.deadline, {
    folder: import.meta.dirname,
    clock,
    inventory: stateTable === undefined ? undefined : services.inventoryStore(stateTable),
    memory: stateTable === undefined ? undefined : services.memoryStore(stateTable, clock),
  });
  const targets = requestedTargets(request, list);
  services.logger.info('run started', { trigger: request.trigger, targets: targets.length, notify: request.notify });
  return { list, targets, coversAllTargets: request.targets === undefined && list.all.known };
}

/** Adds an error where a run of all targets does not know them all. */
export function addTargetSourceError(
  request: Pick<RunRequest, 'targets'>,
  { all }: Pick<TargetList, 'all'>,
  errors: ErrorCollector,
): void {
  if (request.targets !== undefined || all.known) return;
  errors.add(
    new TargetSourceError(
      `Not all targets are known: ${all.reason}. The targets that are known were audited, and no finding was resolved ` +
        'because its target is missing. Correct the source of targets; the next run asks it again.',
    ),
  );
}
