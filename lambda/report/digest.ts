// What one run has to tell people: the findings worth a message, worst first, and what was and was not looked at.

import type { FailureCause } from '../model/failure.ts';
import { VERDICTS, type Verdict } from '../model/finding.ts';
import type { LoopbackPolicy } from '../model/policy.ts';
import { compareSeverity, isAtLeast, SEVERITIES, type Severity } from '../model/severity.ts';
import type { Report, ReportFinding } from './schema.ts';

/**
 * Why a finding is told. `observed`: it is there in this run, and nothing is known of earlier ones. With state come the
 * reasons that compare two runs.
 */
export const REASONS = ['observed'] as const;
type Reason = (typeof REASONS)[number];

/** A finding and why it is told now. */
export interface Notice {
  readonly reason: Reason;
  readonly finding: ReportFinding;
}

/** A target as a digest names it. */
export interface DigestTarget {
  readonly name: string;
  /** Why it was not audited. */
  readonly cause?: FailureCause | undefined;
}

export interface Digest {
  /** Of the worst notice. */
  readonly severity: Severity;
  /** At least one. By severity, worst first, then by target, check and what identifies the finding. */
  readonly notices: readonly Notice[];
  /** Of the notices. */
  readonly countBySeverity: Readonly<Record<Severity, number>>;
  /** Names of the targets that the notices concern, the one with the worst notice first. */
  readonly targets: readonly string[];
  /** Every target of the run. */
  readonly targetsByVerdict: Readonly<Record<Verdict, readonly DigestTarget[]>>;
  /** The threshold, and how many findings of the run are below it. */
  readonly minSeverity: Severity;
  readonly belowThreshold: number;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly loopback: LoopbackPolicy;
}

/**
 * The digest of a run, or undefined when no finding reaches `minSeverity`: a quiet run sends nothing.
 *
 * @example buildDigest(report, { minSeverity: 'medium' })?.notices[0]?.finding.title
 */
export function buildDigest(report: Report, options: { readonly minSeverity: Severity }): Digest | undefined {
  const findings = report.findings
    .filter((finding) => isAtLeast(finding.severity, options.minSeverity))
    .sort(compareFindings);
  const worst = findings[0];
  if (worst === undefined) return undefined;
  return {
    severity: worst.severity,
    notices: findings.map((finding) => ({ reason: 'observed', finding })),
    countBySeverity: countBySeverity(findings),
    targets: [...new Set(findings.map((finding) => finding.target))],
    targetsByVerdict: targetsByVerdict(report),
    minSeverity: options.minSeverity,
    belowThreshold: report.findings.length - findings.length,
    startedAt: report.startedAt,
    finishedAt: report.finishedAt,
    loopback: report.policy.loopback,
  };
}

/** Worst first, then an order that stays the same from run to run. For `Array.sort`. */
export function compareFindings(a: ReportFinding, b: ReportFinding): number {
  return (
    compareSeverity(b.severity, a.severity) ||
    precedence(b) - precedence(a) ||
    compareText(a.target, b.target) ||
    compareText(a.check, b.check) ||
    compareText(a.role, b.role) ||
    compareText(a.database, b.database) ||
    compareText(a.application, b.application) ||
    compareText(a.fingerprint, b.fingerprint)
  );
}

/** Told before others of the same severity, the last of these first: what nobody could see, then what is in the open. */
const PRECEDENCE = ['deprecated-tls-session', 'plaintext-session', 'blind-role', 'target-not-audited'];

function precedence({ check }: ReportFinding): number {
  return PRECEDENCE.indexOf(check);
}

/** How many of the findings have each severity. */
export function countBySeverity(findings: readonly ReportFinding[]): Record<Severity, number> {
  const counts = Object.fromEntries(SEVERITIES.map((severity) => [severity, 0])) as Record<Severity, number>;
  for (const { severity } of findings) counts[severity] += 1;
  return counts;
}

/** Every target of the report by its verdict, in the report's order. */
export function targetsByVerdict(report: Report): Record<Verdict, readonly DigestTarget[]> {
  const groups = Object.groupBy(report.targets, (target) => target.verdict);
  const named = VERDICTS.map((verdict) => [
    verdict,
    (groups[verdict] ?? []).map(({ name, error }) => ({ name, cause: error?.cause })),
  ]);
  return Object.fromEntries(named) as Record<Verdict, readonly DigestTarget[]>;
}

/** By code unit: the same on every machine, whatever its locale. */
function compareText(a = '', b = ''): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
