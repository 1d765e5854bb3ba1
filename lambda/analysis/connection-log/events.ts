// Defines the records of a connection log and the events that they hold.

import type { Encryption, LoggedTls } from '../../model/connection-log.ts';

/** One entry of a log, whatever the format. Everything but the message comes from the prefix, or from a column. */
export interface LogRecord {
  /** Milliseconds since 1970, UTC; undefined where the entry shows no time. */
  readonly time: number | undefined;
  /**
   * What the entries of one connection share: session id, process id or client pointer; undefined where none is shown.
   */
  readonly connection: string | undefined;
  /** Address or name of the client, or `[local]`; undefined where the entry shows none. */
  readonly host: string | undefined;
  readonly role: string | undefined;
  readonly database: string | undefined;
  /** Empty or absent on the entry of the login itself; true from the next entry on. */
  readonly application: string | undefined;
  readonly message: string;
  readonly detail?: string | undefined;
}

export const HANDSHAKE_FAILURES = [
  'version-unsupported',
  'no-shared-cipher',
  'server-not-trusted',
  'server-certificate-expired',
  'client-certificate',
  'closed-early',
  'not-tls',
  'alpn',
  'other',
] as const;
export type HandshakeFailure = (typeof HANDSHAKE_FAILURES)[number];

export const CLIENT_CERTIFICATE_FAILURES = ['missing', 'name-mismatch', 'authentication-failed'] as const;
export type ClientCertificateFailure = (typeof CLIENT_CERTIFICATE_FAILURES)[number];

export type ConnectionEvent =
  | { readonly kind: 'received'; readonly host: string; readonly port: number | undefined }
  | {
      readonly kind: 'authenticated';
      readonly identity: string;
      readonly method: string;
      /** The matched line of pg_hba.conf; undefined where the entry names none. */
      readonly rule: { readonly file: string; readonly line: number } | undefined;
    }
  | {
      readonly kind: 'authorized';
      readonly role: string;
      /** Undefined for replication. */
      readonly database: string | undefined;
      /** Empty where the client gave none. */
      readonly application: string;
      readonly tls: LoggedTls | undefined;
      readonly gss: { readonly encrypted: boolean; readonly principal: string | undefined } | undefined;
      readonly replication: boolean;
      /**
       * The application holds the text of a TLS or GSS tail, or the tail cannot be true: nothing shows how it
       * travelled.
       */
      readonly forged: boolean;
    }
  | { readonly kind: 'handshake-failed'; readonly failure: HandshakeFailure; readonly reason: string }
  | {
      readonly kind: 'refused';
      /** No rule of pg_hba.conf matched, a `reject` rule did, or the pooler requires TLS. */
      readonly by: 'no-rule' | 'reject-rule' | 'pooler';
      readonly encryption: Encryption;
      readonly host: string | undefined;
      /** Chosen by a client that nothing has verified, as is the database. */
      readonly role: string | undefined;
      readonly database: string | undefined;
    }
  | {
      readonly kind: 'client-certificate-failed';
      readonly failure: ClientCertificateFailure;
      readonly role: string | undefined;
    }
  | { readonly kind: 'ready' }
  | { readonly kind: 'disconnected'; readonly host: string | undefined };
