// Memories to save: records of every kind, each good enough to be real.

import type { Finding } from '../../../lambda/model/finding.ts';
import type { AuditState, FindingRecord, MuteRecord, TargetRecord } from '../../../lambda/model/lifecycle.ts';

/** The time of the clock that stores are given: long past, so that a mistaken look at the machine's shows. */
export const NOW = new Date('2024-03-01T12:00:00.000Z');

export function daysBefore(days: number, moment = NOW): string {
  return new Date(moment.getTime() - days * 86_400_000).toISOString();
}

export function fingerprint(number: number): string {
  return number.toString(16).padStart(16, '0');
}

export function openFinding(number: number, finding: Partial<Finding> = {}, record: Partial<FindingRecord> = {}) {
  return {
    finding: {
      fingerprint: fingerprint(number),
      check: 'plaintext-session',
      severity: 'high',
      target: 'orders',
      title: `role app_${number} connects in plaintext`,
      role: `app_${number}`,
      clients: ['10.0.0.0/24'],
      count: 3,
      evidence: { protocol: 'none', sessions: 3, replication: false, addresses: ['10.0.0.1', '10.0.0.2'] },
      remedy: 'Connect with sslmode=verify-full.',
      ...finding,
    },
    status: 'open',
    firstSeen: daysBefore(3),
    openedAt: daysBefore(3),
    lastSeen: daysBefore(0),
    lastNotified: { at: daysBefore(3), severity: 'high', reason: 'new' },
    ...record,
  } satisfies FindingRecord as FindingRecord;
}

export function resolvedFinding(number: number, at: string): FindingRecord {
  return openFinding(number, {}, { status: 'resolved', lastSeen: at, resolved: { at, resolution: 'gone' } });
}

export interface StateParts {
  readonly findings?: readonly FindingRecord[];
  readonly targets?: readonly TargetRecord[];
  readonly mutes?: readonly MuteRecord[];
}

export function stateWith({ findings = [], targets = [], mutes = [] }: StateParts): AuditState {
  return {
    findings: new Map(findings.map((record) => [record.finding.fingerprint, record])),
    targets: new Map(targets.map((record) => [record.name, record])),
    mutes: new Map(mutes.map((record) => [record.key, record])),
  };
}

/** Time enough for a turn on a machine that has other things to do. */
export function waitLimit(): AbortSignal {
  return AbortSignal.timeout(30_000);
}
