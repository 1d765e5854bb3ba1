// How far the audit of a target has come, and what to report when it ends there.

import type { X509Certificate } from 'node:crypto';
import type { CertificateFacts } from '../model/certificate.ts';
import type { Endpoint } from '../model/endpoint.ts';
import { AuditFailure, type Failure, type Phase } from '../model/failure.ts';
import { known, type Observed, unknown } from '../model/observed.ts';
import { isFromOption, toldFor } from '../model/option-words.ts';
import type { CredentialFacts, NetworkPath, Snapshot, TrustFacts } from '../model/snapshot.ts';
import type { Target } from '../model/target.ts';
import type { Clock } from '../model/time.ts';
import { certificateFacts } from './certificates/certificate-facts.ts';
import { timedOut } from './failures/failures.ts';
import type { ProbeSubject } from './probe/probe.ts';
import type { Credentials } from './secrets/credentials.ts';
import type { Redacted } from './secrets/redacted.ts';
import { Redaction } from './secrets/redaction.ts';

/** What is known of a target so far, for the report of a failure at any point. */
export class SnapshotBuilder {
  phase: Phase = 'secrets';
  credentials: Observed<CredentialFacts> = unknown('the credentials could not be read');
  trust: Observed<TrustFacts> = unknown('the CA bundle could not be read');
  clientCertificate: Observed<CertificateFacts | null> = unknown('the client certificate could not be read');
  networkPath: NetworkPath | undefined;
  /** What there is to probe: undefined until TCP to it was open. */
  probeSubject: ProbeSubject | undefined;
  /** Of the attempt before this one. */
  lastFailure: Failure | undefined;
  attempts = 0;
  /** Purges every password that was tried so far. */
  redaction = new Redaction([]);
  readonly #secrets: Redacted[] = [];
  #chain: Observed<readonly CertificateFacts[]> = unknown('the server presented no certificate');
  #unread: readonly X509Certificate[] | undefined;
  #target: Target;
  #clock: Clock;
  #endpoint: Pick<Endpoint, 'host' | 'port'> | undefined;

  constructor(target: Target, clock: Clock) {
    this.#target = target;
    this.#clock = clock;
  }

  reached(endpoint: Endpoint, { facts, user, database, password }: Credentials): void {
    this.#endpoint = endpoint;
    this.credentials = known(facts);
    if (password === undefined || this.#secrets.some((secret) => secret.equals(password))) return;
    this.#secrets.push(password);
    const shown = [this.#target.name, endpoint.host, endpoint.verifiedName, user, database];
    this.redaction = new Redaction(this.#secrets, shown);
  }

  /** What the server presented; `readCertificates` takes the facts, or whoever asks for them first. */
  presented(certificates: readonly X509Certificate[]): void {
    this.#unread = certificates;
  }

  set chain(chain: Observed<readonly CertificateFacts[]>) {
    this.#chain = chain;
    this.#unread = undefined;
  }

  get chain(): Observed<readonly CertificateFacts[]> {
    this.readCertificates();
    return this.#chain;
  }

  readCertificates(): void {
    if (this.#unread !== undefined) this.chain = known(this.#unread.map(certificateFacts));
  }

  snapshot(): Pick<
    Snapshot,
    'target' | 'takenAt' | 'credentials' | 'serverChain' | 'networkPath' | 'trust' | 'clientCertificate'
  > {
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
      takenAt: this.#clock().toISOString(),
      credentials: this.credentials,
      serverChain: this.chain,
      networkPath: this.networkPath,
      trust: this.trust,
      clientCertificate: this.clientCertificate,
    };
  }

  failed(failure: Failure): Snapshot {
    const unseen = unknown('the target was not audited');
    return {
      ...this.snapshot(),
      failure: toldFor(this.#target, failure),
      link: unseen,
      server: unseen,
      visibility: unseen,
      sessions: unseen,
      settings: unseen,
      hba: unseen,
      outbound: unseen,
      ...(this.#target.kind === 'pgbouncer' ? { pooler: unseen } : {}),
    };
  }

  /**
   * The reason to give when time is up: what failed last says more than that time is up.
   *
   * @param deadline of the run; when it is not what ended the audit, the target's own time was up
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
    // The endpoint may be known while the CA bundle is still being read: it was not asked anything yet.
    if (this.#endpoint !== undefined && this.phase !== 'secrets') return timedOut(this.#endpoint, this.phase).failure;
    return {
      cause: 'timed-out',
      phase: this.phase,
      message: `Its secrets were not read within ${this.#target.timeoutMs / 1000} s`,
      remedy: 'check the route to Secrets Manager: an isolated subnet needs a VPC endpoint for it',
    };
  }
}
