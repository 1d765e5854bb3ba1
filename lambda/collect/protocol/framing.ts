// Splits the byte stream of a server into whole messages (protocol documentation, "Message Formats"): one byte of type,
// a length that counts itself, and the body. Refuses unknown types and excessive lengths before it keeps the body.
// Pure.

import { tooLarge, violation } from './protocol-error.ts';

/** Of type, length field and body. */
export const HEADER_LENGTH = 5;
const KIB = 1024;
const MIB = 1024 * KIB;

interface MessageType {
  readonly name: string;
  /** Bytes of the body, at most. */
  readonly most: number;
}

/**
 * The messages that a server may send to a client that logs in and sends simple queries. A server bounds a row by 1 GB;
 * the longest row that an audit asks for is a whole pg_hba.conf.
 */
const MESSAGE_TYPES: ReadonlyMap<string, MessageType> = new Map(
  Object.entries({
    R: { name: 'Authentication', most: 8 * KIB },
    K: { name: 'BackendKeyData', most: 8 },
    S: { name: 'ParameterStatus', most: 64 * KIB },
    Z: { name: 'ReadyForQuery', most: 1 },
    E: { name: 'ErrorResponse', most: 256 * KIB },
    N: { name: 'NoticeResponse', most: 256 * KIB },
    A: { name: 'NotificationResponse', most: 64 * KIB },
    T: { name: 'RowDescription', most: 512 * KIB },
    D: { name: 'DataRow', most: 16 * MIB },
    C: { name: 'CommandComplete', most: KIB },
  }),
);

/** Types that exist, and that answer nothing an audit sends. */
const OUT_OF_PLACE: ReadonlyMap<string, string> = new Map(
  Object.entries({
    G: 'CopyInResponse',
    H: 'CopyOutResponse',
    W: 'CopyBothResponse',
    d: 'CopyData',
    c: 'CopyDone',
    I: 'EmptyQueryResponse',
    V: 'FunctionCallResponse',
    v: 'NegotiateProtocolVersion',
    n: 'NoData',
    t: 'ParameterDescription',
    s: 'PortalSuspended',
    '1': 'ParseComplete',
    '2': 'BindComplete',
    '3': 'CloseComplete',
  }),
);

/** One whole message. */
export interface ServerMessage {
  /** One letter. */
  readonly type: string;
  readonly name: string;
  readonly body: Buffer;
  /** With its header, as it came. */
  readonly whole: Buffer;
}

/** Cuts a stream of bytes into messages. */
export class Framing {
  #chunks: Buffer[] = [];
  #length = 0;
  /** Bytes until something can be done: a header, or the rest of a message. */
  #wanted = HEADER_LENGTH;

  /**
   * @returns the messages that these bytes complete
   * @throws ProtocolError; nothing can be read after that
   */
  *push(chunk: Buffer): Generator<ServerMessage> {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#length < this.#wanted) return;
    let bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#length);
    this.#chunks = [];
    this.#length = 0;
    this.#wanted = HEADER_LENGTH;
    while (bytes.length >= HEADER_LENGTH) {
      const { type, name, end } = readHeader(bytes);
      if (bytes.length < end) {
        this.#wanted = end;
        break;
      }
      yield { type, name, body: bytes.subarray(HEADER_LENGTH, end), whole: bytes.subarray(0, end) };
      bytes = bytes.subarray(end);
    }
    if (bytes.length === 0) return;
    this.#chunks = [bytes];
    this.#length = bytes.length;
  }
}

function readHeader(bytes: Buffer): { readonly type: string; readonly name: string; readonly end: number } {
  const code = bytes.readUInt8(0);
  const type = String.fromCharCode(code);
  const known = MESSAGE_TYPES.get(type);
  if (known === undefined) {
    const outOfPlace = OUT_OF_PLACE.get(type);
    throw violation(
      outOfPlace === undefined
        ? `sent a message of the unknown type 0x${code.toString(16).padStart(2, '0')}`
        : `sent ${outOfPlace}, which answers nothing that was asked`,
    );
  }
  const length = bytes.readUInt32BE(1);
  if (length < 4) throw violation(`sent ${known.name} with the impossible length ${length}`);
  if (length - 4 > known.most) {
    throw tooLarge(`announced ${known.name} of ${length} bytes, and ${known.most + 4} are read at most`);
  }
  return { type, name: known.name, end: 1 + length };
}
