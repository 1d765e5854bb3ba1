// The audit of one target, up to its snapshot: secrets, network, TLS, login, queries, within the target's deadline.
// Never throws: what went wrong is in the snapshot.

import pRetry from 'p-retry';
import type { Clock } from '../model/clock.ts';
import { AuditFailure, type Failure, type Phase } from '../model/failure.ts';
import { known } from '../model/observed.ts';
import type { Link, Snapshot } from '../model/snapshot.ts';
import type { Target } from '../model/target.ts';
import { certificateFacts } from './certificate-facts.ts';
import { type Credentials, parseCredentials } from './credentials.ts';
import { diagnose } from './diagnose.ts';
import { isPasswordRejected, queryFailure } from './failures.ts';
import { type Endpoint, openTcp, requestTls } from './network.ts';
import { Progress } from './progress.ts';
import { type Answers, OLDEST_MAJOR, runAuditQueries } from './queries.ts';
import { type DatabaseSession, login, logout } from './session.ts';
import { describeSource, type SourceReader } from './sources.ts';
import { handshake, IdentityError } from './tls.ts';
import type { Trust, TrustStore } from './trust.ts';

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
  const progress = new Progress(target, collector.clock);
  const signal = AbortSignal.any([deadline, AbortSignal.timeout(target.timeoutMs)]);
  try {
    const attempts = new Attempts(target, collector, progress, signal);
    const { link, answers } = await pRetry(() => attempts.next(), {
      ...BACK_OFF,
      signal,
      shouldRetry: ({ error }) => error instanceof AuditFailure && error.transient,
    });
    return { ...progress.snapshot(), link: known(link), ...observed(answers) };
  } catch (error) {
    return progress.failed(signal.aborted ? progress.outOfTime(deadline) : asFailure(error, progress.phase));
  }
}

/** The snapshot of a target whose turn never came: reported, never dropped. */
export function notStarted(target: Target, { clock }: Collector, deadline: AbortSignal): Snapshot {
  const progress = new Progress(target, clock);
  progress.phase = 'waiting';
  if (deadline.reason instanceof AuditFailure) return progress.failed(progress.outOfTime(deadline));
  return progress.failed({
    cause: 'out-of-time',
    phase: 'waiting',
    message: 'The run was out of time before the turn of this target came',
    remedy: 'raise deployment.timeoutMinutes or concurrency, or lower the timeoutSeconds of targets that do not answer',
  });
}

interface Audited {
  readonly link: Link;
  readonly answers: Answers;
}

/** The attempts on one target. A rejected password is fetched anew once: rotation may have come between. */
class Attempts {
  #target: Target;
  #collector: Collector;
  #progress: Progress;
  #signal: AbortSignal;
  #refreshed = false;

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
    progress.reached(endpoint, credentials.facts);
    const trust = await orAbort(
      this.#collector.trust.trustFor(this.#target.ca, this.#target.clientCertificate),
      signal,
    );
    progress.trust = known(trust.facts);
    progress.clientCertificate = known(trust.clientCertificate);
    return auditEndpoint({ endpoint, credentials, trust, progress, signal });
  }
}

interface Leg {
  readonly endpoint: Endpoint;
  readonly credentials: Credentials;
  readonly trust: Trust;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

async function auditEndpoint({ endpoint, credentials, trust, progress, signal }: Leg): Promise<Audited> {
  const clock = stopwatch();
  progress.phase = 'tcp';
  const socket = await openTcp(endpoint, signal);
  const tcp = clock();
  const { remoteAddress, localAddress, localPort } = socket;
  progress.route = remoteAddress === undefined ? undefined : { remoteAddress, endToEnd: false };
  try {
    progress.phase = 'tls';
    await requestTls(socket, endpoint, signal);
    const { socket: tls, certificates } = await handshake(socket, endpoint, trust.context, signal);
    const tlsHandshake = clock();
    progress.chain = known(certificates.map(certificateFacts));

    progress.phase = 'login';
    const session = await login(tls, credentials, endpoint, { leaf: certificates[0], signal });
    const authentication = clock();

    progress.phase = 'query';
    const answers = await ask(session, endpoint, signal);
    const queries = clock();
    const { address, port } = answers.ownEnd;
    if (remoteAddress !== undefined) {
      progress.route = { remoteAddress, endToEnd: address === localAddress && port === localPort };
    }
    const { name: cipher } = tls.getCipher();
    const link: Link = {
      tlsVersion: tls.getProtocol() ?? 'unknown',
      cipher,
      authorized: tls.authorized,
      verifiedName: endpoint.verifiedName,
      sslNegotiation: endpoint.sslNegotiation,
      authentication: session.authentication,
      channelBinding: session.authentication === 'scram-sha-256-plus',
      serverView: answers.serverView,
      timings: { tcp, tlsHandshake, authentication, queries },
      roundTrips: answers.roundTrips,
      attempts: progress.attempts,
    };
    await logout(session, tls, signal);
    return { link, answers };
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    const { failure, chain } = await diagnose(error, endpoint, trust.bundle, signal);
    if (chain !== undefined) progress.chain = known(chain);
    throw new AuditFailure(failure, { cause: error });
  } finally {
    socket.destroy();
  }
}

async function ask(session: DatabaseSession, endpoint: Endpoint, signal: AbortSignal): Promise<Answers> {
  const announced = session.announcedVersion ?? '';
  const major = Number.parseInt(announced, 10);
  if (major < OLDEST_MAJOR) {
    throw new AuditFailure({
      cause: 'query-failed',
      phase: 'query',
      message: `${endpoint.host}:${endpoint.port} is PostgreSQL ${announced}; its views do not tell sessions apart`,
      remedy: `upgrade: the oldest version that can be audited is ${OLDEST_MAJOR}`,
    });
  }
  try {
    // A server that announces no version it can be told by gets the queries of the newest.
    return await runAuditQueries(session.client, Number.isNaN(major) ? Number.POSITIVE_INFINITY : major);
  } catch (error) {
    signal.throwIfAborted();
    throw queryFailure(error, endpoint);
  }
}

function observed({
  server,
  visibility,
  sessions,
  settings,
  outbound,
  hba,
  aurora,
}: Answers): Pick<Snapshot, 'server' | 'visibility' | 'sessions' | 'settings' | 'outbound' | 'hba' | 'aurora'> {
  return {
    server: known(server),
    visibility: known(visibility),
    sessions: known(sessions),
    settings: known(settings),
    outbound: known(outbound),
    hba,
    aurora,
  };
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
