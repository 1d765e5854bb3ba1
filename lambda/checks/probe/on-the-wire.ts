// Adds to findings about the configuration that the wire probe saw a stricter server.

import { hbaLine } from '../../analysis/pg-hba/line.ts';
import { displayText } from '../../model/display.ts';
import type { Outcome } from '../../model/finding.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { TlsVersion } from '../../model/tls.ts';
import { reconcilePlaintext } from './reconcile-plaintext.ts';
import { refusedDespiteSettings } from './reconcile-tls.ts';
import { probeOf } from './wire-facts.ts';

/** The name of that evidence. */
export const ON_THE_WIRE = 'onTheWire';

/** The server's answer to an offer of suites that protect nothing. */
export interface WireSuites {
  /** The one that the server chose, by OpenSSL's name; undefined where it chose none or was not asked. */
  readonly accepted?: string | undefined;
  /** The same in words; undefined where it is not known. */
  readonly note?: string | undefined;
}

export function brokenSuiteOnTheWire(snapshot: Snapshot): WireSuites {
  const answer = probeOf(snapshot)?.brokenSuites;
  if (!answer?.known) return {};
  if (answer.value.accepted) {
    return { accepted: answer.value.suite, note: `the server chose ${displayText(answer.value.suite, 60)}` };
  }
  const said = displayText(answer.value.said, 100);
  return {
    note: `the server refused suites without encryption, without authentication and of export grade (${said}): its OpenSSL has none, or its security level forbids them`,
  };
}

/** With what the wire answered, at the problem whose rule or setting would have let the probe's login in. */
export function withProbeEvidence(snapshot: Snapshot, outcome: Outcome): Outcome {
  const probe = probeOf(snapshot);
  if (outcome.status !== 'fail' || !probe?.plaintext.known) return outcome;
  const { configured, disagreement, misread } = reconcilePlaintext(snapshot, probe, probe.plaintext.value);
  if (misread !== undefined) return withMisread(outcome, misread);
  if (probe.plaintext.value.accepted || configured.status !== 'accepts' || disagreement === undefined) return outcome;
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

/** At problems that are in doubt: which lines the wire has shown to mean something else than they seem to. */
function withMisread(outcome: Extract<Outcome, { readonly status: 'fail' }>, misread: string): Outcome {
  return {
    ...outcome,
    problems: outcome.problems.map((problem) =>
      problem.evidence.doubt === undefined
        ? problem
        : { ...problem, evidence: { ...problem.evidence, [ON_THE_WIRE]: misread } },
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
