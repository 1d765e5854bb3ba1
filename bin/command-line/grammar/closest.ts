// Suggests the known name that a mistyped one most likely stands for.

import { closestMatch } from 'leven';

/** No name is longer; an argument can be, and comparing it would take long. */
const LONGEST_NAME = 100;

/**
 * @returns the first name that contains `wanted`, else the one with the fewest edits (letters inserted, deleted or
 * replaced), at most a third of the length of `wanted`; undefined when no name is that close
 */
export function closest(wanted: string, names: readonly string[]): string | undefined {
  if (wanted === '' || wanted.length > LONGEST_NAME) return undefined;
  return (
    names.find((name) => name.includes(wanted)) ??
    closestMatch(wanted, names, { maxDistance: Math.floor(wanted.length / 3) })
  );
}
