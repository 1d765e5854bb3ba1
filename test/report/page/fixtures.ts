// A plan, a history and days of logins for the tests of pages.

import type { LoginDay } from '../../../lambda/model/login-day.ts';
import type { HistoryForPage } from '../../../lambda/report/page/history-page.ts';
import type { PlanForPage } from '../../../lambda/report/page/plan-page.ts';
import type { TargetReadiness } from '../../../lambda/report/page/readiness.ts';

type PlannedTarget = PlanForPage['targets'][number];

export const PLANNED_CLIENT: PlannedTarget['clients'][number] = {
  role: 'checkout',
  database: 'shop',
  application: 'PostgreSQL JDBC Driver',
  networks: ['10.0.1.0/24'],
  logins: 4_212,
  lastSeen: '2026-11-28T02:14:00Z',
  breaks: true,
  moved: false,
  driver: 'pgjdbc',
  fix: 'jdbc:postgresql://shop.db.example.com/shop?sslmode=verify-full',
};

export const PLANNED_TARGET: PlannedTarget = {
  name: 'shop',
  readiness: 'blocked',
  reasons: ['1 client would break'],
  platform: 'Amazon RDS',
  window: { from: '2026-10-29T00:00:00Z', to: '2026-11-28T00:00:00Z', daysNotCovered: 6 },
  progress: { moved: 7, of: 9, since: '2026-11-03T00:00:00Z' },
  clients: [PLANNED_CLIENT, { ...PLANNED_CLIENT, role: 'api', breaks: false }],
  refused: [{ role: 'old', database: null, networks: ['10.9.9.9'], lastSeen: '2026-11-27T00:00:00Z', count: 3 }],
  stepsHeading: 'NOT YET: the clients above would break',
  steps: [
    {
      title: 'Refuse plaintext',
      place: 'a shell',
      commands: ['aws rds modify-db-parameter-group --parameters rds.force_ssl=1'],
      rollback: ['aws rds modify-db-parameter-group --parameters rds.force_ssl=0'],
      needsReboot: false,
    },
  ],
};

export const PLAN: PlanForPage = {
  state: 'file state.json',
  days: 30,
  at: '2026-11-28T06:00:00Z',
  targets: [PLANNED_TARGET],
};

export const READINESS: readonly TargetReadiness[] = [
  { name: 'crm', readiness: 'ready', reasons: [] },
  { name: 'orders', readiness: 'blocked', reasons: ['2 clients would break'] },
];

/** The first is not recorded, the second in part. */
export const LOGINS: readonly LoginDay[] = [
  { day: '2026-11-08', recorded: 'none', counts: [] },
  { day: '2026-11-09', recorded: 'part', counts: [{ role: 'app', kind: 'deprecated', logins: 7 }] },
  { day: '2026-11-10', recorded: 'whole', counts: [{ role: 'app', kind: 'plaintext', logins: 9 }] },
];

export const HISTORY: HistoryForPage = {
  ...{ state: 'file state.json', days: 3, since: '2026-11-08T00:00:00Z', until: '2026-11-10T12:00:00Z' },
  recordedSince: '2026-11-01T00:00:00Z',
  targets: [{ name: 'orders', lastAudited: '2026-11-10T06:15:00Z' }],
  clients: [
    {
      target: 'orders',
      role: 'app',
      checks: ['plaintext-session'],
      clients: ['10.0.1.7'],
      firstSeen: '2026-11-08T02:00:00Z',
      lastSeen: '2026-11-10T06:15:00Z',
      status: 'open',
      severity: 'high',
    },
  ],
  notSeen: [{ target: 'crm', since: '2026-11-09T06:15:00Z', reason: 'it could not be audited' }],
};
