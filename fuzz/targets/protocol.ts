// Fuzzes a server's messages: framing, bodies, order, and authentication requests.

import { EventEmitter } from 'node:events';
import fc from 'fast-check';
import Connection from 'pg/lib/connection.js';
import {
  auth,
  columns,
  errorMessage,
  int16,
  int32,
  KEY,
  message,
  parameter,
  READY,
  row,
} from '../../lab/hostile-postgres.ts';
import { AuthenticationDialogue, MAX_SCRAM_ITERATIONS } from '../../lambda/collect/protocol/authentication.ts';
import { SESSION_LIMITS, ServerDialogue } from '../../lambda/collect/protocol/dialogue.ts';
import { Framing, HEADER_LENGTH, type ServerMessage } from '../../lambda/collect/protocol/framing.ts';
import { AUTHENTICATION_METHODS } from '../../lambda/model/target.ts';
import { type ByteChange, byteChange, bytesLike, changeBytes, pieces, strangeText } from '../generators/arbitraries.ts';
import { check, type FuzzTarget, throwingOnly } from '../generators/fuzz-target.ts';

const PROTOCOL_ERROR = ['ProtocolError'];
/** No message is longer than that, with what its neighbours have in the same chunk. */
const LONGEST = 16 * 1024 * 1024 + HEADER_LENGTH;

const HONEST: readonly Buffer[] = [
  auth.ok,
  auth.sasl('SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'),
  auth.saslContinue('r=abcdefgh,s=QUJDREVGR0hJSktMTU5PUA==,i=4096'),
  auth.saslFinal('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='),
  auth.code(3),
  auth.code(5, 'salt'),
  auth.code(7),
  parameter('server_version', '18.4'),
  KEY,
  READY,
  errorMessage({ S: 'FATAL', V: 'FATAL', C: '28P01', M: 'password authentication failed', R: 'auth_failed' }),
  message('N', 'SNOTICE\0VNOTICE\0C00000\0Mnotice\0\0'),
  message('A', int32(7), 'channel\0payload\0'),
  columns(3),
  row('a', null, ''),
  row('x'.repeat(5_000), 'y', 'z'),
  message('C', 'SELECT 2\0'),
  message('C', 'BEGIN\0'),
  message('I'),
  message('G', Buffer.from([0]), int16(0)),
];

/** Most of them honest. */
const oneMessage: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...HONEST) },
  { weight: 3, arbitrary: bytesLike(...HONEST) },
  {
    weight: 2,
    // Well framed, whatever is in it.
    arbitrary: fc
      .tuple(fc.constantFrom(...'RKSZENATDCGHWIVdcnts123!'), fc.uint8Array({ maxLength: 40 }))
      .map(([type, body]) => message(type, body)),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(...HONEST), fc.array(byteChange, { minLength: 1, maxLength: 3 }))
      .map(([whole, changes]: [Buffer, ByteChange[]]) =>
        message(whole.toString('latin1', 0, 1), changeBytes(whole.subarray(5), changes)),
      ),
  },
  { weight: 1, arbitrary: strangeText.map((text) => errorMessage({ S: 'ERROR', C: '42501', M: text })) },
);

function readAll(chunks: Iterable<Buffer>): { readonly messages: readonly ServerMessage[]; readonly error: string } {
  const framing = new Framing();
  const messages: ServerMessage[] = [];
  let error = '';
  throwingOnly(
    PROTOCOL_ERROR,
    () => {
      for (const chunk of chunks) for (const one of framing.push(chunk)) messages.push(one);
    },
    ({ message: text }) => {
      error = text;
    },
  );
  return { messages, error };
}

const framing: FuzzTarget = {
  name: 'framing',
  title: 'bytes into whole messages, however they are split',
  share: 2,
  prepare: () => ({
    property: fc.property(
      fc.array(oneMessage, { maxLength: 12 }),
      fc.array(byteChange, { maxLength: 2 }),
      fc.array(fc.oneof(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 4_000 })), {
        minLength: 1,
        maxLength: 6,
      }),
      (messages, changes, sizes) => {
        const bytes = changeBytes(Buffer.concat(messages), changes);
        const whole = readAll([bytes]);
        const split = readAll(pieces(bytes, sizes));
        check(whole.error === split.error, 'the same bytes, split otherwise, have another error');
        const text = ({ messages: found }: typeof whole) => found.map((one) => one.whole.toString('latin1'));
        check(text(whole).join('|') === text(split).join('|'), 'the same bytes, split otherwise, are other messages');
        const read = Buffer.concat(whole.messages.map((one) => one.whole));
        check(bytes.subarray(0, read.length).equals(read), 'messages are not the bytes that came');
        for (const one of whole.messages) {
          check(one.whole.length <= LONGEST, 'a message is longer than any may be');
          check(one.body.length === one.whole.readUInt32BE(1) - 4, 'a body is not as long as its message says');
        }
        check(!/[^\x20-\x7e]/.test(whole.error), 'an error holds what is not printable');
      },
    ),
  }),
};

const policyArbitrary = fc.record({
  methods: fc.subarray([...AUTHENTICATION_METHODS], { minLength: 1 }),
  minScramIterations: fc.constantFrom(1, 4_096, 100_000),
});

const dialogue: FuzzTarget = {
  name: 'dialogue',
  title: 'the order and form of messages: what is let through, the driver can read',
  share: 4,
  prepare: () => ({
    property: fc.property(
      policyArbitrary,
      fc.boolean(),
      fc.array(fc.oneof({ weight: 8, arbitrary: oneMessage }, { weight: 1, arbitrary: fc.constant('query') }), {
        maxLength: 25,
      }),
      (policy, lettingIn, steps) => {
        const methods = lettingIn ? (['none'] as const) : policy.methods;
        const dialogue = new ServerDialogue({ ...policy, methods });
        const driver = new Driver();
        const start = lettingIn ? [auth.ok, KEY, READY, 'query' as const] : [];
        const framing = new Framing();
        throwingOnly(PROTOCOL_ERROR, () => {
          for (const step of [...start, ...steps]) {
            if (step === 'query') dialogue.querySent();
            else for (const one of framing.push(step)) letThrough(one, dialogue, driver);
          }
        });
        check(dialogue.cost >= 0 && dialogue.cost <= SESSION_LIMITS.cost + LONGEST, `${dialogue.cost} bytes were kept`);
      },
    ),
  }),
};

function letThrough(one: ServerMessage, dialogue: ServerDialogue, driver: Driver): void {
  const wasOver = dialogue.authentication.done;
  const passes = dialogue.accept(one);
  check(!(wasOver && one.type === 'R'), 'a request for authentication after login was let through');
  if (!passes) return;
  const read = throwingOnly([], () => driver.read(one.whole));
  check(read?.length === 1, `the driver reads ${read?.length} messages in one`);
  check(!read?.some((text) => /invalid response|undefined/.test(text)), 'the driver does not know the message');
}

/** The part of pg that reads messages. */
class Driver {
  readonly #stream = new EventEmitter();
  #read: string[] = [];

  constructor() {
    const connection = new Connection({ stream: this.#stream });
    connection.attachListeners(this.#stream);
    connection.on('message', ({ name, message: text }) =>
      this.#read.push(name === undefined ? `${name} ${text}` : String(name)),
    );
    connection.on('errorMessage', () => undefined);
  }

  /** What it makes of these bytes. Throws what pg throws. */
  read(bytes: Buffer): readonly string[] {
    this.#read = [];
    this.#stream.emit('data', Buffer.from(bytes));
    return this.#read;
  }
}

/** Steps of a login, in any order. */
const loginStep: fc.Arbitrary<Buffer> = fc.oneof(
  fc.constantFrom(...HONEST.slice(0, 7)),
  fc.integer({ min: -2, max: 20 }).map((code) => auth.code(code)),
  fc
    .tuple(strangeText, fc.bigInt({ min: -1n, max: 10_000_000_000n }))
    .map(([text, iterations]) => auth.saslContinue(`r=${text.slice(0, 200)},s=QUJD,i=${iterations}`)),
  fc
    .array(fc.constantFrom('SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS', 'OAUTHBEARER', 'X', ''), { maxLength: 40 })
    .map((names) => auth.sasl(...names)),
  bytesLike(...HONEST.slice(0, 7)),
);

const authentication: FuzzTarget = {
  name: 'authentication',
  title: 'steps of a login in any order, against any policy',
  share: 2,
  prepare: () => ({
    property: fc.property(policyArbitrary, fc.array(loginStep, { maxLength: 6 }), (policy, steps) => {
      const login = new AuthenticationDialogue(policy);
      const codes: number[] = [];
      throwingOnly(PROTOCOL_ERROR, () => {
        for (const step of steps) {
          for (const one of new Framing().push(step)) {
            if (one.type !== 'R') continue;
            login.accept(one);
            codes.push(one.body.readUInt32BE(0));
          }
        }
      });
      const allowed = (method: (typeof policy.methods)[number]) => policy.methods.includes(method);
      check(!codes.includes(3) || allowed('password'), 'the password in clear was allowed');
      check(!codes.includes(5) || allowed('md5'), 'MD5 was allowed');
      check(!codes.includes(10) || allowed('scram-sha-256'), 'SCRAM was allowed');
      check(
        codes.every((code) => [0, 3, 5, 10, 11, 12].includes(code)),
        'an unknown method was allowed',
      );
      if (codes.includes(11)) {
        const { iterations } = login;
        check(
          iterations >= policy.minScramIterations && iterations <= MAX_SCRAM_ITERATIONS,
          `${iterations} iterations were accepted`,
        );
      }
      if (!login.done) return;
      check(codes.length > 1 || allowed('none'), 'nothing was asked for, and it counts as a login');
      check(!codes.includes(10) || codes.includes(12), 'SCRAM without a proof counts as a login');
      check(codes.indexOf(0) === codes.length - 1, 'something was accepted after the login');
    }),
  }),
};

export const PROTOCOL_TARGETS: readonly FuzzTarget[] = [framing, dialogue, authentication];
