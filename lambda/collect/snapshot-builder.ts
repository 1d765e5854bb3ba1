// Builds the snapshot of a target from what its audit learns, up to whatever point the audit reaches.

import type { X509Certificate } from 'node:crypto';
import type { CertificateFacts } from '../model/certificate.ts';
import type { Endpoint } from '../model/endpoint.ts';
import { AuditFailure, type Failure, type Phase } from '../model/failure.ts';
import { known, type Observed, unknown } from '../model/observed.ts';
import { failureForTarget, isFromOption } from '../model/option-words.ts';
import type {
  AuditConnection,
  CredentialFacts,
  NetworkPath,
  Session,
  Snapshot,
  TrustFacts,
} from '../model/snapshot.ts';
import type { Target } from '../model/target.ts';
import type { Clock } from '../model/time.ts';
import { certificateFacts } from './certificates/certificate-facts.ts';
import type { Observations } from './connect/observations.ts';
import type { AuditedTarget, ObserverFacts, SessionOpener } from './connect/observer.ts';
import { timedOut } from './failures/failures.ts';
import type { Credentials } from './secrets/credentials.ts';
import type { Redacted } from './secrets/redacted.ts';
import { Redaction } from './secrets/redaction.ts';

const NOT_AUDITED = unknown('the target was not audited');

/** Facts that only an audit brings that came to its end. */
type AuditFacts = Observations['facts'];

/** The only maker of snapshots. It can build one at any point of an audit. */
export class SnapshotBuilder {
  phase: Phase = 'secrets';
  credentials: Observed<CredentialFacts> = unknown('the credentials could not be read');
  trust: Observed<TrustFacts> = unknown('the CA bundle could not be read');
  clientCertificate: Observed<CertificateFacts | null> = unknown('the client certificate could not be read');
  networkPath: NetworkPath | undefined;
  /** Undefined until TCP to the target was open. */
  reachable: AuditedTarget | undefined;
  /** The failure of the attempt before this one. */
  lastFailure: Failure | undefined;
  attempts = 0;
  /** Resolves when the session of the audit is logged out and its connection closed. Never rejects. */
  closed: Promise<void> = Promise.resolve();
  /** Redacts every password that was tried so far. */
  redaction = new Redaction([]);
  readonly #secrets: Redacted[] = [];
  #chain: Observed<readonly CertificateFacts[]> = unknown('the server presented no certificate');
  #unread: readonly X509Certificate[] | undefined;
  #target: Target;
  #clock: Clock;
  #endpoint: Pick<Endpoint, 'host' | 'port'> | undefined;
  #audit: { readonly link: AuditConnection; readonly facts: AuditFacts } | { readonly failure: Failure } | undefined;
  #observerFacts: ObserverFacts = {};
  /** Processes behind the sessions of observers. */
  readonly #ownSessions = new Set<number>();
  /** When the audit ended: observers run after it. */
  #takenAt: string | undefined;

  constructor(target: Target, clock: Clock) {
    this.#target = target;
    this.#clock = clock;
  }

  setEndpoint(endpoint: Endpoint, { facts, user, database, password }: Credentials): void {
    this.#endpoint = endpoint;
    this.credentials = known(facts);
    if (password === undefined || this.#secrets.some((secret) => secret.equals(password))) return;
    this.#secrets.push(password);
    const shown = [this.#target.name, endpoint.host, endpoint.verifiedName, user, database];
    this.redaction = new Redaction(this.#secrets, shown);
  }

  /**
   * The certificates of the server, leaf first. Their facts are read by `readCertificates`, at the latest by
   * `build`.
   */
  setPresentedCertificates(certificates: readonly X509Certificate[]): void {
    this.#unread = certificates;
  }

  setServerChain(chain: Observed<readonly CertificateFacts[]>): void {
    this.#chain = chain;
    this.#unread = undefined;
  }

  readCertificates(): void {
    if (this.#unread !== undefined) this.setServerChain(known(this.#unread.map(certificateFacts)));
  }

  succeed(link: AuditConnection, facts: AuditFacts): void {
    this.#audit = { link, facts };
    this.#takenAt = this.#clock().toISOString();
  }

  fail(failure: Failure): void {
    this.#audit = { failure };
    this.#takenAt = this.#clock().toISOString();
  }

  /** Whether the audit has ended, with success or without. */
  get isAudited(): boolean {
    return this.#audit !== undefined;
  }

  setObserverFacts(facts: ObserverFacts): void {
    this.#observerFacts = { ...this.#observerFacts, ...facts };
  }

  /** For the observers: the audit has logged in. */
  setSessionOpener(open: SessionOpener): void {
    if (this.reachable !== undefined) this.reachable = { ...this.reachable, openSession: known(open) };
  }

  /** @param pid as the server announced it at login */
  addOwnSession(pid: number | undefined): void {
    if (pid !== undefined) this.#ownSessions.add(pid);
  }

  build(): Snapshot {
    this.readCertificates();
    const { name, kind, host, port, labels } = this.#target;
    return {
      target: {
        name,
        host: this.#endpoint?.host ?? host,
        port: this.#endpoint?.port ?? port,
        labels,
        kind,
        ...(isFromOption(this.#target) ? { fromOption: true } : {}),
      },
      takenAt: this.#takenAt ?? this.#clock().toISOString(),
      credentials: this.credentials,
      serverChain: this.#chain,
      networkPath: this.networkPath,
      trust: this.trust,
      clientCertificate: this.clientCertificate,
      ...this.#auditFacts(),
      ...this.#observerFacts,
      ...this.#sampled(),
    };
  }

  /** Of the sessions that were seen later, those that the audit did not see, and that are not the auditor's own. */
  #sampled(): Pick<Snapshot, 'sampled'> {
    const { sampled } = this.#observerFacts;
    if (sampled?.known !== true) return {};
    const audit = this.#audit !== undefined && 'facts' in this.#audit ? this.#audit : undefined;
    const seen = audit?.facts.sessions.known ? audit.facts.sessions.value.visible : [];
    const own = audit?.link.backendPid?.announced;
    const shown = new Set(seen.map(sessionId));
    const sessions = sampled.value.sessions.filter(
      (session) =>
        !shown.has(sessionId(session)) &&
        (session.pid === undefined || (session.pid !== own && !this.#ownSessions.has(session.pid))),
    );
    return { sampled: known({ ...sampled.value, sessions }) };
  }

  #auditFacts(): Pick<Snapshot, 'failure' | 'link'> & AuditFacts {
    if (this.#audit !== undefined && 'facts' in this.#audit) {
      return { link: known(this.#audit.link), ...this.#audit.facts };
    }
    return {
      ...(this.#audit === undefined ? {} : { failure: failureForTarget(this.#target, this.#audit.failure) }),
      link: NOT_AUDITED,
      server: NOT_AUDITED,
      visibility: NOT_AUDITED,
      sessions: NOT_AUDITED,
      settings: NOT_AUDITED,
      hba: NOT_AUDITED,
      outbound: NOT_AUDITED,
      ...(this.#target.kind === 'pgbouncer' ? { pooler: NOT_AUDITED } : {}),
    };
  }

  /**
   * The failure to report when time is up. The last failure of an attempt, if there is one, says more than that time
   * is up.
   *
   * @param deadline of the run; when it has not aborted, the target's own time is up
   */
  outOfTime(deadline: AbortSignal): Failure {
    if (deadline.reason instanceof AuditFailure) return { ...deadline.reason.failure, phase: this.phase };
    if (this.lastFailure !== undefined) {
      const tries = this.attempts === 1 ? '' : `, and so did ${this.attempts} attempts`;
      return { ...this.lastFailure, message: `${this.lastFailure.message}${tries}; then time was up` };
    }
    if (deadline.aborted) {
      return {
        cause: 'out-of-time',
        phase: this.phase,
        message: 'The run was out of time before the audit of this target ended',
        remedy: 'raise "timeoutMinutes" of the deployment or "concurrency", or lower "timeoutSeconds" of the target',
      };
    }
    // The endpoint may be known while the CA bundle is still being read, before anything is sent to it.
    if (this.#endpoint !== undefined && this.phase !== 'secrets') return timedOut(this.#endpoint, this.phase).failure;
    return {
      cause: 'timed-out',
      phase: this.phase,
      message: `Its secrets were not read within ${this.#target.timeoutMs / 1000} s`,
      remedy: 'check the route to Secrets Manager: an isolated subnet needs a VPC endpoint for it',
    };
  }
}

/** Processes get the ids of those that ended. */
function sessionId({ pid, startedAt }: Session): string {
  return `${pid} ${startedAt}`;
}
