// Tests the check plaintext-session.

import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { plaintextSession } from '../../lambda/checks/plaintext-session.ts';
import type { Problem } from '../../lambda/model/finding.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';
import { EVERY_TRANSPORT, problems } from './support/session-cases.ts';

describe('plaintext-session', () => {
  test('finds plaintext over the network, and nothing that is encrypted or stays on the host', () => {
    const found = problems(plaintextSession, EVERY_TRANSPORT);
    expect(found.map(({ application, severity }) => [application, severity])).toEqual([['plain', 'high']]);
  });

  test('judges loopback like a network when the policy says so', () => {
    const found = problems(plaintextSession, EVERY_TRANSPORT, { loopback: 'network' });
    expect(found.map(({ application }) => application)).toEqual(['loopback', 'plain']);
  });

  test.each(['info', 'ignore'] as const)('leaves loopback alone when the policy says %s', (loopback) => {
    expect(problems(plaintextSession, EVERY_TRANSPORT, { loopback })).toHaveLength(1);
  });

  test('is critical for superusers and for replication', () => {
    const found = problems(plaintextSession, [
      make.plaintextSession({ role: 'postgres', superuser: true }),
      make.plaintextSession({ role: 'replicator', kind: 'replication', database: undefined }),
    ]);
    expect(found.map(({ severity, title }) => [severity, title])).toEqual([
      ['critical', 'Unencrypted session of a superuser over the network'],
      ['critical', 'Unencrypted replication over the network'],
    ]);
  });

  test('tells what it saw even when it did not see everything, and says so', () => {
    const snapshot = make.healthySnapshot([], {
      sessions: known({ visible: [make.plaintextSession()], hidden: 3 }),
      visibility: known({ role: 'tls_auditor', seesAllSessions: false }),
    });
    expect(plaintextSession.evaluate(snapshot, make.POLICY)).toMatchObject({
      status: 'fail',
      problems: [{ role: 'app', count: 1 }],
      incomplete: expect.stringContaining('3 hidden'),
    });
  });

  test('names who connects, from where, how often and since when, not which process', () => {
    const [found] = problems(plaintextSession, [
      make.plaintextSession({ startedAt: Date.parse('2026-11-10T04:00:00Z'), clientAddress: '10.0.1.9' }),
      make.plaintextSession({ startedAt: Date.parse('2026-11-09T22:10:31Z') }),
    ]);
    expect(found).toMatchObject({
      role: 'app',
      database: 'shop',
      application: 'checkout',
      clients: ['10.0.1.7', '10.0.1.9'],
      count: 2,
      evidence: { oldestSession: '2026-11-09T22:10:31.000Z' },
    });
  });
});

describe('plaintext-session, where the server refuses plaintext by now,', () => {
  const found = (overrides: Partial<Snapshot>): Problem | undefined => {
    const outcome = plaintextSession.evaluate(make.healthySnapshot([make.plaintextSession()], overrides), make.POLICY);
    return outcome.status === 'fail' ? outcome.problems[0] : undefined;
  };
  const hba = make.hbaFacts();
  const open = hba.rules.map((rule) => ({ ...rule, type: 'host' as const }));
  const refused = known(make.wireProbe());

  test('says that the session is older, and how to end it', () => {
    expect(found({})).toMatchObject({
      evidence: { now: 'the server refuses plaintext now; this session is older' },
      remedy: expect.stringContaining('pg_terminate_backend'),
    });
  });

  test('says nothing of it where the rules let it in, or wait to be loaded', () => {
    for (const facts of [
      { ...hba, rules: open },
      { ...hba, changedSinceLoad: true },
    ]) {
      expect(found({ hba: known(facts) })?.evidence).not.toHaveProperty('now');
    }
  });

  test('says what the wire showed where the rules are not known', () => {
    const { now } = found({ hba: unknown('may not'), probe: refused })?.evidence ?? {};
    expect(now).toMatch(/^the server refuses the auditor's login in plaintext now; if it refuses this one too/);
  });
});
