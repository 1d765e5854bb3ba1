// Tests the check client-certificate-rejected.

import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { clientCertificateRejected } from '../../lambda/checks/client-certificate-rejected.ts';
import { problemsOfLog, silences } from './support/log-cases.ts';

const UNKNOWN_CA = {
  why: 'unable to get local issuer certificate',
  subject: '/CN=certuser',
  issuer: '/CN=Other CA',
} as const;

describe('client-certificate-rejected', () => {
  test('says why, of whom and by which CA, as far as the server logs it', () => {
    const failures = [make.failedLogins({ reason: 'client-certificate', certificate: UNKNOWN_CA, count: 2 })];
    expect(problemsOfLog(clientCertificateRejected, { failures })).toMatchObject([
      {
        severity: 'medium',
        clients: ['10.1.2.0/24'],
        evidence: {
          why: 'unable to get local issuer certificate',
          unverifiedSubjects: ['/CN=certuser'],
          unverifiedIssuer: '/CN=Other CA',
          times: 2,
        },
      },
    ]);
  });

  test('is high where many certificates of one CA fail, and that is one finding', () => {
    const failures = Array.from({ length: 10 }, (_, index) =>
      make.failedLogins({
        reason: 'client-certificate',
        certificate: { ...UNKNOWN_CA, subject: `/CN=client${index}` },
        count: 1,
      }),
    );
    expect(problemsOfLog(clientCertificateRejected, { failures })).toMatchObject([
      { severity: 'high', evidence: { times: 10, unverifiedSubjects: expect.any(Array) } },
    ]);
  });

  test('finds a certificate of another name, and one that is missing', () => {
    const failures = [
      make.failedLogins({ kind: 'client-certificate-failed', reason: 'name-mismatch', role: 'certuser' }),
      make.failedLogins({ kind: 'client-certificate-failed', reason: 'missing', role: 'app' }),
    ];
    const found = problemsOfLog(clientCertificateRejected, { failures });
    expect(found.map(({ evidence }) => evidence.roleAsked)).toEqual(['certuser', 'app']);
  });

  test('keeps authorities apart whose names differ late', () => {
    const failures = ['A', 'B'].map((end) =>
      make.failedLogins({
        reason: 'client-certificate',
        certificate: { ...UNKNOWN_CA, issuer: `/O=${'Long '.repeat(20)}/CN=${end}` },
      }),
    );
    const found = problemsOfLog(clientCertificateRejected, { failures });
    expect(new Set(found.map(({ subject }) => subject)).size).toBe(2);
  });

  test('calls no mixture of many authorities high, and names none of them', () => {
    const failures = Array.from({ length: 40 }, (_, index) =>
      make.failedLogins({
        reason: 'client-certificate',
        certificate: { ...UNKNOWN_CA, issuer: `/CN=invented ${index}` },
        count: 1,
      }),
    );
    const rest = problemsOfLog(clientCertificateRejected, { failures }).at(-1);
    expect(rest).toMatchObject({ severity: 'medium', evidence: { times: 30 } });
    expect(JSON.stringify(rest)).not.toContain('invented');
  });

  test('makes few findings of many invented names', () => {
    const failures = Array.from({ length: 150 }, (_, index) =>
      make.failedLogins({ kind: 'client-certificate-failed', reason: 'missing', role: `x${index}` }),
    );
    expect(problemsOfLog(clientCertificateRejected, { failures })).toHaveLength(11);
  });

  test('says nothing of other failed handshakes, and never passes where the log may not show everything', () => {
    expect(problemsOfLog(clientCertificateRejected, { failures: [make.failedLogins()] })).toEqual([]);
    expect(silences(clientCertificateRejected)).toEqual(['not-applicable', 'pass', 'unknown', 'unknown']);
  });
});
