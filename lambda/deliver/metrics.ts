// Writes the metrics of a run, for dashboards and alarms, in CloudWatch's embedded metric format.

import { type Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { DAY_MS } from '../model/time.ts';
import { countBySeverity, targetsByVerdict } from '../report/digest.ts';
import { plaintextLogins } from '../report/logins.ts';
import type { Report } from '../report/schema.ts';
import { plaintextSessions } from '../report/text.ts';

export interface RunMetrics {
  readonly report: Report;
  /** Whether the run covered every target, as a scheduled run does. The metrics of alarms count no other run. */
  readonly coversAllTargets: boolean;
  /** Whether every receiver was notified, and no other step failed. */
  readonly completed: boolean;
  /** Integrations without a confirmed subscriber; undefined where SNS did not answer, or was not asked. */
  readonly withoutSubscriber?: number | undefined;
}

/** Adds and flushes the metrics of a finished run. */
export function recordRun(
  metrics: Metrics,
  { report, coversAllTargets, completed, withoutSubscriber }: RunMetrics,
): void {
  const targets = targetsByVerdict(report);
  // Muted findings are counted apart.
  const scoped = report.findings.filter(({ lifecycle }) => lifecycle?.reason !== 'muted');
  const findings = countBySeverity(scoped);
  const count = (name: string, value: number): void => void metrics.addMetric(name, MetricUnit.Count, value);
  if (coversAllTargets) {
    // Alarms read these (lib/alarms.ts). A 0 ends an alarm.
    if (completed) count('RunsCompleted', 1);
    count('TargetsNotAudited', targets['not-audited'].length);
    if (withoutSubscriber !== undefined) count('AlertsWithoutSubscriber', withoutSubscriber);
  }
  count('TargetsAudited', report.targets.length - targets['not-audited'].length);
  count('TargetsNotFullySeen', targets.unknown.length);
  count('FindingsCritical', findings.critical);
  count('FindingsHigh', findings.high);
  count('FindingsMedium', findings.medium);
  count('FindingsLow', findings.low);
  count('FindingsInfo', findings.info);
  count('FindingsMuted', report.findings.length - scoped.length);
  addFleet(metrics, report);
  const duration = Date.parse(report.finishedAt) - Date.parse(report.startedAt);
  metrics.addMetric('RunDuration', MetricUnit.Milliseconds, duration);
  metrics.publishStoredMetrics();
}

/** Sums of the fleet for the dashboard. What no target shows is left out: it is not 0. */
function addFleet(metrics: Metrics, { policy, startedAt, targets, findings }: Report): void {
  const seen = targets.filter(({ sessions }) => sessions !== null);
  if (seen.length > 0) {
    const plaintext = seen.reduce((sum, target) => sum + plaintextSessions(policy.loopback, target).network, 0);
    metrics.addMetric('PlaintextSessions', MetricUnit.Count, plaintext);
  }
  const { read, plaintext } = plaintextLogins(targets);
  if (read > 0) {
    const falling = findings.filter(({ check }) => check === 'tls-fallback').length;
    metrics.addMetric('PlaintextLogins', MetricUnit.Count, plaintext);
    metrics.addMetric('ClientsFallingBack', MetricUnit.Count, falling);
  }
  const ends = targets.flatMap(({ link }) => link?.certificates.map(({ notAfter }) => Date.parse(notAfter)) ?? []);
  if (ends.length > 0) {
    const first = ends.reduce((end, other) => Math.min(end, other));
    metrics.addMetric('DaysToCertificateEnd', MetricUnit.Count, Math.floor((first - Date.parse(startedAt)) / DAY_MS));
  }
  const probed = targets.flatMap(({ probe }) =>
    probe !== null && 'keyExchange' in probe && 'postQuantum' in probe.keyExchange ? [probe.keyExchange] : [],
  );
  if (probed.length > 0) {
    const hybrid = probed.filter(({ postQuantum }) => postQuantum).length;
    metrics.addMetric('PostQuantumShare', MetricUnit.Percent, (hybrid / probed.length) * 100);
  }
}
