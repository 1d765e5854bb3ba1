// Defines what a connection log shows of a target: the logins of each client, those that failed, and what is missing.

import type { AssumedRole } from './assumed-role.ts';
import type { TlsVersion } from './tls.ts';
import type { Transport } from './transport.ts';

/** Where the connection log of a target is read. */
export type LogSource =
  | 'none'
  /** The server's own log files, over the verified connection. */
  | 'server'
  | LogGroupSource;

/** A log group of CloudWatch Logs, by name or ARN; of Aurora one group holds a stream for each member. */
export interface LogGroupSource {
  readonly logGroup: string;
  /** Only streams whose names begin so. */
  readonly logStreamPrefix?: string | undefined;
  /** Whose credentials read a group of another account. Undefined: the auditor's own. */
  readonly assumedRole?: AssumedRole | undefined;
}

export type Encryption = 'plaintext' | 'tls' | 'gss';

export interface LoggedTls {
  /** As OpenSSL names it. Clients can forge it, see `forged`. */
  readonly version: TlsVersion | (string & {});
  readonly cipher: string;
  readonly bits: number | undefined;
}

/** Logins of one role, database, application and network, all by the same transport. */
export interface ClientLogins {
  /** Undefined in a row of others. */
  readonly role: string | undefined;
  readonly database: string | undefined;
  /** Digits and UUIDs folded to `#` where there were several; empty where the client gave no name. */
  readonly application: string | undefined;
  readonly replication: boolean;
  readonly transport: Transport;
  /** The text of the login cannot be believed: transport says `plaintext` then, since nothing shows more. */
  readonly forged: boolean;
  readonly tls: LoggedTls | undefined;
  /**
   * In CIDR notation, or a name where the server logs names. Undefined for sockets and where the log does not show it.
   */
  readonly network: string | undefined;
  /** Whether the log shows where the client is. */
  readonly hostKnown: boolean;
  /** At most eight, sorted. */
  readonly addresses: readonly string[];
  readonly moreAddresses: boolean;
  readonly logins: number;
  /** Milliseconds since 1970; undefined where the log shows no times. */
  readonly first: number | undefined;
  readonly last: number | undefined;
  /** Clients beyond the bound, added together: their names and ciphers are not known. */
  readonly others: boolean;
  /** Logins by hours since 1970, where they were counted so; undefined elsewhere. */
  readonly hours?: HourlyCounts | undefined;
}

/** Pairs of an hour (hours since 1970, UTC) and a count. */
export type HourlyCounts = readonly (readonly [number, number])[];

/** Logins that failed or were refused, of one cause. The client chose the names in it, and the server verified none. */
export interface FailedLogins {
  readonly kind: 'handshake-failed' | 'refused' | 'client-certificate-failed' | 'others';
  readonly reason: string;
  readonly encryption: Encryption | undefined;
  readonly role: string | undefined;
  readonly database: string | undefined;
  readonly network: string | undefined;
  /** Of a client certificate that was refused, as far as the server logs it (PostgreSQL 16 and newer). */
  readonly certificate: RefusedCertificate | undefined;
  readonly count: number;
  /** Of those that were refused in plaintext: how many the same role and address followed by a login over TLS. */
  readonly retriedOverTls: number;
  readonly first: number | undefined;
  readonly last: number | undefined;
  readonly hours?: HourlyCounts | undefined;
}

/** What a client certificate says that nothing has verified. */
export interface RefusedCertificate {
  /** As OpenSSL says it: `unable to get local issuer certificate`. */
  readonly why: string;
  readonly subject: string | undefined;
  readonly issuer: string | undefined;
}

/**
 * A failed TLS handshake and a plaintext login from the same address within seconds: a client that falls back, as
 * `sslmode=prefer` does.
 */
export interface TlsFallback {
  /** Of the plaintext login, as `ClientLogins` has them. */
  readonly role: string | undefined;
  readonly database: string | undefined;
  readonly application: string | undefined;
  readonly network: string | undefined;
  /** At most eight, sorted. */
  readonly addresses: readonly string[];
  /** In plaintext over the network, or within the host. */
  readonly transport: 'plaintext' | 'loopback';
  /** Why the handshakes failed, as `FailedLogins` says it. */
  readonly reason: string;
  /** How many pairs. */
  readonly count: number;
  readonly first: number | undefined;
  readonly last: number | undefined;
  readonly hours?: HourlyCounts | undefined;
}

/** Why a connection log may not show every login. */
export const LOG_GAP_CAUSES = [
  /** The server writes no line for a login, or not where the log is read. */
  'logging-off',
  /** The messages are not in English. */
  'translated',
  /** The auditor may not read the log: a GRANT or a right of AWS is missing. */
  'not-allowed',
  /** What was named as the log is not there. */
  'not-found',
  /** The auditor's own login is not in the log. */
  'own-login-missing',
  /** Too much for the time or the bytes of a run; the next run goes on. */
  'not-read-to-end',
  /** A part was removed before it was read. */
  'lost',
  /** Lines name a connection and cannot be read. */
  'unreadable-lines',
  /** More clients than are kept apart. */
  'too-many-clients',
  /** Nothing is remembered from run to run, so that every run reads one window back. */
  'no-state',
  /** It could not be read, saved or remembered for another reason. */
  'failed',
] as const;
export type LogGapCause = (typeof LOG_GAP_CAUSES)[number];

export interface LogGap {
  readonly cause: LogGapCause;
  /** One sentence without a final period, with the setting and its value where there is one. */
  readonly reason: string;
  /** How to mend it: commands, one on each line; undefined where the next run mends it by itself. */
  readonly remedy?: string | undefined;
}

/** What the connection log of a target shows. It can convict a client, and acquits none: its lines can be forged. */
export interface ConnectionLogFacts {
  readonly source: 'server-files' | 'cloudwatch-logs';
  /** ISO 8601, UTC: what the logins below are of; 24 hours at most. */
  readonly window: { readonly from: string; readonly to: string };
  /** ISO 8601, UTC: since when every login was read, run after run; undefined while there are gaps. */
  readonly continuousSince?: string | undefined;
  readonly clients: readonly ClientLogins[];
  readonly failures: readonly FailedLogins[];
  readonly fallbacks: readonly TlsFallback[];
  /** Empty where the log was written, read to its end, and held the auditor's own login. */
  readonly gaps: readonly LogGap[];
}
