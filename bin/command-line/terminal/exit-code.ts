// What the command line's exit code says. 0 is a promise: everything was seen.

import { isAtLeast, type Severity } from '../../../lambda/model/severity.ts';
import type { Report } from '../../../lambda/report/schema.ts';

export const EXIT_CODES = {
  /** Every target was fully audited, and no finding is at or above the threshold. */
  passed: 0,
  findings: 1,
  /** Something could not be seen, or the program could not do what it was asked. */
  failed: 2,
} as const;

export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

/** What could not be seen outweighs what was found: nobody knows how much worse it is. What is muted does not count. */
export function exitCodeOf({ targets, findings, warnings = [] }: Report, failOn: Severity): ExitCode {
  const sawEverything =
    targets.length > 0 &&
    targets.every(({ verdict }) => verdict === 'clean' || verdict === 'findings') &&
    !warnings.some(({ id }) => id === 'targets-unknown');
  if (!sawEverything) return EXIT_CODES.failed;
  const counts = findings.some(
    ({ severity, lifecycle }) => lifecycle?.reason !== 'muted' && isAtLeast(severity, failOn),
  );
  return counts ? EXIT_CODES.findings : EXIT_CODES.passed;
}
