// From snapshots and what the checks said of them to the report document. What was not observed is null, never 0.

import type { CertificateFacts } from '../model/certificate.ts';
import { cipherProfile } from '../model/cipher-profile.ts';
import { displayText } from '../model/display.ts';
import type { Failure } from '../model/failure.ts';
import type { Finding, Outcome, Verdict } from '../model/finding.ts';
import type { Decision } from '../model/lifecycle.ts';
import type { Observed } from '../model/observed.ts';
import type { Policy } from '../model/policy.ts';
import { type AuditConnection, type Sessions, type Snapshot, TRANSPORTS, type Transport } from '../model/snapshot.ts';
import { compareFindings } from './order.ts';
import { reportProbe } from './probe-report.ts';
import { reportFinding, reportMute, resolvedFinding } from './report-findings.ts';
import type { Report, ReportTarget, ReportWarning } from './schema.ts';
import { displayProse, remedyLines } from './text.ts';

/** One target's snapshot with what the checks made of it. */
export interface AuditedTarget {
  readonly snapshot: Snapshot;
  readonly verdict: Verdict;
  readonly outcomes: readonly { readonly check: string; readonly outcome: Outcome }[];
  readonly findings: readonly Finding[];
}

export interface Run {
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly policy: Policy;
  /** In the order of the configuration. */
  readonly audited: readonly AuditedTarget[];
}

/** Certificate names are chosen by whoever issued them; longer ones are shown cut. */
const NAME_LENGTH = 200;
/** A chain has two to four certificates, each with a few names; a server may present hundreds, with thousands. */
const MOST_CERTIFICATES = 10;
const MOST_NAMES = 101;
const MOST_VERSIONS = 12;
const OTHER_VERSIONS = '(others)';
/** Why a check could not see everything: a sentence or two, with a GRANT. */
const REASON_LENGTH = 2_000;
/** What a failure says; none of ours comes near. */
const SENTENCE_LENGTH = 1_000;

export interface ReportOptions {
  /** @default 'kept' where the decision has something to remember, else 'none' */
  readonly state?: Report['state'];
  readonly warnings?: readonly ReportWarning[];
}

/**
 * The report of a run.
 *
 * @param decision - What is to be done about each finding. Without one nothing is remembered and nothing muted.
 */
export function buildReport(
  { startedAt, finishedAt, policy, audited }: Run,
  decision?: Decision,
  { state = decision?.next === undefined ? 'none' : 'kept', warnings = [] }: ReportOptions = {},
): Report {
  const decided = new Map(decision?.findings.map((one) => [one.finding.fingerprint, one]));
  return {
    schemaVersion: 1,
    startedAt,
    finishedAt,
    policy: reportPolicy(policy),
    state,
    ...(warnings.length === 0 ? {} : { warnings: [...warnings] }),
    targets: audited.map(reportTarget),
    findings: audited
      .flatMap(({ findings }) => findings.map((finding) => reportFinding(finding, decided.get(finding.fingerprint))))
      .sort(compareFindings),
    ...(decision?.next === undefined ? {} : carriedOverAndResolved(decision)),
    ...(decision === undefined || decision.mutes.length === 0 ? {} : { mutes: decision.mutes.map(reportMute) }),
  };
}

/** What was seen and is resolved all the same, because a later run has looked meanwhile, is neither. */
function carriedOverAndResolved({ findings }: Decision): Pick<Report, 'carriedOver' | 'resolved'> {
  return {
    carriedOver: findings
      .filter(({ isObserved, reason }) => !isObserved && reason !== 'resolved')
      .map((decided) => reportFinding(decided.finding, decided))
      .sort(compareFindings),
    resolved: findings
      .filter(({ isObserved, reason }) => !isObserved && reason === 'resolved')
      .map(resolvedFinding)
      .sort(compareFindings),
  };
}

/** What was judged by, with the version of the guideline behind it: a later one may judge otherwise. */
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
    host: target.host ?? null,
    port: target.port ?? null,
    labels: { ...target.labels },
    takenAt: snapshot.takenAt,
    verdict,
    ...(failure === undefined ? {} : { error: reportFailure(failure) }),
    link: link.known ? reportLink(link.value, serverChain) : null,
    server: server.known ? { ...server.value, version: displayText(server.value.version) } : null,
    sessions: sessions.known ? countSessions(sessions.value, target.kind === 'pgbouncer') : null,
    probe: reportProbe(snapshot.probe),
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
  // Process ids differ from run to run, and tls-terminated-by-proxy has said what they prove.
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
      notBefore: certificate.notBefore,
      notAfter: certificate.notAfter,
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
  for (const { transport, tls, side } of visible) {
    byTransport[transport] += 1;
    if (side !== undefined) byHop[side][transport] += 1;
    if (tls === undefined) continue;
    const version = displayText(tls.version);
    byTlsVersion.set(version, (byTlsVersion.get(version) ?? 0) + 1);
  }
  return {
    total: visible.length,
    hidden,
    byTransport,
    byTlsVersion: reportVersions(byTlsVersion),
    ...(isPooler ? { byHop } : {}),
  };
}

/** There are six versions; a server may send others without end. */
function reportVersions(counts: ReadonlyMap<string, number>): Record<string, number> {
  if (counts.size <= MOST_VERSIONS) return Object.fromEntries(counts);
  const sorted = [...counts].toSorted(([, a], [, b]) => b - a);
  const others = sorted.slice(MOST_VERSIONS).reduce((sum, [, count]) => sum + count, 0);
  return Object.fromEntries([...sorted.slice(0, MOST_VERSIONS), [OTHER_VERSIONS, others]]);
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
