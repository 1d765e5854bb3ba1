// Three runs on two databases, for pictures: what is found, what comes on top, what is over. Everything but the
// snapshots is the real thing: checks, lifecycle, reports, renderings.

import { healthySnapshot, POLICY, plaintextSession, session, tlsSession } from '../../lab/snapshots.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import { CHECKS } from '../../lambda/checks/registry.ts';
import { decide } from '../../lambda/lifecycle/decide.ts';
import { type AuditState, EMPTY_STATE } from '../../lambda/model/lifecycle.ts';
import { known } from '../../lambda/model/observed.ts';
import type { Session, Snapshot } from '../../lambda/model/snapshot.ts';
import { buildDecidedReport } from '../../lambda/report/build-report.ts';
import { buildDigest } from '../../lambda/report/digest.ts';
import { type RenderedAlert, renderAlert, renderChatMessages } from '../../lambda/report/messages/sns-message.ts';
import { DEFAULT_ROUTE } from '../../lambda/report/receiver.ts';

/** What one run sends. */
export interface Sent {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly alert: RenderedAlert;
  readonly chat: readonly RenderedAlert[];
}

const DAY_ONE = '2026-11-09T06:15:02.000Z';
const DAY_TWO = '2026-11-10T06:15:02.000Z';
const DAY_FIVE = '2026-11-13T06:15:02.000Z';

const CHECKOUT = { role: 'app', application: 'checkout' } as const;
const REPORTS = {
  role: 'report',
  application: 'DBeaver 5.0',
  clientAddress: '10.0.9.31',
  startedAt: Date.parse('2026-11-09T05:40:00Z'),
} as const;

/** A day of findings, one on which some are gone and others come, one on which all are gone. */
export function story(): readonly [Sent, Sent, Sent] {
  const clients = [1, 2, 3].map((index) =>
    plaintextSession({
      ...CHECKOUT,
      clientAddress: `10.0.1.${index + 6}`,
      startedAt: Date.parse('2026-11-08T22:10:31Z'),
    }),
  );
  const driver = tlsSession({ version: 'TLSv1.1', cipher: 'ECDHE-RSA-AES256-SHA' }, REPORTS);
  const boss = plaintextSession({
    role: 'postgres',
    database: 'postgres',
    application: 'psql',
    superuser: true,
    clientAddress: '203.0.113.9',
    startedAt: Date.parse('2026-11-10T05:58:12Z'),
  });
  const one = run(EMPTY_STATE, DAY_ONE, [target('orders', DAY_ONE, clients), target('billing', DAY_ONE, [driver])]);
  const two = run(one.state, DAY_TWO, [target('orders', DAY_TWO, [...clients, boss]), target('billing', DAY_TWO)]);
  const three = run(two.state, DAY_FIVE, [target('orders', DAY_FIVE), target('billing', DAY_FIVE)]);
  return [one.sent, two.sent, three.sent];
}

/** Healthy but for these sessions. */
function target(name: string, takenAt: string, sessions: readonly Session[] = []): Snapshot {
  return {
    ...healthySnapshot([session(), ...sessions]),
    target: { name, host: `${name}.db.example.com`, port: 5432, labels: { team: 'payments' } },
    takenAt,
  };
}

function run(previous: AuditState, at: string, snapshots: readonly Snapshot[]): { state: AuditState; sent: Sent } {
  const audited = snapshots.map((snapshot) => ({ snapshot, ...evaluate(snapshot, POLICY) }));
  const decision = decide({
    previous,
    now: at,
    observed: audited.map(
      ({
        snapshot: {
          target: { name },
          takenAt,
        },
        outcomes,
        findings,
      }) => ({
        target: name,
        takenAt,
        outcomes,
        findings,
      }),
    ),
    catalogue: CHECKS.map(({ id }) => ({ id, transient: id.endsWith('-session') })),
    targets: known(snapshots.map(({ target: { name } }) => name)),
    policy: { resolveAfterHours: 24, repeatIntervalHours: 24, minSeverity: 'medium' },
    mutes: [],
  });
  const decided = buildDecidedReport({ startedAt: at, finishedAt: at, policy: POLICY, audited }, decision);
  const { report } = decided;
  const digest = buildDigest(decided, {
    route: DEFAULT_ROUTE,
    minSeverity: 'medium',
    repeatIntervalHours: 24,
  });
  if (digest === undefined || decision.next === undefined) throw new Error(`the run of ${at} has nothing to tell`);
  const service = 'pg-tls-auditor';
  return {
    state: decision.next,
    sent: { at, alert: renderAlert(digest, report, service), chat: renderChatMessages(digest, service) },
  };
}
