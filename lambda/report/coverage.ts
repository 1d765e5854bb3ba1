// What could not be seen, and why: of every target that was looked at.

import type { ReportTarget } from './schema.ts';
import { list, PLAIN } from './wording.ts';

/** A check that could not see everything, on one target. */
export interface BlindSpot<Target> {
  readonly target: Target;
  readonly check: string;
  /** `error`: the check itself crashed. */
  readonly status: 'unknown' | 'error' | 'incomplete';
  readonly reason: string;
}

/** Every check of every target that could not see all it should have. */
export function blindSpotsOf<Target extends Pick<ReportTarget, 'checks'>>({
  targets,
}: {
  readonly targets: readonly Target[];
}): BlindSpot<Target>[] {
  return targets.flatMap((target) =>
    target.checks.flatMap(({ id, status, reason }): BlindSpot<Target>[] => {
      const why = { target, check: id, reason: PLAIN.prose(reason ?? 'no reason is known') };
      if (status === 'unknown' || status === 'error') return [{ ...why, status }];
      // A failed check has a reason only where there may be more than it found.
      return status === 'fail' && reason !== undefined ? [{ ...why, status: 'incomplete' }] : [];
    }),
  );
}

/** Of one target: each reason once, with the checks that it keeps from judging. */
export function blindReasons(target: Pick<ReportTarget, 'checks'>): readonly string[] {
  const byReason = Map.groupBy(blindSpotsOf({ targets: [target] }), ({ reason }) => reason);
  return [...byReason].map(([reason, spots]) => `${reason} (${list(spots.map(({ check }) => check))})`);
}
