// Evaluates a connection log by itself, without a server to ask: by the checks that need nothing but a log.

import type { ConnectionLogFacts } from '../../model/connection-log.ts';
import type { Finding } from '../../model/finding.ts';
import { known, unknown } from '../../model/observed.ts';
import type { Policy } from '../../model/policy.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { TargetKind } from '../../model/target.ts';
import { belowPreferredTlsSession } from '../below-preferred-tls-session.ts';
import type { Check } from '../check.ts';
import { clientCertificateRejected } from '../client-certificate-rejected.ts';
import { deprecatedTlsSession } from '../deprecated-tls-session.ts';
import { evaluate } from '../evaluate.ts';
import { forgedConnectionLog } from '../forged-connection-log.ts';
import { loopbackPlaintextSession } from '../loopback-plaintext-session.ts';
import { plaintextLoginRefused } from '../plaintext-login-refused.ts';
import { plaintextSession } from '../plaintext-session.ts';
import { tlsFallback } from '../tls-fallback.ts';
import { tlsHandshakeFailing } from '../tls-handshake-failing.ts';
import { weakCipherSession } from '../weak-cipher-session.ts';

export const LOG_CHECKS: readonly Check[] = [
  plaintextSession,
  deprecatedTlsSession,
  weakCipherSession,
  forgedConnectionLog,
  tlsFallback,
  tlsHandshakeFailing,
  clientCertificateRejected,
  plaintextLoginRefused,
  loopbackPlaintextSession,
  belowPreferredTlsSession,
];

export interface LoginContext {
  /** Stands where a finding of an audit names its target. */
  readonly target: string;
  readonly kind: TargetKind;
  readonly policy: Policy;
}

type LoggedFacts = Pick<ConnectionLogFacts, 'clients' | 'failures' | 'fallbacks'>;

/**
 * The findings, in no order. A row that nothing shows enough of (of others, of an unknown host without encryption) is
 * in none: that the log does not show it must be said beside them.
 *
 * @throws Error where a check crashes, which is a defect
 */
export function evaluateLogins(log: LoggedFacts, { policy, ...context }: LoginContext): readonly Finding[] {
  const { findings, outcomes } = evaluate(snapshotOf(log, context), policy, LOG_CHECKS);
  for (const { check, outcome } of outcomes) {
    if (outcome.status === 'error') throw new Error(`${check}: ${outcome.reason}`);
  }
  return findings.map(ofLogAlone);
}

/** No session was looked at, and the log may be of any length: the logins are all there is to count. */
function ofLogAlone(finding: Finding): Finding {
  const { openNow: _, oldestSession: __, sources: ___, logins24h, ...evidence } = finding.evidence;
  const count = typeof logins24h === 'number' ? logins24h : undefined;
  return { ...finding, count, evidence: { ...evidence, seenIn: 'connection log' } };
}

const NOT_IN_LOG = unknown('a connection log does not show it');

/** What a connection log shows, as the checks take it, and nothing else. */
function snapshotOf(log: LoggedFacts, { target, kind }: Omit<LoginContext, 'policy'>): Snapshot {
  const latest = log.clients.reduce((moment, { last = 0 }) => Math.max(moment, last), 0);
  const takenAt = new Date(latest).toISOString();
  return {
    target: { name: target, labels: {}, kind },
    takenAt,
    credentials: NOT_IN_LOG,
    serverChain: NOT_IN_LOG,
    link: NOT_IN_LOG,
    server: NOT_IN_LOG,
    visibility: NOT_IN_LOG,
    sessions: NOT_IN_LOG,
    settings: NOT_IN_LOG,
    hba: NOT_IN_LOG,
    outbound: NOT_IN_LOG,
    connectionLog: known({ source: 'server-files', window: { from: takenAt, to: takenAt }, gaps: [], ...log }),
    trust: NOT_IN_LOG,
    clientCertificate: NOT_IN_LOG,
  };
}
