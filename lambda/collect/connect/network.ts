// Opens the way to a server before TLS: TCP, then PostgreSQL's SSLRequest. Sends no credential.

import { connect, type Socket } from 'node:net';
import type { Endpoint } from '../../model/endpoint.ts';
import { networkFailure, protocolFailure } from '../failures/failures.ts';

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
  // Each step that waits for the socket handles its errors. An error between two steps reaches the next step.
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
export function socketEvent(socket: Socket, event: string, signal: AbortSignal): Promise<unknown[]> {
  // By hand: an AbortSignal.any for each event costs a fleet's audit a twentieth of its processor time.
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      socket.off(event, onEvent).off('error', onError).off('close', onClose);
      signal.removeEventListener('abort', onAbort);
    };
    const fail = (error: unknown): void => {
      settle();
      reject(error);
    };
    const onEvent = (...args: unknown[]): void => {
      settle();
      resolve(args);
    };
    const onError = (error: Error): void => fail(error);
    const onClose = (): void => fail(Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' }));
    const onAbort = (): void => fail(signal.reason);
    if (signal.aborted) return onAbort();
    socket.once(event, onEvent).once('error', onError).once('close', onClose);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
