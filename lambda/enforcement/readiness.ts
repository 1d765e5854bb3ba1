// Sums up how far a target is from refusing plaintext, in words for reports.

import { type PlanInput, planTarget } from './plan.ts';
import type { TargetPlan } from './schema.ts';

export interface TargetReadiness {
  readonly target: string;
  /** `ready`, `enforced`, `waiting`, `blocked by 2 clients`, `unknown: the log was not read on 6 of 30 days`. */
  readonly readiness: string;
  /** What else there is to say. */
  readonly reasons: readonly string[];
}

/** Of each target, from what is kept of it. Pure. */
export function readinessOfTargets(inputs: readonly PlanInput[]): readonly TargetReadiness[] {
  return inputs.map((input) => readinessOfPlan(planTarget(input)));
}

/** Of a plan that is made already. */
export function readinessOfPlan({ name, readiness, reasons }: TargetPlan): TargetReadiness {
  const [first, ...others] = reasons;
  if (first === undefined) return { target: name, readiness, reasons: [] };
  if (readiness === 'blocked') return { target: name, readiness: first, reasons: others };
  if (readiness === 'unknown') return { target: name, readiness: `unknown: ${first}`, reasons: others };
  return { target: name, readiness, reasons };
}
