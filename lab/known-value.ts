// Returns the value of a fact that must be known, or fails with the reason why it is unknown.

import type { Observed } from '../lambda/model/observed.ts';

/** @throws Error with the reason, so that a failing test says what went wrong and not that a property is missing. */
export function knownValue<T>(fact: Observed<T>): T {
  if (fact.known) return fact.value;
  throw new Error(fact.reason);
}
