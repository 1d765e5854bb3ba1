// Starts servers that fail as networks and PostgreSQL do, and that record what clients sent to them.

import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import type { IssuedCertificate } from './certificates.ts';

/** What one client sent. */
export interface RecordedConnection {
  /** Every byte that came outside TLS, the SSLRequest included. */
  readonly received: Buffer;
  /** Every byte that came inside TLS; empty when no handshake completed. */
  readonly decrypted: Buffer;
  /** Whether a TLS handshake completed. */
  readonly handshakeCompleted: boolean;
  /** Why the handshake did not complete, where TLS itself said so: e.g. the client's alert about our certificate. */
  readonly handshakeError: Error | undefined;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
}

/** A server on 127.0.0.1. Disposing of it drops its connections. */
export interface FaultyServer extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** In the order in which they came. */
  readonly connections: readonly RecordedConnection[];
  /** Resolves with the connection of that index once it was made and is gone again. */
  connectionClosed(index?: number): Promise<RecordedConnection>;
}

type Certificate = Pick<IssuedCertificate, 'chainPem' | 'keyPem'>;

/** `SSLRequest`: length 8, then the code 80877103 (PostgreSQL's protocol documentation, "Message Formats"). */
export const SSL_REQUEST: Buffer = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/** Connections a server takes in all: a client that retries for ever fails the test instead of filling memory. */
const MOST_CONNECTIONS = 2_000;

/** Takes connections and never says a word. */
export function blackHole(): Promise<FaultyServer> {
  return listen((connection) => connection.record());
}

/** A port on which nothing listens. */
export async function closedPort(): Promise<{ readonly host: '127.0.0.1'; readonly port: number }> {
  const server = await blackHole();
  const { host, port } = server;
  await server[Symbol.asyncDispose]();
  return { host, port };
}

/** Resets each connection as soon as it is made. */
export function resetsAtConnect(): Promise<FaultyServer> {
  return listen((connection) => {
    connection.socket.resetAndDestroy();
  });
}

/** Agrees to TLS and resets the connection when the ClientHello comes. */
export function resetsMidHandshake(): Promise<FaultyServer> {
  return listen(async (connection) => {
    if (!(await connection.sslRequested())) return;
    connection.socket.write('S');
    connection.record();
    connection.socket.once('data', () => connection.socket.resetAndDestroy());
  });
}

/** Answers whatever comes first with something that is not PostgreSQL's, and hangs up. @default an HTTP error */
export function speaksGarbage(
  answer: string | Uint8Array = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n',
): Promise<FaultyServer> {
  return listen((connection) => {
    connection.record();
    connection.socket.once('data', () => connection.socket.end(answer));
  });
}

/** Answers `N` to the SSLRequest: it offers no TLS. Then it listens, to see whether anyone goes on in plaintext. */
export function refusesTls(): Promise<FaultyServer> {
  return listen(async (connection) => {
    if (!(await connection.sslRequested())) return;
    connection.socket.write('N');
    connection.record();
  });
}

/**
 * Agrees to TLS and sends further bytes with the `S`, before any handshake: what a client must not take for the
 * server's words once TLS is up (CVE-2021-23222). @default an AuthenticationOk
 */
export function stuffsPlaintext(
  certificate: Certificate,
  extra: Uint8Array = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0]),
): Promise<FaultyServer> {
  return listen(async (connection) => {
    if (!(await connection.sslRequested())) return;
    connection.socket.write(Buffer.concat([Buffer.from('S'), extra]));
    await connection.startTls({ certificate });
  });
}

/** Speaks no TLS version but the one given, with ciphers of every strength. */
export function speaksOnly(version: tls.SecureVersion, certificate: Certificate): Promise<FaultyServer> {
  return listen(async (connection) => {
    if (!(await connection.sslRequested())) return;
    connection.socket.write('S');
    await connection.startTls({
      certificate,
      minVersion: version,
      maxVersion: version,
      ciphers: 'ALL:@SECLEVEL=0',
    });
  });
}

export interface Upstream {
  readonly host: string;
  readonly port: number;
}

export interface TlsProxyOptions {
  readonly certificate: Certificate;
  /** A real server to relay to in plaintext; without one the proxy only listens. */
  readonly upstream?: Upstream;
  /** PEM: ask clients for a certificate, and refuse those who show none of this authority. */
  readonly clientCa?: string;
}

/**
 * Ends TLS with the certificate given, a bad one included, and records what comes through: the proof of what a client
 * sends before and after it has verified. Takes SSLRequests and direct negotiation.
 */
export function recordingTlsProxy({ certificate, upstream, clientCa }: TlsProxyOptions): Promise<FaultyServer> {
  return listen(async (connection) => {
    const secure = await connection.acceptTls({ certificate, ...(clientCa === undefined ? {} : { clientCa }) });
    if (secure !== undefined && upstream !== undefined) relay(connection, secure, upstream);
  });
}

export interface ServerError {
  /** SQLSTATE, e.g. `57P03`. */
  readonly code: string;
  readonly message: string;
  /** @default 'FATAL' */
  readonly severity?: 'FATAL' | 'ERROR' | 'PANIC';
  /** Further fields by their type: `D` detail, `W` where, `F` file, `R` routine. */
  readonly fields?: Readonly<Record<string, string>>;
}

export interface FailingPostgresOptions {
  readonly certificate: Certificate;
  /** One for each login, in order. */
  readonly errors: readonly ServerError[];
  /** What the logins after those meet: the last error again, or a real server. @default 'last-error' */
  readonly afterwards?: 'last-error' | Upstream;
}

/** Completes TLS, then answers logins with errors. Connections that never get as far as a login use none up. */
export function failingPostgres({
  certificate,
  errors,
  afterwards = 'last-error',
}: FailingPostgresOptions): Promise<FaultyServer> {
  const last = errors.at(-1);
  if (last === undefined) throw new RangeError('failingPostgres() needs at least one error');
  const pending = [...errors];
  return listen(async (connection) => {
    const secure = await connection.acceptTls({ certificate });
    if (secure === undefined) return;
    if (!(await startupMessageCame(connection, secure))) return;
    const error = pending.shift() ?? (afterwards === 'last-error' ? last : undefined);
    if (error !== undefined) secure.end(errorResponse(error));
    else if (afterwards !== 'last-error') relay(connection, secure, afterwards);
  });
}

/** An `ErrorResponse` message as a server of protocol 3 sends it. */
export function errorResponse({ code, message, severity = 'FATAL', fields: more = {} }: ServerError): Buffer {
  const further = Object.entries(more).map(([type, value]) => `${type}${value}`);
  const all = [`S${severity}`, `V${severity}`, `C${code}`, `M${message}`, ...further];
  const fields = all.map((field) => `${field}\0`).join('');
  const body = Buffer.from(`${fields}\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

interface TlsSettings {
  readonly certificate: Certificate;
  readonly clientCa?: string;
  readonly minVersion?: tls.SecureVersion;
  readonly maxVersion?: tls.SecureVersion;
  readonly ciphers?: string;
}

/** One client's connection, with what it sent. */
class Connection implements RecordedConnection {
  readonly socket: net.Socket;
  readonly closed: Promise<void>;
  handshakeCompleted = false;
  handshakeError: Error | undefined;
  readonly #received: Buffer[] = [];
  readonly #decrypted: Buffer[] = [];

  constructor(socket: net.Socket) {
    this.socket = socket;
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.once('close', () => resolve());
    // Clients hang up on faulty servers: that is what they are for.
    socket.on('error', () => undefined);
    this.closed = promise;
  }

  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  get decrypted(): Buffer {
    return Buffer.concat(this.#decrypted);
  }

  /** Keeps whatever comes from now on outside TLS. */
  record(): void {
    this.socket.on('data', (chunk: Buffer) => this.#received.push(chunk));
  }

  /** Reads the SSLRequest. False when something else came: it is kept as received, and so is all that follows. */
  async sslRequested(): Promise<boolean> {
    const first = await readBytes(this.socket, SSL_REQUEST.length);
    this.#received.push(first);
    const requested = first.equals(SSL_REQUEST);
    if (!requested) this.record();
    return requested;
  }

  /** TLS by whichever way the client asks for it. Undefined when it does not, or the handshake fails. */
  async acceptTls(settings: TlsSettings): Promise<tls.TLSSocket | undefined> {
    const first = await readBytes(this.socket, 1);
    if (first.length === 0) return undefined;
    this.socket.unshift(first);
    // A ClientHello at once is direct negotiation: record type 22, "handshake" (RFC 8446, section 5.1).
    if (first[0] !== 22) {
      if (!(await this.sslRequested())) return undefined;
      this.socket.write('S');
    }
    return this.startTls(settings);
  }

  /** Undefined when the handshake fails. */
  async startTls(settings: TlsSettings): Promise<tls.TLSSocket | undefined> {
    const { certificate, clientCa, ...versions } = settings;
    const server = tls.createServer({
      cert: certificate.chainPem,
      key: certificate.keyPem,
      ...versions,
      // Bad certificates are served on purpose: our own security level must not stand in the way.
      ciphers: versions.ciphers ?? 'DEFAULT:@SECLEVEL=0',
      ALPNProtocols: ['postgresql'],
      ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true }),
    });
    return new Promise((resolve) => {
      server.once('secureConnection', (secure) => {
        this.handshakeCompleted = true;
        secure.on('data', (chunk: Buffer) => this.#decrypted.push(chunk));
        secure.on('error', () => undefined);
        resolve(secure);
      });
      server.once('tlsClientError', (error) => {
        this.handshakeError = error;
        resolve(undefined);
      });
      // The server listens nowhere: it is handed this one connection.
      server.emit('connection', this.socket);
    });
  }
}

async function listen(serve: (connection: Connection) => void | Promise<void>): Promise<FaultyServer> {
  const connections: Connection[] = [];
  const made = new Map<number, PromiseWithResolvers<Connection>>();
  const madeAt = (index: number) => {
    const known = made.get(index) ?? Promise.withResolvers<Connection>();
    made.set(index, known);
    return known;
  };
  const server = net.createServer((socket) => {
    const connection = new Connection(socket);
    if (connections.length === MOST_CONNECTIONS) {
      socket.destroy();
      return;
    }
    connections.push(connection);
    madeAt(connections.length - 1).resolve(connection);
    // A client that hangs up in the middle of a script ends the script.
    Promise.resolve(serve(connection)).catch(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  return {
    host: '127.0.0.1',
    port,
    connections,
    async connectionClosed(index = 0) {
      const connection = await madeAt(index).promise;
      await connection.closed;
      return connection;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const { socket } of connections) socket.destroy();
      await closed;
    },
  };
}

/** Reads that many bytes and leaves the rest to the next reader. Fewer when the client hangs up before. */
async function readBytes(stream: net.Socket, count: number): Promise<Buffer> {
  for (;;) {
    const chunk: Buffer | null = stream.read(count);
    if (chunk !== null) return chunk;
    if (stream.readableEnded || stream.destroyed) return Buffer.alloc(0);
    await Promise.race([once(stream, 'readable'), once(stream, 'end'), once(stream, 'close')]);
  }
}

/** Waits for the client's first message inside TLS. False when it hangs up before. */
function startupMessageCame(connection: Connection, secure: tls.TLSSocket): Promise<boolean> {
  const coversAllTargets = () => {
    const { decrypted } = connection;
    return decrypted.length >= 4 && decrypted.length >= decrypted.readUInt32BE(0);
  };
  return new Promise((resolve) => {
    if (coversAllTargets()) resolve(true);
    secure.on('data', () => {
      if (coversAllTargets()) resolve(true);
    });
    secure.once('close', () => resolve(false));
  });
}

/** Passes on, in plaintext, what the client sent and will send inside TLS, and back. */
function relay(connection: Connection, secure: tls.TLSSocket, { host, port }: Upstream): void {
  const behind = net.connect(port, host);
  behind.on('error', () => secure.destroy());
  behind.once('close', () => secure.end());
  secure.once('close', () => behind.destroy());
  behind.write(connection.decrypted);
  secure.pipe(behind);
  behind.pipe(secure);
}
