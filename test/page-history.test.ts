// What the page shows of earlier days: nothing that is not known makes a target ready.

import { expect, test } from 'vitest';
import { hbaFacts, healthySnapshot, POLICY, plaintextSession, session } from '../lab/snapshots.ts';
import { evaluate } from '../lambda/checks/evaluate.ts';
import { recordSnapshot } from '../lambda/enforcement/record.ts';
import { known } from '../lambda/model/observed.ts';
import type { AuditedTarget } from '../lambda/model/run.ts';
import type { Session } from '../lambda/model/snapshot.ts';
import { collectPageHistory } from '../lambda/page-history.ts';

const AT = '2026-11-10T06:15:02.000Z';

const OPEN_TO_PLAINTEXT = {
  fileName: '/etc/postgresql/pg_hba.conf',
  lineNumber: 3,
  type: 'host',
  databases: ['all'],
  users: ['all'],
  address: '10.0.0.0',
  netmask: '255.0.0.0',
  method: 'scram-sha-256',
  options: [],
} as const;

function audited(name: string, sessions: readonly Session[]): AuditedTarget {
  const hba = known(hbaFacts({ rules: [OPEN_TO_PLAINTEXT] }));
  const snapshot = healthySnapshot(sessions, { target: { name, labels: {} }, takenAt: AT, hba });
  return { snapshot, ...evaluate(snapshot, POLICY) };
}

test('targets with and without a record have their readiness, and no day of which nothing is recorded is zero', () => {
  const targets = [audited('billing', [plaintextSession({ role: 'etl' })]), audited('payroll', [session()])];
  const collector = collectPageHistory({ startedAt: AT, finishedAt: AT, policy: POLICY, audited: targets });
  const [billing] = targets;
  const record = billing && recordSnapshot(undefined, billing.snapshot);
  if (record !== undefined) collector.add('billing', record);
  const { readiness, logins } = collector.history();
  expect(readiness).toEqual([
    { name: 'billing', readiness: 'blocked', reasons: expect.arrayContaining(['blocked by 1 client']) },
    { name: 'payroll', readiness: 'unknown', reasons: [expect.stringContaining('no run has kept anything')] },
  ]);
  expect([logins.length, ...new Set(logins.map(({ recorded }) => recorded))]).toEqual([30, 'none']);
});
