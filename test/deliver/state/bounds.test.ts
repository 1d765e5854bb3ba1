// A finding of any size is saved: one that no item holds would keep the state of all others from being saved.

import { expect, test } from 'vitest';
import { boundedRecord } from '../../../lambda/deliver/state/bounds.ts';
import type { Finding } from '../../../lambda/model/finding.ts';

const AT = '2026-11-10T06:15:02.000Z';
const LONG = '\u0001'.repeat(1_000_000);

const FINDING: Finding = {
  fingerprint: '0123456789abcdef',
  check: 'plaintext-session',
  severity: 'high',
  target: 'orders',
  title: 'A title',
  role: 'app',
  evidence: {},
  remedy: 'A remedy',
};

test.each<[string, Partial<Finding>]>([
  ['role', { role: LONG }],
  ['database', { database: LONG }],
  ['application', { application: LONG }],
  ['title', { title: LONG }],
  ['remedy', { remedy: LONG }],
  ['name of evidence', { evidence: { [LONG]: LONG } }],
  ['client', { clients: [LONG] }],
  ['everything', { role: LONG, database: LONG, application: LONG, title: LONG, remedy: LONG, clients: [LONG] }],
])('a long %s fits into an item', (_, long) => {
  const record = {
    finding: { ...FINDING, ...long },
    status: 'open',
    firstSeen: AT,
    openedAt: AT,
    lastSeen: AT,
  } as const;
  const bounded = boundedRecord(record);
  expect(Buffer.byteLength(JSON.stringify(bounded))).toBeLessThan(200_000);
  expect(boundedRecord(bounded)).toEqual(bounded);
});
