// The type of a check: a pure function of a snapshot and the policy, with the data that explains it.

import type { Outcome } from '../model/finding.ts';
import type { Policy } from '../model/policy.ts';
import type { Remedy } from '../model/remedy.ts';
import type { Severity } from '../model/severity.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { Fleet } from './fleet.ts';

export interface Check {
  /** Kebab-case; the name of the check's file. Stable: mutes and dashboards are written against it. */
  readonly id: string;
  /** What a finding of this check says, in a few words. */
  readonly title: string;
  /** The severity of most of its findings; `severityNote` says when it is another. */
  readonly severity: Severity;
  readonly severityNote?: string;
  /** Why it matters, in a sentence or two. */
  readonly rationale: string;
  /**
   * How to fix it, with the exact SQL, `pg_hba.conf` line, connection setting or command of the provider: for each platform,
   * or one text where it is the same on all of them.
   */
  readonly remedy: Remedy;
  /**
   * Whether what it finds comes and goes by itself, as sessions do: gone only after a quiet time (alerts.resolveAfterHours).
   *
   * @default false
   */
  readonly transient?: boolean;
  /** Where the rule comes from. */
  readonly references: readonly string[];
  /** Touches no clock, network, environment, file or log: time is `snapshot.takenAt`. */
  readonly evaluate: (snapshot: Snapshot, policy: Policy) => Outcome;
}

/** A check that compares a target with the other targets of the run. */
export interface FleetCheck extends Omit<Check, 'evaluate'> {
  /**
   * As pure as `evaluate` of a check.
   *
   * @param fleet undefined where the run did not audit every configured target
   */
  readonly evaluateInFleet: (snapshot: Snapshot, fleet: Fleet | undefined) => Outcome;
}

export type AnyCheck = Check | FleetCheck;

export function isFleetCheck(check: AnyCheck): check is FleetCheck {
  return 'evaluateInFleet' in check;
}
