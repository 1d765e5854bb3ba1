// Makes one TLS handshake of the wire probe and returns what came of it.
//
// The certificate is verified as in an audit. Whether it passes does not matter, because nothing follows the handshake.

import type { Socket } from 'node:net';
import { connect, createSecureContext, type SecureContext, type SecureContextOptions, type TLSSocket } from 'node:tls';
import { displayText } from '../../model/display.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import type { ProbedVersion } from '../../model/probe.ts';
import { handshakeOptions } from '../connect/tls.ts';
import type { Trust } from '../connect/trust.ts';
import { RecordingSocket } from './recording-socket.ts';
import { readServerFlight, type ServerFlight } from './server-flight.ts';

/** What a handshake offers. */
export interface Offer {
  readonly oldest: ProbedVersion;
  readonly newest: ProbedVersion;
  /**
   * Post-quantum hybrids before the classical groups, where OpenSSL has them ({@link hasHybrids}); a ClientHello with a
   * share for one is over 1,400 bytes long.
   */
  readonly hybridsFirst: boolean;
}

export interface HandshakeResult {
  readonly flight: ServerFlight;
  /** The version, where the handshake completed. */
  readonly completed?: string | undefined;
  /** The protocol that the server confirmed; direct TLS wants `postgresql`. */
  readonly alpn?: string | undefined;
  /** Where it did not complete, and the server gave no alert: what ended it. */
  readonly failed?: string | undefined;
  /** Whether anything went out: OpenSSL may refuse to offer what it is asked to. */
  readonly sent: boolean;
}

const HYBRIDS = 'X25519MLKEM768:SecP256r1MLKEM768:SecP384r1MLKEM1024';
const CLASSICAL = 'X25519:P-256:P-384:P-521';

/** Whether this OpenSSL has the hybrids: 3.5 does, and that of Node.js 22.15 does not. */
export function hasHybrids(): boolean {
  try {
    // Without authorities: the usual ones would be read for it.
    createSecureContext({ ca: [], ecdhCurve: HYBRIDS });
    return true;
  } catch {
    return false;
  }
}

/** Everything that OpenSSL still has: below TLSv1.2 nothing passes the default security level. */
const EVERY_CIPHER =
  'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:ALL:!aNULL:@SECLEVEL=0';

/** Milliseconds for the server to close the connection after our close_notify. */
const CLOSE_TIMEOUT_MS = 500;

const contexts = new WeakMap<Trust, Map<string, SecureContext>>();

/** Built once for all targets that share their CAs: reading the system's takes 10 ms. @throws Error of OpenSSL */
function contextFor(trust: Trust, { oldest, newest, hybridsFirst }: Offer): SecureContext {
  const built = contexts.get(trust) ?? new Map<string, SecureContext>();
  contexts.set(trust, built);
  const key = [oldest, newest, hybridsFirst].join();
  const existing = built.get(key);
  if (existing !== undefined) return existing;
  const options: SecureContextOptions = {
    ca: [...trust.roots],
    minVersion: oldest,
    maxVersion: newest,
    ciphers: EVERY_CIPHER,
    ecdhCurve: hybridsFirst ? `${HYBRIDS}:${CLASSICAL}` : CLASSICAL,
  };
  const context = createSecureContext(options);
  built.set(key, context);
  return context;
}

/**
 * Makes a TLS handshake on a socket that is ready for it, and closes the connection.
 *
 * @throws the signal's reason
 */
export async function tryHandshake(
  socket: Socket,
  endpoint: Endpoint,
  trust: Trust,
  offer: Offer,
  signal: AbortSignal,
): Promise<HandshakeResult> {
  let secureContext: SecureContext;
  try {
    secureContext = contextFor(trust, offer);
  } catch (error) {
    return { flight: NOTHING, failed: messageOf(error), sent: false };
  }
  const recorder = new RecordingSocket(socket);
  const tls = connect({ ...handshakeOptions(recorder, endpoint), secureContext, rejectUnauthorized: true });
  try {
    const end = await outcome(tls, signal);
    const flight = readServerFlight(recorder.received);
    if (end.completed !== undefined) await closeTimer(tls, signal);
    return { flight, ...end, sent: recorder.sent > 0 };
  } finally {
    tls.destroy();
    recorder.destroy();
  }
}

const NOTHING: ServerFlight = { helloDone: false };

/** Completed handshakes count, whether the certificate passes or not: Node verifies it afterwards. */
function outcome(tls: TLSSocket, signal: AbortSignal): Promise<Pick<HandshakeResult, 'completed' | 'alpn' | 'failed'>> {
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<typeof outcome>>>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  let completed: { readonly completed: string; readonly alpn?: string | undefined } | undefined;
  // Before Node's own listener, which hangs up where the certificate does not pass.
  tls.prependOnceListener('secure', () => {
    completed = { completed: tls.getProtocol() ?? 'unknown', alpn: tls.alpnProtocol || undefined };
  });
  tls.once('secureConnect', () => resolve(completed ?? { failed: 'the handshake did not complete' }));
  tls.once('error', (error) => resolve(completed ?? { failed: messageOf(error) }));
  tls.once('close', () => resolve(completed ?? { failed: 'the connection was closed' }));
  return promise.finally(() => signal.removeEventListener('abort', onAbort));
}

/** Orderly, where the certificate passed: a connection that is cut leaves an error in the server's log. */
async function closeTimer(tls: TLSSocket, signal: AbortSignal): Promise<void> {
  if (tls.destroyed || signal.aborted) return;
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  tls.on('error', () => {}).once('close', () => resolve());
  const timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
  tls.resume().end();
  await closed;
  clearTimeout(timer);
}

/** By Node's code where it has one: OpenSSL's message names places in its source. */
function messageOf(error: unknown): string {
  const { code, message } = error as { readonly code?: string; readonly message?: string };
  return displayText(code ?? message ?? 'unknown', 100);
}
