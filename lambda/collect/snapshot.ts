// The audit of one target, up to its snapshot: secrets, network, TLS, login, queries, within the target's deadline.
// Never throws: what went wrong is in the snapshot.

import pRetry from 'p-retry';
import type { Endpoint } from '../model/endpoint.ts';
import { AuditFailure, type Failure, type Phase } from '../model/failure.ts';
import { known, unknown } from '../model/observed.ts';
import type { AuditConnection, Snapshot } from '../model/snapshot.ts';
import type { Target } from '../model/target.ts';
import type { Clock } from '../model/time.ts';
import { endsAfter } from '../model/time.ts';
import { confined, UncaughtError } from '../runtime/confinement.ts';
import { diagnose } from './connect/diagnose.ts';
import { openTcp, requestTls } from './connect/network.ts';
import type { Observations, QueryContext } from './connect/observations.ts';
import { login, logout } from './connect/session.ts';
import { handshake, IdentityError } from './connect/tls.ts';
import type { Trust, TrustStore } from './connect/trust.ts';
import { isPasswordRejected } from './failures/failures.ts';
import { toConsoleFailure } from './pgbouncer/console-failures.ts';
import { observeConsole } from './pgbouncer/observe-pgbouncer.ts';
import { observeServer } from './postgres/observe-server.ts';
import { probeWire } from './probe/probe.ts';
import { HashAllowance } from './protocol/guarded-stream.ts';
import { type Credentials, parseCredentials } from './secrets/credentials.ts';
import { describeSource, type SourceReader } from './secrets/sources.ts';
import { SnapshotBuilder } from './snapshot-builder.ts';

/** What audits of one run share. */
export interface Collector {
  readonly sources: SourceReader;
  readonly trust: TrustStore;
  readonly clock: Clock;
}

/** Back-off between attempts: a quarter of a second, doubling, at most 4 s, with jitter; the deadline ends it. */
const BACK_OFF = { retries: 20, factor: 2, minTimeout: 250, maxTimeout: 4_000, randomize: true } as const;

/**
 * Takes a target's snapshot.
 *
 * @param deadline ends when the run is out of time, or for the reason it gives when that is an AuditFailure; the target's
 *   own `timeoutMs` applies besides
 */
export async function takeSnapshot(target: Target, collector: Collector, deadline: AbortSignal): Promise<Snapshot> {
  return await confined(async (broken) => {
    const builder = new SnapshotBuilder(target, collector.clock);
    const signal = AbortSignal.any([deadline, broken, endsAfter(target.timeoutMs)]);
    const work = auditAndProbe(target, collector, builder, { signal, deadline, broken });
    // What the work waits for may never come, where something broke in an unforeseen way.
    const snapshot = await orAfter(work, signal, () => builder.failed(whyEnded(builder, { deadline, broken })));
    return withoutSecrets(snapshot, builder);
  });
}

/** The rows of sessions were purged as they came, and there may be very many. */
function withoutSecrets({ sessions, ...snapshot }: Snapshot, { redaction }: SnapshotBuilder): Snapshot {
  return { ...redaction.everywhere(snapshot), sessions };
}

async function auditAndProbe(
  target: Target,
  collector: Collector,
  builder: SnapshotBuilder,
  ends: Ends & { readonly signal: AbortSignal },
): Promise<Snapshot> {
  const snapshot = await auditTarget(target, collector, builder, ends);
  return target.probe ? { ...snapshot, probe: await probeAfter(builder, ends.signal) } : snapshot;
}

/** What ends the audit of a target early, besides the target's own time. */
interface Ends {
  readonly deadline: AbortSignal;
  /** Aborts where an error was thrown on the target's behalf and caught nowhere. */
  readonly broken: AbortSignal;
}

function whyEnded(builder: SnapshotBuilder, { deadline, broken }: Ends): Failure {
  const { reason } = broken as { readonly reason: unknown };
  if (reason instanceof UncaughtError) return asFailure(reason.cause, builder.phase);
  return builder.outOfTime(deadline);
}

/** Milliseconds that work has to end by itself once it is told to. */
const CLEANUP_MS = 500;

/** The work's outcome, or a substitute where it goes on for a while after the signal. */
async function orAfter<T>(work: Promise<T>, signal: AbortSignal, substitute: () => T): Promise<T> {
  const { promise: late, resolve } = Promise.withResolvers<T>();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => resolve(substitute()), CLEANUP_MS);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, late]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    clearTimeout(timer);
  }
}

/**
 * After the audit, so as not to disturb it, and also where it failed, if there was something to talk to: that a login was
 * refused or a certificate has ended says nothing of what else the server accepts.
 */
async function probeAfter(
  { probeSubject }: SnapshotBuilder,
  signal: AbortSignal,
): Promise<NonNullable<Snapshot['probe']>> {
  if (probeSubject === undefined) return unknown('no connection to the target came about');
  if (signal.aborted) return unknown('the audit left no time for the wire probe');
  return known(await probeWire(probeSubject, signal));
}

async function auditTarget(
  target: Target,
  collector: Collector,
  builder: SnapshotBuilder,
  { signal, ...ends }: Ends & { readonly signal: AbortSignal },
): Promise<Snapshot> {
  try {
    const attempts = new Attempts(target, collector, builder, signal);
    const { link, facts } = await pRetry(() => attempts.next(), {
      ...BACK_OFF,
      signal,
      shouldRetry: ({ error }) => error instanceof AuditFailure && error.transient,
    });
    return { ...builder.snapshot(), link: known(link), ...facts };
  } catch (error) {
    return builder.failed(signal.aborted ? whyEnded(builder, ends) : asFailure(error, builder.phase));
  }
}

/** The snapshot of a target whose turn never came: reported, never dropped. */
export function notStarted(target: Target, { clock }: Collector, deadline: AbortSignal): Snapshot {
  const builder = new SnapshotBuilder(target, clock);
  builder.phase = 'waiting';
  const snapshot = builder.failed(whyNotStarted(builder, deadline));
  return target.probe ? { ...snapshot, probe: unknown('the target was not audited') } : snapshot;
}

function whyNotStarted(builder: SnapshotBuilder, deadline: AbortSignal): Failure {
  if (deadline.reason instanceof AuditFailure) return builder.outOfTime(deadline);
  return {
    cause: 'out-of-time',
    phase: 'waiting',
    message: 'The run was out of time before the turn of this target came',
    remedy: 'raise deployment.timeoutMinutes or concurrency, or lower the timeoutSeconds of targets that do not answer',
  };
}

interface Audited {
  readonly link: AuditConnection;
  readonly facts: Observations['facts'];
}

/** The attempts on one target. A rejected password is fetched anew once: rotation may have come between. */
class Attempts {
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

  async next(): Promise<Audited> {
    try {
      const credentials = await this.#credentials(false);
      try {
        return await this.#audit(credentials);
      } catch (error) {
        const anew = await this.#afterRejection(error, credentials);
        if (anew === undefined) throw error;
        return await this.#audit(anew);
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
    const anew = await this.#credentials(true);
    const same = anew.user === used.user && anew.password?.reveal() === used.password?.reveal();
    return same ? undefined : anew;
  }

  async #credentials(fresh: boolean): Promise<Credentials> {
    this.#builder.phase = 'secrets';
    const source = this.#target.credentials;
    const content = await orAbort(this.#collector.sources.read(source, { fresh }), this.#signal);
    return parseCredentials(content, describeSource(source), this.#target);
  }

  async #audit(credentials: Credentials): Promise<Audited> {
    const [builder, signal] = [this.#builder, this.#signal];
    const endpoint: Endpoint = {
      host: credentials.host,
      port: credentials.port,
      verifiedName: this.#target.tlsServerName ?? credentials.host,
      sslNegotiation: this.#target.sslNegotiation,
    };
    builder.attempts += 1;
    builder.reached(endpoint, credentials);
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

interface ConnectionAttempt {
  readonly target: Target;
  readonly allowance: HashAllowance;
  readonly endpoint: Endpoint;
  readonly credentials: Credentials;
  readonly trust: Trust;
  readonly builder: SnapshotBuilder;
  readonly signal: AbortSignal;
}

async function auditEndpoint(attempt: ConnectionAttempt): Promise<Audited> {
  const { target, allowance, endpoint, credentials, trust, builder, signal } = attempt;
  const { kind, probe } = target;
  const clock = stopwatch();
  builder.phase = 'tcp';
  const socket = await openTcp(endpoint, signal);
  const tcp = clock();
  const { remoteAddress, localAddress, localPort } = socket;
  builder.networkPath = remoteAddress === undefined ? undefined : { remoteAddress, isDirect: false };
  builder.probeSubject = { endpoint, role: credentials.user, database: credentials.database, trust };
  try {
    builder.phase = 'tls';
    await requestTls(socket, endpoint, signal);
    const { socket: tls, certificates } = await handshake(socket, endpoint, trust, signal);
    const tlsHandshake = clock();
    // Now: a socket that the server has closed by the time of its last answer knows neither.
    const tlsVersion = tls.getProtocol() ?? 'unknown';
    const { name: cipher } = tls.getCipher();
    builder.presented(certificates);

    builder.phase = 'login';
    const session = await login(tls, credentials, endpoint, {
      leaf: certificates[0],
      policy: { methods: target.authentication, minScramIterations: target.minScramIterations },
      allowance,
      redaction: builder.redaction,
      signal,
      pipeline: kind === 'pgbouncer',
    });
    const authentication = clock();

    builder.phase = 'query';
    const own = { address: localAddress, port: localPort };
    const context: QueryContext = { session, socket: tls, endpoint, user: credentials.user, own, probe, signal };
    const answering = kind === 'pgbouncer' ? observeConsole(context) : observeServer(context);
    // While the server is at it. Should that fail, nobody waits for the answers.
    answering.catch(() => undefined);
    builder.readCertificates();
    const answers = await answering;
    const queries = clock();
    const { address, port } = answers.localAddress;
    if (remoteAddress !== undefined) {
      builder.networkPath = {
        remoteAddress,
        isDirect: address === localAddress && port === localPort,
        clientAddressAtServer: address,
      };
    }
    const link: AuditConnection = {
      tlsVersion,
      cipher,
      authorized: tls.authorized,
      verifiedName: endpoint.verifiedName,
      sslNegotiation: endpoint.sslNegotiation,
      authentication: session.authentication,
      channelBinding: session.authentication === 'scram-sha-256-plus',
      serverView: answers.serverView,
      backendPid: backendPid(session.announcedPid, answers.ownPid),
      timings: { tcp, tlsHandshake, authentication, queries },
      roundTrips: answers.roundTrips,
      attempts: builder.attempts,
    };
    await logout(session, tls, signal);
    return { link, facts: answers.facts };
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    const { failure, chain } = await diagnose(error, endpoint, trust, signal);
    if (chain !== undefined) builder.chain = known(chain);
    throw new AuditFailure(failure, { cause: error });
  } finally {
    socket.destroy();
  }
}

function backendPid(announced: number | undefined, own: number | undefined): AuditConnection['backendPid'] {
  return announced === undefined || own === undefined ? undefined : { announced, own };
}

/** A failure for people from whatever was thrown. Of a defect of ours, where it is: its message might hold anything. */
function asFailure(error: unknown, phase: Phase): Failure {
  if (error instanceof AuditFailure) return error.failure;
  return {
    cause: 'internal-error',
    phase,
    message: `The auditor itself failed: ${describeDefect(error)}`,
    remedy: 'report it as a defect of pg-tls-auditor, with this message',
  };
}

function describeDefect(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const place = /^\s+at .*$/m.exec(error.stack ?? '')?.[0].trim();
  return place === undefined ? error.name : `${error.name} ${place}`;
}

/** Milliseconds since the last call, to a tenth. */
function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const elapsed = Math.round((now - last) * 10) / 10;
    last = now;
    return elapsed;
  };
}

/** The promise's outcome, or the signal's reason if that comes first. What it waits for is shared: it goes on. */
async function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
