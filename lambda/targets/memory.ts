// Compares discovery with earlier runs: what has matched nothing for a day, and what will be back.

import { createHash } from 'node:crypto';
import type { DiscoveryMemory } from '../model/discovery-memory.ts';
import { DAY_MS, msBetween } from '../model/time.ts';
import type { Unmatched } from './contract/source.ts';

/** Milliseconds for which what matches nothing may be about to match something. */
const GRACE_MS = DAY_MS;

/** Milliseconds for which a target that comes and goes by itself is expected again: a week has a busy day. */
const EXPECTED_MS = 7 * DAY_MS;

export const EMPTY_MEMORY: DiscoveryMemory = { unmatchedSince: {}, elasticSeen: {} };

/** Names of targets that are expected again. @param now - ISO 8601. */
export function expectedAgain({ elasticSeen }: DiscoveryMemory, now: string): readonly string[] {
  // Clocks differ by seconds: a reader that a run has seen in the future is no less there.
  return Object.entries(elasticSeen).flatMap(([name, seen]) =>
    Math.abs(msBetween(seen, now)) < EXPECTED_MS ? [name] : [],
  );
}

/**
 * The memory after a run that knows all targets.
 *
 * @param unmatched what matches nothing in this run; what is not in it has matched something
 * @param elastic names of targets that come and go by themselves, and are there
 */
export function nextMemory(
  before: DiscoveryMemory,
  {
    unmatched,
    elastic,
    now,
  }: { readonly unmatched: readonly Unmatched[]; readonly elastic: readonly string[]; readonly now: string },
): DiscoveryMemory {
  const since = new Map(Object.entries(before.unmatchedSince));
  const keys = unmatched.map(({ key }) => shortened(key));
  const expected = expectedAgain(before, now).map((name) => [name, before.elasticSeen[name] ?? now] as const);
  return {
    unmatchedSince: Object.fromEntries(keys.map((key) => [key, since.get(key) ?? now])),
    elasticSeen: Object.fromEntries([...expected, ...elastic.map((name) => [name, now] as const)]),
  };
}

/** What has matched nothing for a day, as sentences without their period. A clock that was set back gives no grace. */
export function overdue(
  { unmatchedSince }: DiscoveryMemory,
  unmatched: readonly Unmatched[],
  now: string,
): readonly string[] {
  const since = new Map(Object.entries(unmatchedSince));
  return unmatched.flatMap(({ key, message }) =>
    isWithinGrace(since.get(shortened(key)) ?? now, now) ? [] : [message],
  );
}

/** A key may hold whole settings. */
function shortened(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 32);
}

function isWithinGrace(since: string, now: string): boolean {
  const age = msBetween(since, now);
  return age >= 0 && age < GRACE_MS;
}
