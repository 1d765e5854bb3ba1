// Selects from the report of a run what one receiver is notified of, worst first, and summarises the rest.

import { VERDICTS, type Verdict } from '../model/finding.ts';
import type { LoopbackPolicy } from '../model/policy.ts';
import { compareSeverity, isAtLeast, SEVERITIES, type Severity, worse } from '../model/severity.ts';
import { HOUR_MS } from '../model/time.ts';
import type { DecidedReport, OpenFinding } from './build-report.ts';
import { coverageGapReasons, type DigestTarget } from './coverage.ts';
import { compareFindings } from './order.ts';
import type { PageLink } from './page-link.ts';
import type { Receiver } from './receiver.ts';
import type { Report, ReportFinding, ReportMute, ReportTarget, ResolvedFinding } from './schema.ts';

/** An open finding as a message lists it. */
export type DigestEntry = Omit<OpenFinding, 'notify'>;

/** Open findings that the digest does not list. */
export interface SuppressedCounts {
  /** The receiver was notified of them before, and the repeat interval is not over. */
  readonly ongoing: number;
  readonly muted: number;
  /** Found by this run, and below the receiver's threshold. */
  readonly belowThreshold: number;
}

export interface Digest {
  readonly receiver: Receiver;
  /**
   * Severity of the worst active finding. Without one, the worst severity with which a resolved finding was sent: who
   * was woken by a critical finding gets its resolution by the same path. `info` where the digest is about mutes only.
   */
  readonly severity: Severity;
  /** Worst first; within a severity what is sent for the first time, then by target, check and what identifies it. */
  readonly active: readonly DigestEntry[];
  /** In the same order. */
  readonly resolved: readonly ResolvedFinding[];
  /** Mutes that have matched nothing for long enough to report it. Never on a route. */
  readonly unusedMutes: readonly ReportMute[];
  /** Of the active findings. */
  readonly countBySeverity: Readonly<Record<Severity, number>>;
  /** Names of the targets of the active, then of the resolved findings; the one with the worst finding first. */
  readonly targets: readonly string[];
  /** Every target of the run that is in the receiver's scope. */
  readonly targetsByVerdict: Readonly<Record<Verdict, readonly DigestTarget[]>>;
  /** By target. */
  readonly suppressed: ReadonlyMap<string, SuppressedCounts>;
  readonly state: Report['state'];
  /** Problems of the auditor itself: messages show them first. */
  readonly warnings: readonly string[];
  /** ISO 8601, UTC: when what is listed here is sent again at the earliest, if it is still open. */
  readonly nextReminder?: string | undefined;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly loopback: LoopbackPolicy;
  /** The page of the run, where one is stored that the receiver may read. */
  readonly page?: PageLink | undefined;
}

/**
 * The digest of a run for a receiver; undefined when there is nothing to send.
 *
 * @param page - The page of the run.
 * @param decided - Scoped to the receiver: the digest leaves out findings below the receiver's threshold, and nothing
 *   else.
 *
 * @example buildDigest(buildDecidedReport(run, decision), { route: 'all', minSeverity: 'medium' })?.active[0]?.reason
 */
export function buildDigest(
  { report, open, resolved: over, unusedMutes }: DecidedReport,
  receiver: Receiver,
  page?: PageLink,
): Digest | undefined {
  const isSent = ({ notify, finding: { severity } }: OpenFinding): boolean =>
    notify && isAtLeast(severity, receiver.minSeverity);
  const active = open.filter(isSent).sort(compareEntries);
  const resolved = over
    .filter(({ notify, finding }) => notify && isAtLeast(notifiedSeverity(finding), receiver.minSeverity))
    .map(({ finding }) => finding);
  if (active.length === 0 && resolved.length === 0 && unusedMutes.length === 0) return undefined;
  const { startedAt, finishedAt, state } = report;
  const { repeatIntervalHours } = receiver;
  return {
    receiver,
    ...summary(active, resolved),
    unusedMutes,
    targetsByVerdict: targetsByVerdict(report),
    suppressed: countSuppressed(
      open.filter((finding) => !isSent(finding)),
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
    ...(page === undefined ? {} : { page }),
  };
}

/** One digest for each target with something to report, worst first. Unused mutes are in none of them. */
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

/** The labels of the targets with something to report, as `key=value`, each once. */
export function labelsOf({ targets, targetsByVerdict }: Digest): string[] {
  const concerned = new Set(targets);
  const labels = VERDICTS.flatMap((verdict) => targetsByVerdict[verdict])
    .filter(({ name }) => concerned.has(name))
    .flatMap((target) => Object.entries(target.labels).map(([key, value]) => `${key}=${value}`));
  return [...new Set(labels)].sort();
}

/** The severity with which a resolved finding was last sent. */
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

/** Within a severity, reminders come last. */
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
    // A muted finding that this run did not see has another reason than `muted`.
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
