// A message that can't hold everything: a database with very many findings leaves no other database out.

import { expect, test } from 'vitest';
import { healthySnapshot, POLICY, plaintextSession } from '../../../lab/snapshots.ts';
import { evaluate } from '../../../lambda/checks/evaluate.ts';
import type { AuditedTarget } from '../../../lambda/model/run.ts';
import type { Severity } from '../../../lambda/model/severity.ts';
import { buildDecidedReport } from '../../../lambda/report/build-report.ts';
import { buildDigest } from '../../../lambda/report/digest.ts';
import { renderAlert } from '../../../lambda/report/messages/sns-message.ts';
import type { Report } from '../../../lambda/report/schema.ts';

const AT = '2026-11-10T06:15:02.000Z';

function audited(name: string, roles: number, severity: Severity): AuditedTarget {
  const sessions = Array.from({ length: roles }, (_, role) => plaintextSession({ role: `role_${role}` }));
  const snapshot = healthySnapshot(sessions, { target: { name, labels: {} } });
  const { findings, ...rest } = evaluate(snapshot, POLICY);
  return { snapshot, ...rest, findings: findings.map((finding) => ({ ...finding, severity })) };
}

test('has the findings of each database, though another one has very many that are worse', () => {
  const flood = audited('a-flood', 5_000, 'critical');
  expectFindingsOf(
    ['orders', 'ledger'].map((name) => audited(name, 1, 'high')),
    [flood],
  );
});

test('has every finding of a database with a few, though very many others have one that is less severe', () => {
  const crowd = Array.from({ length: 2_000 }, (_, index) => audited(`a-database-${index}`, 1, 'medium'));
  expectFindingsOf([audited('orders', 5, 'critical')], crowd);
});

/** Of a message about all of them, in which there is not enough room. */
function expectFindingsOf(wanted: readonly AuditedTarget[], others: readonly AuditedTarget[]): void {
  const run = { startedAt: AT, finishedAt: AT, policy: POLICY, audited: [...others, ...wanted] };
  const decided = buildDecidedReport(run);
  const digest = buildDigest(decided, { route: 'all', minSeverity: 'medium' });
  if (digest === undefined) throw new Error('there is nothing to send');
  const { message } = renderAlert(digest, decided.report, 'pg-tls-auditor');
  const { email, sqs } = JSON.parse(message) as { readonly email: string; readonly sqs: string };
  const { findings, omittedFindings } = JSON.parse(sqs) as Report & { readonly omittedFindings: number };
  expect(email).toContain('more findings left out');
  expect(omittedFindings).toBeGreaterThan(0);
  const inJson = new Set(findings.map(({ fingerprint }) => fingerprint));
  for (const { fingerprint } of wanted.flatMap((one) => one.findings)) {
    expect(email).toContain(fingerprint);
    expect(inJson).toContain(fingerprint);
  }
}
