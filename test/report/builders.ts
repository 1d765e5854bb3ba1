// Reports for tests: a healthy one, to spoil in one place.

import type { DecidedReport } from '../../lambda/report/build-report.ts';
import { buildDigest, type Digest } from '../../lambda/report/digest.ts';
import { DEFAULT_ROUTE, type Receiver } from '../../lambda/report/receiver.ts';
import type { Report, ReportFinding, ReportTarget } from '../../lambda/report/schema.ts';

/** A target where everything was looked at and nothing found. */
export function healthyTarget(overrides: Partial<ReportTarget> = {}): ReportTarget {
  const name = overrides.name ?? 'orders';
  return {
    name,
    host: `${name}.db.example.com`,
    port: 5432,
    labels: {},
    takenAt: '2026-11-10T06:15:05.000Z',
    verdict: 'clean',
    coverage: 'snapshot',
    link: {
      tlsVersion: 'TLSv1.3',
      cipher: 'TLS_AES_256_GCM_SHA384',
      authorized: true,
      verifiedName: `${name}.db.example.com`,
      sslNegotiation: 'postgres',
      authentication: 'scram-sha-256-plus',
      channelBinding: true,
      serverView: { tlsVersion: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' },
      certificates: [
        {
          subject: `CN=${name}.db.example.com`,
          issuer: 'CN=Example Root CA',
          notBefore: '2026-01-01T00:00:00Z',
          notAfter: '2027-06-01T00:00:00Z',
          subjectAltNames: [`DNS:${name}.db.example.com`],
          sha256: 'ab'.repeat(32),
        },
      ],
      timings: { tcp: 0.4, tlsHandshake: 4.1, authentication: 9.3, queries: 6.2 },
      roundTrips: 1,
      attempts: 1,
    },
    server: { version: '18.4', inRecovery: false },
    sessions: {
      total: 42,
      hidden: 0,
      byTransport: { tls: 40, gss: 0, 'unix-socket': 2, loopback: 0, plaintext: 0 },
      byTlsVersion: { 'TLSv1.3': 40 },
    },
    probe: null,
    checks: [
      { id: 'plaintext-session', status: 'pass' },
      { id: 'deprecated-tls-session', status: 'pass' },
    ],
    ...overrides,
  };
}

/** A target that could not be reached. */
export function notAuditedTarget(name = 'ledger'): ReportTarget {
  return healthyTarget({
    name,
    verdict: 'not-audited',
    error: {
      cause: 'certificate-expired',
      phase: 'tls',
      message: `The certificate of ${name}.db.example.com:5432 expired on 2026-11-07T00:00:00Z`,
      remedy: 'Renew the server certificate and reload PostgreSQL (select pg_reload_conf()).',
    },
    link: null,
    server: null,
    sessions: null,
    checks: [{ id: 'target-not-audited', status: 'fail' }],
  });
}

let serial = 0;

/** A finding of a client in plaintext. */
export function finding(overrides: Partial<ReportFinding> = {}): ReportFinding {
  serial += 1;
  return {
    fingerprint: serial.toString(16).padStart(16, '0'),
    check: 'plaintext-session',
    severity: 'high',
    target: 'orders',
    title: 'Unencrypted session over the network',
    role: 'app',
    database: 'shop',
    application: 'checkout',
    clients: ['10.0.1.7', '10.0.1.9'],
    count: 12,
    evidence: { oldestSession: '2026-11-09T22:10:31Z' },
    remedy:
      'Set sslmode=verify-full and sslrootcert in the client, then refuse plaintext in pg_hba.conf: hostssl all all all scram-sha-256',
    ...overrides,
  };
}

/** The finding of a target that could not be reached. */
export function notAuditedFinding(name = 'ledger'): ReportFinding {
  const { error } = notAuditedTarget(name);
  return {
    fingerprint: '00000000000000ff',
    check: 'target-not-audited',
    severity: 'critical',
    target: name,
    title: 'The database could not be audited',
    evidence: { cause: error?.cause ?? '', what: error?.message ?? '' },
    remedy: error?.remedy ?? '',
  };
}

/** A run of one target that found nothing. */
export function healthyReport(overrides: Partial<Report> = {}): Report {
  return {
    schemaVersion: 1,
    startedAt: '2026-11-10T06:15:02.123Z',
    finishedAt: '2026-11-10T06:15:09.456Z',
    policy: {
      minTlsVersion: 'TLSv1.2',
      preferredTlsVersion: 'TLSv1.3',
      cipherProfile: 'mozilla-intermediate',
      cipherProfileSource: {
        document: 'Mozilla Server Side TLS',
        version: '5.7',
        url: 'https://wiki.mozilla.org/Security/Server_Side_TLS',
      },
      loopback: 'info',
      certificateExpiryDays: { medium: 30, high: 14, critical: 7 },
      clientCertificateRoles: [],
    },
    state: 'none',
    targets: [healthyTarget()],
    findings: [],
    ...overrides,
  };
}

/** A run that knows everything that a report may hold: logins and the post-quantum key exchange too. */
export function fullySeenReport(): Report {
  const time = '2026-11-10T06:15:05.000Z';
  const accepted = { answer: 'accepted' } as const;
  return healthyReport({
    targets: [
      healthyTarget({
        logins: {
          ...{ source: 'server-files', from: '2026-11-09T06:15:05.000Z', to: time, total: 1 },
          byTransport: { tls: 1, gss: 0, 'unix-socket': 0, loopback: 0, plaintext: 0 },
        },
        probe: {
          ...{ role: 'tls_auditor', database: 'shop', plaintext: { answer: 'refused' }, offersTls: true },
          tlsVersions: {
            TLSv1: { answer: 'refused' },
            'TLSv1.1': { answer: 'refused' },
            'TLSv1.2': accepted,
            'TLSv1.3': accepted,
          },
          ...{ directTls: accepted, brokenSuites: { answer: 'refused' }, connections: 8 },
          keyExchange: { group: 'X25519MLKEM768', postQuantum: true },
        },
      }),
    ],
  });
}

/** A bad night: findings of several kinds, a target that was not audited, one half seen, and a clean one. */
export function badNight(): Report {
  const tooOld = {
    check: 'deprecated-tls-session',
    title: 'Session with deprecated TLS',
    remedy: 'Upgrade the driver, then set ssl_min_protocol_version = TLSv1.2 on the server.',
  };
  return healthyReport({
    targets: [
      healthyTarget({
        name: 'orders',
        verdict: 'findings',
        sessions: {
          total: 61,
          hidden: 0,
          byTransport: { tls: 46, gss: 0, 'unix-socket': 2, loopback: 0, plaintext: 13 },
          byTlsVersion: { TLSv1: 3, 'TLSv1.1': 1, 'TLSv1.3': 42 },
        },
      }),
      healthyTarget({
        name: 'crm',
        verdict: 'unknown',
        sessions: {
          total: 1,
          hidden: 17,
          byTransport: { tls: 1, gss: 0, 'unix-socket': 0, loopback: 0, plaintext: 0 },
          byTlsVersion: { 'TLSv1.3': 1 },
        },
      }),
      notAuditedTarget('ledger'),
      healthyTarget({ name: 'billing' }),
    ],
    findings: [
      finding({
        fingerprint: '00000000000000a1',
        severity: 'critical',
        title: 'Unencrypted session of a superuser',
        role: 'postgres',
        application: 'psql',
        clients: ['203.0.113.9'],
        count: 1,
      }),
      notAuditedFinding('ledger'),
      finding({ fingerprint: '00000000000000b1' }),
      finding({
        fingerprint: '00000000000000a2',
        ...tooOld,
        role: 'report',
        application: '',
        count: 3,
        evidence: { tlsVersion: 'TLSv1', oldestSession: '2026-11-10T02:00:00Z' },
      }),
      finding({
        fingerprint: '00000000000000a3',
        ...tooOld,
        role: 'legacy',
        application: 'DBeaver 5.0 - Main',
        clients: ['10.9.0.0/24'],
        count: 1,
        evidence: { tlsVersion: 'TLSv1.1', oldestSession: '2026-11-10T05:58:00Z' },
      }),
      {
        fingerprint: '00000000000000fe',
        check: 'insufficient-privileges',
        severity: 'high',
        target: 'crm',
        title: "The auditor's login cannot see other roles' sessions",
        role: 'tls_auditor',
        evidence: { hiddenSessions: 17 },
        remedy: 'GRANT pg_monitor TO tls_auditor;',
      },
      finding({
        fingerprint: '00000000000000b2',
        check: 'below-preferred-tls-session',
        severity: 'info',
        title: 'Session with TLSv1.2',
      }),
    ],
  });
}

/** A report of a run without state, whose findings nothing was decided about: all of them are sent. */
export function undecided(report: Report): DecidedReport {
  const open = report.findings.map((finding) => ({
    finding,
    reason: 'observed' as const,
    isObserved: true,
    notify: true,
  }));
  return { report, open, resolved: [], unusedMutes: [] };
}

/** The digest of a run without state for the default receiver; there has to be something to send. */
export function digestOf(report: Report, minSeverity: Receiver['minSeverity'] = 'low'): Digest {
  const digest = buildDigest(undecided(report), { route: DEFAULT_ROUTE, minSeverity });
  if (digest === undefined) throw new Error(`no finding at or above ${minSeverity}`);
  return digest;
}
