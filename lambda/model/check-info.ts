// A check as those know it who only tell of it: without how it judges.

import type { Severity } from './severity.ts';

/** What the catalogue says of a check. */
export interface CheckInfo {
  readonly id: string;
  /** What a finding of it says, in a few words. */
  readonly title: string;
  /** Of most of its findings. */
  readonly severity: Severity;
  readonly rationale: string;
  /** Lines of text; indented ones are to be copied. */
  readonly remedy: string;
  /** URLs. */
  readonly references: readonly string[];
  /** URL of the check's own page; undefined where the project has no public address. */
  readonly page?: string | undefined;
}
