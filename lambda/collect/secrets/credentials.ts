// Reads credentials from every shape in which secrets hold them. Pure; errors never quote the text.

import { DEFAULT_PORT } from '../../model/endpoint.ts';
import { AuditFailure } from '../../model/failure.ts';
import type { CredentialFacts } from '../../model/snapshot.ts';
import type { Target } from '../../model/target.ts';
import {
  type ConnectionString,
  ConnectionStringError,
  isConnectionString,
  parseConnectionString,
} from './connection-string.ts';
import { environmentPairs, KeywordListError } from './keyword-list.ts';
import { Redacted } from './redacted.ts';
import { readFields, type StoredFields, StoredFieldsError } from './stored-fields.ts';

/** Present on practically every server, and `pg_stat_activity` is the same from every database. */
export const DEFAULT_DATABASE = 'postgres';
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

/**
 * Reads credentials from what a secret, an environment variable or a file holds: RDS JSON
 * (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html), RDS-managed JSON
 * with only `username` and `password`, JSON with a connection string, a bare connection string, environment variables
 * (`PGHOST=…` a line, or as JSON), and the same within a JSON string or in base64. What the target's configuration says
 * wins over what the secret says.
 *
 * @param source for people, e.g. `secret prod/orders`
 * @throws AuditFailure with the cause `secret-unusable`
 */
export function parseCredentials(content: string | Uint8Array, source: string, target: Target): Credentials {
  if (content.length > LONGEST) {
    throw unusable(source, 'is longer than 64 KiB', 'store the credentials of one database there, and nothing else');
  }
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
    // A connection string given on the command line is not stored, so no check reports it.
    facts: { source, dsn: 'option' in target.credentials ? undefined : stored.dsn },
  };
}

interface StoredCredentials extends Omit<ConnectionString, 'sslmode' | 'weakParameters'> {
  readonly dsn?: CredentialFacts['dsn'];
}

/** Characters of what may hold credentials: as many bytes as Secrets Manager stores. More only takes time to read. */
const LONGEST = 65_536;

/** JSON within a JSON string within base64 is deep enough. */
const DEEPEST = 3;

function storedCredentials(text: string, source: string, depth = 0): StoredCredentials {
  const environment = environmentOf(text, source);
  if (environment !== undefined) return fromFields(environment, source);
  if (isConnectionString(text)) return fromConnectionString(text, source);
  const json = parseJson(text);
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) {
    return fromFields(json as Readonly<Record<string, unknown>>, source);
  }
  const inner = typeof json === 'string' ? json.trimStart() : fromBase64(text);
  if (inner !== undefined && depth < DEEPEST) return storedCredentials(inner, source, depth + 1);
  throw unusable(
    source,
    'is neither a JSON object nor a connection string',
    'store JSON such as {"host": …, "username": …, "password": …} or one postgres:// URL',
  );
}

function environmentOf(text: string, source: string): Readonly<Record<string, string>> | undefined {
  try {
    const pairs = environmentPairs(text);
    return pairs === undefined ? undefined : Object.fromEntries(pairs);
  } catch (error) {
    if (!(error instanceof KeywordListError)) throw error;
    throw unusable(source, `is unclear: ${error.message}`, 'put its value in single quotes, or store JSON');
  }
}

/** Text that was encoded whole, as Kubernetes stores secrets. Undefined where it is none. */
function fromBase64(text: string): string | undefined {
  const compact = text.replace(/\s/g, '');
  if (compact.length < 16 || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(compact)) return undefined;
  const decoded = Buffer.from(compact, 'base64').toString('utf8').trimStart();
  return /^[{"]/.test(decoded) || isConnectionString(decoded) ? decoded : undefined;
}

function fromFields(fields: Readonly<Record<string, unknown>>, source: string): StoredCredentials {
  const { url, weakParameters, sslmode, password, ...stored } = readOrRefuse(fields, source);
  const fromUrl = url === undefined ? undefined : fromConnectionString(url, source);
  const weak = [...weakParameters, ...(fromUrl?.dsn?.weakParameters ?? [])];
  const mode = fromUrl === undefined ? sslmode : (fromUrl.dsn?.sslmode ?? sslmode);
  const saysTls = fromUrl !== undefined || sslmode !== undefined || weak.length > 0;
  return {
    host: fromUrl?.host ?? stored.host,
    port: fromUrl?.port ?? stored.port,
    user: fromUrl?.user ?? stored.user,
    password: fromUrl?.password ?? (password === undefined ? undefined : new Redacted(password)),
    database: fromUrl?.database ?? stored.database,
    dsn: saysTls ? { sslmode: mode, weakParameters: [...new Set(weak)] } : undefined,
  };
}

function readOrRefuse(fields: Readonly<Record<string, unknown>>, source: string): StoredFields {
  try {
    return readFields(fields);
  } catch (error) {
    if (error instanceof StoredFieldsError) throw unusable(source, error.message, error.remedy);
    throw error;
  }
}

function fromConnectionString(text: string, source: string): StoredCredentials {
  try {
    const { sslmode, weakParameters, ...credentials } = parseConnectionString(text);
    return { ...credentials, dsn: { sslmode, weakParameters } };
  } catch (error) {
    if (error instanceof ConnectionStringError) {
      // Its message begins with the connection string as the subject.
      const problem = `can't be used: ${error.message}`;
      throw unusable(source, problem, 'store a valid connection string');
    }
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
