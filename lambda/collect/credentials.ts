// Credentials from the shapes that secrets come in. Pure: text in, credentials out; errors never quote the text.

import * as z from 'zod';
import { AuditFailure } from '../model/failure.ts';
import type { CredentialFacts } from '../model/snapshot.ts';
import type { Target } from '../model/target.ts';
import {
  type ConnectionString,
  ConnectionStringError,
  isConnectionString,
  parseConnectionString,
} from './connection-string.ts';
import { Redacted } from './redacted.ts';

const DEFAULT_PORT = 5432;
/** Present on practically every server, and `pg_stat_activity` is the same from every database. */
const DEFAULT_DATABASE = 'postgres';
/** The database by which PgBouncer's admin console is reached. */
const CONSOLE = 'pgbouncer';

export interface Credentials {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Undefined when the secret holds none: certificate or trust authentication. */
  readonly password?: Redacted | undefined;
  readonly database: string;
  readonly facts: CredentialFacts;
}

/** Keys under which people and providers store a connection string in a JSON secret, in order of preference. */
const URL_KEYS = [
  'connectionString',
  'connection_string',
  'url',
  'uri',
  'dsn',
  'DATABASE_URL',
  'database_url',
] as const;

/** Some tools write null for what they leave out. */
const optionalText = z
  .string()
  .min(1)
  .nullish()
  .transform((text) => text ?? undefined);

const jsonSecret = z.object({
  host: optionalText,
  hostname: optionalText,
  port: z
    .union([z.int(), z.string().regex(/^\d+$/).transform(Number)])
    .pipe(z.int().min(1).max(65535))
    .optional(),
  username: optionalText,
  user: optionalText,
  password: z.string().optional(),
  dbname: optionalText,
  database: optionalText,
});

/**
 * Reads credentials from what a secret, an environment variable or a file holds: RDS JSON
 * (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html), RDS-managed JSON
 * with only `username` and `password`, JSON with a connection string, or a bare connection string. What the target's
 * configuration says wins over what the secret says.
 *
 * @param source for people, e.g. `secret prod/orders`
 * @throws AuditFailure with the cause `secret-unusable`
 */
export function parseCredentials(content: string | Uint8Array, source: string, target: Target): Credentials {
  const stored = storedCredentials(decodeText(content, source), source);
  const host = target.host ?? stored.host;
  if (host === undefined) {
    throw unusable(
      source,
      'names no host',
      `add "host" to the target ${target.name} in the configuration, or to the secret`,
    );
  }
  if (stored.user === undefined) {
    throw unusable(source, 'names no user', 'store "username" and "password", or a connection string with a user');
  }
  return {
    host,
    port: target.port ?? stored.port ?? DEFAULT_PORT,
    user: stored.user,
    password: stored.password,
    // The console of a PgBouncer has no other name, whatever database the stored credentials are for besides.
    database: target.kind === 'pgbouncer' ? CONSOLE : (target.database ?? stored.database ?? DEFAULT_DATABASE),
    // What is typed for once is nobody's stored connection string.
    facts: { source, dsn: 'option' in target.credentials ? undefined : stored.dsn },
  };
}

interface StoredCredentials extends Omit<ConnectionString, 'sslmode' | 'weakParameters'> {
  readonly dsn?: CredentialFacts['dsn'];
}

function storedCredentials(text: string, source: string): StoredCredentials {
  if (isConnectionString(text)) return fromConnectionString(text, source);
  const json = parseJson(text);
  if (typeof json === 'string' && isConnectionString(json)) return fromConnectionString(json, source);
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw unusable(
      source,
      'is neither a JSON object nor a connection string',
      'store JSON such as {"host": …, "username": …, "password": …} or one postgres:// URL',
    );
  }
  const fields = json as Readonly<Record<string, unknown>>;
  const key = URL_KEYS.find((name) => typeof fields[name] === 'string' && fields[name] !== '');
  const fromUrl = key === undefined ? undefined : fromConnectionString(String(fields[key]), source);
  const parsed = jsonSecret.safeParse(json);
  if (!parsed.success) {
    const wrong = parsed.error.issues.map((issue) => issue.path.join('.')).join(', ');
    throw unusable(
      source,
      `holds fields that are empty or of the wrong type: ${wrong}`,
      'leave out what is empty; texts must be JSON strings, the port a number from 1 to 65535',
    );
  }
  const { host, hostname, port, username, user, password, dbname, database } = parsed.data;
  return {
    host: fromUrl?.host ?? host ?? hostname,
    port: fromUrl?.port ?? port,
    user: fromUrl?.user ?? username ?? user,
    password: fromUrl?.password ?? (password === undefined ? undefined : new Redacted(password)),
    database: fromUrl?.database ?? dbname ?? database,
    dsn: fromUrl?.dsn,
  };
}

function fromConnectionString(text: string, source: string): StoredCredentials {
  try {
    const { sslmode, weakParameters, ...credentials } = parseConnectionString(text);
    return { ...credentials, dsn: { sslmode, weakParameters } };
  } catch (error) {
    if (error instanceof ConnectionStringError)
      throw unusable(source, error.message, 'store a valid connection string');
    throw error;
  }
}

/** Without a byte order mark. The end is left alone: an escaped space there belongs to a value. */
function decodeText(content: string | Uint8Array, source: string): string {
  if (typeof content === 'string') return content.trimStart();
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content).trimStart();
  } catch {
    throw unusable(source, 'is binary and not UTF-8 text', 'store the credentials as text or as UTF-8 bytes');
  }
}

/** Undefined when the text is no JSON. The parser's error quotes the text around the mistake, so it is dropped. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unusable(source: string, problem: string, remedy: string): AuditFailure {
  return new AuditFailure({ cause: 'secret-unusable', phase: 'secrets', message: `The ${source} ${problem}`, remedy });
}
