// Evaluates every check on one snapshot, and derives the findings and the verdict.

import { onceEach } from '../model/cached-by.ts';
import { displayText } from '../model/display.ts';
import type { Finding, Outcome, Problem } from '../model/finding.ts';
import { inOptions } from '../model/option-words.ts';
import type { Policy } from '../model/policy.ts';
import type { Remedy } from '../model/remedy.ts';
import { type Evaluation, verdictOf } from '../model/run.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { type AnyCheck, type Check, isFleetCheck } from './check.ts';
import { fingerprint } from './fingerprint.ts';
import { onSide } from './pgbouncer/side-remedies.ts';
import { CHECKS } from './registry.ts';
import { remedyText } from './remedies/remedy-text.ts';

/**
 * Evaluates the checks of single targets, in the registry's order; `evaluateFleet` adds the others. Never throws: a
 * check that does is an outcome of its own, and keeps the target from being called clean.
 */
export function evaluate(snapshot: Snapshot, policy: Policy, checks: readonly AnyCheck[] = CHECKS): Evaluation {
  const ofTargets = checks.filter((check): check is Check => !isFleetCheck(check));
  const results = ofTargets.map((check) => ({
    check,
    outcome: outcomeOf(check, snapshot, policy, () => check.evaluate(snapshot, policy)),
  }));
  return evaluationOf(results, snapshot, policy);
}

/** Findings and verdict from the outcomes of checks. */
export function evaluationOf(
  results: readonly { readonly check: AnyCheck; readonly outcome: Outcome }[],
  snapshot: Snapshot,
  policy: Policy,
): Evaluation {
  // Thousands of findings may have the same remedy.
  const remedyFor = onceEach((remedy: Remedy) => wordsFor(snapshot, remedyText(remedy, snapshot)));
  const findings = results.flatMap(({ check, outcome }) =>
    outcome.status === 'fail'
      ? outcome.problems.map((problem) => finding(check, snapshot, wordedForSide(check, problem, policy), remedyFor))
      : [],
  );
  const outcomes = results.map(({ check, outcome }) => ({ check: check.id, outcome: worded(outcome, snapshot) }));
  return { verdict: verdictOf(snapshot, { outcomes, findings }), outcomes, findings };
}

/** The outcome of a check, also where the check throws. A PgBouncer has evaluations of its own. */
export function outcomeOf(check: AnyCheck, snapshot: Snapshot, policy: Policy, evaluation: () => Outcome): Outcome {
  try {
    const { pgbouncer } = check;
    return snapshot.pooler === undefined || pgbouncer === 'same' ? evaluation() : pgbouncer(snapshot, policy);
  } catch (error) {
    const what = error instanceof Error ? `${error.name}: ${error.message}` : typeof error;
    return { status: 'error', reason: `the check crashed (${displayText(what, 200)}): a defect of pg-tls-auditor` };
  }
}

/** Sessions on the two sides of a pooler are fixed in different places. */
function wordedForSide(check: AnyCheck, problem: Problem, policy: Policy): Problem {
  const { side } = problem;
  if (side === undefined) return problem;
  const remedies = check.subject === 'session' ? check.remedyBySide?.(policy) : undefined;
  return onSide(problem, side, remedies?.[side]);
}

function finding(
  check: AnyCheck,
  snapshot: Snapshot,
  problem: Problem,
  remedyFor: (remedy: Remedy) => string,
): Finding {
  const { severity, title, role, database, application, clients, count, evidence, remedy } = problem;
  const target = snapshot.target.name;
  return {
    fingerprint: fingerprint(check.id, target, problem),
    check: check.id,
    severity,
    target,
    title,
    role,
    database,
    application,
    clients,
    count,
    evidence,
    remedy: remedyFor(remedy ?? check.remedy),
  };
}

function worded(outcome: Outcome, snapshot: Snapshot): Outcome {
  if (snapshot.target.fromOption !== true || !('reason' in outcome)) return outcome;
  return { ...outcome, reason: inOptions(outcome.reason) };
}

/** The text, in the words of options where a target is given by options and has no settings to change. */
function wordsFor({ target }: Snapshot, text: string): string {
  return target.fromOption === true ? inOptions(text) : text;
}
