// Joins each finding of a report with its status, its check and its target: exports start from these entries.

import type { CheckInfo } from '../model/check-info.ts';
import { hostPort } from '../model/endpoint.ts';
import type { Reason, Resolution } from '../model/lifecycle.ts';
import { historyLines, label, resolutionLines } from './lifecycle-text.ts';
import type { Report, ReportFinding, ReportTarget, ResolvedFinding } from './schema.ts';
import { displayTime, evidenceLines, howMany, PLAIN, type Style, who } from './text.ts';

/** The name of this tool in other tools. */
export const TOOL = 'pg-tls-auditor';

type Mute = NonNullable<NonNullable<ReportFinding['lifecycle']>['mute']>;

/** An open, muted or resolved finding. Times are ISO 8601, UTC. */
export interface Entry {
  readonly finding: ReportFinding | ResolvedFinding;
  readonly status: 'open' | 'muted' | 'resolved';
  /** Whether this run saw it. */
  readonly isObserved: boolean;
  readonly reason: Reason;
  readonly firstSeen: string;
  readonly openedAt: string;
  readonly lastSeen: string;
  /** Of a muted one. */
  readonly mute?: Mute;
  /** Of a resolved one. */
  readonly resolution?: Resolution;
  /** Undefined when the configuration has no such target any more. */
  readonly target: ReportTarget | undefined;
  /** Undefined when the catalogue has no such check any more. */
  readonly check: CheckInfo | undefined;
}

/** What this run found, worst first, then what is carried over, then what is resolved; each fingerprint once. */
export function entriesOf(report: Report, { catalogue }: { readonly catalogue: readonly CheckInfo[] }): Entry[] {
  const targets = new Map(report.targets.map((target) => [target.name, target]));
  const checks = new Map(catalogue.map((check) => [check.id, check]));
  const known = (finding: ReportFinding | ResolvedFinding) => {
    const target = targets.get(finding.target);
    return { finding, target, check: checks.get(finding.check), takenAt: target?.takenAt ?? report.finishedAt };
  };
  const entries = [
    ...report.findings.map((finding) => openEntry(finding, known(finding), true)),
    ...(report.carriedOver ?? []).map((finding) => openEntry(finding, known(finding), false)),
    ...(report.resolved ?? []).map((finding) => resolvedEntry(finding, known(finding))),
  ];
  const first = new Map<string, Entry>();
  for (const entry of entries) {
    const { fingerprint } = entry.finding;
    if (!first.has(fingerprint)) first.set(fingerprint, entry);
  }
  return [...first.values()];
}

type Known = Pick<Entry, 'finding' | 'target' | 'check'> & { readonly takenAt: string };

function openEntry({ lifecycle }: ReportFinding, { takenAt, ...known }: Known, isObserved: boolean): Entry {
  const { reason = 'observed', mute } = lifecycle ?? {};
  const muted = reason === 'muted';
  return {
    ...known,
    ...times(lifecycle, takenAt),
    status: muted ? 'muted' : 'open',
    isObserved,
    reason,
    ...(muted && mute !== undefined ? { mute } : {}),
  };
}

function resolvedEntry(finding: ResolvedFinding, { takenAt, ...known }: Known): Entry {
  const { resolution } = finding;
  return {
    ...known,
    ...times(finding, takenAt),
    status: 'resolved',
    isObserved: false,
    reason: 'resolved',
    resolution,
  };
}

/** Without state all that is known is that the finding was there when its target was audited. */
function times(
  life: Pick<ResolvedFinding, 'firstSeen' | 'openedAt' | 'lastSeen'> | undefined,
  takenAt: string,
): Pick<Entry, 'firstSeen' | 'openedAt' | 'lastSeen'> {
  const lastSeen = life?.lastSeen ?? takenAt;
  const openedAt = life?.openedAt ?? life?.firstSeen ?? lastSeen;
  return { firstSeen: life?.firstSeen ?? openedAt, openedAt, lastSeen };
}

/** The facts of a finding, one a line: the client, how many sessions, the evidence, its history. */
export function factLines(entry: Entry, style: Style = PLAIN): string[] {
  const { finding } = entry;
  const lines = [
    who(finding, style),
    howMany(finding, style),
    ...evidenceLines(finding, style),
    ...historyTexts(entry, style),
  ];
  return lines.filter((line) => line !== undefined);
}

/** Why it is muted, since when it is open, how it was resolved: what its title and evidence do not say. */
export function historyTexts({ finding, reason, isObserved, mute }: Entry, style: Style = PLAIN): string[] {
  if (reason === 'resolved') return 'resolution' in finding ? resolutionLines(finding, style) : [];
  const digestEntry = { reason, finding, isObserved };
  const status = mute === undefined ? label(digestEntry) : muteLine(mute, style);
  return [...(status === undefined ? [] : [status]), ...historyLines(digestEntry, style)];
}

/** `muted until 2026-12-31 00:00 UTC by payments: the driver is replaced in December` */
export function muteLine({ owner, reason, expires }: Mute, style: Style = PLAIN): string {
  return `muted until ${displayTime(expires)} by ${style.prose(owner)}: ${style.prose(reason)}`;
}

/** `orders.db.example.com:5432`, `[::1]:5432`; undefined while the credentials that name it could not be read. */
export function addressOf({ host, port }: Pick<ReportTarget, 'host' | 'port'>): string | undefined {
  if (host === null) return undefined;
  return port === null ? PLAIN.target(host) : hostPort({ host, port });
}

/** `team=data`, sorted. */
export function labelsText({ labels }: Pick<ReportTarget, 'labels'>): string[] {
  return Object.entries(labels)
    .map(([key, value]) => `${PLAIN.target(key)}=${PLAIN.target(value)}`)
    .sort();
}
