// Declares a test suite once for each PostgreSQL major under test.

import { describe, test } from 'vitest';
import { majorsUnderTest, newestMajor, reasonUnavailable } from './postgres.ts';

const OLDEST_MAJOR = 10;

/**
 * Declares a suite for each of `majorsUnderTest()`. Asked for `all`, it names those that are not installed as skipped,
 * each with what to run: a shorter run must not look like a whole one.
 */
export function describeEachMajor(suite: (major: number) => void): void {
  describe.each(majorsUnderTest())('PostgreSQL %i', suite);
  if (process.env.PG_TLS_AUDITOR_MAJORS !== 'all') return;
  for (let major = OLDEST_MAJOR; major < newestMajor(); major += 1) {
    const reason = reasonUnavailable(major);
    if (reason !== undefined) test(reason, ({ skip }) => skip(reason));
  }
}
