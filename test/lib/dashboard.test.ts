// The dashboard has sums of the fleet as metrics, and single databases as queries of the log.

import { expect, test } from 'vitest';
import { recordRun } from '../../lambda/deliver/metrics.ts';
import type { Report } from '../../lambda/report/schema.ts';
import { fullySeenReport, healthyReport, notAuditedTarget } from '../report/builders.ts';
import { readable, synthesize } from './synthesis.ts';

interface Widget {
  readonly type: string;
  readonly properties: { readonly metrics?: readonly unknown[][]; readonly query?: string };
}

function widgets(): readonly Widget[] {
  const { template } = synthesize();
  const [dashboard] = Object.values(template.findResources('AWS::CloudWatch::Dashboard'));
  const { widgets } = JSON.parse(readable(dashboard?.Properties.DashboardBody)) as { readonly widgets: Widget[] };
  return widgets;
}

/** Names of the metrics that a run of this report writes. */
function emitted(report: Report): readonly string[] {
  const names: string[] = [];
  const metrics = { addMetric: (name: string) => names.push(name), publishStoredMetrics: () => undefined };
  recordRun(metrics as never, { report, coversAllTargets: true, completed: true, withoutSubscriber: 0 });
  return names;
}

test('shows metrics that a run writes, and none with a dimension for a target', () => {
  const shown = widgets().flatMap(({ properties: { metrics = [] } }) => metrics);
  expect(shown.length).toBeGreaterThan(10);
  const names = emitted(fullySeenReport());
  for (const [namespace, name, dimension, , ...others] of shown) {
    expect([namespace, dimension]).toEqual(['PgTlsAuditor', 'service']);
    expect(names).toContain(name);
    expect(others.filter((other) => typeof other === 'string')).toEqual([]);
  }
});

test('writes no number where nothing was observed: unknown is not 0', () => {
  const names = emitted(healthyReport({ targets: [notAuditedTarget()] }));
  for (const name of ['PlaintextSessions', 'PlaintextLogins', 'DaysToCertificateEnd', 'PostQuantumShare']) {
    expect(names).not.toContain(name);
  }
});

test('asks the log for single databases, of this auditor only', () => {
  const queries = widgets().flatMap(({ properties: { query } }) => query ?? []);
  expect(queries).toHaveLength(3);
  for (const query of queries)
    expect(query).toMatch(/filter service = "[^"]+" \| .* by (?:target\.name|finding\.target)/);
});

test('is there by default, and can be switched off', () => {
  synthesize().template.resourceCountIs('AWS::CloudWatch::Dashboard', 1);
  const { template, auditor } = synthesize({ deployment: { dashboard: false } });
  template.resourceCountIs('AWS::CloudWatch::Dashboard', 0);
  expect(auditor.dashboard).toBeUndefined();
});

test('of a fleet asks the log of Digest, which logs the results, and shows the alarms on executions', () => {
  const { template, auditor } = synthesize({ deployment: { fleet: {} } });
  const [dashboard] = Object.values(template.findResources('AWS::CloudWatch::Dashboard'));
  const body = JSON.stringify(dashboard?.Properties.DashboardBody);
  const logGroups = Object.keys(template.findResources('AWS::Logs::LogGroup')).filter((id) => body.includes(id));
  expect(logGroups).toEqual([expect.stringContaining('Digest')]);
  expect(auditor.alarms.all).toContain(auditor.alarms.timeouts);
  for (const [id] of Object.entries(template.findResources('AWS::CloudWatch::Alarm'))) expect(body).toContain(id);
});
