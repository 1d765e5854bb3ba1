// Findings about logins that a connection log shows, by the rules and texts of the checks of sessions.

import { clientNetworks } from '../../analysis/sessions/client-networks.ts';
import { fold } from '../../analysis/sessions/fold.ts';
import { isShown, loggedSessions } from '../../analysis/sessions/seen-sessions.ts';
import type { ClientLogins } from '../../model/connection-log.ts';
import { displayText } from '../../model/display.ts';
import type { Finding, Problem } from '../../model/finding.ts';
import { known, unknown } from '../../model/observed.ts';
import type { Policy } from '../../model/policy.ts';
import type { Session, Snapshot } from '../../model/snapshot.ts';
import type { TargetKind } from '../../model/target.ts';
import { belowPreferredTlsSession } from '../below-preferred-tls-session.ts';
import type { Check } from '../check.ts';
import { deprecatedTlsSession } from '../deprecated-tls-session.ts';
import { fingerprint } from '../fingerprint.ts';
import { forgedConnectionLog } from '../forged-connection-log.ts';
import { loopbackPlaintextSession } from '../loopback-plaintext-session.ts';
import { plaintextSession } from '../plaintext-session.ts';
import { remedyText } from '../remedies/remedy-text.ts';
import { weakCipherSession } from '../weak-cipher-session.ts';

/** The checks that need nothing but sessions. */
const SESSION_CHECKS: readonly Check[] = [
  plaintextSession,
  deprecatedTlsSession,
  weakCipherSession,
  loopbackPlaintextSession,
  belowPreferredTlsSession,
];

export interface LoginContext {
  /** Stands where a finding of an audit names its target. */
  readonly target: string;
  readonly kind: TargetKind;
  readonly policy: Policy;
}

/**
 * The findings, in no order. A row that nothing shows enough of (of others, of an unknown host without encryption) is
 * in none: that the log does not show it must be said beside them.
 */
export function evaluateLogins(clients: readonly ClientLogins[], context: LoginContext): readonly Finding[] {
  const shown = clients.filter(isShown);
  const groups = [...Map.groupBy(shown, groupOf).values()];
  return [
    ...SESSION_CHECKS.flatMap((check) => groups.flatMap((rows) => evaluateGroup(check, rows, context))),
    ...[
      ...Map.groupBy(
        clients.filter(({ forged }) => forged),
        groupOf,
      ).values(),
    ].map((rows) => forgery(rows, context)),
  ];
}

function groupOf({ role, database, application, replication }: ClientLogins): string {
  return JSON.stringify([role, database, application === undefined ? undefined : fold(application), replication]);
}

/** The check evaluates each row by itself, and then the wrong ones together: one client is one finding. */
function evaluateGroup(check: Check, rows: readonly ClientLogins[], context: LoginContext): Finding[] {
  const problemsOf = (some: readonly ClientLogins[]): readonly Problem[] => {
    const outcome = check.evaluate(snapshotOf(some, context), context.policy);
    return outcome.status === 'fail' ? outcome.problems : [];
  };
  const wrong = rows.filter((row) => problemsOf([row]).length > 0);
  return wrong.length === 0 ? [] : problemsOf(wrong).map((problem) => finding(check, problem, wrong, context));
}

function finding(
  check: Pick<Check, 'id' | 'remedy'>,
  problem: Problem,
  rows: readonly ClientLogins[],
  context: LoginContext,
): Finding {
  const { severity, title, role, database, application, remedy } = problem;
  const { oldestSession: _, ...evidence } = problem.evidence;
  return {
    fingerprint: fingerprint(check.id, context.target, problem),
    check: check.id,
    severity,
    target: context.target,
    title,
    role,
    database,
    application,
    clients: networksOf(rows),
    count: loginsOf(rows),
    evidence: { ...evidence, ...loginEvidence(rows) },
    remedy: remedyText(remedy ?? check.remedy, snapshotOf([], context)),
  };
}

function forgery(rows: readonly ClientLogins[], context: LoginContext): Finding {
  const [first] = rows;
  const { id, severity, title, remedy } = forgedConnectionLog;
  const problem: Problem = {
    severity,
    title,
    role: first?.role === undefined ? undefined : displayText(first.role),
    database: first?.database === undefined ? undefined : displayText(first.database),
    application: first?.application === undefined ? undefined : displayText(first.application),
    evidence: { what: 'the application name holds the text by which the server says that a login is encrypted' },
  };
  return finding({ id, remedy }, problem, rows, context);
}

function loginsOf(rows: readonly ClientLogins[]): number {
  return rows.reduce((sum, { logins }) => sum + logins, 0);
}

/** Addresses where all are known and few, else networks. */
function networksOf(rows: readonly ClientLogins[]): readonly string[] {
  const addresses = new Set(rows.flatMap((row) => row.addresses));
  if (rows.every(({ moreAddresses }) => !moreAddresses)) {
    const shown = clientNetworks(addresses);
    if (shown.length > 0) return shown;
  }
  return [...new Set(rows.flatMap(({ network }) => network ?? []))].sort().map((network) => displayText(network));
}

function loginEvidence(rows: readonly ClientLogins[]): Problem['evidence'] {
  const times = rows.flatMap(({ first, last }) => [first ?? [], last ?? []].flat());
  return {
    ...(times.length === 0 ? {} : { firstLogin: iso(rows, 'first', Math.min), lastLogin: iso(rows, 'last', Math.max) }),
    seenIn: 'connection log',
  };
}

function iso(rows: readonly ClientLogins[], which: 'first' | 'last', pick: (...times: number[]) => number): string {
  return new Date(pick(...rows.flatMap((row) => row[which] ?? []))).toISOString();
}

const NOT_IN_LOG = unknown('a connection log does not show it');

/** What a connection log shows, as the checks take it: sessions of known transport, and nothing else. */
function snapshotOf(rows: readonly ClientLogins[], { target, kind }: LoginContext): Snapshot {
  return {
    target: { name: target, labels: {}, kind },
    takenAt: new Date(Math.max(0, ...rows.flatMap(({ last }) => last ?? []))).toISOString(),
    credentials: NOT_IN_LOG,
    serverChain: NOT_IN_LOG,
    link: NOT_IN_LOG,
    server: NOT_IN_LOG,
    visibility: NOT_IN_LOG,
    sessions: known({ visible: asSessions(rows), hidden: 0 }),
    settings: NOT_IN_LOG,
    hba: NOT_IN_LOG,
    outbound: NOT_IN_LOG,
    trust: NOT_IN_LOG,
    clientCertificate: NOT_IN_LOG,
  };
}

/** Each row as one session: what there is of evidence about logins comes from `loginEvidence`. */
function asSessions(rows: readonly ClientLogins[]): readonly Session[] {
  return loggedSessions(rows, { open: [], isPooler: false }).map(({ logins: _, ...session }) => session);
}
