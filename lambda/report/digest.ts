// What one run has to tell one audience: the findings worth a message, worst first, and what was and was not looked at.

import { VERDICTS, type Verdict } from '../model/finding.ts';
import type { Decision, Reason } from '../model/lifecycle.ts';
import type { LoopbackPolicy } from '../model/policy.ts';
import { compareSeverity, isAtLeast, SEVERITIES, type Severity, worse } from '../model/severity.ts';
import { HOUR_MS } from '../model/time.ts';
import { coverageGapReasons, type DigestTarget } from './coverage.ts';
import { compareFindings } from './order.ts';
import { DEFAULT_ROUTE, isInScope, type Receiver } from './receiver.ts';
import { reportMute } from './report-findings.ts';
import type { Report, ReportFinding, ReportMute, ReportTarget, ResolvedFinding } from './schema.ts';

/** A finding that is open, and why it is told now. */
export interface DigestEntry {
  readonly reason: Exclude<Reason, 'resolved'>;
  readonly finding: ReportFinding;
  /** Whether this run saw it; else it is open as far as anybody knows. */
  readonly isObserved: boolean;
}

/** Open findings that the digest does not list. */
export interface SuppressedCounts {
  /** Told before, and not due again. */
  readonly ongoing: number;
  readonly muted: number;
  /** Seen by this run, and below what the audience is told of. */
  readonly belowThreshold: number;
}

export interface Digest {
  readonly receiver: Receiver;
  /**
   * Of the worst notice. Where everything told is resolved, the worst severity that people were told of it: who was
   * woken by a critical finding hears its end on the same path. `info` where only mutes are told of.
   */
  readonly severity: Severity;
  /** By severity, worst first, then what is told for the first time, then by target, check and what identifies it. */
  readonly active: readonly DigestEntry[];
  /** What is over. In the same order. */
  readonly resolved: readonly ResolvedFinding[];
  /** Mutes that match nothing, once it is time to say so. Told to everyone, and on no route. */
  readonly unusedMutes: readonly ReportMute[];
  /** Of the active. */
  readonly countBySeverity: Readonly<Record<Severity, number>>;
  /** Names of the targets that the active, and then the resolved, concern, the one with the worst notice first. */
  readonly targets: readonly string[];
  /** Every target of the run that the audience hears of. */
  readonly targetsByVerdict: Readonly<Record<Verdict, readonly DigestTarget[]>>;
  /** By target. */
  readonly suppressed: ReadonlyMap<string, SuppressedCounts>;
  readonly state: Report['state'];
  /** What to know about the auditor itself: it stands first. */
  readonly warnings: readonly string[];
  /** ISO 8601, UTC: when what is listed here is told again at the earliest, if it is still there. */
  readonly nextReminder?: string | undefined;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly loopback: LoopbackPolicy;
}

/**
 * The digest of a run for an audience, or undefined when there is nothing to tell it: a quiet run sends nothing. It
 * holds nothing of targets that the audience does not hear of.
 *
 * @param decision - What `report` was built with. Without one every finding is told as observed.
 *
 * @example buildDigest(report, decision, { route: 'all', minSeverity: 'medium' })?.active[0]?.reason
 */
export function buildDigest(report: Report, decision: Decision | undefined, receiver: Receiver): Digest | undefined {
  const scoped = isInScope(receiver, report);
  const notNotified = new Set(
    decision?.findings.filter(({ notify }) => !notify).map(({ finding: { fingerprint } }) => fingerprint),
  );
  const open = [
    ...report.findings.map((finding) => toDigestEntry(finding, true)),
    ...(report.carriedOver ?? []).map((finding) => toDigestEntry(finding, false)),
  ].filter(({ finding: { target } }) => scoped(target));
  const isNotified = ({ finding: { fingerprint, severity } }: DigestEntry): boolean =>
    !notNotified.has(fingerprint) && isAtLeast(severity, receiver.minSeverity);
  const active = open.filter(isNotified).sort(compareEntries);
  const resolved = (report.resolved ?? []).filter(
    (finding) =>
      scoped(finding.target) &&
      !notNotified.has(finding.fingerprint) &&
      isAtLeast(notifiedSeverity(finding), receiver.minSeverity),
  );
  const unusedMutes =
    receiver.route === DEFAULT_ROUTE
      ? (decision?.mutes ?? []).filter(({ notifyUnused }) => notifyUnused).map(reportMute)
      : [];
  if (active.length === 0 && resolved.length === 0 && unusedMutes.length === 0) return undefined;
  const { startedAt, finishedAt, state } = report;
  const { repeatIntervalHours } = receiver;
  return {
    receiver,
    ...summary(active, resolved),
    unusedMutes,
    targetsByVerdict: targetsByVerdict({ targets: report.targets.filter(({ name }) => scoped(name)) }),
    suppressed: countSuppressed(
      open.filter((entry) => !isNotified(entry)),
      receiver,
    ),
    state,
    warnings: (report.warnings ?? []).map(({ message }) => message),
    ...(state === 'kept' && repeatIntervalHours !== undefined
      ? { nextReminder: new Date(Date.parse(startedAt) + repeatIntervalHours * HOUR_MS).toISOString() }
      : {}),
    startedAt,
    finishedAt,
    loopback: report.policy.loopback,
  };
}

function toDigestEntry(finding: ReportFinding, isObserved: boolean): DigestEntry {
  return { reason: finding.lifecycle?.reason ?? 'observed', finding, isObserved };
}

/** One digest for each target that the digest concerns, worst first; what it says of mutes is in none. */
export function digestsByTarget(digest: Digest): Digest[] {
  const active = Map.groupBy(digest.active, ({ finding }) => finding.target);
  const resolved = Map.groupBy(digest.resolved, ({ target }) => target);
  return digest.targets.map((name) => ({
    ...digest,
    ...summary(active.get(name) ?? [], resolved.get(name) ?? []),
    unusedMutes: [],
    targetsByVerdict: Object.fromEntries(
      VERDICTS.map((verdict) => [verdict, digest.targetsByVerdict[verdict].filter((target) => target.name === name)]),
    ) as unknown as Digest['targetsByVerdict'],
    suppressed: new Map([...digest.suppressed].filter(([target]) => target === name)),
  }));
}

/** The labels of the targets that the digest concerns, as `key=value`, each once. */
export function labelsOf({ targets, targetsByVerdict }: Digest): string[] {
  const concerned = new Set(targets);
  const labels = VERDICTS.flatMap((verdict) => targetsByVerdict[verdict])
    .filter(({ name }) => concerned.has(name))
    .flatMap((target) => Object.entries(target.labels).map(([key, value]) => `${key}=${value}`));
  return [...new Set(labels)].sort();
}

/** The severity that people know a resolved finding by. */
export function notifiedSeverity({ lastNotifiedSeverity, severity }: ResolvedFinding): Severity {
  return lastNotifiedSeverity ?? severity;
}

function summary(
  active: readonly DigestEntry[],
  resolved: readonly ResolvedFinding[],
): Pick<Digest, 'severity' | 'active' | 'resolved' | 'countBySeverity' | 'targets'> {
  return {
    severity: active[0]?.finding.severity ?? resolved.map(notifiedSeverity).reduce(worse, 'info'),
    active,
    resolved,
    countBySeverity: countBySeverity(active.map(({ finding }) => finding)),
    targets: [...new Set([...active.map(({ finding }) => finding.target), ...resolved.map(({ target }) => target)])],
  };
}

/** Within a severity, what people have not heard yet comes before what they have. */
function compareEntries(a: DigestEntry, b: DigestEntry): number {
  return (
    compareSeverity(b.finding.severity, a.finding.severity) ||
    Number(a.reason === 'reminder') - Number(b.reason === 'reminder') ||
    compareFindings(a.finding, b.finding)
  );
}

function countSuppressed(
  active: readonly DigestEntry[],
  { minSeverity }: Receiver,
): ReadonlyMap<string, SuppressedCounts> {
  const counts = new Map<string, { ongoing: number; muted: number; belowThreshold: number }>();
  for (const { reason, finding, isObserved } of active) {
    const ofTarget = counts.get(finding.target) ?? { ongoing: 0, muted: 0, belowThreshold: 0 };
    counts.set(finding.target, ofTarget);
    // What is muted and was not seen by this run is open like anything else.
    if (reason === 'muted' || (!isObserved && finding.lifecycle?.mute !== undefined)) ofTarget.muted += 1;
    else if (isAtLeast(finding.severity, minSeverity)) ofTarget.ongoing += 1;
    else if (isObserved) ofTarget.belowThreshold += 1;
  }
  return counts;
}

/** How many of the findings have each severity. */
export function countBySeverity(findings: readonly ReportFinding[]): Record<Severity, number> {
  const counts = Object.fromEntries(SEVERITIES.map((severity) => [severity, 0])) as Record<Severity, number>;
  for (const { severity } of findings) counts[severity] += 1;
  return counts;
}

/** Every target of the report by its verdict, in the report's order. */
export function targetsByVerdict(report: {
  readonly targets: readonly ReportTarget[];
}): Record<Verdict, readonly DigestTarget[]> {
  const groups = Object.groupBy(report.targets, (target) => target.verdict);
  const named = VERDICTS.map((verdict) => [
    verdict,
    (groups[verdict] ?? []).map((target): DigestTarget => {
      const { name, error, labels } = target;
      return { name, cause: error?.cause, labels, gaps: verdict === 'unknown' ? coverageGapReasons(target) : [] };
    }),
  ]);
  return Object.fromEntries(named) as Record<Verdict, readonly DigestTarget[]>;
}
