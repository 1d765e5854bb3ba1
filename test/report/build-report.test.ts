// From snapshots and outcomes to the report document.

import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import { known } from '../../lambda/model/observed.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';
import { buildReport } from '../../lambda/report/build-report.ts';
import { type Report, reportSchema } from '../../lambda/report/schema.ts';
import { decided, eventfulNight, LAST_MONTH, MUTE, night, TODAY, YESTERDAY } from './lifecycle-cases.ts';

function report(...snapshots: readonly Snapshot[]): Report {
  const audited = snapshots.map((snapshot) => ({ snapshot, ...evaluate(snapshot, make.POLICY) }));
  return buildReport({ startedAt: make.NOW, finishedAt: make.NOW, policy: make.POLICY, audited });
}

describe('the report', () => {
  test('of healthy, spoilt and unreachable targets is as its schema says, without keys that have no value', () => {
    const document = report(
      make.healthySnapshot(),
      make.healthySnapshot([make.plaintextSession(), make.tlsSession({ version: 'TLSv1' })]),
      make.failedSnapshot(),
    );
    const parsed = reportSchema.parse(document);
    expect(JSON.parse(JSON.stringify(document))).toEqual(parsed);
    expect(Object.keys(parsed)).toEqual([
      'schemaVersion',
      'startedAt',
      'finishedAt',
      'policy',
      'state',
      'targets',
      'findings',
    ]);
    expect(parsed.state).toBe('none');
    expect(parsed.targets.map(({ takenAt }) => takenAt)).toEqual([make.NOW, make.NOW, make.NOW]);
  });

  test.each([
    ['mozilla-intermediate', 'Mozilla Server Side TLS', '5.7'],
    ['mozilla-modern', 'Mozilla Server Side TLS', '5.7'],
    ['nist-sp-800-52r2', 'NIST SP 800-52', 'Revision 2 (August 2019), sections 3.3.1.1 and 3.3.1.2'],
  ] as const)(
    'names the guideline behind %s, with its version, and the policy as it was',
    (profile, document, version) => {
      const policy = { ...make.POLICY, cipherProfile: profile, clientCertificateRoles: ['app_*', '\u001b[2J'] };
      const { policy: reported } = buildReport({ startedAt: make.NOW, finishedAt: make.NOW, policy, audited: [] });
      expect(reported).toMatchObject({
        cipherProfile: profile,
        cipherProfileSource: { document, version, url: expect.stringMatching(/^https:/) },
        clientCertificateRoles: ['app_*', '\\u{1b}[2J'],
      });
    },
  );

  test('counts sessions by transport and TLS version', () => {
    const { targets } = report(
      make.healthySnapshot([
        make.session(),
        make.session(),
        make.tlsSession({ version: 'TLSv1' }),
        make.plaintextSession(),
        make.session({ transport: 'unix-socket', tls: undefined }),
      ]),
    );
    expect(targets[0]?.sessions).toEqual({
      total: 5,
      hidden: 0,
      byTransport: { tls: 3, gss: 0, 'unix-socket': 1, loopback: 0, plaintext: 1 },
      byTlsVersion: { 'TLSv1.3': 2, TLSv1: 1 },
    });
  });

  test('says null, not 0, of what was not seen', () => {
    const { targets } = report(make.failedSnapshot());
    expect(targets[0]).toMatchObject({
      verdict: 'not-audited',
      link: null,
      server: null,
      sessions: null,
      error: { cause: 'connection-refused', phase: 'tcp' },
    });
  });

  test('gives the reason of every check that did not see everything', () => {
    const snapshot = make.healthySnapshot([], {
      visibility: known({ role: 'tls_auditor', seesAllSessions: false }),
      sessions: known({ visible: [make.plaintextSession()], hidden: 3 }),
    });
    const checks = report(snapshot).targets[0]?.checks ?? [];
    expect(checks.find(({ id }) => id === 'plaintext-session')).toEqual({
      id: 'plaintext-session',
      status: 'fail',
      reason: "the login may not see other roles' sessions (3 hidden)",
    });
    expect(checks.filter(({ status, reason }) => status !== 'pass' && status !== 'fail' && !reason)).toEqual([]);
  });

  test('lists findings worst first, whatever the order of targets', () => {
    const { findings } = report(
      make.healthySnapshot([make.tlsSession({})]),
      make.healthySnapshot([make.plaintextSession({ superuser: true })]),
      make.healthySnapshot([make.plaintextSession()]),
    );
    expect(findings.map(({ severity }) => severity)).toEqual(['critical', 'high', 'info']);
  });

  test('shows names that clients and certificates chose without what they do', () => {
    const hostile = '\u001b[2J\u202e<!channel>';
    const document = report(
      make.healthySnapshot(
        [
          make.plaintextSession({ role: hostile, database: hostile, application: hostile }),
          make.tlsSession({ version: hostile }),
        ],
        { serverChain: known([make.certificate({ subject: hostile, issuer: hostile, subjectAltNames: [hostile] })]) },
      ),
    );
    expect(JSON.stringify(document)).not.toMatch(/\\u001b|\u202e/);
  });

  describe('with a decision', () => {
    const { report: kept } = eventfulNight();

    test('is as its schema says', () => {
      expect(JSON.parse(JSON.stringify(kept))).toEqual(reportSchema.parse(kept));
    });

    test('says of each finding what it is now, and since when', () => {
      const lives = kept.findings.map(({ fingerprint, lifecycle }) => `${fingerprint.slice(-1)} ${lifecycle?.reason}`);
      expect(lives.toSorted()).toEqual([
        '1 escalated',
        '2 new',
        '3 mute-expired',
        '4 reminder',
        '5 new',
        '6 ongoing',
        '8 muted',
      ]);
      expect(kept.findings.find(({ fingerprint }) => fingerprint.endsWith('3'))?.lifecycle).toEqual({
        reason: 'mute-expired',
        firstSeen: LAST_MONTH,
        openedAt: LAST_MONTH,
        lastSeen: TODAY,
        lastNotifiedSeverity: 'high',
        mute: { reason: MUTE.reason, owner: MUTE.owner, expires: MUTE.expires },
      });
    });

    test('keeps muted findings: they are there, whichever receiver gets them', () => {
      expect(kept.findings.filter(({ lifecycle }) => lifecycle?.reason === 'muted')).toHaveLength(1);
    });

    test('tells apart what it did not see, what is over, and what it saw', () => {
      const ends = (findings: Report['findings'] | Report['resolved']) =>
        findings?.map(({ fingerprint }) => fingerprint.slice(-1));
      expect(kept.state).toBe('kept');
      expect(ends(kept.carriedOver)).toEqual(['7']);
      expect(ends(kept.resolved)).toEqual(['9', 'a']);
      expect(kept.resolved?.[1]).toMatchObject({
        resolution: 'target-removed',
        openedAt: LAST_MONTH,
        lastSeen: YESTERDAY,
        lastNotifiedSeverity: 'medium',
      });
      expect(kept.resolved?.[1]).not.toHaveProperty('lifecycle');
    });

    test('shows what a later run has found gone as neither new nor over', () => {
      const overtaken = decided('resolved', {}, { isObserved: true, notify: false });
      const { report: late } = night([overtaken]);
      expect(late.resolved).toEqual([]);
      expect(late.findings).toHaveLength(1);
      expect(late.findings[0]).not.toHaveProperty('lifecycle');
    });

    test('lists mutes with what they did, where there are any', () => {
      expect(kept.mutes?.map(({ expired, matched, unusedSince }) => ({ expired, matched, unusedSince }))).toEqual([
        { expired: true, matched: 0, unusedSince: undefined },
        { expired: false, matched: 0, unusedSince: '2026-10-05T00:00:00.000Z' },
      ]);
      expect(night([decided('new')]).report).not.toHaveProperty('mutes');
    });

    test('and no state has neither a past nor anything resolved', () => {
      const { report: alone } = night([decided('new'), decided('resolved')], { state: false });
      expect(alone.state).toBe('none');
      expect(alone).not.toHaveProperty('carriedOver');
      expect(alone).not.toHaveProperty('resolved');
    });
  });
});
