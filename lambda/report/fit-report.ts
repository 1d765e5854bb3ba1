// A report cut to a size: whole findings and whole targets are left out and counted, never cut in half.

import type { Report, ReportTarget } from './schema.ts';

/** At least this part goes to targets when not everything fits. */
const TARGETS_SHARE = 1 / 3;

const VERDICT_ORDER = ['not-audited', 'unknown', 'findings', 'clean'] as const;

/**
 * The report itself when its JSON takes at most `bytes`, else one without the last findings and the healthiest targets,
 * counted in `omittedFindings` and `omittedTargets`.
 *
 * @param bytesOf - What a piece of JSON takes where it goes: more than its length when it is quoted in other JSON.
 */
export function fitReport(report: Report, bytes: number, bytesOf: (json: string) => number): Report {
  if (fits(report, bytes, bytesOf)) return report;
  const targets = report.targets.toSorted((a, b) => verdictRank(a) - verdictRank(b));
  const cut = (shownTargets: readonly ReportTarget[], findings: Report['findings']): Report => ({
    ...report,
    targets: [...shownTargets],
    findings,
    omittedTargets: targets.length - shownTargets.length,
    omittedFindings: report.findings.length - findings.length,
  });
  const room = bytes - bytesOf(JSON.stringify(cut([], [])));
  const findings = fitting(report.findings, room * (1 - TARGETS_SHARE), bytesOf);
  const fittingTargets = fitting(targets, room - findings.bytes, bytesOf);
  const moreFindings = fitting(report.findings, room - fittingTargets.bytes, bytesOf);
  return cut(fittingTargets.items, moreFindings.items);
}

/** Adds up the parts until there is no room: the whole of a large report in one text is many times what may leave. */
function fits({ targets, findings, ...rest }: Report, bytes: number, bytesOf: (json: string) => number): boolean {
  const frame = bytesOf(JSON.stringify({ ...rest, targets: [], findings: [] }));
  const fittingTargets = fitting(targets, bytes - frame, bytesOf);
  if (fittingTargets.items.length < targets.length) return false;
  return fitting(findings, bytes - frame - fittingTargets.bytes, bytesOf).items.length === findings.length;
}

function verdictRank(target: ReportTarget): number {
  return VERDICT_ORDER.indexOf(target.verdict);
}

/** As many of the first items as fit, and the bytes they take, commas included. */
function fitting<T>(
  items: readonly T[],
  bytes: number,
  bytesOf: (json: string) => number,
): { readonly items: T[]; readonly bytes: number } {
  let taken = 0;
  let count = 0;
  for (const item of items) {
    const more = bytesOf(JSON.stringify(item)) + (count === 0 ? 0 : 1);
    if (taken + more > bytes) break;
    taken += more;
    count += 1;
  }
  return { items: items.slice(0, count), bytes: taken };
}
