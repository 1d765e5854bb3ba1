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
  const socket = connect({ host: endpoint.host, port: endpoint.port, noDelay: true, signal });
  try {
    await once(socket, 'connect', { signal });
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
  socket.write(SSL_REQUEST);
  const answer = await firstBytes(socket, endpoint, signal);
  // More than the one byte would be plaintext injected before the handshake (CVE-2021-23222).
  if (answer.toString('latin1') !== 'S') throw protocolFailure(answer, endpoint);
}

async function firstBytes(socket: Socket, endpoint: Endpoint, signal: AbortSignal): Promise<Buffer> {
  const closed = new AbortController();
  const onClose = (): void => closed.abort();
  socket.once('close', onClose);
  try {
    const [data] = await once(socket, 'data', { signal: AbortSignal.any([signal, closed.signal]) });
    // Paused at once: what follows belongs to TLS.
    socket.pause();
    return data as Buffer;
  } catch (error) {
    signal.throwIfAborted();
    throw networkFailure(closed.signal.aborted ? { code: 'ECONNRESET' } : error, endpoint, 'tls');
  } finally {
    socket.off('close', onClose);
  }
}
