// Reports that have everything in them which a format must tell apart.

import { catalogue } from '../../../lambda/checks/catalogue.ts';
import { CHECKS } from '../../../lambda/checks/registry.ts';
import type { ExportContext } from '../../../lambda/report/exports/exporter.ts';
import type { Report, ReportTarget } from '../../../lambda/report/schema.ts';
import { finding, healthyReport, healthyTarget, notAuditedFinding, notAuditedTarget } from '../builders.ts';

export const CONTEXT: ExportContext = {
  catalogue: catalogue(),
  toolVersion: '1.2.3',
};

type Outcome = ReportTarget['checks'][number];

/** The outcome of every check, all passed but those given. */
export function outcomes(...given: readonly Outcome[]): Outcome[] {
  return CHECKS.map(({ id }) => given.find((outcome) => outcome.id === id) ?? { id, status: 'pass' });
}

/**
 * A run with state: a finding that is new, one that is open since yesterday, one muted, one not seen, three that are
 * over; a target that was not audited, one half seen, and a clean one.
 */
export function eventfulReport(): Report {
  const yesterday = '2026-11-09T06:15:05.000Z';
  const today = '2026-11-10T06:15:05.000Z';
  const life = { firstSeen: yesterday, openedAt: yesterday, lastSeen: today };
  const { lifecycle: _, ...gone } = finding({ fingerprint: '00000000000000f1', role: 'gone' });
  return healthyReport({
    state: 'kept',
    targets: [
      healthyTarget({
        name: 'orders',
        verdict: 'findings',
        labels: { team: 'shop', stage: 'production' },
        checks: outcomes(
          { id: 'plaintext-session', status: 'fail' },
          { id: 'deprecated-tls-session', status: 'fail' },
          { id: 'client-certificate-expiring', status: 'not-applicable', reason: 'no client certificate is used' },
        ),
      }),
      {
        ...notAuditedTarget('ledger'),
        checks: CHECKS.map(({ id }) =>
          id === 'target-not-audited' ? { id, status: 'fail' } : { id, status: 'unknown', reason: 'not audited' },
        ),
      },
      healthyTarget({
        name: 'crm',
        verdict: 'unknown',
        host: '2001:db8::7',
        checks: outcomes(
          { id: 'plaintext-session', status: 'fail', reason: '17 sessions are hidden' },
          { id: 'weak-cipher-session', status: 'unknown', reason: '17 sessions are hidden' },
          { id: 'plaintext-allowed', status: 'error', reason: 'the check crashed (TypeError: x)' },
        ),
      }),
      healthyTarget({ name: 'billing', checks: outcomes() }),
    ],
    findings: [
      notAuditedFinding('ledger'),
      finding({
        fingerprint: '0000000000000a01',
        role: 'new',
        lifecycle: { reason: 'new', firstSeen: today, openedAt: today, lastSeen: today },
      }),
      finding({ fingerprint: '0000000000000a02', role: 'old', lifecycle: { reason: 'ongoing', ...life } }),
      finding({
        fingerprint: '0000000000000a03',
        severity: 'critical',
        role: 'worse',
        target: 'crm',
        lifecycle: { reason: 'escalated', lastNotifiedSeverity: 'medium', ...life },
      }),
      finding({
        fingerprint: '0000000000000a04',
        check: 'deprecated-tls-session',
        severity: 'medium',
        role: 'quiet',
        lifecycle: {
          reason: 'muted',
          ...life,
          mute: { reason: 'replaced in December', owner: 'shop', expires: '2026-12-31T00:00:00.000Z' },
        },
      }),
    ],
    carriedOver: [
      finding({
        fingerprint: '0000000000000a05',
        role: 'nightly',
        lifecycle: { reason: 'ongoing', firstSeen: yesterday, openedAt: yesterday, lastSeen: yesterday },
      }),
    ],
    resolved: [
      { ...gone, resolution: 'gone', firstSeen: yesterday, openedAt: yesterday, lastSeen: yesterday },
      { ...gone, fingerprint: '00000000000000f2', resolution: 'not-applicable', detail: 'it is a standby now' },
      { ...gone, fingerprint: '00000000000000f3', target: 'retired', resolution: 'target-removed' },
    ],
    mutes: [],
  });
}

/** Every string in a document. */
export function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsOf) : [];
}
