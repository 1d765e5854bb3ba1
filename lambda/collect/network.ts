// The way to a server before TLS is up: TCP, then PostgreSQL's request for TLS. No credential passes here.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { SslNegotiation } from '../model/target.ts';
import { networkFailure, protocolFailure } from './failures.ts';

/** Where a server is reached. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** The name or address that the server's certificate must carry. */
  readonly verifiedName: string;
  readonly sslNegotiation: SslNegotiation;
}

/** PostgreSQL's SSLRequest message: length 8, code 80877103 (protocol documentation, "Message Formats"). */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/**
 * Opens TCP.
 *
 * @throws AuditFailure
 */
export async function openTcp(endpoint: Endpoint, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  const socket = connect({ host: endpoint.host, port: endpoint.port, noDelay: true });
  // Whoever waits for the socket is told of its errors; one that comes while nobody waits is met by the next who does.
  socket.on('error', () => {});
  try {
    await socketEvent(socket, 'connect', signal);
    return socket;
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw networkFailure(error, endpoint, 'tcp');
  }
}

/**
 * Asks for TLS as the endpoint wants it asked for. Afterwards the next byte on the socket is the handshake's.
 *
 * @throws AuditFailure
 */
export async function requestTls(socket: Socket, endpoint: Endpoint, signal: AbortSignal): Promise<void> {
  if (endpoint.sslNegotiation === 'direct') return;
  // Paused with the first bytes: what follows them belongs to TLS.
  socket.once('data', () => socket.pause());
  socket.write(SSL_REQUEST);
  let answer: Buffer;
  try {
    [answer] = (await socketEvent(socket, 'data', signal)) as [Buffer];
  } catch (error) {
    signal.throwIfAborted();
    throw networkFailure(error, endpoint, 'tls');
  }
  // More than the one byte would be plaintext injected before the handshake (CVE-2021-23222).
  if (answer.toString('latin1') !== 'S') throw protocolFailure(answer, endpoint);
}

/** The arguments of a socket's next such event. Rejects with the socket's error, when it closes, or with the signal. */
export async function socketEvent(socket: Socket, event: string, signal: AbortSignal): Promise<unknown[]> {
  const closed = new AbortController();
  const onClose = (): void => closed.abort();
  socket.once('close', onClose);
  try {
    return await once(socket, event, { signal: AbortSignal.any([signal, closed.signal]) });
  } catch (error) {
    throw closed.signal.aborted && !signal.aborted
      ? Object.assign(new Error('the connection was closed', { cause: error }), { code: 'ECONNRESET' })
      : error;
  } finally {
    socket.off('close', onClose);
  }
}
