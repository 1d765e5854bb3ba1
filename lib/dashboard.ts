// Defines the CloudWatch dashboard of an auditor: sums of the fleet from metrics, single databases from the log.

import { Duration } from 'aws-cdk-lib';
import {
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IAlarm,
  LogQueryVisualizationType,
  LogQueryWidget,
  Metric,
  SingleValueWidget,
  Stats,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { METRICS_NAMESPACE } from './metrics.ts';

export interface AuditorDashboardProps {
  /** Value of the `service` dimension on the function's own metrics, and of the field in its log. */
  readonly serviceName: string;
  readonly logGroup: ILogGroup;
  readonly alarms: readonly IAlarm[];
}

/** Columns of a dashboard. */
const WIDTH = 24;
const HOUR = Duration.hours(1);
/** Rows of a table. */
const MOST_ROWS = 100;

/**
 * No metric has a dimension for a target, which would cost by the number of databases. The tables of single databases
 * are queries of the log, which cost when a person opens the dashboard.
 */
export function makeDashboard(scope: Construct, id: string, props: AuditorDashboardProps): Dashboard {
  const metric = (metricName: string, label: string, statistic = Stats.MAXIMUM): Metric =>
    new Metric({
      namespace: METRICS_NAMESPACE,
      metricName,
      dimensionsMap: { service: props.serviceName },
      statistic,
      label,
      period: HOUR,
    });
  const graph = (title: string, metrics: readonly Metric[], width: number, stacked = false): GraphWidget =>
    new GraphWidget({ title, left: [...metrics], width, height: 6, stacked, leftYAxis: { min: 0 } });
  const logTable = (title: string, query: string, width: number): LogQueryWidget =>
    new LogQueryWidget({
      title,
      logGroupNames: [props.logGroup.logGroupName],
      queryString: `filter service = "${props.serviceName.replaceAll(/["\\]/g, '')}" | ${query} | limit ${MOST_ROWS}`,
      view: LogQueryVisualizationType.TABLE,
      width,
      height: 8,
    });
  return new Dashboard(scope, id, {
    defaultInterval: Duration.days(7),
    widgets: [
      [
        new TextWidget({
          markdown:
            'Metrics are of whole runs. **No data is not 0**: without a run, or where a number could not be observed, ' +
            'nothing is drawn. Databases one by one are in the tables below, from the log.',
          width: WIDTH,
          height: 2,
        }),
      ],
      [
        new SingleValueWidget({
          title: 'The last run',
          metrics: [
            metric('TargetsAudited', 'Audited'),
            metric('TargetsNotAudited', 'Not audited'),
            metric('TargetsNotFullySeen', 'Seen in part'),
            metric('PlaintextSessions', 'Plaintext sessions'),
            metric('DaysToCertificateEnd', 'Days to the next certificate end', Stats.MINIMUM),
            metric('PostQuantumShare', 'Post-quantum, %', Stats.MINIMUM),
          ],
          width: WIDTH,
          height: 4,
        }),
      ],
      [
        graph(
          'Findings by severity',
          [
            metric('FindingsCritical', 'critical'),
            metric('FindingsHigh', 'high'),
            metric('FindingsMedium', 'medium'),
            metric('FindingsLow', 'low'),
            metric('FindingsInfo', 'info'),
            metric('FindingsMuted', 'muted'),
          ],
          8,
          true,
        ),
        graph(
          'Plaintext and fallbacks',
          [
            metric('PlaintextSessions', 'open plaintext sessions'),
            metric('PlaintextLogins', 'plaintext logins in 24 h'),
            metric('ClientsFallingBack', 'clients that fall back'),
          ],
          8,
        ),
        graph(
          'Databases',
          [
            metric('TargetsAudited', 'audited'),
            metric('TargetsNotAudited', 'not audited'),
            metric('TargetsNotFullySeen', 'seen in part'),
          ],
          8,
        ),
      ],
      [
        graph('Runs completed', [metric('RunsCompleted', 'runs', Stats.SUM)], 6),
        graph('Time a run takes', [metric('RunDuration', 'milliseconds')], 6),
        graph('Days to the next certificate end', [metric('DaysToCertificateEnd', 'days', Stats.MINIMUM)], 6),
        graph('Post-quantum share of the probed databases', [metric('PostQuantumShare', '%', Stats.MINIMUM)], 6),
      ],
      [new AlarmStatusWidget({ title: 'Alarms', alarms: [...props.alarms], width: WIDTH, height: 3 })],
      [
        logTable('Not audited, or seen in part', NOT_SEEN, 12),
        logTable('Plaintext, by database and role', PLAINTEXT, 12),
      ],
      [logTable('Findings, by database and check', FINDINGS, WIDTH)],
    ],
  });
}

/** The newest verdict of each database within the interval of the dashboard. */
const NOT_SEEN =
  'filter message = "target" | stats latest(target.verdict) as verdict, latest(target.error.cause) as cause, ' +
  'max(@timestamp) as lastRun by target.name | filter verdict in ["not-audited", "unknown"] | sort target.name';

const PLAINTEXT =
  'filter message = "finding" and finding.check in ["plaintext-session", "tls-fallback"] | ' +
  'stats latest(finding.count) as sessions, min(@timestamp) as firstInInterval, max(@timestamp) as lastSeen ' +
  'by finding.target, finding.role | sort lastSeen desc';

const FINDINGS =
  'filter message = "finding" | stats latest(finding.severity) as severity, latest(finding.title) as title, ' +
  'latest(finding.lifecycle.reason) as state, max(@timestamp) as lastSeen by finding.target, finding.check | ' +
  'sort lastSeen desc';
