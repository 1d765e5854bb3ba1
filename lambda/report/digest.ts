// What one run has to tell one audience: the findings worth a message, worst first, and what was and was not looked at.

import { VERDICTS, type Verdict } from '../model/finding.ts';
import type { Decision, Reason } from '../model/lifecycle.ts';
import type { LoopbackPolicy } from '../model/policy.ts';
import { compareSeverity, isAtLeast, SEVERITIES, type Severity, worse } from '../model/severity.ts';
import { HOUR_MS } from '../model/time.ts';
import { blindReasons, type DigestTarget } from './coverage.ts';
import { compareFindings } from './order.ts';
import { type Audience, EVERYONE, hearsOf } from './receiver.ts';
import { reportMute } from './report-findings.ts';
import type { Report, ReportFinding, ReportMute, ReportTarget, ResolvedFinding } from './schema.ts';

/** A finding that is open, and why it is told now. */
export interface Notice {
  readonly reason: Exclude<Reason, 'resolved'>;
  readonly finding: ReportFinding;
  /** Whether this run saw it; else it is open as far as anybody knows. */
  readonly seen: boolean;
}

/** Open findings that the digest does not list. */
export interface Untold {
  /** Told before, and not due again. */
  readonly ongoing: number;
  readonly muted: number;
  /** Seen by this run, and below what the audience is told of. */
  readonly belowThreshold: number;
}

export interface Digest {
  readonly audience: Audience;
  /**
   * Of the worst notice. Where everything told is resolved, the worst severity that people were told of it: who was
   * woken by a critical finding hears its end on the same path. `info` where only mutes are told of.
   */
  readonly severity: Severity;
  /** By severity, worst first, then what is told for the first time, then by target, check and what identifies it. */
  readonly notices: readonly Notice[];
  /** What is over. In the same order. */
  readonly resolved: readonly ResolvedFinding[];
  /** Mutes that match nothing, once it is time to say so. Told to everyone, and on no route. */
  readonly unusedMutes: readonly ReportMute[];
  /** Of the notices. */
  readonly countBySeverity: Readonly<Record<Severity, number>>;
  /** Names of the targets that the notices, and then the resolved, concern, the one with the worst notice first. */
  readonly targets: readonly string[];
  /** Every target of the run that the audience hears of. */
  readonly targetsByVerdict: Readonly<Record<Verdict, readonly DigestTarget[]>>;
  /** By target. */
  readonly untold: ReadonlyMap<string, Untold>;
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
 * @example buildDigest(report, decision, { route: 'all', minSeverity: 'medium' })?.notices[0]?.reason
 */
export function buildDigest(report: Report, decision: Decision | undefined, audience: Audience): Digest | undefined {
  const heard = hearsOf(audience, report);
  const quiet = new Set(
    decision?.findings.filter(({ notify }) => !notify).map(({ finding: { fingerprint } }) => fingerprint),
  );
  const open = [
    ...report.findings.map((finding) => asNotice(finding, true)),
    ...(report.unseen ?? []).map((finding) => asNotice(finding, false)),
  ].filter(({ finding: { target } }) => heard(target));
  const isTold = ({ finding: { fingerprint, severity } }: Notice): boolean =>
    !quiet.has(fingerprint) && isAtLeast(severity, audience.minSeverity);
  const notices = open.filter(isTold).sort(compareNotices);
  const resolved = (report.resolved ?? []).filter(
    (finding) =>
      heard(finding.target) && !quiet.has(finding.fingerprint) && isAtLeast(told(finding), audience.minSeverity),
  );
  const unusedMutes =
    audience.route === EVERYONE
      ? (decision?.mutes ?? []).filter(({ notifyUnused }) => notifyUnused).map(reportMute)
      : [];
  if (notices.length === 0 && resolved.length === 0 && unusedMutes.length === 0) return undefined;
  const { startedAt, finishedAt, state } = report;
  const { reminderHours } = audience;
  return {
    audience,
    ...summary(notices, resolved),
    unusedMutes,
    targetsByVerdict: targetsByVerdict({ targets: report.targets.filter(({ name }) => heard(name)) }),
    untold: countUntold(
      open.filter((notice) => !isTold(notice)),
      audience,
    ),
    state,
    warnings: (report.warnings ?? []).map(({ message }) => message),
    ...(state === 'kept' && reminderHours !== undefined
      ? { nextReminder: new Date(Date.parse(startedAt) + reminderHours * HOUR_MS).toISOString() }
      : {}),
    startedAt,
    finishedAt,
    loopback: report.policy.loopback,
  };
}

function asNotice(finding: ReportFinding, seen: boolean): Notice {
  return { reason: finding.lifecycle?.reason ?? 'observed', finding, seen };
}

/** One digest for each target that the digest concerns, worst first; what it says of mutes is in none. */
export function digestsByTarget(digest: Digest): Digest[] {
  const notices = Map.groupBy(digest.notices, ({ finding }) => finding.target);
  const resolved = Map.groupBy(digest.resolved, ({ target }) => target);
  return digest.targets.map((name) => ({
    ...digest,
    ...summary(notices.get(name) ?? [], resolved.get(name) ?? []),
    unusedMutes: [],
    targetsByVerdict: Object.fromEntries(
      VERDICTS.map((verdict) => [verdict, digest.targetsByVerdict[verdict].filter((target) => target.name === name)]),
    ) as unknown as Digest['targetsByVerdict'],
    untold: new Map([...digest.untold].filter(([target]) => target === name)),
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
export function told({ toldSeverity, severity }: ResolvedFinding): Severity {
  return toldSeverity ?? severity;
}

function summary(
  notices: readonly Notice[],
  resolved: readonly ResolvedFinding[],
): Pick<Digest, 'severity' | 'notices' | 'resolved' | 'countBySeverity' | 'targets'> {
  return {
    severity: notices[0]?.finding.severity ?? resolved.map(told).reduce(worse, 'info'),
    notices,
    resolved,
    countBySeverity: countBySeverity(notices.map(({ finding }) => finding)),
    targets: [...new Set([...notices.map(({ finding }) => finding.target), ...resolved.map(({ target }) => target)])],
  };
}

/** Within a severity, what people have not heard yet comes before what they have. */
function compareNotices(a: Notice, b: Notice): number {
  return (
    compareSeverity(b.finding.severity, a.finding.severity) ||
    Number(a.reason === 'reminder') - Number(b.reason === 'reminder') ||
    compareFindings(a.finding, b.finding)
  );
}

function countUntold(notices: readonly Notice[], { minSeverity }: Audience): ReadonlyMap<string, Untold> {
  const counts = new Map<string, { ongoing: number; muted: number; belowThreshold: number }>();
  for (const { reason, finding, seen } of notices) {
    const ofTarget = counts.get(finding.target) ?? { ongoing: 0, muted: 0, belowThreshold: 0 };
    counts.set(finding.target, ofTarget);
    // What is muted and was not seen by this run is open like anything else.
    if (reason === 'muted' || (!seen && finding.lifecycle?.mute !== undefined)) ofTarget.muted += 1;
    else if (isAtLeast(finding.severity, minSeverity)) ofTarget.ongoing += 1;
    else if (seen) ofTarget.belowThreshold += 1;
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
      return { name, cause: error?.cause, labels, unseen: verdict === 'unknown' ? blindReasons(target) : [] };
    }),
  ]);
  return Object.fromEntries(named) as Record<Verdict, readonly DigestTarget[]>;
}
