// Snapshots with a connection log that several tests of checks share.

import * as make from '../../../lab/snapshots.ts';
import type { Check } from '../../../lambda/checks/check.ts';
import type { ConnectionLogFacts } from '../../../lambda/model/connection-log.ts';
import type { Outcome, Problem } from '../../../lambda/model/finding.ts';
import type { Policy } from '../../../lambda/model/policy.ts';
import type { Snapshot } from '../../../lambda/model/snapshot.ts';

/** What the check says of a healthy target with such a log. */
export function outcomeOfLog(
  check: Check,
  log: Partial<ConnectionLogFacts>,
  overrides: Partial<Snapshot> = {},
  policy: Partial<Policy> = {},
): Outcome {
  const snapshot = make.healthySnapshot([], { connectionLog: make.connectionLog(log), ...overrides });
  return check.evaluate(snapshot, { ...make.POLICY, ...policy });
}

export function problemsOfLog(...args: Parameters<typeof outcomeOfLog>): readonly Problem[] {
  const outcome = outcomeOfLog(...args);
  return outcome.status === 'fail' ? outcome.problems : [];
}

/** What every check of a log must say where there is none, and where it may not show everything. */
export function silences(check: Check): readonly string[] {
  const without = check.evaluate(make.healthySnapshot([]), make.POLICY);
  const gap = { cause: 'logging-off', reason: 'log_connections is "off"' } as const;
  const whole = outcomeOfLog(check, {});
  const cut = outcomeOfLog(check, { gaps: [gap] });
  const unread = outcomeOfLog(check, {}, { connectionLog: { known: false, reason: 'no time' } });
  return [without, whole, cut, unread].map(({ status }) => status);
}
