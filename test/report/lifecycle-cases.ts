// Runs that remember earlier ones: decisions about findings, and what they have to tell.

import { failedSnapshot, healthySnapshot, POLICY } from '../../lab/snapshots.ts';
import type { Finding } from '../../lambda/model/finding.ts';
import { type Decided, type Decision, EMPTY_STATE, type MuteUse, type Reason } from '../../lambda/model/lifecycle.ts';
import type { Mute } from '../../lambda/model/mute.ts';
import type { Run } from '../../lambda/model/run.ts';
import { buildDecidedReport, type DecidedReport } from '../../lambda/report/build-report.ts';
import { buildDigest, type Digest } from '../../lambda/report/digest.ts';
import { DEFAULT_ROUTE, type Receiver } from '../../lambda/report/receiver.ts';
import type { Report } from '../../lambda/report/schema.ts';
import { finding } from './builders.ts';

/** When every run here starts. */
const NOW = '2026-11-10T06:15:02.123Z';

export const TODAY = '2026-11-10T06:15:05.000Z';
export const YESTERDAY = '2026-11-09T06:15:00.000Z';
export const LAST_MONTH = '2026-10-03T21:40:00.000Z';

export const MUTE: Mute = {
  match: { check: 'plaintext-session', target: 'orders', application: 'legacy-*' },
  reason: 'batch job is replaced in December',
  owner: 'payments team',
  expires: '2026-11-10T00:00:00.000Z',
};

/** Open since yesterday and told then, if it is not new. */
export function decided(reason: Reason, ofFinding: Partial<Finding> = {}, overrides: Partial<Decided> = {}): Decided {
  const { severity = 'high' } = ofFinding;
  return {
    reason,
    finding: finding(ofFinding as Parameters<typeof finding>[0]),
    isObserved: reason !== 'resolved',
    notify: reason !== 'ongoing' && reason !== 'muted',
    firstSeen: reason === 'new' ? TODAY : YESTERDAY,
    openedAt: reason === 'new' ? TODAY : YESTERDAY,
    lastSeen: reason === 'resolved' ? '2026-11-09T23:30:00.000Z' : TODAY,
    ...(reason === 'new' ? {} : { lastNotifiedSeverity: severity }),
    ...(reason === 'resolved' ? { resolution: 'gone' } : {}),
    ...overrides,
  };
}

export function muteUse(overrides: Partial<MuteUse> = {}): MuteUse {
  return { mute: MUTE, key: '00aa', expired: false, matched: 0, notifyUnused: false, ...overrides };
}

/** A target of a run: its name, its labels, and whether nobody could look at it. */
export interface TargetOfRun {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly failed?: boolean;
}

export interface Night {
  readonly run: Run;
  readonly decision: Decision;
  readonly decided: DecidedReport;
  readonly report: Report;
}

/** A run with state, over the targets of its findings if no others are named. */
export function night(
  findings: readonly Decided[],
  options: {
    readonly targets?: readonly TargetOfRun[];
    readonly mutes?: readonly MuteUse[];
    readonly state?: boolean;
  } = {},
): Night {
  const names = [...new Set(findings.filter(({ isObserved }) => isObserved).map((one) => one.finding.target))];
  const targets: readonly TargetOfRun[] = options.targets ?? names.map((name) => ({ name }));
  const decision: Decision = {
    findings,
    mutes: options.mutes ?? [],
    ...(options.state === false ? {} : { next: EMPTY_STATE }),
  };
  const audited = targets.map(({ name, labels = {}, failed = false }) => {
    const own = findings.filter((one) => one.isObserved && one.finding.target === name).map((one) => one.finding);
    const host = `${name}.db.example.com`;
    const snapshot = failed ? failedSnapshot() : healthySnapshot();
    return {
      snapshot: { ...snapshot, target: { name, host, port: 5432, labels }, takenAt: TODAY },
      verdict: failed ? ('not-audited' as const) : own.length > 0 ? ('findings' as const) : ('clean' as const),
      outcomes: [],
      findings: own,
    };
  });
  const run = { startedAt: NOW, finishedAt: '2026-11-10T06:15:09.456Z', policy: POLICY, audited };
  const decided = buildDecidedReport(run, decision);
  return { run, decision, decided, report: decided.report };
}

/** The digest for the default receiver; there has to be something to send. */
export function digestOfNight({ decided }: Night, receiver: Partial<Receiver> = {}): Digest {
  const digest = buildDigest(decided, {
    route: DEFAULT_ROUTE,
    minSeverity: 'low',
    repeatIntervalHours: 24,
    ...receiver,
  });
  if (digest === undefined) throw new Error('nothing to send');
  return digest;
}

/** Findings at every point of their lives, on three databases of two teams. */
export function eventfulNight(): Night {
  const tooOld = {
    check: 'deprecated-tls-session',
    title: 'Session with deprecated TLS',
    remedy: 'Upgrade the driver, then set ssl_min_protocol_version = TLSv1.2 on the server.',
    evidence: { tlsVersion: 'TLSv1', oldestSession: '2026-11-10T02:00:00Z' },
  };
  return night(
    [
      decided(
        'escalated',
        {
          fingerprint: 'a1b2c3d4e5f60001',
          check: 'server-certificate-expiring',
          severity: 'critical',
          target: 'billing',
          title: 'A server certificate expires in 6 days',
          role: undefined,
          database: undefined,
          application: undefined,
          clients: undefined,
          count: undefined,
          evidence: { subject: 'CN=billing.db.example.com', notAfter: '2026-11-16T12:00:00Z' },
          remedy: 'Renew the certificate, then reload: SELECT pg_reload_conf();',
        },
        { lastNotifiedSeverity: 'high', firstSeen: LAST_MONTH, openedAt: LAST_MONTH },
      ),
      decided('new', {
        fingerprint: 'a1b2c3d4e5f60002',
        application: 'psql',
        role: 'analyst',
        count: 1,
        clients: ['10.0.7.21'],
      }),
      decided(
        'mute-expired',
        {
          fingerprint: 'a1b2c3d4e5f60003',
          application: 'legacy-batch',
          role: 'batch',
          count: 4,
          clients: ['10.0.3.0/24'],
        },
        { mute: MUTE, openedAt: LAST_MONTH, firstSeen: LAST_MONTH },
      ),
      decided('reminder', { fingerprint: 'a1b2c3d4e5f60004' }),
      decided(
        'new',
        { ...tooOld, fingerprint: 'a1b2c3d4e5f60005', role: 'report', application: '', count: 3 },
        { firstSeen: LAST_MONTH },
      ),
      decided('ongoing', { ...tooOld, fingerprint: 'a1b2c3d4e5f60006', target: 'billing' }),
      decided(
        'ongoing',
        { fingerprint: 'a1b2c3d4e5f60007', target: 'crm' },
        { isObserved: false, lastSeen: YESTERDAY },
      ),
      decided('muted', { fingerprint: 'a1b2c3d4e5f60008', target: 'billing' }, { mute: MUTE }),
      decided('resolved', { fingerprint: 'a1b2c3d4e5f60009', target: 'billing', application: 'nightly' }),
      decided(
        'resolved',
        {
          fingerprint: 'a1b2c3d4e5f6000a',
          target: 'old-crm',
          check: 'plaintext-allowed',
          severity: 'medium',
          title: 'The server accepts plaintext from the network',
          role: undefined,
          database: undefined,
          application: undefined,
        },
        { resolution: 'target-removed', openedAt: LAST_MONTH, lastSeen: YESTERDAY },
      ),
    ],
    {
      targets: [
        { name: 'orders', labels: { team: 'shop', tier: '1' } },
        { name: 'billing', labels: { team: 'payments', tier: '1' } },
        { name: 'crm', labels: { team: 'shop' }, failed: true },
      ],
      mutes: [
        muteUse({ expired: true }),
        muteUse({
          mute: {
            ...MUTE,
            match: { role: 'old_*' },
            owner: 'dba',
            reason: 'moves soon',
            expires: '2027-03-01T00:00:00.000Z',
          },
          unusedSince: '2026-10-05T00:00:00.000Z',
          notifyUnused: true,
        }),
      ],
    },
  );
}
