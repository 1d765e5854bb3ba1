// Gives checks the facts of the wire probe, or the reason why there are none.

import type { Outcome } from '../../model/finding.ts';
import type { WireProbe } from '../../model/probe.ts';
import type { Snapshot } from '../../model/snapshot.ts';

const OFF: Outcome = {
  status: 'not-applicable',
  reason: 'the wire probe is off for this target ("probe": true turns it on)',
};

/** The outcome of an evaluation of the probe's facts. */
export function withProbe({ probe }: Snapshot, evaluate: (probe: WireProbe) => Outcome): Outcome {
  if (probe === undefined) return OFF;
  return probe.known ? evaluate(probe.value) : { status: 'unknown', reason: probe.reason };
}

/** The probe's facts for checks of what the configuration says; undefined where there are none. */
export function probeOf({ probe }: Snapshot): WireProbe | undefined {
  return probe?.known ? probe.value : undefined;
}
