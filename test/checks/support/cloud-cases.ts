// What all checks of the provider's API have in common.

import { expect } from 'vitest';
import * as make from '../../../lab/snapshots.ts';
import { evaluate } from '../../../lambda/checks/evaluate.ts';
import { evaluateListed } from '../../../lambda/checks/evaluate-listed.ts';
import { CHECKS } from '../../../lambda/checks/registry.ts';
import type { CloudDatabase, CloudFacts, CloudPlace } from '../../../lambda/model/cloud.ts';
import type { Finding, Outcome } from '../../../lambda/model/finding.ts';
import { known, type Observed, unknown } from '../../../lambda/model/observed.ts';
import type { Snapshot } from '../../../lambda/model/snapshot.ts';

/** The outcome for a healthy server with these facts. */
export function outcomeOf(id: string, cloud: Observed<CloudFacts> | undefined, more: Partial<Snapshot> = {}): Outcome {
  const snapshot = make.healthySnapshot([], { ...more, ...(cloud === undefined ? {} : { cloud }) });
  return outcomeIn(evaluate(snapshot, make.POLICY).outcomes, id);
}

export function ofDatabase(id: string, overrides: Partial<CloudDatabase> = {}, more: Partial<Snapshot> = {}): Outcome {
  return outcomeOf(id, known(make.cloudDatabase(overrides)), more);
}

export function ofPlace(id: string, overrides: Partial<CloudPlace> = {}): Outcome {
  return outcomeOf(id, known(make.cloudPlace(overrides)));
}

/** The same for what was not audited, with its findings. */
export function ofListed(
  id: string,
  cloud: Observed<CloudFacts>,
): { readonly outcome: Outcome; readonly findings: readonly Finding[] } {
  const [listed] = evaluateListed([make.listedSnapshot(cloud)], make.POLICY);
  if (listed === undefined) throw new Error('nothing is listed');
  return {
    outcome: outcomeIn(listed.outcomes, id),
    findings: listed.findings.filter(({ check }) => check === id),
  };
}

function outcomeIn(outcomes: readonly { readonly check: string; readonly outcome: Outcome }[], id: string): Outcome {
  const found = outcomes.find(({ check }) => check === id);
  if (found === undefined) throw new Error(`${id} was not evaluated`);
  return found.outcome;
}

/** Nothing without discovery, and nothing of a PgBouncer: never a pass. */
export function expectHonest(id: string): void {
  expect(outcomeOf(id, undefined).status).toBe('not-applicable');
  const check = CHECKS.find((each) => each.id === id);
  if (typeof check?.pgbouncer !== 'function') throw new Error(`${id} has no evaluation of a PgBouncer`);
  expect(check.pgbouncer(make.healthySnapshot(), make.POLICY).status).toBe('not-applicable');
}

/** Why a place could not be listed, and the facts that are then missing. */
export const REASON = 'the databases of eu-west-1 could not be listed (AccessDenied)';
export const FAILED = unknown(REASON);
