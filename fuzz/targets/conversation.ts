// Fuzzes a whole session (login, queries, results) with a mutating server, without network or TLS.

import { EventEmitter } from 'node:events';
import type { TLSSocket } from 'node:tls';
import fc from 'fast-check';
import type { Observations, QueryContext } from '../../lambda/collect/connect/observations.ts';
import { login } from '../../lambda/collect/connect/session.ts';
import { observeServer } from '../../lambda/collect/postgres/observe-server.ts';
import { HashAllowance } from '../../lambda/collect/protocol/guarded-stream.ts';
import type { Credentials } from '../../lambda/collect/secrets/credentials.ts';
import { Redacted } from '../../lambda/collect/secrets/redacted.ts';
import { Redaction } from '../../lambda/collect/secrets/redaction.ts';
import type { Endpoint } from '../../lambda/model/endpoint.ts';
import { AuditFailure, type Failure } from '../../lambda/model/failure.ts';
import { pieces } from '../generators/arbitraries.ts';
import { check, Fault, type FuzzTarget } from '../generators/fuzz-target.ts';
import { type Login, type MessageChange, messageChange, Playback } from '../generators/playback.ts';
import { PASSWORD, type Recording, setStage } from '../generators/recording.ts';

/** Milliseconds in which nothing is sent either way before the server hangs up. */
const IDLE = 60;
/** For the honest session, that everything is compared with: on a busy machine too. */
const PATIENT = 10_000;
/** For one session: a message of 16 MiB in pieces takes a while. */
const MOST_TIME = 20_000;

const ENDPOINT: Endpoint = { host: '127.0.0.1', port: 5432, verifiedName: 'localhost', sslNegotiation: 'postgres' };

/** The part of a TLS socket that a session uses, with the server at its other end. */
class FakeSocket extends EventEmitter {
  readonly written: Buffer[] = [];
  destroyed = false;
  readonly writable = true;
  readonly #playback: Playback;
  readonly #sizes: readonly number[];
  readonly #waiting: (Buffer | 'end')[] = [];
  #paused = false;
  #first = true;
  #idle: NodeJS.Timeout;

  constructor(playback: Playback, sizes: readonly number[], idle: number = IDLE) {
    super();
    this.#playback = playback;
    this.#sizes = sizes;
    this.#idle = setTimeout(() => this.destroy(), idle);
  }

  write(bytes: Buffer, done?: () => void): boolean {
    this.written.push(Buffer.from(bytes));
    for (const { type, body } of this.#messages(bytes)) {
      const { bytes: answer, next } = this.#playback.answer(type, body);
      for (const piece of pieces(answer, this.#sizes)) this.#waiting.push(piece);
      if (next !== 'go on') this.#waiting.push('end');
    }
    setImmediate(() => this.#deliver());
    done?.();
    return true;
  }

  /** The driver writes whole messages. */
  *#messages(bytes: Buffer): Iterable<{ readonly type: string; readonly body: Buffer }> {
    let at = 0;
    while (at < bytes.length) {
      const header = this.#first ? 0 : 1;
      const end = at + header + bytes.readUInt32BE(at + header);
      yield { type: bytes.toString('latin1', at, at + header), body: bytes.subarray(at + header + 4, end) };
      this.#first = false;
      at = end;
    }
  }

  #deliver(): void {
    this.#idle.refresh();
    while (!this.#paused && !this.destroyed) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      if (next === 'end') {
        this.emit('end');
        this.destroy();
      } else this.emit('data', next);
    }
  }

  pause(): this {
    this.#paused = true;
    return this;
  }

  resume(): this {
    this.#paused = false;
    setImmediate(() => this.#deliver());
    return this;
  }

  end(): this {
    return this.destroy();
  }

  destroy(): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    clearTimeout(this.#idle);
    setImmediate(() => this.emit('close'));
    return this;
  }
}

interface Outcome {
  readonly facts?: Observations['facts'];
  readonly failure?: Failure;
}

async function converse(socket: FakeSocket): Promise<Outcome> {
  const signal = AbortSignal.timeout(MOST_TIME);
  const password = new Redacted(PASSWORD);
  const credentials: Credentials = {
    ...ENDPOINT,
    user: 'tls_auditor',
    database: 'postgres',
    password,
    facts: { source: 'secret db' },
  };
  const tls = socket as unknown as TLSSocket;
  try {
    const session = await login(tls, credentials, ENDPOINT, {
      leaf: undefined,
      policy: { methods: ['scram-sha-256', 'none'], minScramIterations: 4_096 },
      allowance: new HashAllowance(),
      redaction: new Redaction([password]),
      signal,
    });
    const own = { address: '127.0.0.1', port: 5_000 };
    const asked: QueryContext = {
      session,
      socket: tls,
      endpoint: ENDPOINT,
      user: 'tls_auditor',
      own,
      probe: false,
      signal,
    };
    return { facts: (await observeServer(asked)).facts };
  } catch (error) {
    if (error instanceof AuditFailure) return { failure: error.failure };
    throw new Fault(
      signal.aborted
        ? 'the session did not end'
        : `an error that is no failure of an audit: ${error instanceof Error ? error.stack : String(error)}`,
    );
  } finally {
    socket.destroy();
  }
}

/** How much was seen. */
export function amounts({ sessions, hba, outbound }: Observations['facts']): Readonly<Record<string, number>> {
  return {
    sessions: sessions.known ? sessions.value.visible.length + sessions.value.hidden : -1,
    rules: hba.known ? hba.value.rules.length : -1,
    roles: hba.known ? hba.value.roles.length : -1,
    databases: hba.known ? hba.value.databases.length : -1,
    links: outbound.known ? outbound.value.links.length + outbound.value.unreadable.length : -1,
  };
}

const conversationArbitrary = fc.record({
  login: fc.constantFrom<Login>('none', 'none', 'scram'),
  changes: fc.array(messageChange, { minLength: 1, maxLength: 3 }),
  sizes: fc.array(fc.oneof(fc.constantFrom(1, 100_000), fc.integer({ min: 2, max: 20_000 })), {
    minLength: 1,
    maxLength: 4,
  }),
});

const FAILED_OR_UNKNOWN = -1;

async function tryConversation(
  recording: Recording,
  { login, changes, sizes }: { login: Login; changes: readonly MessageChange[]; sizes: readonly number[] },
  honest: Readonly<Record<string, number>>,
): Promise<void> {
  const playback = new Playback(recording, login, changes);
  const socket = new FakeSocket(playback, sizes);
  const { facts, failure } = await converse(socket);
  check(!playback.trustedInVain, 'a query was sent to a server without a proof');
  check(!Buffer.concat(socket.written).includes(PASSWORD), 'the password was sent');
  const shown = JSON.stringify({ facts, failure }, (_key, value: unknown) =>
    value instanceof Map || value instanceof Set ? [...value] : value,
  );
  check(!shown.includes(PASSWORD), 'the password is shown');
  check(failure?.cause !== 'internal-error', 'it is called a defect of ours');
  check(!/[\u0000-\u001f\u202a-\u202e]/.test(failure?.message ?? ''), `the message acts: ${failure?.message}`);
  if (facts === undefined || Playback.changesContent(changes)) return;
  for (const [name, amount] of Object.entries(amounts(facts))) {
    check(amount === FAILED_OR_UNKNOWN || amount === honest[name], `${amount} ${name} of ${honest[name]}`);
  }
}

const conversation: FuzzTarget = {
  name: 'conversation',
  title: 'a login and its queries against a server that mutates a recorded session, without TLS',
  share: 8,
  prepare: async () => {
    const stage = await setStage();
    const { recording } = stage;
    const honest = await converse(new FakeSocket(new Playback(recording, 'scram', []), [100_000], PATIENT));
    if (honest.facts === undefined) throw new Error(`the recording is no session: ${honest.failure?.message}`);
    const honestAmounts = amounts(honest.facts);
    return {
      property: fc.asyncProperty(conversationArbitrary, (plan) => tryConversation(recording, plan, honestAmounts)),
      dispose: async () => await stage[Symbol.asyncDispose](),
    };
  },
};

export const CONVERSATION_TARGETS: readonly FuzzTarget[] = [conversation];
