// Builds the report of a large, bad fleet through the real checks, the same in every run.

import { healthySnapshot, session } from '../lab/snapshots.ts';
import { catalogue } from '../lambda/checks/catalogue.ts';
import { evaluate } from '../lambda/checks/evaluate.ts';
import { parseConfig } from '../lambda/config/index.ts';
import { decide } from '../lambda/lifecycle/decide.ts';
import { EMPTY_STATE } from '../lambda/model/lifecycle.ts';
import { known } from '../lambda/model/observed.ts';
import type { AuditedTarget, Run } from '../lambda/model/run.ts';
import type { Session } from '../lambda/model/snapshot.ts';
import { buildReport } from '../lambda/report/build-report.ts';
import type { ExportContext } from '../lambda/report/exports/exporter.ts';
import type { Report } from '../lambda/report/schema.ts';

const AT = '2026-11-10T06:15:00.000Z';

export const EXPORT_CONTEXT: ExportContext = {
  catalogue: catalogue(),
  toolVersion: '1.0.0',
  aws: { account: '123456789012', region: 'eu-west-1', partition: 'aws' },
};

/** How the sessions of one role travel, in turns: each way is one finding of another check. */
const WAYS = [
  { transport: 'plaintext', tls: undefined },
  { transport: 'tls', tls: { version: 'TLSv1.1', cipher: 'ECDHE-RSA-AES256-GCM-SHA384', bits: 256 } },
  { transport: 'tls', tls: { version: 'TLSv1.3', cipher: 'TLS_AES_128_CCM_8_SHA256', bits: 128 } },
  { transport: 'loopback', tls: undefined },
] as const satisfies readonly Pick<Session, 'transport' | 'tls'>[];

/** A run in which each target has so many findings, about so many roles. */
function largeRun(targets: number, findingsEach: number): Run {
  const { policy } = parseConfig({ targets: [{ name: 'orders', secret: 'orders' }] }, { use: 'deployment' });
  const audited = Array.from({ length: targets }, (_, index): AuditedTarget => {
    const name = `database-${index}`;
    const visible = Array.from({ length: findingsEach }, (_, role) => {
      const client = index * findingsEach + role;
      return session({
        role: `app_${role}`,
        application: `worker of team ${role % 17}`,
        clientAddress: `10.${client % 200}.${(client >> 8) % 250}.${client % 250}`,
        ...(WAYS[role % WAYS.length] ?? WAYS[0]),
      });
    });
    const healthy = healthySnapshot([]);
    const target = { ...healthy.target, name, host: `${name}.abc123.eu-west-1.rds.amazonaws.com` };
    const snapshot = { ...healthy, target, takenAt: AT, sessions: known({ visible, hidden: 0 }) };
    return { snapshot, ...evaluate(snapshot, policy) };
  });
  return { startedAt: AT, finishedAt: '2026-11-10T06:19:00.000Z', policy, audited };
}

/** The report of a run as the first one with state has it: every finding is new. */
export function largeReport(targets: number, findingsEach: number): Report {
  const run = largeRun(targets, findingsEach);
  const decision = decide({
    previous: EMPTY_STATE,
    now: AT,
    observed: run.audited.map(({ snapshot, outcomes, findings }) => ({
      target: snapshot.target.name,
      takenAt: snapshot.takenAt,
      outcomes,
      findings,
    })),
    catalogue: EXPORT_CONTEXT.catalogue.map(({ id, subject }) => ({ id, transient: subject === 'session' })),
    targets: known(run.audited.map(({ snapshot }) => snapshot.target.name)),
    policy: { resolveAfterHours: 1, minSeverity: 'medium' },
    mutes: [],
  });
  return buildReport(run, decision);
}
