// Defines the policy that checks apply; every value has a default in the configuration.

import type { TlsVersion } from './tls.ts';

/**
 * `info` reports plaintext over loopback as information, `ignore` leaves it out, `network` treats loopback sessions
 * like any other (a TLS-terminating sidecar or a tunnel makes loopback a network).
 */
export const LOOPBACK_POLICIES = ['info', 'ignore', 'network'] as const;
export type LoopbackPolicy = (typeof LOOPBACK_POLICIES)[number];

export const CIPHER_PROFILES = ['mozilla-intermediate', 'mozilla-modern', 'nist-sp-800-52r2'] as const;
export type CipherProfileName = (typeof CIPHER_PROFILES)[number];

export interface Policy {
  /** A session below this is deprecated. */
  readonly minTlsVersion: TlsVersion;
  /** A session below this, and not below the minimum, is reported as information. */
  readonly preferredTlsVersion: TlsVersion;
  readonly cipherProfile: CipherProfileName;
  readonly loopback: LoopbackPolicy;
  /** Days before a certificate's end at which its finding becomes medium, high, critical. Descending. */
  readonly certificateExpiryDays: { readonly medium: number; readonly high: number; readonly critical: number };
  /** Roles that must show a client certificate: names in which `*` stands for any characters. */
  readonly clientCertificateRoles: readonly string[];
}

/** What a configuration means that says nothing of its policy. */
export const DEFAULT_POLICY = {
  minTlsVersion: 'TLSv1.2',
  preferredTlsVersion: 'TLSv1.3',
  cipherProfile: 'mozilla-intermediate',
  loopback: 'info',
  certificateExpiryDays: { medium: 30, high: 14, critical: 7 },
  clientCertificateRoles: [],
} as const satisfies Policy;
