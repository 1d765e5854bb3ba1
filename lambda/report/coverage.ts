// Collects what a run could not observe, with the reasons, and puts it into sentences.

import type { FailureCause } from '../model/failure.ts';
import type { Verdict } from '../model/finding.ts';
import type { ReportTarget } from './schema.ts';
import { list, PLAIN, plural, type Style } from './text.ts';

/** A target as a digest names it. */
export interface DigestTarget {
  readonly name: string;
  /** Why it was not audited. */
  readonly cause?: FailureCause | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** Of a target that was audited in part: the reasons, each once. */
  readonly gaps: readonly string[];
}

/** A check that could not observe everything on one target. */
export interface CoverageGap<Target> {
  readonly target: Target;
  readonly check: string;
  /** `error`: the check itself crashed. */
  readonly status: 'unknown' | 'error' | 'incomplete';
  readonly reason: string;
}

/** Every check of every target that could not observe everything. */
export function coverageGapsOf<Target extends Pick<ReportTarget, 'checks'>>({
  targets,
}: {
  readonly targets: readonly Target[];
}): CoverageGap<Target>[] {
  return targets.flatMap((target) =>
    target.checks.flatMap(({ id, status, reason }): CoverageGap<Target>[] => {
      const why = { target, check: id, reason: PLAIN.prose(reason ?? 'no reason is known') };
      if (status === 'unknown' || status === 'error') return [{ ...why, status }];
      // A failed check has a reason only where there may be more than it found.
      return status === 'fail' && reason !== undefined ? [{ ...why, status: 'incomplete' }] : [];
    }),
  );
}

/** Of one target: each reason once, with the checks that it affects. */
export function coverageGapReasons(target: Pick<ReportTarget, 'checks'>): readonly string[] {
  const byReason = Map.groupBy(coverageGapsOf({ targets: [target] }), ({ reason }) => reason);
  return [...byReason].map(([reason, gaps]) => `${reason} (${list(gaps.map(({ check }) => check))})`);
}

/** `12 databases: 9 clean, 1 with findings, 1 partly audited, 1 not audited`. */
export function auditSummary(targets: Readonly<Record<Verdict, readonly DigestTarget[]>>): string {
  const parts = [
    [targets.clean.length, 'clean'],
    [targets.findings.length, 'with findings'],
    [targets.unknown.length, 'partly audited'],
    [targets['not-audited'].length, 'not audited'],
  ] as const;
  const total = parts.reduce((sum, [count]) => sum + count, 0);
  const counted = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return total === 0 ? 'no database' : `${plural(total, 'database')}: ${counted.join(', ')}`;
}

/** A message lists this many reasons at most; a fleet has thousands. */
const MOST_REASONS = 3;

/** What a run could not observe, one sentence each; empty when it observed everything. */
export function coverageSentences(targets: Readonly<Record<Verdict, readonly DigestTarget[]>>, style: Style): string[] {
  const sentences: string[] = [];
  const missed = targets['not-audited'];
  if (missed.length > 0) {
    const names = missed.map(({ name, cause }) => style.target(name) + (cause === undefined ? '' : ` (${cause})`));
    sentences.push(
      `NOT AUDITED: ${list(names, 10)}. We could not look inside ${them(missed)}, so the findings below say nothing about ${them(missed)}.`,
    );
  }
  if (targets.unknown.length > 0) {
    const names = targets.unknown.map(({ name }) => style.target(name));
    sentences.push(`PARTLY AUDITED: ${list(names, 10)}. There may be more findings than the ones below.`);
    // Often a grant is all that is missing, and it can be copied from here. The report has the reasons of every target.
    const reasons = targets.unknown.flatMap(({ name, gaps }) =>
      gaps.map((reason) => `${style.target(name)}: ${style.prose(reason)}`),
    );
    sentences.push(...reasons.slice(0, MOST_REASONS));
    if (reasons.length > MOST_REASONS)
      sentences.push(`The report has ${plural(reasons.length - MOST_REASONS, 'more reason')}.`);
  }
  return sentences;
}

function them(targets: readonly DigestTarget[]): string {
  return targets.length === 1 ? 'it' : 'them';
}
