// Evaluates every check on one snapshot: outcomes, findings, and the verdict on the target.

import { displayText } from '../model/display.ts';
import type { Finding, Outcome, Problem, Verdict } from '../model/finding.ts';
import { inOptions } from '../model/option-words.ts';
import type { Policy } from '../model/policy.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { Check } from './check.ts';
import { fingerprint } from './fingerprint.ts';
import type { Fleet } from './fleet.ts';
import { onSide } from './pgbouncer/side-remedies.ts';
import { CHECKS } from './registry.ts';
import { remedyText } from './remedies/remedy-text.ts';

export interface Evaluation {
  readonly verdict: Verdict;
  /** One for each check, in the registry's order. */
  readonly outcomes: readonly { readonly check: string; readonly outcome: Outcome }[];
  readonly findings: readonly Finding[];
}

/**
 * Never throws: a check that does is an outcome of its own, and keeps the target from being called clean.
 *
 * @param fleet every target there is; left out where the run looks at some of them only
 */
export function evaluate(
  snapshot: Snapshot,
  policy: Policy,
  checks: readonly Check[] = CHECKS,
  fleet?: Fleet,
): Evaluation {
  const results = checks.map((check) => ({ check, outcome: run(check, snapshot, policy, fleet) }));
  const findings = results.flatMap(({ check, outcome }) =>
    outcome.status === 'fail'
      ? outcome.problems.map((problem) => finding(check, snapshot, wordedForSide(check, problem, policy)))
      : [],
  );
  const outcomes = results.map(({ check, outcome }) => ({ check: check.id, outcome: worded(outcome, snapshot) }));
  const sawAll = outcomes.every(({ outcome }) => isComplete(outcome));
  return { verdict: verdictOf(snapshot, findings, sawAll), outcomes, findings };
}

function run(check: Check, snapshot: Snapshot, policy: Policy, fleet: Fleet | undefined): Outcome {
  try {
    const { evaluate, pgbouncer } = check;
    return snapshot.pooler === undefined || pgbouncer === 'same'
      ? evaluate(snapshot, policy, fleet)
      : pgbouncer(snapshot, policy);
  } catch (error) {
    const what = error instanceof Error ? `${error.name}: ${error.message}` : typeof error;
    return { status: 'error', reason: `the check crashed (${displayText(what, 200)}): a defect of pg-tls-auditor` };
  }
}

function isComplete(outcome: Outcome): boolean {
  return outcome.status === 'fail'
    ? outcome.incomplete === undefined
    : outcome.status === 'pass' || outcome.status === 'not-applicable';
}

function verdictOf({ failure, link }: Snapshot, findings: readonly Finding[], sawAll: boolean): Verdict {
  if (failure !== undefined) return 'not-audited';
  // What answered was not proven to be the server.
  if (!link.known || !link.value.authorized) return 'not-audited';
  if (!sawAll) return 'unknown';
  return findings.length > 0 ? 'findings' : 'clean';
}

/** Sessions on the two sides of a pooler are fixed in different places. */
function wordedForSide(check: Check, problem: Problem, policy: Policy): Problem {
  const { side } = problem;
  if (side === undefined) return problem;
  const remedies = check.subject === 'session' ? check.remedyBySide?.(policy) : undefined;
  return onSide(problem, side, remedies?.[side]);
}

function finding(check: Check, snapshot: Snapshot, problem: Problem): Finding {
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
    remedy: wordsFor(snapshot, remedyText(remedy ?? check.remedy, snapshot)),
  };
}

function worded(outcome: Outcome, snapshot: Snapshot): Outcome {
  if (snapshot.target.fromOption !== true || !('reason' in outcome)) return outcome;
  return { ...outcome, reason: inOptions(outcome.reason) };
}

/** Who has named the server by options finds no setting of a configuration to change. */
function wordsFor({ target }: Snapshot, text: string): string {
  return target.fromOption === true ? inOptions(text) : text;
}
