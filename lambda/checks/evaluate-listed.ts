// Runs the checks that need no login on what discovery lists and no audit covers.

import type { Policy } from '../model/policy.ts';
import type { ListedTarget } from '../model/run.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { evaluate } from './evaluate.ts';
import { CHECKS } from './registry.ts';

const WITHOUT_LOGIN = CHECKS.filter(({ needsNoLogin = false }) => needsNoLogin);

/** Of the other checks there is no outcome: what they have found before stays open. */
export function evaluateListed(snapshots: readonly Snapshot[], policy: Policy): readonly ListedTarget[] {
  return snapshots.map((snapshot) => {
    const { outcomes, findings } = evaluate(snapshot, policy, WITHOUT_LOGIN);
    return { snapshot, outcomes, findings };
  });
}
