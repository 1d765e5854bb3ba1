// Makes the attempts on one target: credentials and trust first, then the connection.

import type { Endpoint } from '../model/endpoint.ts';
import { AuditFailure } from '../model/failure.ts';
import { known } from '../model/observed.ts';
import type { Target } from '../model/target.ts';
import type { Clock } from '../model/time.ts';
import { orAbort } from '../runtime/waiting.ts';
import { type AuditedEndpoint, auditEndpoint, type ConnectionAttempt } from './audit-endpoint.ts';
import type { TrustStore } from './connect/trust.ts';
import type { LogServices } from './connection-log/source.ts';
import { isPasswordRejected } from './failures/failures.ts';
import { toConsoleFailure } from './pgbouncer/console-failures.ts';
import { HashAllowance } from './protocol/guarded-stream.ts';
import { type Credentials, parseCredentials } from './secrets/credentials.ts';
import { iamCredentials } from './secrets/iam.ts';
import { describeSource, type SourceReader } from './secrets/sources.ts';
import type { SnapshotBuilder } from './snapshot-builder.ts';

/** What audits of one run share. */
export interface Collector {
  readonly sources: SourceReader;
  readonly trust: TrustStore;
  readonly clock: Clock;
  /** What is needed to read connection logs; undefined where none is read. */
  readonly logs?: LogServices | undefined;
}

/** The attempts on one target. A rejected password is read again once, because it may have been rotated meanwhile. */
export class Attempts {
  #target: Target;
  #collector: Collector;
  #builder: SnapshotBuilder;
  #signal: AbortSignal;
  #refreshed = false;
  readonly #allowance = new HashAllowance();

  constructor(target: Target, collector: Collector, builder: SnapshotBuilder, signal: AbortSignal) {
    this.#target = target;
    this.#collector = collector;
    this.#builder = builder;
    this.#signal = signal;
  }

  /** @throws AuditFailure */
  async next(): Promise<AuditedEndpoint> {
    try {
      const credentials = await this.#credentials(false);
      try {
        return await this.#audit(credentials);
      } catch (error) {
        const rotated = await this.#afterRejection(error, credentials);
        if (rotated === undefined) throw error;
        return await this.#audit(rotated);
      }
    } catch (error) {
      if (error instanceof AuditFailure && !this.#signal.aborted) this.#builder.lastFailure = error.failure;
      throw error;
    }
  }

  /** New credentials worth a second login, or undefined. */
  async #afterRejection(error: unknown, used: Credentials): Promise<Credentials | undefined> {
    if (!(error instanceof AuditFailure) || !isPasswordRejected(error)) return undefined;
    if (this.#refreshed || !('secret' in this.#target.credentials)) return undefined;
    this.#refreshed = true;
    const fresh = await this.#credentials(true);
    const same = fresh.user === used.user && fresh.password?.reveal() === used.password?.reveal();
    return same ? undefined : fresh;
  }

  async #credentials(fresh: boolean): Promise<Credentials> {
    this.#builder.phase = 'secrets';
    const source = this.#target.credentials;
    // A token is made for each login: one is good for 15 minutes.
    if ('iam' in source) {
      return await orAbort(iamCredentials(this.#target, source.iam, this.#collector.sources.token), this.#signal);
    }
    const content = await orAbort(this.#collector.sources.read(source, { fresh }), this.#signal);
    return parseCredentials(content, describeSource(source), this.#target);
  }

  async #audit(credentials: Credentials): Promise<AuditedEndpoint> {
    const [builder, signal] = [this.#builder, this.#signal];
    const endpoint: Endpoint = {
      host: credentials.host,
      port: credentials.port,
      verifiedName: this.#target.tlsServerName ?? credentials.host,
      sslNegotiation: this.#target.sslNegotiation,
    };
    builder.attempts += 1;
    builder.setEndpoint(endpoint, credentials);
    const trust = await orAbort(
      this.#collector.trust.trustFor(this.#target.ca, this.#target.clientCertificate, this.#target.crl),
      signal,
    );
    builder.trust = known(trust.facts);
    builder.clientCertificate = known(trust.clientCertificate ?? null);
    const attempt: ConnectionAttempt = {
      target: this.#target,
      allowance: this.#allowance,
      endpoint,
      credentials,
      trust,
      builder,
      signal,
    };
    if (this.#target.kind === 'postgresql') return auditEndpoint(attempt);
    try {
      return await auditEndpoint(attempt);
    } catch (error) {
      throw toConsoleFailure(error, endpoint, credentials);
    }
  }
}
