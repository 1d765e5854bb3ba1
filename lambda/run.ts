// One run of the function: environment, targets, audit, notification, archive.

import { auditTargets } from './audit.ts';
import type { Config } from './config/index.ts';
import { networkOf, networksOf } from './config/networks.ts';
import { parseEvent } from './event.ts';
import { finishRun, publishTestAlerts } from './finish-run.ts';
import type { Failure } from './model/failure.ts';
import type { Target } from './model/target.ts';
import { fitReport } from './report/fit-report.ts';
import type { Report } from './report/schema.ts';
import { type InvocationInput, runContext } from './run-context.ts';
import { addTargetSourceError, targetsOfRun } from './run-targets.ts';
import type { TargetSourceFactory } from './targets/index.ts';

export interface RunInput extends InvocationInput {
  readonly event: unknown;
  readonly sources: readonly TargetSourceFactory[];
}

/** Bytes of a synchronous answer: 6 MB (Lambda quotas), less what the service wraps it in. */
const RESPONSE_BYTES = 5_900_000;

/**
 * Audits the requested targets, notifies each receiver of what changed, and archives the report.
 *
 * @returns the report; without its healthiest targets and last findings, counted, when it would pass Lambda's limit
 * @throws UnsafeEnvironmentError, EnvironmentError, ConfigFileError, ConfigError, ConfigLocationError, EventError
 * before anything is audited; TargetSourceError, PublishError, StateError, EvidenceError, KeepClientsError,
 * SecurityHubError at the end, when every other step is done
 */
export async function run(input: RunInput): Promise<Report> {
  const context = await runContext(input);
  const { config, environment, services, clock, errors, time } = context;
  const request = parseEvent(input.event);
  const { list, targets, coversAllTargets } = await targetsOfRun(context, input.sources, request);
  addTargetSourceError(request, list, errors);
  if (request.testAlert) await publishTestAlerts(list.found, context);
  const collector = await services.collector(targets, environment, clock);
  let leftAtLastTurnMs = time.auditMs;
  const audited = await auditTargets(
    { ...config, targets, replicas: list.replicas },
    {
      collector,
      deadline: time.deadline,
      coversAllTargets,
      cloud: list.cloud,
      includesListed: request.targets === undefined,
      untried: beyondNetworks(targets, config),
      onTurn: () => {
        leftAtLastTurnMs = time.leftMs();
      },
    },
  );
  const pace = { leftAtLastTurnMs, auditMs: time.auditMs };
  const { report } = await finishRun({ request, run: audited, list, coversAllTargets, pace }, context);
  errors.throwIfAny();
  return fitReport(report, RESPONSE_BYTES, Buffer.byteLength);
}

/** Targets that the function's network does not reach, as far as the configuration says. */
function beyondNetworks(targets: readonly Target[], config: Config): ReadonlyMap<string, Failure> {
  const networks = networksOf(config);
  return new Map(
    targets.flatMap((target) => {
      const network = networkOf(target, networks);
      return typeof network === 'string' ? [] : [[target.name, network]];
    }),
  );
}
