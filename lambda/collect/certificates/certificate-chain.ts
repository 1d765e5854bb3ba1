// Orders the certificates that a server presented by issuer, and completes the chain from the CA bundle.

import { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';

/**
 * The server's certificate and its issuers, leaf first: what it presented, and the root from the CA bundle that
 * completes the chain where there is one. Empty when the server presented none.
 *
 * Ask once, after the handshake, and let nothing ask the socket for its certificate afterwards:
 * `getPeerX509Certificate` (Node 24.21) takes the chain away. It is needed where the first question ends too early:
 * Node then stopped at an issuer that was the last one sent.
 *
 * @param peer what `getPeerCertificate(true)` answered
 * @param anchors what completes such a chain
 */
export function presentedChain(
  tls: TLSSocket,
  peer: DetailedPeerCertificate,
  anchors: readonly X509Certificate[] = [],
): readonly X509Certificate[] {
  const linked = certificatesOf(peer);
  const [leaf, top] = [linked[0], linked.at(-1)];
  if (leaf === undefined || top === undefined || top.issuer === top.subject) return linked;
  const sent: X509Certificate[] = [];
  for (let next = tls.getPeerX509Certificate(); next !== undefined; next = next.issuerCertificate) sent.push(next);
  const whole = chainFrom(leaf, [...sent, ...anchors]);
  return whole.length > linked.length ? whole : linked;
}

/**
 * Signatures that are tried for one chain. OpenSSL takes 100 certificates in one; hundreds that share their names would
 * cost a trial for each pair, some milliseconds for some curves, and nothing else goes on meanwhile.
 */
const MOST_TRIALS = 200;

/** The certificate and its issuers among the others, as far upwards as they are there. Each is taken once. */
export function chainFrom(leaf: X509Certificate, others: readonly X509Certificate[]): readonly X509Certificate[] {
  const rest = new Map(others.map((certificate) => [certificate.fingerprint256, certificate]));
  const chain = [leaf];
  let trials = 0;
  const signs = (ca: X509Certificate, below: X509Certificate): boolean => {
    trials += 1;
    return trials <= MOST_TRIALS && isSignedBy(below, ca);
  };
  rest.delete(leaf.fingerprint256);
  for (let below = leaf; below.issuer !== below.subject; ) {
    const last = below;
    const issuer = [...rest.values()].find((ca) => ca.subject === last.issuer && signs(ca, last));
    if (issuer === undefined) break;
    rest.delete(issuer.fingerprint256);
    chain.push(issuer);
    below = issuer;
  }
  return chain;
}

export function isSignedBy(certificate: X509Certificate, ca: X509Certificate): boolean {
  try {
    return certificate.verify(ca.publicKey);
  } catch {
    // A key or a signature that OpenSSL does not know.
    return false;
  }
}

function certificatesOf(peer: DetailedPeerCertificate): readonly X509Certificate[] {
  const chain = new Map<string, X509Certificate>();
  let next: DetailedPeerCertificate | undefined = peer;
  // A self-signed certificate is its own issuer.
  while (next?.raw !== undefined && !chain.has(next.fingerprint256)) {
    chain.set(next.fingerprint256, new X509Certificate(next.raw));
    next = next.issuerCertificate;
  }
  return [...chain.values()];
}
