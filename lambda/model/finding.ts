// Defines what a check concludes: outcomes, the problems in them, and findings.

import type { Remedy } from './remedy.ts';
import type { Severity } from './severity.ts';
import type { Side } from './snapshot.ts';

/** A fact that shows the problem, for people and machines. Values are safe to print (see `display.ts`). */
export type Evidence = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** One thing to fix, as a check states it: before it has a fingerprint or a place in a report. */
export interface Problem {
  readonly severity: Severity;
  /** What is wrong, in one line, without the target's name. */
  readonly title: string;
  /** What identifies the problem beyond check and target. */
  readonly role?: string | undefined;
  readonly database?: string | undefined;
  readonly application?: string | undefined;
  /** Distinguishes problems of one check that share role, database and application, e.g. a certificate's hash. */
  readonly subject?: string | undefined;
  /** Which side of a pooler it is on, where it is about sessions of one. */
  readonly side?: Side | undefined;
  /** Client addresses, or networks when there are many. */
  readonly clients?: readonly string[] | undefined;
  /** How many sessions show it. */
  readonly count?: number | undefined;
  readonly evidence: Evidence;
  /** How to fix this one, where it differs from the check's general remedy. */
  readonly remedy?: Remedy | undefined;
}

/** What a check says of one snapshot. */
export type Outcome =
  | { readonly status: 'pass' }
  | {
      readonly status: 'fail';
      readonly problems: readonly Problem[];
      /** Set when the check also could not see everything it should have. */
      readonly incomplete?: string | undefined;
    }
  | { readonly status: 'not-applicable'; readonly reason: string }
  | { readonly status: 'unknown'; readonly reason: string }
  /** The check itself crashed. */
  | { readonly status: 'error'; readonly reason: string };

/** A problem on a target, with the identity by which it is recognised from run to run. */
export interface Finding {
  /** 16 hexadecimal characters; the same as long as the same thing is to be fixed. */
  readonly fingerprint: string;
  /** The check's id. */
  readonly check: string;
  readonly severity: Severity;
  /** The target's name. */
  readonly target: string;
  readonly title: string;
  readonly role?: string | undefined;
  readonly database?: string | undefined;
  readonly application?: string | undefined;
  readonly clients?: readonly string[] | undefined;
  readonly count?: number | undefined;
  readonly evidence: Evidence;
  /** For the platform that the target has proven to run on, as far as it has. */
  readonly remedy: string;
}

/** `unknown`: could not see everything. `not-audited`: could not observe anything. Neither is ever `clean`. */
export const VERDICTS = ['clean', 'findings', 'unknown', 'not-audited'] as const;
export type Verdict = (typeof VERDICTS)[number];
