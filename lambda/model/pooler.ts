// Defines the facts of a pooler: its settings, and the servers that it connects to.

import type { Observed } from './observed.ts';

/** The settings of a PgBouncer that an audit reads. Which of them exist depends on its version. */
export const PGBOUNCER_SETTING_NAMES = [
  'auth_type',
  'client_tls_sslmode',
  'client_tls_protocols',
  'client_tls_ciphers',
  'client_tls13_ciphers',
  'server_tls_sslmode',
  'server_tls_protocols',
  'server_tls_ciphers',
  'server_tls13_ciphers',
  'listen_addr',
  'so_reuseport',
] as const;
export type PgBouncerSettingName = (typeof PGBOUNCER_SETTING_NAMES)[number];

/** A database that clients of the pooler may name. */
export interface PgBouncerDatabase {
  readonly name: string;
  /** Host name, address, or several with commas between; undefined where it is reached by a Unix socket. */
  readonly host?: string | undefined;
}

/** As the pooler's console shows them. */
export interface PgBouncerSettings {
  /** e.g. `1.18.0`. */
  readonly version: string;
  /** What is in effect. Absent where this version has no such setting. */
  readonly values: Readonly<Partial<Record<PgBouncerSettingName, string | undefined>>>;
  /**
   * Other than its console. One that a fallback entry (`*`) stands for is listed once a client has asked for it, and
   * for as long as the pooler keeps it.
   */
  readonly databases: Observed<readonly PgBouncerDatabase[]>;
}
