// Defines what renderers and exports know of a check: its metadata, without its evaluation.

import type { Requirement } from './requirement.ts';
import type { Severity } from './severity.ts';

/** What a check is about. */
export type CheckSubject = 'session' | 'server' | 'certificate' | 'audit';

export interface CheckInfo {
  readonly id: string;
  /** What a finding of this check says, in a few words. */
  readonly title: string;
  /** The severity of most of its findings. */
  readonly severity: Severity;
  readonly subject: CheckSubject;
  /** What its findings are evidence for, in the order in which exports list them. */
  readonly requirements: readonly Requirement[];
  readonly rationale: string;
  /** Lines of text; indented ones are to be copied. */
  readonly remedy: string;
  /** URLs. */
  readonly references: readonly string[];
  /** URL of the check's own page; undefined where the project has no public address. */
  readonly page?: string | undefined;
}
