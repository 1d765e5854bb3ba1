// Performs the TLS handshake that proves who the server is. It is ours and not pg's, so that nothing of the login is
// sent before the proof, and the verified name may differ from the host that is dialled (docs/adr/0001).

import type { X509Certificate } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import type { Endpoint } from '../../model/endpoint.ts';
import { AuditFailure } from '../../model/failure.ts';
import { presentedChain } from '../certificates/certificate-chain.ts';
import { nameMismatch, ServerNameError } from '../certificates/server-name.ts';
import { handshakeFailure } from '../failures/failures.ts';
import { socketEvent } from './network.ts';
import type { Trust } from './trust.ts';

/** The ALPN protocol of direct TLS (protocol documentation, "SSL Session Encryption"). */
export const ALPN = 'postgresql';

/** The server did not prove that it is the one we mean. `code` is OpenSSL's or Node's name of the reason. */
export class IdentityError extends Error {
  override readonly name = 'IdentityError';
  readonly code: string;

  constructor(code: string, cause: Error) {
    super(cause.message, { cause });
    this.code = code;
  }
}

/** A connection to a server that has proved its identity. */
export interface VerifiedTls {
  readonly socket: TLSSocket;
  /** What it presented, leaf first, and the root that completes the chain. */
  readonly certificates: readonly X509Certificate[];
}

/**
 * Shakes hands on a socket that is ready for it, and verifies the certificate chain and the name.
 *
 * @throws IdentityError when the certificate does not prove the server's identity
 * @throws AuditFailure when the handshake fails for another reason
 */
export async function handshake(
  socket: Socket,
  endpoint: Endpoint,
  { context, anchors }: Pick<Trust, 'context' | 'anchors'>,
  signal: AbortSignal,
): Promise<VerifiedTls> {
  let certificates: readonly X509Certificate[] = [];
  const tls: TLSSocket = connect({
    ...handshakeOptions(socket, endpoint),
    secureContext: context,
    // Node takes what is not given here from NODE_TLS_REJECT_UNAUTHORIZED.
    rejectUnauthorized: true,
    checkServerIdentity: (_name, peer) => {
      // Asked for once: each question for the chain takes as long as reading it.
      certificates = presentedChain(tls, peer as DetailedPeerCertificate, anchors);
      const [leaf] = certificates;
      if (leaf === undefined) return new Error('the server presented no certificate');
      const mismatch = nameMismatch(endpoint.verifiedName, leaf);
      return mismatch === undefined ? undefined : new ServerNameError(mismatch);
    },
  });
  await secured(tls, endpoint, signal);
  // Node skips the name of a server whose session it resumes: we never offer one.
  if (tls.authorized !== true || tls.isSessionReused() || certificates.length === 0) {
    tls.destroy();
    throw new IdentityError(
      String(tls.authorizationError ?? 'NOT_AUTHORIZED'),
      new Error('the TLS library completed the handshake without verifying the certificate'),
    );
  }
  return { socket: tls, certificates };
}

/** What every handshake with an endpoint has in common. */
export function handshakeOptions(socket: Duplex, { verifiedName, sslNegotiation }: Endpoint): ConnectionOptions {
  return {
    socket,
    host: verifiedName,
    // An IP address is no server name (RFC 6066, section 3).
    ...(isIP(verifiedName) === 0 ? { servername: verifiedName } : {}),
    ...(sslNegotiation === 'direct' ? { ALPNProtocols: [ALPN] } : {}),
  };
}

/** Waits for the end of a handshake. */
export async function secured(tls: TLSSocket, endpoint: Endpoint, signal: AbortSignal): Promise<void> {
  tls.on('error', () => {});
  try {
    await socketEvent(tls, 'secureConnect', signal);
  } catch (error) {
    tls.destroy();
    signal.throwIfAborted();
    if (tls.authorizationError) throw new IdentityError(String(tls.authorizationError), error as Error);
    throw handshakeFailure(error, endpoint);
  }
  // A server that speaks direct TLS must confirm the protocol: without that we may be talking to something else
  // (ALPACA).
  if (endpoint.sslNegotiation === 'direct' && tls.alpnProtocol !== ALPN) {
    tls.destroy();
    throw new AuditFailure({
      cause: 'not-postgresql',
      phase: 'tls',
      message: `${endpoint.host}:${endpoint.port} speaks TLS but does not confirm the protocol "${ALPN}"`,
      remedy: 'check host and port; "sslNegotiation": "direct" needs PostgreSQL 17 or newer',
    });
  }
}
