// Opens a session that is logged in over verified TLS: the one way to a server, for the audit and for observers.

import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Endpoint } from '../../model/endpoint.ts';
import type { Credentials } from '../secrets/credentials.ts';
import { openTcp, requestTls } from './network.ts';
import { type DatabaseSession, type LoginOptions, login, logout } from './session.ts';
import { handshake } from './tls.ts';
import type { Trust } from './trust.ts';

export interface VerifiedSessionOptions extends Omit<LoginOptions, 'leaf'> {
  readonly endpoint: Endpoint;
  readonly trust: Trust;
  readonly credentials: Credentials;
}

/** What is known on the way, for those who need it also where a later step fails. */
export interface SessionSteps {
  readonly onConnected?: (socket: Socket) => void;
  readonly onVerified?: (socket: TLSSocket, certificates: readonly X509Certificate[]) => void;
}

/** Disposing of it logs out, and closes the connection. It is closed as well when the signal aborts. */
export interface VerifiedSession extends AsyncDisposable {
  readonly [Symbol.asyncDispose]: () => Promise<void>;
  readonly session: DatabaseSession;
  readonly socket: TLSSocket;
  /** Closes the connection without logging out. */
  readonly destroy: () => void;
}

/**
 * Connects, verifies the certificate and logs in.
 *
 * @throws AuditFailure in the phases `tcp`, `tls` and `login`; IdentityError for a certificate that is not trusted
 */
export async function openVerifiedSession(
  { endpoint, trust, credentials, ...options }: VerifiedSessionOptions,
  { onConnected, onVerified }: SessionSteps = {},
): Promise<VerifiedSession> {
  const { signal } = options;
  const socket = await openTcp(endpoint, signal);
  try {
    onConnected?.(socket);
    await requestTls(socket, endpoint, signal);
    const { socket: tls, certificates } = await handshake(socket, endpoint, trust, signal);
    onVerified?.(tls, certificates);
    const session = await login(tls, credentials, endpoint, { ...options, leaf: certificates[0] });
    return {
      session,
      socket: tls,
      destroy: () => void socket.destroy(),
      async [Symbol.asyncDispose]() {
        try {
          await logout(session, tls, signal);
        } finally {
          socket.destroy();
        }
      },
    };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
