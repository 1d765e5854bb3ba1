// Starts a server that completes TLS with a good certificate and then sends what a script says.

import { createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import type { IssuedCertificate } from './certificates.ts';

export interface HostileServer extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Everything that came inside TLS, over all connections. */
  readonly decrypted: () => Buffer;
  /** How many connections were made. */
  readonly connections: () => number;
}

/** What a script has in hand. Its promises reject when the client hangs up: the script ends there. */
export interface Peer {
  /** Before TLS: undefined once it is up. */
  readonly socket: net.Socket;
  readonly secure: tls.TLSSocket;
  /** The next whole message of the client; the first is its StartupMessage, of type ''. */
  receive(): Promise<{ readonly type: string; readonly body: Buffer }>;
  send(...parts: readonly Uint8Array[]): Promise<void>;
  end(...parts: readonly Uint8Array[]): void;
  reset(): void;
  /** Resolves when the client has hung up. */
  readonly gone: Promise<void>;
}

export type Script = (peer: Peer) => Promise<void> | void;

type Certificate = Pick<IssuedCertificate, 'chainPem' | 'keyPem'>;

/**
 * @param script what follows the handshake
 * @param options of the server's TLS
 */
export function hostilePostgres(
  certificate: Certificate,
  script: Script,
  options: tls.SecureContextOptions = {},
): Promise<HostileServer> {
  const serve = servingTls(certificate, script, options);
  return listen(async (socket, record) => await serve(socket, record));
}

/** What such a server does with one connection. */
export function servingTls(
  { chainPem, keyPem }: Certificate,
  script: Script,
  options: tls.SecureContextOptions = {},
): (socket: net.Socket, record?: (chunk: Buffer) => void) => Promise<void> {
  const secureContext = tls.createSecureContext({ cert: chainPem, key: keyPem, ...options });
  return async (socket, record = () => undefined) => {
    const request = (await once(socket, 'data')) as [Buffer];
    if (request[0].length !== 8) {
      socket.destroy();
      return;
    }
    socket.write('S');
    const secure = new tls.TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: ['postgresql'] });
    secure.on('error', () => undefined);
    const reader = new MessageReader(secure, record);
    await once(secure, 'secure');
    await script(peerOf(socket, secure, reader));
  };
}

/** What is done with a connection, from its beginning. `record` keeps what came inside TLS, where there is any. */
export type Connection = (socket: net.Socket, record: (chunk: Buffer) => void) => Promise<void> | void;

/** @param script what it does with each connection, before any TLS */
export function hostileTcp(script: Connection): Promise<HostileServer> {
  return listen(async (socket, record) => await script(socket, record));
}

/** @param connections what it does with the first, the second, and so on; the last with all that follow */
export function hostileInTurn(...connections: readonly [Connection, ...Connection[]]): Promise<HostileServer> {
  let turn = 0;
  return hostileTcp(async (socket, record) => {
    const connection = connections[Math.min(turn, connections.length - 1)] ?? connections[0];
    turn += 1;
    await connection(socket, record);
  });
}

/** Passes a connection on to an honest server. */
export function relayingTo({ port }: { readonly port: number }): Connection {
  return (socket) => {
    const upstream = net.connect(port, '127.0.0.1');
    upstream.on('error', () => socket.destroy());
    socket.once('close', () => upstream.destroy());
    socket.pipe(upstream).pipe(socket);
  };
}

async function listen(serve: (socket: net.Socket, record: (chunk: Buffer) => void) => unknown): Promise<HostileServer> {
  const decrypted: Buffer[] = [];
  const sockets = new Set<net.Socket>();
  let connections = 0;
  const server = net.createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    Promise.resolve(serve(socket, (chunk) => decrypted.push(chunk))).catch(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: '127.0.0.1',
    port: (server.address() as net.AddressInfo).port,
    decrypted: () => Buffer.concat(decrypted),
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

class MessageReader {
  #bytes = Buffer.alloc(0);
  #first = true;
  #wake: () => void = () => undefined;
  #gone = false;

  constructor(secure: tls.TLSSocket, record: (chunk: Buffer) => void) {
    secure.on('data', (chunk: Buffer) => {
      record(chunk);
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#wake();
    });
    secure.once('close', () => {
      this.#gone = true;
      this.#wake();
    });
  }

  async next(): Promise<{ readonly type: string; readonly body: Buffer }> {
    for (;;) {
      const at = this.#first ? 0 : 1;
      if (this.#bytes.length >= at + 4) {
        const end = at + this.#bytes.readUInt32BE(at);
        if (this.#bytes.length >= end) {
          const message = {
            type: this.#first ? '' : this.#bytes.toString('latin1', 0, 1),
            body: this.#bytes.subarray(at + 4, end),
          };
          this.#bytes = this.#bytes.subarray(end);
          this.#first = false;
          return message;
        }
      }
      if (this.#gone) throw new Error('the client hung up');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

function peerOf(socket: net.Socket, secure: tls.TLSSocket, reader: MessageReader): Peer {
  const gone = new Promise<void>((resolve) => secure.once('close', () => resolve()));
  return {
    socket,
    secure,
    gone,
    receive: () => reader.next(),
    async send(...parts) {
      if (secure.destroyed || !secure.writable) throw new Error('the client hung up');
      if (!secure.write(Buffer.concat(parts))) await Promise.race([once(secure, 'drain'), gone]);
    },
    end: (...parts) => void secure.end(Buffer.concat(parts)),
    reset: () => socket.resetAndDestroy(),
  };
}

/** A message of the server's, with the length it has. */
export function message(type: string, ...body: readonly (Uint8Array | string)[]): Buffer {
  const bytes = Buffer.concat(body.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  const header = Buffer.alloc(5);
  header.write(type, 'latin1');
  header.writeUInt32BE(bytes.length + 4, 1);
  return Buffer.concat([header, bytes]);
}

/** A message as it is on the wire, e.g. `52 00000004`. */
export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
}

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** Authentication messages. */
export const auth = {
  ok: message('R', int32(0)),
  code: (code: number, ...rest: readonly (Uint8Array | string)[]): Buffer => message('R', int32(code | 0), ...rest),
  sasl: (...mechanisms: readonly string[]): Buffer =>
    message('R', int32(10), ...mechanisms.map((name) => `${name}\0`), '\0'),
  saslContinue: (text: string): Buffer => message('R', int32(11), text),
  saslFinal: (text: string): Buffer => message('R', int32(12), text),
};

export const READY: Buffer = message('Z', 'I');
export const KEY: Buffer = message('K', int32(4711), int32(42));

export function parameter(name: string, value: string): Buffer {
  return message('S', `${name}\0${value}\0`);
}

export function errorMessage(fields: Readonly<Record<string, string>>): Buffer {
  return message('E', ...Object.entries(fields).map(([type, text]) => `${type}${text}\0`), '\0');
}

/** A login that asks for nothing, up to ReadyForQuery. */
export async function letIn(peer: Peer, version = '18.4'): Promise<void> {
  await peer.receive();
  await peer.send(auth.ok, parameter('server_version', version), KEY, READY);
}

/** A login that asks for nothing, up to the client's first query. */
export async function untilQuery(peer: Peer, version?: string): Promise<void> {
  await letIn(peer, version);
  await peer.receive();
}

/** RowDescription of so many columns of text. */
export function columns(count: number): Buffer {
  const column = Buffer.concat([Buffer.from('c\0'), int32(0), int16(0), int32(25), int16(65_535), int32(-1), int16(0)]);
  return message('T', int16(count), ...Array.from({ length: count }, () => column));
}

export function row(...values: readonly (string | null)[]): Buffer {
  const fields = values.map((value) => {
    if (value === null) return int32(-1);
    const bytes = Buffer.from(value);
    return Buffer.concat([int32(bytes.length), bytes]);
  });
  return message('D', int16(values.length), ...fields);
}

/** The end of a SELECT's answer, of so many rows. */
export function selectDone(rows: number): Buffer {
  return message('C', `SELECT ${rows}\0`);
}

/** SCRAM as a server does it (RFC 5802), with what a test wants wrong about it. */
export async function scram(
  peer: Peer,
  password: string,
  { iterations = 4096, mechanisms = ['SCRAM-SHA-256'], final }: ScramOptions = {},
): Promise<void> {
  await peer.receive();
  await peer.send(auth.sasl(...mechanisms));
  const { body } = await peer.receive();
  const initial = body.subarray(body.indexOf(0) + 5).toString();
  const [, bare = '', nonce = ''] = /^[^,]*,[^,]*,(n=[^,]*,r=(.*))$/s.exec(initial) ?? [];
  const salt = randomBytes(16);
  const first = `r=${nonce}${randomBytes(9).toString('base64')},s=${salt.toString('base64')},i=${iterations}`;
  await peer.send(auth.saslContinue(first));
  const answer = (await peer.receive()).body.toString();
  const withoutProof = answer.slice(0, answer.lastIndexOf(',p='));
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const serverKey = createHmac('sha256', salted).update('Server Key').digest();
  const signature = createHmac('sha256', serverKey).update(`${bare},${first},${withoutProof}`).digest('base64');
  const said = final === undefined ? `v=${signature}` : final(signature);
  if (said !== undefined) await peer.send(auth.saslFinal(said));
  await peer.send(auth.ok, parameter('server_version', '18.4'), KEY, READY);
}

export interface ScramOptions {
  readonly iterations?: number;
  readonly mechanisms?: readonly string[];
  /** The server's last word, given the right signature; undefined leaves it out. @default the right one */
  readonly final?: (signature: string) => string | undefined;
}
