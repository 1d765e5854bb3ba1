// Names the metrics that the function writes, for alarms and dashboards.

import { Metric, type MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';

/** The namespace of the metrics that the function writes. */
export const METRICS_NAMESPACE = 'PgTlsAuditor';

/** A metric of one auditor. @param serviceName - The value of the dimension `service`. */
export function auditorMetric(serviceName: string, metricName: string, options: MetricOptions = {}): Metric {
  return new Metric({ namespace: METRICS_NAMESPACE, metricName, dimensionsMap: { service: serviceName }, ...options });
}
