// Adds to findings about the configuration that the wire is stricter than it.

import { displayText } from '../../model/display.ts';
import type { Outcome } from '../../model/finding.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { TlsVersion } from '../../model/tls.ts';
import { hbaLine } from '../hba/hba-line.ts';
import { reconcilePlaintext } from './reconcile-plaintext.ts';
import { refusedDespiteSettings } from './reconcile-tls.ts';
import { probeOf } from './wire-facts.ts';

/** The name of that evidence. */
export const ON_THE_WIRE = 'onTheWire';

/** With what the wire answered, at the problem whose rule or setting would have let the probe's login in. */
export function withPlaintextAnswer(snapshot: Snapshot, outcome: Outcome): Outcome {
  const probe = probeOf(snapshot);
  if (outcome.status !== 'fail' || !probe?.plaintext.known || probe.plaintext.value.accepted) return outcome;
  const { configured, disagreement } = reconcilePlaintext(snapshot, probe, probe.plaintext.value);
  if (configured.status !== 'accepts' || disagreement === undefined) return outcome;
  const { rule } = configured;
  const subject = rule === undefined ? 'rds.force_ssl' : displayText(hbaLine(rule), 300);
  return {
    ...outcome,
    problems: outcome.problems.map((problem) =>
      problem.subject === subject
        ? { ...problem, evidence: { ...problem.evidence, [ON_THE_WIRE]: disagreement } }
        : problem,
    ),
  };
}

/** With the versions that the wire refuses although the settings allow them, at what is said of the settings. */
export function withTlsAnswers(snapshot: Snapshot, outcome: Outcome, minTlsVersion: TlsVersion): Outcome {
  const probe = probeOf(snapshot);
  if (outcome.status !== 'fail' || probe === undefined) return outcome;
  const refused = refusedDespiteSettings(snapshot, probe, minTlsVersion);
  if (refused === undefined) return outcome;
  return {
    ...outcome,
    problems: outcome.problems.map((problem) => ({
      ...problem,
      evidence: { ...problem.evidence, [ON_THE_WIRE]: refused },
    })),
  };
}
