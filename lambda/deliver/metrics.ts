// What a run counts, for dashboards and alarms, in CloudWatch's embedded metric format.

import { type Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { countBySeverity, targetsByVerdict } from '../report/digest.ts';
import type { Report } from '../report/schema.ts';

export interface RunMetrics {
  readonly report: Report;
  /** Whether the run was over every target, as the schedule asks for: only then do the alarms' metrics count it. */
  readonly coversAllTargets: boolean;
  /** Whether it told whom it had to tell. */
  readonly completed: boolean;
  /** Alerts that no confirmed subscriber receives; undefined where SNS did not say, or was not asked. */
  readonly withoutSubscriber?: number | undefined;
}

/** Adds and flushes the metrics of a run that is over. */
export function recordRun(
  metrics: Metrics,
  { report, coversAllTargets, completed, withoutSubscriber }: RunMetrics,
): void {
  const targets = targetsByVerdict(report);
  // What somebody has answered for is counted apart.
  const scoped = report.findings.filter(({ lifecycle }) => lifecycle?.reason !== 'muted');
  const findings = countBySeverity(scoped);
  const count = (name: string, value: number): void => void metrics.addMetric(name, MetricUnit.Count, value);
  if (coversAllTargets) {
    // Read by alarms (lib/alarms.ts): also when 0, which ends an alarm.
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
  const duration = Date.parse(report.finishedAt) - Date.parse(report.startedAt);
  metrics.addMetric('RunDuration', MetricUnit.Milliseconds, duration);
  metrics.publishStoredMetrics();
}
