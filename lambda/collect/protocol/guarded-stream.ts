// Stands between TLS and the driver: passes on only whole, known and bounded messages, and keeps errors that the driver
// throws from ending the process (docs/adr/0010).

import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Redaction } from '../secrets/redaction.ts';
import type { AuthenticationPolicy } from './authentication.ts';
import { ServerDialogue } from './dialogue.ts';
import { Framing, type ServerMessage } from './framing.ts';
import { tooLarge } from './protocol-error.ts';
import { type Slot, Slots } from './slots.ts';

/** What the sessions of one process share. */
export class SharedLimits {
  /** Answers of more than `LARGE` bytes are read two at a time: many at once would not fit into the memory. */
  readonly largeAnswers = new Slots(2);
  /** One of the four threads that hash passwords: a server that asks for a long computation must not take them all. */
  readonly longHashes = new Slots(1);
}

/** Bytes of memory from which an answer is large. A server with a thousand sessions and roles stays below. */
const LARGE = 4 * 1024 * 1024;
/** Milliseconds in which the rest of a large answer must come, others may be waiting. 128 MiB take a second. */
const LARGE_ANSWER_TIMEOUT_MS = 10_000;
/** Rounds from which a computation is long: a tenth of a second. */
const LONG_HASH = 100_000;
/** `p`: the client's answer to a request for authentication. */
const PASSWORD_MESSAGE = 0x70;
/** `Q`: a simple query. */
const QUERY = 0x51;

/** A place in line, and what to do once it is taken. */
interface Wait {
  readonly slots: Slots;
  readonly taken: (slot: Slot) => void;
}

export interface GuardOptions {
  readonly policy: AuthenticationPolicy;
  readonly limits: SharedLimits;
  readonly signal: AbortSignal;
  /** Rounds of PBKDF2 that this target may still cost, over all its attempts. */
  readonly allowance: HashAllowance;
  /** Purges secrets from what the driver is to see. */
  readonly redaction: Pick<Redaction, 'mask'>;
  /** The certificate that channel binding binds to, DER. */
  readonly certificate: Buffer | undefined;
  /** Whether the bounds on what is kept in memory are those of one answer, not of the session. */
  readonly boundsEachAnswer: boolean;
  /** Says a protocol error in the words of a failed audit. */
  readonly failureOf: (error: unknown) => Error;
}

/** What the logins of one target may cost in hashing, over all attempts. */
export class HashAllowance {
  #left: number;

  /** @param iterations rounds of PBKDF2 */
  constructor(iterations = 2_500_000) {
    this.#left = iterations;
  }

  /** @throws ProtocolError when there is nothing left of it */
  spend(iterations: number): void {
    this.#left -= iterations;
    if (this.#left < 0)
      throw tooLarge('asks for more SCRAM iterations, login after login, than are computed for one target');
  }
}

/** The part of a socket that the driver uses. */
export class GuardedStream extends EventEmitter {
  readonly #socket: TLSSocket;
  readonly #options: GuardOptions;
  readonly #framing = new Framing();
  readonly #dialogue: ServerDialogue;
  /** Messages that wait for a place in line. */
  #held: ServerMessage[] | undefined;
  #slots: Slot[] = [];
  #hash: Slot | undefined;
  #isLarge = false;
  #iterations = 0;
  #timer: NodeJS.Timeout | undefined;
  #failure: Error | undefined;

  constructor(socket: TLSSocket, options: GuardOptions) {
    super();
    this.#socket = socket;
    this.#options = options;
    this.#dialogue = new ServerDialogue(options.policy, options);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#notify('error', error));
    socket.on('end', () => this.#notify('end'));
    socket.on('close', () => {
      this.#release();
      this.#notify('close');
    });
  }

  /** Why the session was ended from here; undefined where it was not. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  get writable(): boolean {
    return this.#socket.writable;
  }

  /** The driver calls it on what it is given; this is connected, and says so when the driver listens. */
  connect(): this {
    process.nextTick(() => this.#notify('connect'));
    return this;
  }

  write(bytes: Buffer, done?: () => void): boolean {
    const type = bytes[0];
    if (type === QUERY) this.#dialogue.querySent();
    if (type === PASSWORD_MESSAGE) {
      this.#hash?.release();
      this.#hash = undefined;
    }
    return this.#socket.write(bytes, done);
  }

  end(): this {
    this.#socket.end();
    return this;
  }

  destroy(error?: Error): this {
    this.#socket.destroy(error);
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  /** Channel binding asks for it. OpenSSL takes as long to give it again as to read it. */
  getPeerCertificate(): { readonly raw: Buffer } | Record<string, never> {
    const { certificate } = this.#options;
    return certificate === undefined ? {} : { raw: certificate };
  }

  /** As the type that the driver asks for. */
  asDuplex(): Duplex {
    return this as unknown as Duplex;
  }

  #receive(chunk: Buffer): void {
    if (this.#failure !== undefined) return;
    try {
      for (const message of this.#framing.push(chunk)) this.#deliver(message);
    } catch (error) {
      this.#fail(error);
    }
  }

  #deliver(message: ServerMessage): void {
    if (this.#held !== undefined) {
      this.#held.push(message);
      return;
    }
    const forDriver = this.#dialogue.accept(message);
    const wait = this.#longHash() ?? this.#largeAnswer();
    if (wait !== undefined) this.#hold(forDriver ? message : undefined, wait);
    else if (forDriver) this.#pass(message);
  }

  /** What a computation of the login that takes long has to wait for. */
  #longHash(): Wait | undefined {
    const { iterations } = this.#dialogue.authentication;
    if (iterations === this.#iterations) return undefined;
    this.#iterations = iterations;
    this.#options.allowance.spend(iterations);
    if (iterations <= LONG_HASH) return undefined;
    return {
      slots: this.#options.limits.longHashes,
      taken: (slot) => {
        this.#hash = slot;
      },
    };
  }

  /** What a large answer has to wait for. */
  #largeAnswer(): Wait | undefined {
    if (this.#isLarge || this.#dialogue.cost <= LARGE) return undefined;
    this.#isLarge = true;
    const tooLong = (): void =>
      this.#fail(
        tooLarge(
          `took longer than ${LARGE_ANSWER_TIMEOUT_MS / 1000} s to send a large answer, while other targets wait`,
        ),
      );
    return {
      slots: this.#options.limits.largeAnswers,
      taken: () => {
        this.#timer = setTimeout(tooLong, LARGE_ANSWER_TIMEOUT_MS);
      },
    };
  }

  /** Keeps a message, and those that come after it, until there is a place in line. */
  #hold(message: ServerMessage | undefined, { slots, taken }: Wait): void {
    const held: ServerMessage[] = [];
    this.#held = held;
    this.#socket.pause();
    const go = (slot: Slot): void => {
      this.#slots.push(slot);
      if (this.#socket.destroyed) {
        this.#release();
        return;
      }
      taken(slot);
      this.#held = undefined;
      if (message !== undefined) this.#pass(message);
      // One of them may have to wait again, with those behind it.
      for (const waiting of held) this.#deliver(waiting);
      if (this.#held === undefined) this.#socket.resume();
    };
    slots
      .take(this.#options.signal)
      .then(go)
      .catch((error: unknown) => {
        // Time was up while it waited: no fault of what was sent.
        if (this.#options.signal.aborted) this.#socket.destroy();
        else this.#fail(error);
      });
  }

  #pass(message: ServerMessage): void {
    // Of the other messages nothing is shown.
    if (message.type === 'D') this.#options.redaction.mask(message.body, 'fact');
    else if (message.type === 'E' || message.type === 'S') this.#options.redaction.mask(message.body, 'text');
    this.emit('data', message.whole);
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = this.#options.failureOf(error);
    this.#release();
    this.#notify('error', this.#failure);
    this.#socket.destroy();
  }

  /** What listeners throw stays here: the session is over for them, and for this one target. */
  #notify(event: string, ...values: unknown[]): void {
    try {
      if (event !== 'error' || this.listenerCount('error') > 0) this.emit(event, ...values);
    } catch (error) {
      this.#failure ??= this.#options.failureOf(error);
      this.#socket.destroy();
    }
  }

  #release(): void {
    clearTimeout(this.#timer);
    for (const slot of this.#slots.splice(0)) slot.release();
    this.#hash = undefined;
  }
}
