// Defines a target: a PostgreSQL server or PgBouncer to audit, as the configuration names it.

import type { AssumedRole } from './assumed-role.ts';
import type { LogSource } from './connection-log.ts';

/** Where a CA bundle comes from. `system` is Node's bundled roots plus the operating system's store. */
export type CaSource =
  | 'system'
  /** A Secrets Manager secret, by name or ARN; `key` picks a field when the secret is JSON. */
  | { readonly secret: string; readonly key?: string | undefined }
  /** A PEM file; command line only. */
  | { readonly file: string };

/** Where certificate revocation lists come from, each with one or many; `key` picks a field when the secret is JSON. */
export type CrlSource =
  | { readonly secret: string; readonly key?: string | undefined }
  /** A PEM or DER file; command line only. */
  | { readonly file: string };

/** Where a target's credentials come from. */
export type CredentialSource =
  /** Without a place: in the account of the auditor, and in its region where the name is no ARN. */
  | { readonly secret: string; readonly place?: SecretPlace | undefined }
  /** An environment variable holding a connection string; command line only. */
  | { readonly env: string }
  /** A file holding what a secret would hold; command line only. */
  | { readonly file: string }
  /** IAM database authentication of RDS and Aurora: a token for each login, and no password anywhere. */
  | { readonly iam: IamLogin }
  /** An option of the command line, by its name, e.g. `--url`: given for once, and stored nowhere. */
  | { readonly option: string };

export interface IamLogin {
  /** The PostgreSQL role to log in as. */
  readonly role: string;
  /** Undefined: the one that the host's name says, or that of the environment. */
  readonly region?: string | undefined;
  /** Whose credentials sign the token, for a database of another account. Undefined: the auditor's own. */
  readonly assumedRole?: AssumedRole | undefined;
}

/** Where the secrets of another account's databases are: in their account and region. */
export interface SecretPlace {
  readonly region: string;
  readonly assumedRole: AssumedRole;
}

/** Where the auditor's own certificate and private key for mutual TLS come from. */
export type ClientCertificateSource =
  | { readonly secret: string }
  /** Files; command line only. The passphrase is that of an encrypted key. */
  | {
      readonly certificateFile: string;
      readonly keyFile: string;
      readonly keyPassphrase?: { readonly file: string } | { readonly env: string } | undefined;
    };

/** `postgres` asks for TLS with an SSLRequest; `direct` starts the handshake at once (PostgreSQL 17 and newer). */
export type SslNegotiation = 'postgres' | 'direct';

/**
 * How a server may ask the auditor to prove who it is. `password` is the password in clear; `none` is no request, as
 * with the methods `cert` and `trust`.
 */
export const AUTHENTICATION_METHODS = ['scram-sha-256', 'md5', 'password', 'none'] as const;
export type AuthenticationMethod = (typeof AUTHENTICATION_METHODS)[number];

/** What answers at a target: a PostgreSQL server, or the admin console of a PgBouncer. */
export const TARGET_KINDS = ['postgresql', 'pgbouncer'] as const;
export type TargetKind = (typeof TARGET_KINDS)[number];

/** What rules of routes and mutes are about. */
export type NamedTarget = Pick<Target, 'name' | 'labels'>;

export interface Target {
  /** Unique in the configuration; what people call the database. */
  readonly name: string;
  readonly kind: TargetKind;
  readonly credentials: CredentialSource;
  /** At least one; their certificates are trusted together. */
  readonly ca: readonly CaSource[];
  /** With any, every certificate of the chain is checked against its issuer's list; undefined or empty: none is. */
  readonly crl?: readonly CrlSource[] | undefined;
  /** Wins over the host that the credentials name. */
  readonly host?: string | undefined;
  /** Wins over the port that the credentials name. */
  readonly port?: number | undefined;
  /** Wins over the database that the credentials name. */
  readonly database?: string | undefined;
  /** The name the server's certificate must carry, and the SNI to send, when it is not `host`. */
  readonly tlsServerName?: string | undefined;
  readonly sslNegotiation: SslNegotiation;
  readonly clientCertificate?: ClientCertificateSource | undefined;
  /** What the server may ask for; anything else is not answered. At least one. */
  readonly authentication: readonly AuthenticationMethod[];
  /** Rounds that a SCRAM login must take at least: with few, the password can be guessed from what is sent. */
  readonly minScramIterations: number;
  /** Milliseconds this target may take in all: secrets, connection, retries, queries. */
  readonly timeoutMs: number;
  /** Whether to find out, after the audit and on a few further connections, what the server answers on the wire. */
  readonly probe: boolean;
  /** Where its connection log is read. */
  readonly logs: LogSource;
  /** Milliseconds for which its open sessions are looked at again and again; 0: once. */
  readonly sampleMs: number;
  /** The network from which it is audited; undefined: the default one. */
  readonly network?: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}
