// Builds the report document from a run and its decision. What was not observed is null, never 0.

import type { CertificateFacts } from '../model/certificate.ts';
import { cipherProfile } from '../model/cipher-profile.ts';
import type { ConnectionLogFacts } from '../model/connection-log.ts';
import { displayText } from '../model/display.ts';
import type { Failure } from '../model/failure.ts';
import type { Finding, Outcome } from '../model/finding.ts';
import type { Decided, Decision, Reason } from '../model/lifecycle.ts';
import type { Observed } from '../model/observed.ts';
import type { Policy } from '../model/policy.ts';
import type { AuditedTarget, Run } from '../model/run.ts';
import type { AuditConnection, Sessions, Snapshot } from '../model/snapshot.ts';
import { TRANSPORTS, type Transport } from '../model/transport.ts';
import { compareFindings } from './order.ts';
import { reportProbe } from './probe-report.ts';
import { reportFinding, reportMute, resolvedFinding } from './report-findings.ts';
import type { Report, ReportFinding, ReportMute, ReportTarget, ReportWarning, ResolvedFinding } from './schema.ts';
import { displayProse, remedyLines } from './text.ts';

/** The issuer of a certificate chooses its names; longer ones are cut. */
const NAME_LENGTH = 200;
/** A DNS name has 253 characters at most. */
const HOST_LENGTH = 253;
/** A chain has two to four certificates, each with a few names; a server may present hundreds, with thousands. */
const MOST_CERTIFICATES = 10;
const MOST_NAMES = 101;
const MOST_VERSIONS = 12;
const OTHER_VERSIONS = '(others)';
/** Why a check could not see everything: a sentence or two, with a GRANT. */
const REASON_LENGTH = 2_000;
/** The text of a failure; all of ours are much shorter. */
const SENTENCE_LENGTH = 1_000;

export interface ReportOptions {
  /** @default 'kept' where the decision has a next state, else 'none' */
  readonly state?: Report['state'];
  readonly warnings?: readonly ReportWarning[];
}

/** An open finding of a report, with what was decided about it. */
export interface OpenFinding {
  readonly finding: ReportFinding;
  readonly reason: Exclude<Reason, 'resolved'>;
  /** Whether this run found it; else it is still open as far as is known. */
  readonly isObserved: boolean;
  /** Whether this run sends it to the receiver. */
  readonly notify: boolean;
}

/** A report, and each of its findings joined to its decision: what messages are made from. */
export interface DecidedReport {
  readonly report: Report;
  /** In the order of the report: what this run found, then what is carried over. */
  readonly open: readonly OpenFinding[];
  readonly resolved: readonly { readonly finding: ResolvedFinding; readonly notify: boolean }[];
  /** Mutes that match nothing and that this run reports. */
  readonly unusedMutes: readonly ReportMute[];
}

/**
 * The report of a run.
 *
 * @param decision - What happens with each finding. Without one no state is kept and no mute is known.
 */
export function buildReport(run: Run, decision?: Decision, options?: ReportOptions): Report {
  return buildDecidedReport(run, decision, options).report;
}

/**
 * The report of a run with what was decided about each of its findings. A finding without a decision is sent: once too
 * often is better than never.
 *
 * @param decision - See `buildReport`.
 */
export function buildDecidedReport(
  { startedAt, finishedAt, policy, audited, listed = [] }: Run,
  decision?: Decision,
  { state = decision?.next === undefined ? 'none' : 'kept', warnings = [] }: ReportOptions = {},
): DecidedReport {
  const decisions = new Map(decision?.findings.map((one) => [one.finding.fingerprint, one]));
  const observed = [...audited, ...listed]
    .flatMap(({ findings }) =>
      findings.map((finding) => openFinding(finding, decisions.get(finding.fingerprint), true)),
    )
    .sort(inOrder);
  const remembers = decision?.next !== undefined;
  // What this run found is open, even where a later run has resolved it meanwhile.
  const unobserved = remembers ? decision.findings.filter(({ isObserved }) => !isObserved) : [];
  const carriedOver = unobserved
    .filter(({ reason }) => reason !== 'resolved')
    .map((decided) => openFinding(decided.finding, decided, false))
    .sort(inOrder);
  const resolved = unobserved
    .filter(({ reason }) => reason === 'resolved')
    .map((decided) => ({ finding: resolvedFinding(decided), notify: decided.notify }))
    .sort(inOrder);
  const mutes = decision?.mutes ?? [];
  const report: Report = {
    schemaVersion: 1,
    startedAt,
    finishedAt,
    policy: reportPolicy(policy),
    state,
    ...(warnings.length === 0 ? {} : { warnings: [...warnings] }),
    targets: audited.map(reportTarget),
    findings: observed.map(({ finding }) => finding),
    ...(remembers
      ? { carriedOver: carriedOver.map(({ finding }) => finding), resolved: resolved.map(({ finding }) => finding) }
      : {}),
    ...(mutes.length === 0 ? {} : { mutes: mutes.map(reportMute) }),
  };
  return {
    report,
    open: [...observed, ...carriedOver],
    resolved,
    unusedMutes: mutes.filter(({ notifyUnused }) => notifyUnused).map(reportMute),
  };
}

function openFinding(finding: Finding, decided: Decided | undefined, isObserved: boolean): OpenFinding {
  const reported = reportFinding(finding, decided);
  return {
    finding: reported,
    reason: reported.lifecycle?.reason ?? 'observed',
    isObserved,
    notify: decided?.notify ?? true,
  };
}

function inOrder(a: { readonly finding: Finding }, b: { readonly finding: Finding }): number {
  return compareFindings(a.finding, b.finding);
}

/** The policy, with the version of the guideline behind it: a later version may say something else. */
function reportPolicy(policy: Policy): Report['policy'] {
  return {
    ...policy,
    cipherProfileSource: { ...cipherProfile(policy.cipherProfile).source },
    certificateExpiryDays: { ...policy.certificateExpiryDays },
    clientCertificateRoles: policy.clientCertificateRoles.map((role) => displayText(role)),
  };
}

function reportTarget({ snapshot, verdict, outcomes }: AuditedTarget): ReportTarget {
  const { target, failure, link, server, serverChain, sessions } = snapshot;
  return {
    name: target.name,
    ...(target.kind === undefined || target.kind === 'postgresql' ? {} : { kind: target.kind }),
    host: target.host === undefined ? null : displayText(target.host, HOST_LENGTH),
    port: target.port ?? null,
    labels: { ...target.labels },
    takenAt: snapshot.takenAt,
    verdict,
    ...(failure === undefined ? {} : { error: reportFailure(failure) }),
    link: link.known ? reportLink(link.value, serverChain) : null,
    server: server.known ? { ...server.value, version: displayText(server.value.version) } : null,
    sessions: sessions.known ? countSessions(sessions.value, target.kind === 'pgbouncer') : null,
    probe: reportProbe(snapshot.probe),
    ...reportCoverage(snapshot),
    ...(snapshot.connectionLog === undefined ? {} : { logins: reportLogins(snapshot.connectionLog) }),
    checks: outcomes.map(({ check, outcome }) => reportOutcome(check, outcome)),
  };
}

function reportFailure({ cause, phase, message, remedy }: Failure): NonNullable<ReportTarget['error']> {
  return { cause, phase, message: displayProse(message, SENTENCE_LENGTH), remedy: remedyLines(remedy).join('\n') };
}

function reportLink(
  link: AuditConnection,
  chain: Observed<readonly CertificateFacts[]>,
): NonNullable<ReportTarget['link']> {
  // Process ids differ from run to run, and tls-terminated-by-proxy reports what they prove.
  const { serverView, timings, backendPid: _, ...facts } = link;
  const certificates = chain.known ? chain.value : [];
  const omitted = certificates.length - MOST_CERTIFICATES;
  return {
    ...facts,
    tlsVersion: displayText(link.tlsVersion),
    cipher: displayText(link.cipher),
    verifiedName: displayText(link.verifiedName, NAME_LENGTH),
    serverView: serverView.known ? reportView(serverView.value) : null,
    ...(omitted > 0 ? { omittedCertificates: omitted } : {}),
    certificates: certificates.slice(0, MOST_CERTIFICATES).map((certificate) => ({
      subject: displayText(certificate.subject, NAME_LENGTH),
      issuer: displayText(certificate.issuer, NAME_LENGTH),
      notBefore: displayText(certificate.notBefore),
      notAfter: displayText(certificate.notAfter),
      subjectAltNames: reportNames(certificate.subjectAltNames),
      sha256: certificate.sha256,
    })),
    timings: { ...timings },
  };
}

function reportView(view: KnownView): NonNullable<ReportTarget['link']>['serverView'] {
  if (view === 'not-tls') return view;
  return { tlsVersion: displayText(view.tlsVersion), cipher: displayText(view.cipher) };
}

type KnownView = Extract<AuditConnection['serverView'], { readonly known: true }>['value'];

function reportNames(names: readonly string[]): string[] {
  const shown = names.slice(0, MOST_NAMES).map((name) => displayText(name, NAME_LENGTH));
  return names.length > MOST_NAMES ? [...shown, `and ${names.length - MOST_NAMES} more`] : shown;
}

function countSessions({ visible, hidden }: Sessions, isPooler: boolean): NonNullable<ReportTarget['sessions']> {
  const byTransport = noSessions();
  const byHop = { client: noSessions(), server: noSessions() };
  const byTlsVersion = new Map<string, number>();
  // There may be tens of thousands, for which a loop takes several times as long until V8 has compiled it.
  visible.forEach(({ transport, tls, side }) => {
    byTransport[transport] += 1;
    if (side !== undefined) byHop[side][transport] += 1;
    if (tls !== undefined) byTlsVersion.set(tls.version, (byTlsVersion.get(tls.version) ?? 0) + 1);
  });
  return {
    total: visible.length,
    hidden,
    byTransport,
    byTlsVersion: reportVersions(shownVersions(byTlsVersion)),
    ...(isPooler ? { byHop } : {}),
  };
}

/** Two that look the same when they are shown are one. */
function shownVersions(counts: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const shown = new Map<string, number>();
  for (const [raw, count] of counts) {
    const version = displayText(raw);
    shown.set(version, (shown.get(version) ?? 0) + count);
  }
  return shown;
}

/** There are six versions; a server may send others without end. */
function reportVersions(counts: ReadonlyMap<string, number>): Record<string, number> {
  if (counts.size <= MOST_VERSIONS) return Object.fromEntries(counts);
  const sorted = [...counts].toSorted(([, a], [, b]) => b - a);
  const others = sorted.slice(MOST_VERSIONS).reduce((sum, [, count]) => sum + count, 0);
  return Object.fromEntries([...sorted.slice(0, MOST_VERSIONS), [OTHER_VERSIONS, others]]);
}

/** What of the time between the runs is covered. */
function reportCoverage({ connectionLog, sampled }: Snapshot): Pick<ReportTarget, 'coverage' | 'coverageSince'> {
  const since = connectionLog?.known ? connectionLog.value.continuousSince : undefined;
  if (since !== undefined) return { coverage: 'continuous', coverageSince: since };
  return { coverage: sampled?.known ? 'sampled' : 'snapshot' };
}

function reportLogins(log: Observed<ConnectionLogFacts>): ReportTarget['logins'] {
  if (!log.known) return null;
  const { source, window, clients } = log.value;
  const byTransport = noSessions();
  for (const { transport, logins } of clients) byTransport[transport] += logins;
  const total = Object.values(byTransport).reduce((sum, logins) => sum + logins, 0);
  return { source, ...window, total, byTransport };
}

function noSessions(): Record<Transport, number> {
  return Object.fromEntries(TRANSPORTS.map((transport) => [transport, 0])) as Record<Transport, number>;
}

function reportOutcome(id: string, outcome: Outcome): ReportTarget['checks'][number] {
  const reason =
    outcome.status === 'fail' ? outcome.incomplete : outcome.status === 'pass' ? undefined : outcome.reason;
  return {
    id,
    status: outcome.status,
    ...(reason === undefined ? {} : { reason: displayProse(reason, REASON_LENGTH) }),
  };
}
