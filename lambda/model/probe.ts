// Defines what the wire probe observes: plaintext, TLS versions, direct TLS, suites, key exchange.

import type { Observed } from './observed.ts';

/** The versions that are tried, one handshake each, oldest first. */
export const PROBED_VERSIONS = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;
export type ProbedVersion = (typeof PROBED_VERSIONS)[number];

/** The authentication that a server asks for. `none`: it lets the role in without any. */
export const PLAINTEXT_AUTHENTICATIONS = ['none', 'password', 'md5', 'sasl', 'gss', 'sspi', 'other'] as const;
export type PlaintextAuthentication = (typeof PLAINTEXT_AUTHENTICATIONS)[number];

/** The first answer to a startup message that nothing encrypts. */
export type PlaintextAnswer =
  | { readonly accepted: true; readonly authentication: PlaintextAuthentication }
  | {
      readonly accepted: false;
      /** What the server said, with its SQLSTATE. Not yet safe to print. */
      readonly said: string;
    };

/** Whether the server accepted the offer, and how it refused: by an alert of TLS, or by a message. */
export type WireAnswer = { readonly accepted: true } | { readonly accepted: false; readonly said: string };

/** Whether the server agreed to one of the suites that protect nothing, and to which, by OpenSSL's name. */
export type BrokenSuiteAnswer =
  | { readonly accepted: true; readonly suite: string }
  | Extract<WireAnswer, { readonly accepted: false }>;

export interface KeyExchange {
  /** By IANA's name of the TLS group, e.g. `X25519MLKEM768`; undefined where the server does not accept TLSv1.3. */
  readonly group?: string | undefined;
  /** A hybrid of a classical group and ML-KEM, or ML-KEM alone. */
  readonly postQuantum: boolean;
}

/** What the wire probe found out, on fresh connections and without a credential. */
export interface WireProbe {
  /** Whose login the plaintext startup message asked for: that of the audit. */
  readonly role: string;
  readonly database: string;
  /** Whether the connections stayed within our own host, as far as their addresses tell. */
  readonly loopback: boolean;
  readonly plaintext: Observed<PlaintextAnswer>;
  /** Whether the server has TLS at all; known to be false where it said so. */
  readonly offersTls: Observed<boolean>;
  readonly tlsVersions: Readonly<Record<ProbedVersion, Observed<WireAnswer>>>;
  /** TLS without an SSLRequest before it (PostgreSQL 17 and newer). */
  readonly directTls: Observed<WireAnswer>;
  /** What the server chose where it was offered post-quantum hybrids first. */
  readonly keyExchange: Observed<KeyExchange>;
  /**
   * What it chose where it was offered nothing but suites without encryption, without authentication, or of export
   * grade.
   */
  readonly brokenSuites: Observed<BrokenSuiteAnswer>;
  /** How many connections it took. */
  readonly connections: number;
}
