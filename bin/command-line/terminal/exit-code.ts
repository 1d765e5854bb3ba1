// Decides the exit code of the command line. 0 promises that everything was observed.

import { isAtLeast, type Severity } from '../../../lambda/model/severity.ts';
import type { Report } from '../../../lambda/report/schema.ts';

export const EXIT_CODES = {
  /** Every target was fully audited, and no finding is at or above the threshold. */
  passed: 0,
  findings: 1,
  /** Something could not be observed, or the program could not do what it was asked. */
  failed: 2,
} as const;

export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

/** What could not be observed outweighs findings, because it may be worse. Muted findings do not count. */
export function exitCodeOf({ targets, findings, warnings = [] }: Report, failOn: Severity): ExitCode {
  const sawEverything =
    targets.length > 0 &&
    targets.every(({ verdict }) => verdict === 'clean' || verdict === 'findings') &&
    !warnings.some(({ id }) => id === 'targets-unknown' || id === 'discovery');
  if (!sawEverything) return EXIT_CODES.failed;
  const counts = findings.some(
    ({ severity, lifecycle }) => lifecycle?.reason !== 'muted' && isAtLeast(severity, failOn),
  );
  return counts ? EXIT_CODES.findings : EXIT_CODES.passed;
}
