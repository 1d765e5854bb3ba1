// Probes what a server answers on fresh connections, without a credential.

import type { Socket } from 'node:net';
import { displayText } from '../../model/display.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import { AuditFailure } from '../../model/failure.ts';
import { known, type Observed, unknown } from '../../model/observed.ts';
import type {
  BrokenSuiteAnswer,
  KeyExchange,
  PlaintextAnswer,
  ProbedVersion,
  WireAnswer,
  WireProbe,
} from '../../model/probe.ts';
import { openTcp, requestTls } from '../connect/network.ts';
import type { ReachableTarget } from '../connect/observer.ts';
import { isLoopback } from '../connect/transport.ts';
import { keyExchangeWithout, refusalOfDirect, versionAnswer } from './answers.ts';
import { type HandshakeResult, hasHybrids, type Offer, tryHandshake } from './handshake.ts';
import { firstAnswer } from './plaintext.ts';
import { groupName, isPostQuantum } from './server-flight.ts';
import { startupMessage } from './startup.ts';
import { offerBrokenSuites } from './suites.ts';

/** Milliseconds for one connection. */
const CONNECTION_TIMEOUT_MS = 5_000;

/** Milliseconds for a whole probe: eight connections that each take the longest, and time to open and close them. */
export const LONGEST_PROBE_MS = 9 * CONNECTION_TIMEOUT_MS;

/**
 * Probes a server, with one connection for each question, one after the other. Never throws: a question without an
 * answer is unknown, with the reason.
 *
 * At most eight connections: plaintext; direct TLS, which also shows a version and its key exchange; the versions it
 * did not show; TLSv1.3 once more where the long ClientHello of post-quantum key exchange got no answer; one where the
 * request for TLS got none, from a port that takes nothing but direct TLS; and suites that protect nothing.
 *
 * @param signal aborts when there is no time left for the whole probe
 * @param timeoutMs milliseconds for each connection
 * @param offersHybrids whether post-quantum key exchange is offered
 */
export async function probeWire(
  subject: ReachableTarget,
  signal: AbortSignal,
  timeoutMs: number = CONNECTION_TIMEOUT_MS,
  offersHybrids: boolean = hasHybrids(),
): Promise<WireProbe> {
  const probe = new Probe(subject, signal, timeoutMs, offersHybrids);
  await probe.plaintext();
  await probe.directTls();
  for (const version of ['TLSv1.3', 'TLSv1.2', 'TLSv1.1', 'TLSv1'] as const) await probe.version(version);
  await probe.brokenSuites();
  return probe.result();
}

const NOT_TRIED = unknown('it was not tried');

class Probe {
  readonly #subject: ReachableTarget;
  readonly #signal: AbortSignal;
  readonly #timeoutMs: number;
  readonly #offersHybrids: boolean;
  readonly #versions: Record<ProbedVersion, Observed<WireAnswer>> = {
    TLSv1: NOT_TRIED,
    'TLSv1.1': NOT_TRIED,
    'TLSv1.2': NOT_TRIED,
    'TLSv1.3': NOT_TRIED,
  };
  #plaintext: Observed<PlaintextAnswer> = NOT_TRIED;
  #directTls: Observed<WireAnswer> = NOT_TRIED;
  #keyExchange: Observed<KeyExchange> = NOT_TRIED;
  #brokenSuites: Observed<BrokenSuiteAnswer> = NOT_TRIED;
  /** How the server is asked for TLS: as the target says, unless it turns out to take direct TLS only. */
  #endpoint: Endpoint;
  /** Whether the server answered a request for TLS as PostgreSQL does. */
  #answeredRequest = false;
  /** Whether the server ended the plaintext connection without a byte. */
  #hungUp = false;
  #offersTls: Observed<boolean> = NOT_TRIED;
  #loopback = false;
  #connections = 0;

  constructor(subject: ReachableTarget, signal: AbortSignal, timeoutMs: number, offersHybrids: boolean) {
    this.#subject = subject;
    this.#endpoint = subject.endpoint;
    this.#signal = signal;
    this.#timeoutMs = timeoutMs;
    this.#offersHybrids = offersHybrids;
  }

  result(): WireProbe {
    const { role, database } = this.#subject;
    return {
      role,
      database,
      loopback: this.#loopback,
      plaintext: this.#plaintextAnswer(),
      offersTls: this.#offersTls,
      tlsVersions: this.#versions,
      directTls: this.#directTls,
      keyExchange: this.#keyExchange,
      brokenSuites: this.#brokenSuites,
      connections: this.#connections,
    };
  }

  async plaintext(): Promise<void> {
    const { role, database, endpoint } = this.#subject;
    this.#plaintext = await this.#connect(endpoint, async (socket, signal) => {
      const { remoteAddress } = socket;
      this.#loopback = remoteAddress !== undefined && isLoopback(remoteAddress);
      socket.write(startupMessage(role, database));
      socket.once('close', () => {
        this.#hungUp = socket.bytesRead === 0 && !signal.aborted;
      });
      return await firstAnswer(socket, signal);
    });
  }

  /** A port that takes nothing but TLS closes a plaintext login without a message. */
  #plaintextAnswer(): Observed<PlaintextAnswer> {
    const takesDirect = this.#directTls.known && this.#directTls.value.accepted;
    if (this.#plaintext.known || !this.#hungUp || !takesDirect || this.#endpoint.sslNegotiation !== 'direct') {
      return this.#plaintext;
    }
    return known({ accepted: false, said: 'hung up; this port takes direct TLS only' });
  }

  async directTls(): Promise<void> {
    const endpoint: Endpoint = { ...this.#subject.endpoint, sslNegotiation: 'direct' };
    const offer: Offer = { oldest: 'TLSv1.2', newest: 'TLSv1.3', hybridsFirst: this.#offersHybrids };
    const handshake = await this.#shakeHands(endpoint, offer);
    if (!handshake.known) {
      this.#directTls = handshake;
      return;
    }
    const { completed, alpn } = handshake.value;
    if (completed === undefined) {
      this.#directTls = refusalOfDirect(handshake.value);
    } else if (alpn === undefined) {
      // Something that speaks TLS and is not PostgreSQL's: what it accepts says nothing of PostgreSQL.
      this.#directTls = known({ accepted: false, said: 'TLS without the protocol "postgresql"' });
    } else {
      this.#directTls = known({ accepted: true });
      if (completed === 'TLSv1.2' || completed === 'TLSv1.3') this.#accepted(completed, handshake.value);
    }
  }

  async version(version: ProbedVersion): Promise<void> {
    if (this.#versions[version].known) return;
    if (this.#offersTls.known && !this.#offersTls.value) {
      this.#versions[version] = known({ accepted: false, said: NO_TLS });
      return;
    }
    const isNewest = version === 'TLSv1.3';
    const hybridsFirst = isNewest && this.#offersHybrids;
    let answer = await this.#tryVersion({ oldest: version, newest: version, hybridsFirst });
    if (hybridsFirst && !answer.known && this.#offersTls.known && this.#offersTls.value) {
      const { reason } = answer;
      answer = await this.#tryVersion({ oldest: version, newest: version, hybridsFirst: false });
      // Whatever it then chose, it was not offered what the question is about.
      if (answer.known && answer.value.accepted) {
        this.#keyExchange = unknown(
          `TLSv1.3 works, but not with a ClientHello that offers post-quantum key exchange, which is longer than one packet: ${reason}`,
        );
      }
    }
    this.#versions[version] = answer;
    if (isNewest && !this.#keyExchange.known) this.#keyExchange = keyExchangeWithout(answer, this.#keyExchange);
    if (!this.#offersTls.known && !answer.known) this.#offersTls = answer;
  }

  async brokenSuites(): Promise<void> {
    if (this.#offersTls.known && !this.#offersTls.value) {
      this.#brokenSuites = known({ accepted: false, said: NO_TLS });
      return;
    }
    // Also where every version was refused: it may be for want of a suite that was offered.
    this.#brokenSuites = await this.#withTls(this.#endpoint, (socket, signal) =>
      offerBrokenSuites(socket, this.#endpoint, signal),
    );
  }

  async #tryVersion(offer: Offer): Promise<Observed<WireAnswer>> {
    let handshake = await this.#shakeHands(this.#endpoint, offer);
    if (!handshake.known && this.#takesOnlyDirect()) {
      this.#endpoint = { ...this.#endpoint, sslNegotiation: 'direct' };
      handshake = await this.#shakeHands(this.#endpoint, offer);
    }
    if (!handshake.known) {
      const noTls = this.#offersTls.known && !this.#offersTls.value;
      return noTls ? known({ accepted: false, said: NO_TLS }) : handshake;
    }
    const answer = versionAnswer(offer.newest, handshake.value);
    if (answer.known && answer.value.accepted) this.#accepted(offer.newest, handshake.value);
    return answer;
  }

  #accepted(version: ProbedVersion, { flight: { hello } }: HandshakeResult): void {
    this.#offersTls = known(true);
    this.#versions[version] = known({ accepted: true });
    if (version !== 'TLSv1.3') return;
    if (!this.#offersHybrids) {
      this.#keyExchange = unknown(NO_HYBRIDS);
      return;
    }
    const group = hello?.group === undefined ? undefined : groupName(hello.group);
    this.#keyExchange =
      group === undefined
        ? unknown('the server did not show which group it chose')
        : known({ group, postQuantum: isPostQuantum(group) });
  }

  /** Whether the request for TLS got no answer that is PostgreSQL's, where direct TLS did. */
  #takesOnlyDirect(): boolean {
    const takesDirect = this.#directTls.known && this.#directTls.value.accepted;
    return takesDirect && !this.#answeredRequest && this.#endpoint.sslNegotiation === 'postgres';
  }

  #shakeHands(endpoint: Endpoint, offer: Offer): Promise<Observed<HandshakeResult>> {
    const { trust } = this.#subject;
    return this.#withTls(endpoint, async (socket, signal) =>
      known(await tryHandshake(socket, endpoint, trust, offer, signal)),
    );
  }

  /** A connection on which TLS was asked for as the endpoint wants it. */
  #withTls<T>(
    endpoint: Endpoint,
    question: (socket: Socket, signal: AbortSignal) => Promise<Observed<T>>,
  ): Promise<Observed<T>> {
    return this.#connect(endpoint, async (socket, signal) => {
      try {
        await requestTls(socket, endpoint, signal);
      } catch (error) {
        if (error instanceof AuditFailure && error.failure.cause === 'tls-not-offered') {
          this.#offersTls = known(false);
          this.#answeredRequest = true;
        }
        throw error;
      }
      if (endpoint.sslNegotiation === 'postgres') {
        this.#offersTls = known(true);
        this.#answeredRequest = true;
      }
      return await question(socket, signal);
    });
  }

  /** Opens a connection for one question. */
  async #connect<T>(
    endpoint: Endpoint,
    question: (socket: Socket, signal: AbortSignal) => Promise<Observed<T>>,
  ): Promise<Observed<T>> {
    if (this.#signal.aborted) return unknown('time was up before it was tried');
    const timeout = AbortSignal.timeout(this.#timeoutMs);
    const signal = AbortSignal.any([this.#signal, timeout]);
    let socket: Socket | undefined;
    this.#connections += 1;
    try {
      socket = await openTcp(endpoint, signal);
      return await question(socket, signal);
    } catch (error) {
      if (this.#signal.aborted) return unknown('time was up before the server answered');
      if (timeout.aborted) return unknown(`the server gave no answer within ${this.#timeoutMs / 1_000} s`);
      if (error instanceof AuditFailure) return unknown(displayText(error.failure.message, 300));
      return unknown(`the connection failed: ${displayText((error as { code?: string }).code ?? 'unknown', 60)}`);
    } finally {
      socket?.destroy();
    }
  }
}

const NO_TLS = 'the server offers no TLS';
const NO_HYBRIDS =
  'the OpenSSL of this auditor has no post-quantum key exchange to offer: it takes OpenSSL 3.5, which Node.js 24 has';
