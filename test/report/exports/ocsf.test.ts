// OCSF events, each held to a schema of OCSF 1.6.0 that is written from its definition: no npm package carries one.

import { describe, expect, test } from 'vitest';
import { CHECKS } from '../../../lambda/checks/registry.ts';
import { wholeText } from '../../../lambda/report/exports/chunks.ts';
import { ocsfEvents, renderOcsf } from '../../../lambda/report/exports/ocsf.ts';
import { badNight, finding, healthyReport, healthyTarget } from '../builders.ts';
import { HOSTILE_NAMES, UNSAFE } from '../hostile.ts';
import { complianceFindingSchema } from './ocsf-schema.ts';
import { CONTEXT, eventfulReport, outcomes, textsOf } from './outcomes.ts';

const EVENTS = ocsfEvents(eventfulReport(), CONTEXT);

function eventOf(uid: string): (typeof EVENTS)[number] | undefined {
  return EVENTS.find(({ finding_info }) => finding_info.uid === uid);
}

describe('ocsfEvents', () => {
  test.each([
    ['a bad night without state', badNight()],
    ['an eventful run', eventfulReport()],
    ['a run of nothing', healthyReport({ targets: [] })],
  ])('%s: every event is a valid Compliance Finding', (_what, report) => {
    const events = JSON.parse(wholeText(renderOcsf(report, CONTEXT))) as unknown[];
    expect(events).toHaveLength(ocsfEvents(report, CONTEXT).length);
    for (const event of events) expect(complianceFindingSchema.safeParse(event).error).toBeUndefined();
  });

  test('has an event for each finding, and for each check and target besides that failed fully', () => {
    const outcomes = 4 * CHECKS.length;
    // Three failed checks saw everything, and have their findings to tell.
    expect(EVENTS).toHaveLength(9 + outcomes - 3);
    const uids = EVENTS.map(({ finding_info }) => finding_info.uid);
    expect(new Set(uids).size).toBe(uids.length);
    expect(uids.filter((uid) => uid.endsWith('/billing'))).toHaveLength(CHECKS.length);
  });

  test.each([
    ['a new finding', '0000000000000a01', 'Create', 'New', 'Fail'],
    ['one that is still there', '0000000000000a02', 'Update', 'New', 'Fail'],
    ['one that got worse', '0000000000000a03', 'Update', 'New', 'Fail'],
    ['a muted one', '0000000000000a04', 'Update', 'Suppressed', 'Fail'],
    ['one that was not seen', '0000000000000a05', 'Update', 'New', 'Fail'],
    ['one that is gone', '00000000000000f1', 'Close', 'Resolved', 'Pass'],
    ['one whose check does not apply any more', '00000000000000f2', 'Close', 'Resolved', 'Not Applicable'],
    ['one whose target nobody looks at any more', '00000000000000f3', 'Close', 'Archived', 'Unknown'],
    ['a check that passed', 'plaintext-session/billing', 'Create', 'Resolved', 'Pass'],
    ['a check that does not apply', 'client-certificate-expiring/orders', 'Create', 'Resolved', 'Not Applicable'],
    ['a check that could not see', 'weak-cipher-session/crm', 'Create', 'New', 'Warning'],
    ['a failed check that could not see everything', 'plaintext-session/crm', 'Create', 'New', 'Warning'],
    ['a check that crashed', 'plaintext-allowed/crm', 'Create', 'New', 'Unknown'],
    ['a check of a target that was not audited', 'plaintext-session/ledger', 'Create', 'New', 'Warning'],
  ])('%s', (_what, uid, activity_name, status, compliance) => {
    expect(eventOf(uid)).toMatchObject({ activity_name, status, compliance: { status: compliance } });
  });

  test('nothing that could not be seen has passed', () => {
    const passed = EVENTS.filter(({ compliance }) => compliance.status === 'Pass');
    expect(passed.filter(({ resources }) => resources[0]?.name === 'ledger')).toEqual([]);
    expect(passed.map(({ finding_info }) => finding_info.uid)).not.toContain('weak-cipher-session/crm');
  });

  test('says since when, where, by which standard, why and how to fix it', () => {
    expect(eventOf('0000000000000a02')).toMatchObject({
      severity: 'High',
      time: Date.parse('2026-11-10T06:15:05.000Z'),
      metadata: { product: { name: 'pg-tls-auditor', version: '1.2.3' }, event_code: 'plaintext-session' },
      finding_info: {
        first_seen_time: Date.parse('2026-11-09T06:15:05.000Z'),
        last_seen_time: Date.parse('2026-11-10T06:15:05.000Z'),
      },
      compliance: {
        control: 'plaintext-session',
        requirements: expect.arrayContaining(['PCI DSS v4.0.1 4.2.1', 'SOC 2 CC6.7']),
      },
      resources: [
        {
          name: 'orders',
          uid: 'orders.db.example.com:5432',
          hostname: 'orders.db.example.com',
          type: 'PostgreSQL server',
          labels: ['stage=production', 'team=shop'],
        },
      ],
      remediation: { desc: expect.stringContaining('hostssl all all all scram-sha-256') },
      evidences: [{ user: { name: 'old' }, database: { name: 'shop' }, data: { sessions: 12 } }],
    });
    expect(eventOf('0000000000000a04')?.compliance.status_details).toContain(
      'muted until 2026-12-31 00:00 UTC by shop: replaced in December',
    );
  });

  test('a host that is an address is one', () => {
    expect(eventOf('0000000000000a03')?.resources).toMatchObject([{ ip: '2001:db8::7', uid: '[2001:db8::7]:5432' }]);
    expect(eventOf('0000000000000a03')?.resources[0]).not.toHaveProperty('hostname');
  });

  test('without state every finding is a first one', () => {
    const events = ocsfEvents(healthyReport({ findings: [finding()] }), CONTEXT);
    expect(events[0]).toMatchObject({ activity_name: 'Create', status: 'New' });
  });

  test('a target whose credentials could not be read has a name only', () => {
    const target = healthyTarget({ host: null, port: null, link: null, checks: outcomes() });
    const [event] = ocsfEvents(healthyReport({ targets: [target] }), CONTEXT);
    expect(event?.resources).toEqual([
      { name: 'orders', type: 'PostgreSQL server', version: '18.4', role_id: 1, role: 'Target' },
    ]);
  });

  test('a check that the catalogue no longer has is exported all the same', () => {
    const [event] = ocsfEvents(healthyReport({ findings: [finding({ check: 'retired-check' })] }), CONTEXT);
    expect(complianceFindingSchema.safeParse(event).error).toBeUndefined();
    expect(event).toMatchObject({ compliance: { control: 'retired-check' } });
  });

  test.each(HOSTILE_NAMES)('shows %s harmlessly', (_what, name) => {
    const hostile = finding({ role: name, database: name, application: name, title: `Of ${name}`, evidence: { name } });
    for (const event of ocsfEvents(healthyReport({ findings: [hostile] }), CONTEXT)) {
      expect(complianceFindingSchema.safeParse(event).error).toBeUndefined();
      expect(textsOf(event).filter((text) => UNSAFE.test(text.replaceAll('\n', ' ')))).toEqual([]);
    }
  });
});
