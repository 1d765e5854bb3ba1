// Evaluates the fleet checks of each account's targets with what may be believed there: a satellite speaks for its own.

import { evaluateFleet, type FleetOptions } from '../checks/evaluate-fleet.ts';
import type { Policy } from '../model/policy.ts';
import type { AuditedTarget } from '../model/run.ts';
import type { Plan } from './documents.ts';

export interface TrustOptions extends Pick<FleetOptions, 'coversAllTargets' | 'replicas'> {
  /** Names of the workers that are in accounts of their own. */
  readonly satellites: ReadonlySet<string>;
}

/**
 * What a satellite says of its databases is evidence about them alone: a standby of another account's primary counts
 * as covered by a satellite's target only where the plan names it at that address. What the auditor's own workers say
 * counts everywhere.
 *
 * @returns in the order in which they were given
 */
export function evaluateByTrust(
  audited: readonly AuditedTarget[],
  policy: Policy,
  { slices }: Pick<Plan, 'slices'>,
  { satellites, ...options }: TrustOptions,
): readonly AuditedTarget[] {
  const foreign = slices.filter(({ worker }) => satellites.has(worker));
  const satelliteOf = new Map(foreign.flatMap(({ worker, targets }) => targets.map(({ name }) => [name, worker])));
  const bySatellite = Map.groupBy(audited, ({ snapshot }) => satelliteOf.get(snapshot.target.name));
  const own = (bySatellite.get(undefined) ?? []).map(({ snapshot }) => snapshot);
  const evaluated = [...bySatellite].flatMap(([worker, theirs]) =>
    evaluateFleet(theirs, policy, {
      ...options,
      others: worker === undefined ? [] : own,
      named: foreign.filter((slice) => slice.worker !== worker).flatMap(({ targets }) => targets),
    }),
  );
  const byName = new Map(evaluated.map((one) => [one.snapshot.target.name, one]));
  return audited.map((one) => byName.get(one.snapshot.target.name) ?? one);
}
