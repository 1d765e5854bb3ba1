// Runs the checks that compare targets with each other, over all snapshots of a run.

import type { ListedReplicas } from '../model/listed-replicas.ts';
import type { Policy } from '../model/policy.ts';
import { type AuditedTarget, verdictOf } from '../model/run.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { type FleetCheck, isFleetCheck } from './check.ts';
import { evaluationOf, outcomeOf } from './evaluate.ts';
import { fleetOf, type NamedMember } from './fleet.ts';
import { CHECKS } from './registry.ts';

const FLEET_CHECKS = CHECKS.filter(isFleetCheck);

export interface FleetOptions {
  /** Whether the run audited every configured target. @default false */
  readonly coversAllTargets?: boolean;
  /** What discovery knows of the targets. @default nothing */
  readonly replicas?: ListedReplicas | undefined;
  /** Snapshots of further targets, which are not evaluated. @default none */
  readonly others?: readonly Snapshot[];
  /** Targets that there are besides, of which nothing that was observed is to be believed here. @default none */
  readonly named?: readonly NamedMember[];
  /** @default those of the registry */
  readonly checks?: readonly FleetCheck[];
}

/**
 * The second step of an evaluation: adds the outcomes of the fleet checks to each target's own, in the registry's
 * order, and derives the verdicts again. Outcomes of an earlier fleet step are replaced, so parts of a run can be
 * merged and evaluated. Never throws for a check that throws, as `evaluate` does not.
 */
export function evaluateFleet(
  audited: readonly AuditedTarget[],
  policy: Policy,
  { coversAllTargets = false, replicas, others = [], named = [], checks = FLEET_CHECKS }: FleetOptions = {},
): readonly AuditedTarget[] {
  const snapshots = audited.map(({ snapshot }) => snapshot);
  const fleet = coversAllTargets ? fleetOf([...snapshots, ...others], replicas, named) : undefined;
  const replaced = new Set(checks.map(({ id }) => id));
  return audited.map(({ snapshot, outcomes: ownOutcomes, findings: ownFindings }) => {
    const results = checks.map((check) => ({
      check,
      outcome: outcomeOf(check, snapshot, policy, () => check.evaluateInFleet(snapshot, fleet)),
    }));
    const added = evaluationOf(results, snapshot, policy);
    const outcomes = inOrder([...ownOutcomes.filter(({ check }) => !replaced.has(check)), ...added.outcomes]);
    const findings = inOrder([...ownFindings.filter(({ check }) => !replaced.has(check)), ...added.findings]);
    return { snapshot, verdict: verdictOf(snapshot, { outcomes, findings }), outcomes, findings };
  });
}

const PLACES: ReadonlyMap<string, number> = new Map(CHECKS.map(({ id }, place) => [id, place]));

/** In the registry's order; what is not in it comes last. */
function inOrder<T extends { readonly check: string }>(entries: readonly T[]): readonly T[] {
  const place = ({ check }: T): number => PLACES.get(check) ?? CHECKS.length;
  return entries.toSorted((a, b) => place(a) - place(b));
}
