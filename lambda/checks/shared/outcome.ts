// Combines the outcomes of several facts into one, with every reason why a fact could not be seen.

import type { Outcome, Problem } from '../../model/finding.ts';

/** What one source shows, and what of it could not be seen. */
export interface PartialOutcome {
  readonly problems: readonly Problem[];
  readonly unknownReason?: string | undefined;
}

export function combineOutcomes(parts: readonly PartialOutcome[]): Outcome {
  const problems = parts.flatMap((part) => part.problems);
  // Where nothing could be seen, every part says the same.
  const unknownReason = [...new Set(parts.flatMap((part) => part.unknownReason ?? []))].join('; ');
  if (problems.length > 0)
    return { status: 'fail', problems, ...(unknownReason === '' ? {} : { incomplete: unknownReason }) };
  return unknownReason === '' ? { status: 'pass' } : { status: 'unknown', reason: unknownReason };
}
