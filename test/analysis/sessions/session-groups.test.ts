// What counts as one thing to fix, and how it is told where it comes from.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { session } from '../../../lab/snapshots.ts';
import { clientNetworks } from '../../../lambda/analysis/sessions/client-networks.ts';
import { fold } from '../../../lambda/analysis/sessions/fold.ts';
import { describeGroup, groupSessions } from '../../../lambda/analysis/sessions/session-groups.ts';
import { fingerprint } from '../../../lambda/checks/fingerprint.ts';

describe('groups of sessions', () => {
  test('are one for each role, database and application', () => {
    const groups = groupSessions([
      session(),
      session({ role: 'other' }),
      session({ database: 'crm' }),
      session({ application: 'cron' }),
      session({ clientAddress: '192.0.2.1', pid: 7, startedAt: Date.parse('2026-01-01T00:00:00Z') }),
    ]);
    expect(groups.map(({ sessions }) => sessions.length)).toEqual([2, 1, 1, 1]);
  });

  test('take numbered names and UUIDs for one application, and show what they have in common', () => {
    const names = ['job-17', 'job-18', 'job-3f2504e0-4f89-11d3-9a0c-0305e82c3301'];
    const [group, ...others] = groupSessions(names.map((application) => session({ application })));
    expect(others).toEqual([]);
    expect(group && describeGroup(group)).toMatchObject({
      application: 'job-#',
      count: 3,
      evidence: { applications: names.toSorted() },
    });
  });

  test('keep the name as it is when there is only one', () => {
    const [group] = groupSessions([session({ application: 'pgAdmin 4' }), session({ application: 'pgAdmin 4' })]);
    expect(group && describeGroup(group).application).toBe('pgAdmin 4');
  });

  test('do not mix replication with clients of the same role', () => {
    const groups = groupSessions([session(), session({ kind: 'replication' })]).map(describeGroup);
    expect(groups.map(({ subject }) => subject)).toEqual([undefined, 'replication']);
    const [a, b] = groups.map((group) => fingerprint('plaintext-session', 'orders', group));
    expect(a).not.toBe(b);
  });

  test('cannot be forged into one by names that hold separators', () => {
    expect(
      groupSessions([session({ role: 'a","b', database: 'c' }), session({ role: 'a', database: 'b","c' })]),
    ).toHaveLength(2);
  });

  test('show hostile names without what they do', () => {
    const [group] = groupSessions([session({ application: '\u001b[2J<!channel>\n' })]);
    const shown = group && describeGroup(group).application;
    expect(shown).not.toMatch(/\p{Cc}/u);
    expect(shown).toContain('\\u{1b}');
  });
});

describe('fingerprint', () => {
  const identity = { role: 'app', database: 'shop', application: 'job-17' };
  const base = fingerprint('plaintext-session', 'orders', identity);

  test('is 16 hexadecimal characters that do not change between releases', () => {
    expect(base).toBe(fingerprint('plaintext-session', 'orders', { ...identity }));
    expect(base).toMatchInlineSnapshot(`"f6f58ff91d86b22a"`);
  });

  test('is the same for another number of the same application', () => {
    expect(fingerprint('plaintext-session', 'orders', { ...identity, application: 'job-1800' })).toBe(base);
    expect(fingerprint('plaintext-session', 'orders', { ...identity, application: 'job-#' })).toBe(base);
  });

  test.each([
    ['check', fingerprint('deprecated-tls-session', 'orders', identity)],
    ['target', fingerprint('plaintext-session', 'billing', identity)],
    ['role', fingerprint('plaintext-session', 'orders', { ...identity, role: 'app2' })],
    ['database', fingerprint('plaintext-session', 'orders', { ...identity, database: undefined })],
    ['application', fingerprint('plaintext-session', 'orders', { ...identity, application: 'cron' })],
    ['subject', fingerprint('plaintext-session', 'orders', { ...identity, subject: 'x' })],
  ])('is another for another %s', (_what, other) => {
    expect(other).not.toBe(base);
  });
});

test('folding twice changes nothing more', () => {
  fc.assert(fc.property(fc.string(), (name) => fold(fold(name)) === fold(name)));
});

describe('client networks', () => {
  test('are the addresses while there are few, each once, in an order of their own', () => {
    expect(clientNetworks(['10.0.0.2', '10.0.0.1', '10.0.0.2'])).toEqual(['10.0.0.1', '10.0.0.2']);
    expect(clientNetworks([])).toEqual([]);
  });

  test('are subnets when there are many addresses', () => {
    const addresses = Array.from({ length: 300 }, (_, i) => `10.0.${i % 3}.${i % 250}`);
    expect(clientNetworks(addresses)).toEqual(['10.0.0.0/24', '10.0.1.0/24', '10.0.2.0/24']);
  });

  test('are wider when there are many subnets too, and never more than eight', () => {
    const spread = Array.from({ length: 200 }, (_, i) => `10.${i % 2}.${i}.1`);
    expect(clientNetworks(spread)).toEqual(['10.0.0.0/16', '10.1.0.0/16']);
    fc.assert(
      fc.property(fc.array(fc.ipV4(), { maxLength: 200 }), (addresses) => clientNetworks(addresses).length <= 8),
    );
  });

  test('tell IPv6 from IPv4', () => {
    const v6 = Array.from({ length: 9 }, (_, i) => `2001:db8::${i + 1}`);
    expect(clientNetworks([...v6, '10.0.0.1'])).toEqual(['10.0.0.0/24', '2001:db8::/64']);
  });
});
