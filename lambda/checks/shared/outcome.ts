// Checks that judge several things on their own: one outcome, and all that any of them could not see.

import type { Outcome, Problem } from '../../model/finding.ts';

/** What one source shows, and what of it could not be seen. */
export interface Part {
  readonly problems: readonly Problem[];
  readonly unseen?: string | undefined;
}

export function outcomeOf(parts: readonly Part[]): Outcome {
  const problems = parts.flatMap((part) => part.problems);
  // Where nothing could be seen, every part says the same.
  const unseen = [...new Set(parts.flatMap((part) => part.unseen ?? []))].join('; ');
  if (problems.length > 0) return { status: 'fail', problems, ...(unseen === '' ? {} : { incomplete: unseen }) };
  return unseen === '' ? { status: 'pass' } : { status: 'unknown', reason: unseen };
}
