// Plays a recorded server session back with mutations and with a login of its own.

import { createHmac, pbkdf2Sync } from 'node:crypto';
import fc from 'fast-check';
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
import { type ByteChange, byteChange, changeBytes, place, strangeText } from './arbitraries.ts';
import { cellsOf, PASSWORD, type Recording } from './recording.ts';

/** What happens to the message at a place of the session, from 0 to 1. */
export interface MessageChange {
  readonly kind:
    | 'drop'
    | 'repeat'
    | 'swap'
    | 'body'
    | 'bytes'
    | 'type'
    | 'length'
    | 'insert'
    | 'replace'
    | 'cell'
    | 'end'
    | 'reset'
    | 'stall';
  readonly at: number;
  readonly times: number;
  readonly bytes: readonly ByteChange[];
  readonly type: string;
  readonly length: number;
  /** Of the messages that are put in. */
  readonly foreign: number;
  readonly text: string;
}

/** What a server may put in between: honest, out of place, malformed, and with what it was sent. */
const FOREIGN: readonly Buffer[] = [
  ...[1, 2, 3, 7, 9, 13, 42].map((code) => auth.code(code)),
  auth.ok,
  auth.code(5, 'salt'),
  auth.sasl('SCRAM-SHA-256'),
  auth.saslContinue('r=x,s=QUJD,i=4096'),
  auth.saslFinal('v=AAAA'),
  READY,
  KEY,
  columns(1),
  columns(40),
  row('x'),
  row(PASSWORD),
  parameter('server_version', `18.4 ${PASSWORD}`),
  parameter('client_encoding', 'SQL_ASCII'),
  message('N', 'SNOTICE\0C00000\0Mx\0\0'),
  message('A', int32(1), 'a\0b\0'),
  message('C', 'SELECT 1\0'),
  message('C', 'COMMIT\0'),
  message('I'),
  message('G', Buffer.of(0), int16(0)),
  errorMessage({ S: 'ERROR', C: '42501', M: `permission denied, "${PASSWORD}"` }),
  errorMessage({ S: 'FATAL', C: '57P01', M: 'terminating connection' }),
  errorMessage({ S: 'FATAL', C: '28P01', M: `password "${encodeURIComponent(PASSWORD)}" is wrong` }),
  errorMessage({ S: 'ERROR', C: 'XX000', M: Buffer.from(PASSWORD).toString('base64'), D: '\u001b[31m<!channel>' }),
  message('E', 'S'),
  message('T', int16(1_600)),
];

export const messageChange: fc.Arbitrary<MessageChange> = fc.record({
  kind: fc.constantFrom<MessageChange['kind']>(
    ...(['drop', 'repeat', 'swap', 'body', 'body', 'bytes', 'type', 'length', 'insert', 'insert', 'replace'] as const),
    ...(['cell', 'cell', 'cell', 'end', 'reset', 'stall'] as const),
  ),
  at: place,
  times: fc.oneof(fc.integer({ min: 2, max: 4 }), fc.constantFrom(100, 6_000)),
  bytes: fc.array(byteChange, { minLength: 1, maxLength: 2 }),
  type: fc.constantFrom(...'RKSZENATDCGHWIVdcnts123!\0\u00ff'),
  length: fc.constantFrom(0, 3, 4, 5, 8, 100, 65_536, 0x7fff_ffff, 0xffff_ffff),
  foreign: fc.nat(FOREIGN.length - 1),
  text: fc.oneof(strangeText, fc.constantFrom(PASSWORD, 't', 'f', '', '-1', '[]', 'null', '{"a":1}')),
});

/** Changes that alter what a message says. The others only take away, repeat or put in. */
const CONTENT: readonly MessageChange['kind'][] = ['body', 'bytes', 'cell', 'replace', 'insert', 'type', 'length'];

export type Login = 'none' | 'scram';
/** What follows the bytes of an answer. */
type Next = 'go on' | 'end' | 'reset' | 'stall';

export interface Step {
  readonly bytes: Buffer;
  readonly next: Next;
}

const SALT = Buffer.from('ABCDEFGHIJKLMNOP');
const ITERATIONS = 4_096;
const SERVER_KEY = createHmac('sha256', pbkdf2Sync(PASSWORD, SALT, ITERATIONS, 32, 'sha256'))
  .update('Server Key')
  .digest();
const LOGIN_MESSAGES: Readonly<Record<Login, number>> = { none: 1, scram: 4 };

/** The server's side of one session. */
export class Playback {
  readonly #login: Login;
  readonly #turns: Recording['turns'];
  readonly #changes: readonly { readonly index: number; readonly change: MessageChange }[];
  #sent = 0;
  #turn = 0;
  #bare = '';
  #first = '';
  /** Queries of the client, and whether it had the right proof before the first. */
  #proof: Buffer | undefined;
  #proved: boolean;
  #asked = false;
  #trusted = false;

  constructor({ turns }: Recording, login: Login, changes: readonly MessageChange[]) {
    this.#login = login;
    this.#proved = login === 'none';
    this.#turns = turns;
    const total = LOGIN_MESSAGES[login] + turns.reduce((sum, { length }) => sum + length, 0);
    this.#changes = changes.map((change) => ({ index: Math.floor(change.at * total), change }));
  }

  /** Whether the client asked something of a server that had not proved that it knows the password. */
  get trustedInVain(): boolean {
    return this.#trusted;
  }

  /** Whether some message says something else than it did. */
  static changesContent(changes: readonly MessageChange[]): boolean {
    return changes.some(({ kind }) => CONTENT.includes(kind));
  }

  /** What follows a message of the client; the first has the type ''. */
  answer(type: string, body: Buffer): Step {
    if (type === 'X') return { bytes: Buffer.alloc(0), next: 'end' };
    return this.#changed(this.#honest(type, body));
  }

  #honest(type: string, body: Buffer): readonly Buffer[] {
    if (type === 'Q') {
      this.#trusted ||= !this.#proved;
      return this.#nextTurn();
    }
    if (type === '' && this.#login === 'none') return [auth.ok, ...this.#nextTurn()];
    if (type === '') return [auth.sasl('SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256')];
    if (type === 'p' && !this.#asked) {
      this.#asked = true;
      const initial = body.subarray(body.indexOf(0) + 5).toString();
      const [, bare = '', nonce = ''] = /^[^,]*,[^,]*,(n=[^,]*,r=(.*))$/s.exec(initial) ?? [];
      this.#bare = bare;
      this.#first = `r=${nonce}abc,s=${SALT.toString('base64')},i=${ITERATIONS}`;
      return [auth.saslContinue(this.#first)];
    }
    if (type !== 'p' || this.#proof !== undefined) return [];
    const answer = body.toString();
    const said = `${this.#bare},${this.#first},${answer.slice(0, answer.lastIndexOf(',p='))}`;
    const proof = createHmac('sha256', SERVER_KEY).update(said).digest('base64');
    this.#proof = auth.saslFinal(`v=${proof}`);
    return [this.#proof, auth.ok, ...this.#nextTurn()];
  }

  #nextTurn(): readonly Buffer[] {
    const turn = this.#turns[this.#turn] ?? [];
    this.#turn += 1;
    return turn;
  }

  #changed(messages: readonly Buffer[]): Step {
    const out: Buffer[] = [];
    let next: Next = 'go on';
    const waiting = [...messages];
    for (let one = waiting.shift(); one !== undefined && next === 'go on'; one = waiting.shift()) {
      const index = this.#sent;
      this.#sent += 1;
      let parts: Buffer[] = [one];
      for (const { change } of this.#changes.filter((candidate) => candidate.index === index)) {
        if (change.kind === 'end' || change.kind === 'reset' || change.kind === 'stall') next = change.kind;
        else if (change.kind === 'swap') parts.unshift(...waiting.splice(0, 1));
        else parts = parts.flatMap((part) => changedMessage(part, change, parts.length === 1));
      }
      out.push(...parts);
    }
    this.#proved ||= this.#proof !== undefined && out.some((one) => this.#proof?.equals(one));
    return { bytes: Buffer.concat(out), next };
  }
}

function changedMessage(one: Buffer, change: MessageChange, isFirst: boolean): Buffer[] {
  const type = one.toString('latin1', 0, 1);
  switch (change.kind) {
    case 'drop':
      return [];
    case 'repeat':
      // What was repeated already is not again: the product of two would be endless.
      return isFirst ? Array.from({ length: change.times }, () => one) : [one];
    case 'body':
      return [message(type, changeBytes(one.subarray(5), change.bytes))];
    case 'bytes':
      return [changeBytes(one, change.bytes)];
    case 'type':
      return [Buffer.concat([Buffer.from(change.type, 'latin1'), one.subarray(1)])];
    case 'length': {
      const longer = Buffer.from(one);
      longer.writeUInt32BE(change.length, 1);
      return [longer];
    }
    case 'insert':
      return [FOREIGN[change.foreign] ?? one, one];
    case 'replace':
      return [FOREIGN[change.foreign] ?? one];
    case 'cell':
      return type === 'D' ? [changedRow(one, change)] : [one];
    default:
      return [one];
  }
}

/** With another value in one of its cells. */
function changedRow(one: Buffer, { times, text }: MessageChange): Buffer {
  const cells = cellsOf(one);
  const changed = times % Math.max(1, cells.length);
  return row(...cells.map((cell, index) => (index === changed ? text : cell)));
}
