// Compares what the audit reported with what was planted: a demo that shows less than there is must fail.

import type { SessionKind } from '../lab/sessions.ts';
import type { Report, ReportFinding, ReportTarget } from '../lambda/report/schema.ts';
import type { PlantedTarget } from './planted.ts';

/** Each difference in a sentence; none when the audit found exactly what is there. */
export function discrepancies(planted: readonly PlantedTarget[], report: Report): string[] {
  const expected = planted.flatMap(expectedFindings).map(identify);
  const found = report.findings.map(identify);
  return [
    ...without(expected, found).map((finding) => `The audit missed: ${finding}`),
    ...without(found, expected).map((finding) => `The audit reported what was not planted: ${finding}`),
    ...planted.flatMap((target) =>
      targetDiscrepancies(
        target,
        report.targets.find(({ name }) => name === target.name),
      ),
    ),
  ];
}

/** Sentences about passwords that can be read where none may be. */
export function leaks(passwords: readonly string[], texts: Readonly<Record<string, string>>): string[] {
  return Object.entries(texts)
    .filter(([, text]) => passwords.some((password) => text.includes(password)))
    .map(([where]) => `A password can be read in ${where}`);
}

/** What the audit has to find. */
export function expectedFindings({ name: target, clients, findings = [] }: PlantedTarget): Identity[] {
  return [
    ...findings.map(({ check, severity }) => ({ target, check, severity })),
    // What the auditor can not reach it can say nothing about.
    ...(findings.some(({ check }) => check === 'target-not-audited') ? [] : clients).flatMap((client) =>
      (client.findings ?? []).map(({ check, severity, counted }) => ({
        target,
        check,
        severity,
        role: client.role,
        database: client.database,
        application: client.reportedAs ?? client.applications[0],
        count: counted === undefined ? (client.gone === undefined ? client.applications.length : 0) : undefined,
      })),
    ),
  ];
}

/** What tells a finding from others, whenever it is found. */
export type Identity = Pick<ReportFinding, 'target' | 'check' | 'severity'> & {
  readonly [Key in 'role' | 'database' | 'application' | 'count']?: ReportFinding[Key] | undefined;
};

/** The same in a sentence. */
export function identify(finding: Identity): string {
  const { target, check, severity, role, database, application, count } = finding;
  const client =
    role === undefined ? '' : `, role ${role}, database ${database}, application ${application}, ${count ?? '–'}×`;
  return `${target}: ${check} (${severity})${client}`;
}

/** What is in `all` but not in `others`, as often as that is so. */
export function without(all: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return all.filter((item) => {
    const index = left.indexOf(item);
    if (index >= 0) left.splice(index, 1);
    return index < 0;
  });
}

function targetDiscrepancies({ name, verdict, clients }: PlantedTarget, seen: ReportTarget | undefined): string[] {
  if (seen?.verdict !== verdict) return [`${name} should be ${verdict}, and is ${seen?.verdict ?? 'not reported'}`];
  if (verdict === 'not-audited') {
    return seen.sessions === null ? [] : [`${name} was not audited, and yet its sessions are counted`];
  }
  const expected = sessionCounts(clients);
  const { byTransport = {}, byTlsVersion = {} } = seen.sessions ?? {};
  const counted = describeCounts(new Map(Object.entries({ ...byTransport, ...byTlsVersion })));
  const problems = counted === expected ? [] : [`${name} has the sessions ${expected}, and the audit saw ${counted}`];
  const { authorized = false, channelBinding = false } = seen.link ?? {};
  return authorized && channelBinding ? problems : [...problems, `the auditor's own session to ${name} is not proven`];
}

/** As the report counts them: by transport, and by TLS version. Every client on one machine is loopback. */
const COUNTED_AS: Readonly<Record<SessionKind, readonly string[]>> = {
  'tlsv1.3': ['tls', 'TLSv1.3'],
  'tlsv1.2': ['tls', 'TLSv1.2'],
  'tlsv1.2-weak-cipher': ['tls', 'TLSv1.2'],
  'tlsv1.1': ['tls', 'TLSv1.1'],
  tlsv1: ['tls', 'TLSv1'],
  plaintext: ['loopback'],
  'unix-socket': ['unix-socket'],
};

function sessionCounts(clients: PlantedTarget['clients']): string {
  const counts = new Map<string, number>();
  for (const { kind, applications, gone } of clients) {
    if (gone !== undefined) continue;
    for (const key of COUNTED_AS[kind]) counts.set(key, (counts.get(key) ?? 0) + applications.length);
  }
  return describeCounts(counts);
}

function describeCounts(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .filter(([, count]) => count > 0)
    .map(([key, count]) => `${count} ${key}`)
    .sort()
    .join(', ');
}
