// Compares the outcomes of a target's part with the checks that there are: what was not checked is not clean.

import { isFleetCheck } from '../checks/check.ts';
import { CHECKS } from '../checks/registry.ts';
import type { Outcome } from '../model/finding.ts';
import { type AuditedTarget, RunError, verdictOf } from '../model/run.ts';

const KNOWN: ReadonlySet<string> = new Set(CHECKS.map(({ id }) => id));

/** Digest evaluates the others itself. */
const OF_TARGETS = CHECKS.filter((check) => !isFleetCheck(check)).map(({ id }) => id);

const NOT_EVALUATED: Outcome = {
  status: 'unknown',
  reason: 'its worker does not have this check: deploy the same version of pg-tls-auditor everywhere',
};

/**
 * The target with an outcome of each check: unknown where its worker, which may be of an earlier version, gave none.
 *
 * @throws RunError for the outcome of a check that there is not
 */
export function withAllChecks(one: AuditedTarget): AuditedTarget {
  const given = new Set(one.outcomes.map(({ check }) => check));
  if ([...given].some((check) => !KNOWN.has(check))) {
    throw new RunError('the part has an outcome of a check that this version does not have: deploy the auditor first');
  }
  const missing = OF_TARGETS.filter((check) => !given.has(check));
  if (missing.length === 0) return one;
  const outcomes = [...one.outcomes, ...missing.map((check) => ({ check, outcome: NOT_EVALUATED }))];
  return { ...one, outcomes, verdict: verdictOf(one.snapshot, { ...one, outcomes }) };
}
