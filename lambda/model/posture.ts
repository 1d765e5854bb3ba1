// Defines the facts of a server's configuration: settings, overrides and outbound connections.

/** The server settings that an audit reads. Which of them exist depends on version and provider. */
export const SETTING_NAMES = [
  'ssl',
  'ssl_min_protocol_version',
  'ssl_max_protocol_version',
  'ssl_ciphers',
  'ssl_tls13_ciphers',
  'password_encryption',
  'rds.force_ssl',
  'rds.accepted_password_auth_method',
] as const;
export type SettingName = (typeof SETTING_NAMES)[number];

/** As the server shows them to the login. */
export interface Settings {
  /**
   * What is in effect on the server. Absent where it has no such setting or does not show it to the login, and where
   * the auditor's own session was given another value.
   */
  readonly values: Readonly<Partial<Record<SettingName, string>>>;
  /** Those whose value can't be evaluated, each with the reason: a sentence without a final period. */
  readonly unusable?: Readonly<Partial<Record<SettingName, string>>> | undefined;
  /** Those whose value in the files waits for a restart; undefined where none does. */
  readonly pendingRestart?: readonly SettingName[] | undefined;
  /** Those for which a database or a role has its own value; undefined where they were not queried. */
  readonly overrides?: readonly SettingOverride[] | undefined;
  /** Whether the login sees settings that only superusers do: has the privileges of `pg_read_all_settings`. */
  readonly seesAll: boolean;
}

/** A value that sessions start with in place of the server's, by `ALTER DATABASE … SET` or `ALTER ROLE … SET`. */
export interface SettingOverride {
  readonly setting: SettingName;
  /** Undefined where it holds in all databases. */
  readonly database?: string | undefined;
  /** Undefined where it holds for all roles. */
  readonly role?: string | undefined;
  readonly value: string;
  /** Whether the auditor's own session starts with it: then the server's value is hidden. */
  readonly ofLogin: boolean;
}

/** A logical replication subscription, a foreign server (`postgres_fdw`, `dblink_fdw`), or the primary of a standby. */
export const OUTBOUND_KINDS = ['subscription', 'foreign-server', 'primary'] as const;

/** A connection that the server itself opens to another one. */
export interface OutboundLink {
  readonly kind: (typeof OUTBOUND_KINDS)[number];
  /** Name of the subscription or foreign server; undefined for the primary. */
  readonly name?: string | undefined;
  /** The database it belongs to, where it belongs to one. */
  readonly database?: string | undefined;
  /** The value of `sslmode`; undefined where the connection does not say, which is `prefer` to libpq. */
  readonly sslmode?: string | undefined;
  /** `sslmode` is there, and empty: as good as absent to libpq, but not to a statement that adds it. */
  readonly emptySslmode?: boolean | undefined;
  /** Whether `sslrootcert` is there, and whether it is the roots of the system; undefined where it is not. */
  readonly sslrootcert?: 'system' | 'other' | undefined;
  /** By a Unix socket or to the server's own loopback: no network is involved. */
  readonly local: boolean;
  /** Local, and to loopback: a network where a tunnel or a sidecar answers there. */
  readonly loopback?: boolean | undefined;
  /** It names a service file, which SQL does not show: where it leads, and what else it sets, is not known. */
  readonly serviceFile: boolean;
  /** It insists on GSSAPI encryption (`gssencmode=require`), whatever `sslmode` says. */
  readonly gssEncrypted: boolean;
}

export interface UnreadableLinks {
  readonly kind: OutboundLink['kind'];
  /** How many there are. */
  readonly count: number;
  /** What the server said, where the login may read them; undefined where it lacks a privilege. */
  readonly refusal?: string | undefined;
}

export interface Outbound {
  readonly links: readonly OutboundLink[];
  /** Kinds of links that exist and whose settings could not be read. */
  readonly unreadable: readonly UnreadableLinks[];
}
