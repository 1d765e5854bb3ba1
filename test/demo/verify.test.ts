import { expect, test } from 'vitest';
import type { PlantedTarget } from '../../demo/planted.ts';
import { discrepancies, leaks } from '../../demo/verify.ts';
import type { Report } from '../../lambda/report/schema.ts';
import { finding, healthyReport, healthyTarget, notAuditedFinding, notAuditedTarget } from '../report/builders.ts';

const PLANTED: readonly PlantedTarget[] = [
  {
    name: 'shop',
    about: '',
    verdict: 'findings',
    clients: [
      {
        kind: 'plaintext',
        role: 'app',
        database: 'shop',
        applications: ['worker-1', 'worker-2'],
        reportedAs: 'worker-#',
        findings: [{ check: 'plaintext-session', severity: 'high' }],
      },
      { kind: 'tlsv1.3', role: 'app', database: 'shop', applications: ['api'] },
      { kind: 'unix-socket', role: 'cron', database: 'shop', applications: ['vacuum'] },
    ],
  },
  {
    name: 'ledger',
    about: '',
    verdict: 'not-audited',
    clients: [],
    findings: [{ check: 'target-not-audited', severity: 'critical' }],
  },
];

const SESSIONS = {
  total: 4,
  hidden: 0,
  byTransport: { tls: 1, gss: 0, 'unix-socket': 1, loopback: 2, plaintext: 0 },
  byTlsVersion: { 'TLSv1.3': 1 },
};
const SHOP = healthyTarget({ name: 'shop', verdict: 'findings', sessions: SESSIONS });
const WORKERS = finding({ target: 'shop', application: 'worker-#', count: 2 });

function reportWith(overrides: Partial<Report>): Report {
  return healthyReport({
    targets: [SHOP, notAuditedTarget('ledger')],
    findings: [notAuditedFinding('ledger'), WORKERS],
    ...overrides,
  });
}

test('a report of exactly what was planted has no discrepancy', () => {
  expect(discrepancies(PLANTED, reportWith({}))).toEqual([]);
});

test.each<[string, Partial<Report>, string[]]>([
  [
    'a client that was missed',
    { findings: [notAuditedFinding('ledger')] },
    ['The audit missed: shop: plaintext-session (high), role app, database shop, application worker-#, 2×'],
  ],
  [
    'an alarm about nothing',
    { findings: [notAuditedFinding('ledger'), WORKERS, WORKERS] },
    [
      'The audit reported what was not planted: shop: plaintext-session (high), role app, database shop, application worker-#, 2×',
    ],
  ],
  [
    'a wrong severity',
    { findings: [notAuditedFinding('ledger'), { ...WORKERS, severity: 'medium' }] },
    [
      'The audit missed: shop: plaintext-session (high), role app, database shop, application worker-#, 2×',
      'The audit reported what was not planted: shop: plaintext-session (medium), role app, database shop, application worker-#, 2×',
    ],
  ],
  [
    'a false all-clear',
    { targets: [{ ...SHOP, verdict: 'clean' }, notAuditedTarget('ledger')] },
    ['shop should be findings, and is clean'],
  ],
  ['a target left out', { targets: [SHOP] }, ['ledger should be not-audited, and is not reported']],
  [
    'sessions that nobody counted',
    {
      targets: [
        { ...SHOP, sessions: { ...SESSIONS, byTransport: { ...SESSIONS.byTransport, 'unix-socket': 0 } } },
        notAuditedTarget('ledger'),
      ],
    },
    [
      'shop has the sessions 1 TLSv1.3, 1 tls, 1 unix-socket, 2 loopback, and the audit saw 1 TLSv1.3, 1 tls, 2 loopback',
    ],
  ],
  [
    'a count of what could not be seen',
    { targets: [SHOP, { ...notAuditedTarget('ledger'), sessions: SESSIONS }] },
    ['ledger was not audited, and yet its sessions are counted'],
  ],
  [
    'an unproven connection',
    { targets: [{ ...SHOP, link: null }, notAuditedTarget('ledger')] },
    ["the auditor's own session to shop is not proven"],
  ],
])('%s is reported', (_, overrides, expected) => {
  expect(discrepancies(PLANTED, reportWith(overrides))).toEqual(expected);
});

test('a password is reported by where it can be read, and not shown again', () => {
  expect(leaks(['s3cret', 'other'], { 'the log': 'x', 'the message': 'password=s3cret' })).toEqual([
    'A password can be read in the message',
  ]);
});
