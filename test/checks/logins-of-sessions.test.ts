// Tests how the checks of sessions evaluate logins of the connection log, and that a log never acquits.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import { plaintextSession } from '../../lambda/checks/plaintext-session.ts';
import { type ClientLogins, LOG_GAP_CAUSES } from '../../lambda/model/connection-log.ts';
import { VERDICTS } from '../../lambda/model/finding.ts';
import { known } from '../../lambda/model/observed.ts';
import { TRANSPORTS } from '../../lambda/model/transport.ts';
import { outcomeOfLog, problemsOfLog } from './support/log-cases.ts';

describe('a client that the connection log shows', () => {
  test('is found though none of its sessions is open', () => {
    expect(problemsOfLog(plaintextSession, { clients: [make.clientLogins({ logins: 4_212 })] })).toMatchObject([
      {
        severity: 'high',
        role: 'etl',
        database: 'shop',
        clients: ['10.1.2.3'],
        count: 0,
        evidence: { openNow: 0, logins24h: 4_212, sources: ['connection log'] },
      },
    ]);
  });

  test('is one finding with its open sessions, which has the fingerprint that they have alone', () => {
    const open = make.plaintextSession({ role: 'etl', application: 'job-1', superuser: true });
    const visible = known({ visible: [open], hidden: 0 });
    const clients = [make.clientLogins({ application: 'job-7' })];
    const alone = evaluate(make.healthySnapshot([open]), make.POLICY);
    const both = evaluate(
      make.healthySnapshot([], { sessions: visible, connectionLog: make.connectionLog({ clients }) }),
      make.POLICY,
    );
    const ours = ({ findings }: typeof both) => findings.filter(({ check }) => check === 'plaintext-session');
    expect(ours(both)).toHaveLength(1);
    expect(ours(both)[0]).toMatchObject({
      fingerprint: ours(alone)[0]?.fingerprint,
      severity: 'critical',
      count: 1,
      clients: ['10.0.1.7', '10.1.2.3'],
      evidence: { openNow: 1, logins24h: 5, sources: ['pg_stat_ssl', 'connection log'] },
    });
    expect(ours(alone)[0]?.evidence).not.toHaveProperty('sources');
  });

  test('is critical where its role is a superuser, also while none of its sessions is open', () => {
    const role = { name: 'etl', canLogin: true, superuser: true, replication: false, memberOf: [] };
    const hba = known({ ...make.hbaFacts(), roles: [role] });
    expect(problemsOfLog(plaintextSession, { clients: [make.clientLogins()] }, { hba })).toMatchObject([
      { severity: 'critical', role: 'etl' },
    ]);
  });

  test('is found from a sample of sessions too', () => {
    const sampled = known({ from: make.NOW, to: make.NOW, samples: 3, sessions: [make.plaintextSession()] });
    const outcome = plaintextSession.evaluate(make.healthySnapshot([], { sampled }), make.POLICY);
    expect(outcome).toMatchObject({
      status: 'fail',
      problems: [{ role: 'app', evidence: { openNow: 0, sampledSessions: 1 } }],
    });
  });

  test.each([
    ['forged', { forged: true }],
    ['of others', { others: true, role: undefined }],
    ['from an unknown place', { hostKnown: false, network: undefined, addresses: [] }],
  ] as const)('is no finding where its line is %s, and the check is unknown', (_, overrides) => {
    const outcome = outcomeOfLog(plaintextSession, { clients: [make.clientLogins(overrides)] });
    expect(outcome).toMatchObject({ status: 'unknown', reason: expect.stringContaining('5 logins') });
  });

  test.each(['tls', 'gss', 'unix-socket'] as const)('over %s is none', (transport) => {
    const tls = transport === 'tls' ? { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', bits: 256 } : undefined;
    expect(outcomeOfLog(plaintextSession, { clients: [make.clientLogins({ transport, tls })] }).status).toBe('pass');
  });
});

const client = fc
  .record({
    role: fc.constantFrom('etl', 'app', undefined),
    application: fc.constantFrom('', 'checkout', 'x SSL enabled ('),
    transport: fc.constantFrom(...TRANSPORTS),
    forged: fc.boolean(),
    hostKnown: fc.boolean(),
    others: fc.boolean(),
    logins: fc.integer({ min: 1, max: 9 }),
  })
  .map((row): ClientLogins => make.clientLogins(row));

test('no log makes a verdict better, and none takes a finding away', () => {
  const log = fc.record({
    clients: fc.array(client, { maxLength: 5 }),
    gaps: fc.array(fc.constantFrom(...LOG_GAP_CAUSES).map((cause) => ({ cause, reason: 'a reason' }))),
  });
  const sessions = fc.subarray([make.plaintextSession(), make.session(), make.plaintextSession({ role: 'etl' })]);
  fc.assert(
    fc.property(log, sessions, fc.integer({ min: 0, max: 1 }), (facts, visible, hidden) => {
      const snapshot = make.healthySnapshot([], { sessions: known({ visible, hidden }) });
      const before = evaluate(snapshot, make.POLICY);
      const after = evaluate({ ...snapshot, connectionLog: make.connectionLog(facts) }, make.POLICY);
      expect(VERDICTS.indexOf(after.verdict)).toBeGreaterThanOrEqual(VERDICTS.indexOf(before.verdict));
      const fingerprints = new Set(after.findings.map(({ fingerprint }) => fingerprint));
      for (const { fingerprint } of before.findings) expect(fingerprints).toContain(fingerprint);
      expect(fingerprints.size).toBe(after.findings.length);
    }),
  );
});
