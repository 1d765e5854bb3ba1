// From snapshots and outcomes to the report document.

import { describe, expect, test } from 'vitest';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import { known } from '../../lambda/model/observed.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';
import { buildReport } from '../../lambda/report/build-report.ts';
import { type Report, reportSchema } from '../../lambda/report/schema.ts';
import * as make from '../support/snapshots.ts';

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
    expect(Object.keys(parsed)).toEqual(['schemaVersion', 'startedAt', 'finishedAt', 'policy', 'targets', 'findings']);
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

  test('says null, not 0, of what nobody saw', () => {
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
});
