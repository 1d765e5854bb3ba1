// Defines a rule as it is after a change of lines.

import type { HbaRule } from '../../model/hba.ts';

/** A rule with the one that it was made of. */
export interface DerivedRule {
  readonly rule: HbaRule;
  /** The place of that one among the rules. */
  readonly origin: number;
  /** Whether it is a copy that is made only where the address of that one is a keyword and not a name in quotes. */
  readonly ifKeyword?: boolean | undefined;
}
