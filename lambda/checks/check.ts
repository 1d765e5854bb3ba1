// Defines a check: a pure function of a snapshot and the policy, with its texts.

import type { CheckSubject } from '../model/check-info.ts';
import type { Outcome } from '../model/finding.ts';
import type { Policy } from '../model/policy.ts';
import type { Remedy } from '../model/remedy.ts';
import type { Requirement } from '../model/requirement.ts';
import type { Severity } from '../model/severity.ts';
import type { Side, Snapshot } from '../model/snapshot.ts';
import type { Fleet } from './fleet.ts';

interface CheckBase {
  /** Kebab-case; the name of the check's file. Stable: mutes and dashboards are written against it. */
  readonly id: string;
  /** What a finding of this check says, in a few words. */
  readonly title: string;
  /** What the check is about. */
  readonly subject: CheckSubject;
  /** The severity of most of its findings; `severityNote` says when it is another. */
  readonly severity: Severity;
  readonly severityNote?: string;
  /** Why it matters, in a sentence or two. */
  readonly rationale: string;
  /**
   * How to fix it, with the exact SQL, `pg_hba.conf` line, connection setting or command of the provider: for each
   * platform, or one text where it is the same on all of them.
   */
  readonly remedy: Remedy;
  /**
   * Whether its findings come and go by themselves, as sessions do: they are resolved only after
   * alerts.resolveAfterHours.
   *
   * @default false
   */
  readonly transient?: boolean;
  /**
   * Whether it evaluates what the provider's API says: also of databases that are not audited, and of places that
   * discovery lists.
   *
   * @default false
   */
  readonly needsNoLogin?: boolean;
  /** What its findings are evidence for: `IN_TRANSIT`, and what the check adds to it. */
  readonly requirements: readonly Requirement[];
  /** URLs of the sources of the rule. */
  readonly references: readonly string[];
  /**
   * How it evaluates a target that is a PgBouncer: `same` where both have the facts (sessions, certificates, the wire
   * probe), else a function of its own.
   */
  readonly pgbouncer: 'same' | ((snapshot: Snapshot, policy: Policy) => Outcome);
}

interface TargetEvaluation {
  /** Touches no clock, network, environment, file or log: time is `snapshot.takenAt`. */
  readonly evaluate: (snapshot: Snapshot, policy: Policy) => Outcome;
}

/** About sessions: built on `checkSessions`. */
export interface SessionCheck extends CheckBase, TargetEvaluation {
  readonly subject: 'session';
  readonly transient: true;
  /** Whether it finds clients that must change something before TLS is enforced: `history` lists them. */
  readonly findsInsecureClients: boolean;
  /** The remedy for a session on one side of a PgBouncer; undefined where its evaluation there gives one. */
  readonly remedyBySide: ((policy: Policy) => Readonly<Record<Side, string>>) | undefined;
}

/** About whether the audit itself can be relied on: login, credentials, the way to the server, targets left out. */
interface AboutTheAudit extends CheckBase {
  readonly subject: 'audit';
  /** Whether a finding means that sessions of the target were not seen: `history` then does not call it clean. */
  readonly hidesSessions: boolean;
}

export type AuditCheck = AboutTheAudit & TargetEvaluation;

export interface ServerCheck extends CheckBase, TargetEvaluation {
  readonly subject: 'server' | 'certificate';
}

export type Check = SessionCheck | AuditCheck | ServerCheck;

/** A check that compares a target with the other targets of the run. */
export interface FleetCheck extends AboutTheAudit {
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
