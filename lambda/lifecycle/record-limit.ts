// Limits how many findings are recorded of a target that shows others in every run.

import type { AuditState, DroppedRecords, FindingRecord } from '../model/lifecycle.ts';
import { compareText } from '../model/text-order.ts';
import { compareMoments } from '../model/time.ts';

/**
 * Findings of one target that are recorded besides those of the run. As many as a run may have of one, so that a target
 * that can't be audited for a while keeps all of its own.
 */
export const MOST_UNOBSERVED = 30_000;

/** What is beyond the limit. */
interface Excess {
  readonly fingerprints: ReadonlySet<string>;
  /** The targets whose open findings are among them. */
  readonly open: readonly DroppedRecords[];
}

const NONE: Excess = { fingerprints: new Set(), open: [] };

/**
 * The records that are not to be saved: of each target resolved ones first, then open ones, from the one that was seen
 * longest ago.
 *
 * @param observed fingerprints of the findings of the run, which are always saved
 */
export function excessRecords(findings: AuditState['findings'], observed: ReadonlySet<string>): Excess {
  if (findings.size - observed.size <= MOST_UNOBSERVED) return NONE;
  const unobserved = [...findings.values()].filter(({ finding }) => !observed.has(finding.fingerprint));
  const dropped = [...Map.groupBy(unobserved, ({ finding }) => finding.target)]
    .filter(([, records]) => records.length > MOST_UNOBSERVED)
    .map(([target, records]) => ({ target, records: records.sort(compareWorth).slice(MOST_UNOBSERVED) }));
  return {
    fingerprints: new Set(dropped.flatMap(({ records }) => records.map(({ finding }) => finding.fingerprint))),
    open: dropped
      .map(({ target, records }) => ({ target, open: records.filter(({ status }) => status === 'open').length }))
      .filter(({ open }) => open > 0),
  };
}

/** Orders what is kept before what is dropped. */
function compareWorth(a: FindingRecord, b: FindingRecord): number {
  return (
    Number(a.status !== 'open') - Number(b.status !== 'open') ||
    compareMoments(b.lastSeen, a.lastSeen) ||
    compareText(a.finding.fingerprint, b.finding.fingerprint)
  );
}
