// Decides whether SCRAM can be bound to the TLS channel, which takes a hash of the server's certificate (RFC 5929,
// 4.1).

import type { X509Certificate } from 'node:crypto';
import { signatureAlgorithmHashFromCertificate } from 'pg/lib/crypto/cert-signatures.js';
import { signatureAlgorithmOf } from '../certificates/signature-algorithm.ts';

/** Hashes that pg computes; it takes SHA-256 in the place of the first two, as the RFC asks. */
const HASHES: readonly string[] = ['MD5', 'SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'];

/**
 * Whether pg can bind to this certificate. libpq can where it is signed with SHA-224 or SHA-3 too. For Ed25519 and
 * Ed448 the RFC names no hash, and neither binds. Without binding the login is SCRAM all the same.
 */
export function bindsTo(leaf: X509Certificate | undefined): boolean {
  if (leaf === undefined || /^ED(25519|448)$/.test(signatureAlgorithmOf(leaf.raw) ?? '')) return false;
  try {
    return HASHES.includes(signatureAlgorithmHashFromCertificate(leaf.raw));
  } catch {
    // pg's way of saying that it does not know the algorithm.
    return false;
  }
}
