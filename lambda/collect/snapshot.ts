// The audit of one target, up to its snapshot: secrets, network, TLS, login, queries, within the target's deadline.
// Never throws: what went wrong is in the snapshot.

import pRetry from 'p-retry';
import type { Endpoint } from '../model/endpoint.ts';
import { AuditFailure, type Failure, type Phase } from '../model/failure.ts';
import { known, unknown } from '../model/observed.ts';
import type { Link, Snapshot } from '../model/snapshot.ts';
import type { Target } from '../model/target.ts';
import type { Clock } from '../model/time.ts';
import { endsAfter } from '../model/time.ts';
import { confined, UncaughtError } from '../runtime/confinement.ts';
import { diagnose } from './connect/diagnose.ts';
import { openTcp, requestTls } from './connect/network.ts';
import type { Asked, Observations } from './connect/observations.ts';
import { login, logout } from './connect/session.ts';
import { handshake, IdentityError } from './connect/tls.ts';
import type { Trust, TrustStore } from './connect/trust.ts';
import { isPasswordRejected } from './failures/failures.ts';
import { inConsoleTerms } from './pgbouncer/console-failures.ts';
import { observeConsole } from './pgbouncer/observe-pgbouncer.ts';
import { observeServer } from './postgres/observe-server.ts';
import { probeWire } from './probe/probe.ts';
import { HashAllowance } from './protocol/guarded-stream.ts';
import { type Credentials, parseCredentials } from './secrets/credentials.ts';
import { describeSource, type SourceReader } from './secrets/sources.ts';
import { Progress } from './snapshot-builder.ts';

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
    const progress = new Progress(target, collector.clock);
    const signal = AbortSignal.any([deadline, broken, endsAfter(target.timeoutMs)]);
    const work = auditAndProbe(target, collector, progress, { signal, deadline, broken });
    // What the work waits for may never come, where something broke in an unforeseen way.
    const snapshot = await orAfter(work, signal, () => progress.failed(whyEnded(progress, { deadline, broken })));
    return withoutSecrets(snapshot, progress);
  });
}

/** The rows of sessions were purged as they came, and there may be very many. */
function withoutSecrets({ sessions, ...snapshot }: Snapshot, { redaction }: Progress): Snapshot {
  return { ...redaction.everywhere(snapshot), sessions };
}

async function auditAndProbe(
  target: Target,
  collector: Collector,
  progress: Progress,
  ends: Ends & { readonly signal: AbortSignal },
): Promise<Snapshot> {
  const snapshot = await auditTarget(target, collector, progress, ends);
  return target.probe ? { ...snapshot, probe: await probeAfter(progress, ends.signal) } : snapshot;
}

/** What ends the audit of a target early, besides the target's own time. */
interface Ends {
  readonly deadline: AbortSignal;
  /** Aborts where an error was thrown on the target's behalf and caught nowhere. */
  readonly broken: AbortSignal;
}

function whyEnded(progress: Progress, { deadline, broken }: Ends): Failure {
  const { reason } = broken as { readonly reason: unknown };
  if (reason instanceof UncaughtError) return asFailure(reason.cause, progress.phase);
  return progress.outOfTime(deadline);
}

/** Milliseconds that work has to end by itself once it is told to. */
const LAST_WORDS = 500;

/** The work's outcome, or a substitute where it goes on for a while after the signal. */
async function orAfter<T>(work: Promise<T>, signal: AbortSignal, substitute: () => T): Promise<T> {
  const { promise: late, resolve } = Promise.withResolvers<T>();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => resolve(substitute()), LAST_WORDS);
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
async function probeAfter({ probeSubject }: Progress, signal: AbortSignal): Promise<NonNullable<Snapshot['probe']>> {
  if (probeSubject === undefined) return unknown('no connection to the target came about');
  if (signal.aborted) return unknown('the audit left no time for the wire probe');
  return known(await probeWire(probeSubject, signal));
}

async function auditTarget(
  target: Target,
  collector: Collector,
  progress: Progress,
  { signal, ...ends }: Ends & { readonly signal: AbortSignal },
): Promise<Snapshot> {
  try {
    const attempts = new Attempts(target, collector, progress, signal);
    const { link, facts } = await pRetry(() => attempts.next(), {
      ...BACK_OFF,
      signal,
      shouldRetry: ({ error }) => error instanceof AuditFailure && error.transient,
    });
    return { ...progress.snapshot(), link: known(link), ...facts };
  } catch (error) {
    return progress.failed(signal.aborted ? whyEnded(progress, ends) : asFailure(error, progress.phase));
  }
}

/** The snapshot of a target whose turn never came: reported, never dropped. */
export function notStarted(target: Target, { clock }: Collector, deadline: AbortSignal): Snapshot {
  const progress = new Progress(target, clock);
  progress.phase = 'waiting';
  const snapshot = progress.failed(whyNotStarted(progress, deadline));
  return target.probe ? { ...snapshot, probe: unknown('the target was not audited') } : snapshot;
}

function whyNotStarted(progress: Progress, deadline: AbortSignal): Failure {
  if (deadline.reason instanceof AuditFailure) return progress.outOfTime(deadline);
  return {
    cause: 'out-of-time',
    phase: 'waiting',
    message: 'The run was out of time before the turn of this target came',
    remedy: 'raise deployment.timeoutMinutes or concurrency, or lower the timeoutSeconds of targets that do not answer',
  };
}

interface Audited {
  readonly link: Link;
  readonly facts: Observations['facts'];
}

/** The attempts on one target. A rejected password is fetched anew once: rotation may have come between. */
class Attempts {
  #target: Target;
  #collector: Collector;
  #progress: Progress;
  #signal: AbortSignal;
  #refreshed = false;
  readonly #allowance = new HashAllowance();

  constructor(target: Target, collector: Collector, progress: Progress, signal: AbortSignal) {
    this.#target = target;
    this.#collector = collector;
    this.#progress = progress;
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
      if (error instanceof AuditFailure && !this.#signal.aborted) this.#progress.lastFailure = error.failure;
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
    this.#progress.phase = 'secrets';
    const source = this.#target.credentials;
    const content = await orAbort(this.#collector.sources.read(source, { fresh }), this.#signal);
    return parseCredentials(content, describeSource(source), this.#target);
  }

  async #audit(credentials: Credentials): Promise<Audited> {
    const [progress, signal] = [this.#progress, this.#signal];
    const endpoint: Endpoint = {
      host: credentials.host,
      port: credentials.port,
      verifiedName: this.#target.tlsServerName ?? credentials.host,
      sslNegotiation: this.#target.sslNegotiation,
    };
    progress.attempts += 1;
    progress.reached(endpoint, credentials);
    const trust = await orAbort(
      this.#collector.trust.trustFor(this.#target.ca, this.#target.clientCertificate, this.#target.crl),
      signal,
    );
    progress.trust = known(trust.facts);
    progress.clientCertificate = known(trust.clientCertificate);
    const leg: Leg = {
      target: this.#target,
      allowance: this.#allowance,
      endpoint,
      credentials,
      trust,
      progress,
      signal,
    };
    if (this.#target.kind === 'postgresql') return auditEndpoint(leg);
    try {
      return await auditEndpoint(leg);
    } catch (error) {
      throw inConsoleTerms(error, endpoint, credentials);
    }
  }
}

interface Leg {
  readonly target: Target;
  readonly allowance: HashAllowance;
  readonly endpoint: Endpoint;
  readonly credentials: Credentials;
  readonly trust: Trust;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

async function auditEndpoint(leg: Leg): Promise<Audited> {
  const { target, allowance, endpoint, credentials, trust, progress, signal } = leg;
  const { kind, probe } = target;
  const clock = stopwatch();
  progress.phase = 'tcp';
  const socket = await openTcp(endpoint, signal);
  const tcp = clock();
  const { remoteAddress, localAddress, localPort } = socket;
  progress.route = remoteAddress === undefined ? undefined : { remoteAddress, endToEnd: false };
  progress.probeSubject = { endpoint, role: credentials.user, database: credentials.database, trust };
  try {
    progress.phase = 'tls';
    await requestTls(socket, endpoint, signal);
    const { socket: tls, certificates } = await handshake(socket, endpoint, trust, signal);
    const tlsHandshake = clock();
    // Now: a socket that the server has closed by the time of its last answer knows neither.
    const tlsVersion = tls.getProtocol() ?? 'unknown';
    const { name: cipher } = tls.getCipher();
    progress.presented(certificates);

    progress.phase = 'login';
    const session = await login(tls, credentials, endpoint, {
      leaf: certificates[0],
      policy: { methods: target.authentication, minScramIterations: target.minScramIterations },
      allowance,
      redaction: progress.redaction,
      signal,
      pipeline: kind === 'pgbouncer',
    });
    const authentication = clock();

    progress.phase = 'query';
    const own = { address: localAddress, port: localPort };
    const asked: Asked = { session, socket: tls, endpoint, user: credentials.user, own, probe, signal };
    const answering = kind === 'pgbouncer' ? observeConsole(asked) : observeServer(asked);
    // While the server is at it. Should that fail, nobody waits for the answers.
    answering.catch(() => undefined);
    progress.readCertificates();
    const answers = await answering;
    const queries = clock();
    const { address, port } = answers.ownEnd;
    if (remoteAddress !== undefined) {
      progress.route = {
        remoteAddress,
        endToEnd: address === localAddress && port === localPort,
        seenFrom: address,
      };
    }
    const link: Link = {
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
      attempts: progress.attempts,
    };
    await logout(session, tls, signal);
    return { link, facts: answers.facts };
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    const { failure, chain } = await diagnose(error, endpoint, trust, signal);
    if (chain !== undefined) progress.chain = known(chain);
    throw new AuditFailure(failure, { cause: error });
  } finally {
    socket.destroy();
  }
}

function backendPid(announced: number | undefined, own: number | undefined): Link['backendPid'] {
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
