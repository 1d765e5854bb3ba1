// Defines a remedy: what to do everywhere, and on each platform, as plain data.

/** Where servers run whose settings are changed in different ways, by the names people know them by. */
export const PLATFORM_NAMES = {
  selfManaged: 'Self-managed',
  rds: 'Amazon RDS and Aurora',
  neon: 'Neon',
  cloudSql: 'Cloud SQL',
  azure: 'Azure Database for PostgreSQL',
} as const;

export type Platform = keyof typeof PLATFORM_NAMES;

export const PLATFORMS = Object.keys(PLATFORM_NAMES) as readonly Platform[];

/** What to do on the server, for each platform: sentences and commands, one a line. */
export interface PlatformRemedy extends Readonly<Record<Platform, string>> {
  /** What to do whatever the platform, shown before the rest: in clients, with stored credentials, in the database. */
  readonly everywhere?: string | undefined;
  /**
   * Of a target that is a PgBouncer: what to do in its settings. Undefined where what is wrong cannot be wrong there.
   */
  readonly pgbouncer?: string | undefined;
}

/** A text alone is the same on every platform: it names no setting or file of a server. */
export type Remedy = string | PlatformRemedy;
