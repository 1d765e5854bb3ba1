// Connection strings as secrets hold them: URLs, JDBC URLs and libpq's keyword/value form.
// Parsed here and not by pg, because pg lets a string's SSL parameters replace ours (field: `?sslmode=disable` connects
// in plaintext whatever else is asked for). Errors never quote the string: it holds the password.

import { Redacted } from './redacted.ts';

export interface ConnectionString {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  readonly password?: Redacted | undefined;
  readonly database?: string | undefined;
  /** The value of `sslmode`, or undefined when the string does not say. */
  readonly sslmode?: string | undefined;
  /** Parameters that ask for less than verify-full, as `name=value`. */
  readonly weakParameters: readonly string[];
}

/** A connection string that can't be used. Its message never quotes the string. */
export class ConnectionStringError extends Error {
  override readonly name = 'ConnectionStringError';
}

const URL_SCHEME = /^(?:jdbc:)?postgres(?:ql)?(?:\+\w+)?:\/\//i;
const KEYWORD_VALUE = /^\s*[a-z_]+\s*=/i;

/** Whether the text looks like a connection string at all. */
export function isConnectionString(text: string): boolean {
  return URL_SCHEME.test(text) || KEYWORD_VALUE.test(text);
}

/**
 * Parses `postgres://user:password@host:5432/database?sslmode=…` (also `postgresql://`, SQLAlchemy's
 * `postgresql+driver://`, `jdbc:postgresql://`) or `host=… user=… password=…`
 * (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING).
 *
 * @throws ConnectionStringError
 */
export function parseConnectionString(text: string): ConnectionString {
  const parameters = URL_SCHEME.test(text) ? fromUrl(text) : fromKeywords(text);
  const last = (name: string): string | undefined => parameters.findLast(([key]) => key === name)?.[1];
  const host = last('host') ?? last('hostaddr');
  if (host?.includes(',')) {
    throw new ConnectionStringError('the connection string names several hosts: give each server a target of its own');
  }
  if (host?.startsWith('/')) {
    throw new ConnectionStringError('the connection string names a Unix socket: an audit goes over TCP with TLS');
  }
  const password = last('password');
  return {
    host,
    port: parsePort(last('port')),
    user: last('user'),
    password: password === undefined ? undefined : new Redacted(password),
    database: last('dbname'),
    sslmode: last('sslmode'),
    weakParameters: parameters.filter(isWeak).map(([name, value]) => `${name}=${value}`),
  };
}

type Parameter = readonly [name: string, value: string];

function fromUrl(text: string): Parameter[] {
  // The scheme is replaced so that every dialect goes through one grammar. A failing URL constructor names its input
  // in the error, so that error is dropped, not kept as a cause.
  const rest = text.replace(URL_SCHEME, 'postgres://');
  const authority = /^postgres:\/\/([^/?#]*)/.exec(rest)?.[1] ?? '';
  if (authority.slice(authority.lastIndexOf('@') + 1).includes(',')) {
    throw new ConnectionStringError('the connection string names several hosts: give each server a target of its own');
  }
  const url = URL.parse(rest);
  if (url === null || url.hash !== '') {
    throw new ConnectionStringError(
      'the connection string is not a valid URL: percent-encode the characters # / ? @ : % and space in the user name and password',
    );
  }
  const parameters: Parameter[] = [];
  const add = (name: string, raw: string): void => {
    if (raw !== '') parameters.push([name, decode(raw)]);
  };
  add('host', url.hostname.replace(/^\[(.*)\]$/, '$1'));
  add('port', url.port);
  add('user', url.username);
  add('password', url.password);
  add('dbname', url.pathname.replace(/^\//, ''));
  for (const [name, value] of url.searchParams) parameters.push([name, value]);
  return parameters;
}

function decode(raw: string): string {
  try {
    return decodeURIComponent(raw);
  } catch {
    throw new ConnectionStringError('the connection string has a stray % sign: percent-encode it as %25');
  }
}

/** libpq's conninfo: `key = value`, values quoted with ' when they hold spaces, \ escapes ' and \. */
function fromKeywords(text: string): Parameter[] {
  const parameters: Parameter[] = [];
  const pair = /\s*([a-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?:\s+|$)/iy;
  while (pair.lastIndex < text.length) {
    const match = pair.exec(text);
    if (match === null) {
      throw new ConnectionStringError(
        "the connection string is neither a postgres:// URL nor a list of key=value pairs (quote values that hold spaces with ')",
      );
    }
    const [, name = '', quoted, plain] = match;
    parameters.push([name.toLowerCase(), (quoted ?? plain ?? '').replace(/\\(.)/g, '$1')]);
  }
  return parameters;
}

function parsePort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new ConnectionStringError('the connection string names a port that is not a number from 1 to 65535');
  }
  return port;
}

/** Settings of common drivers that ask for less than verify-full: libpq, node-postgres, JDBC, Prisma, asyncpg. */
function isWeak([name, value]: Parameter): boolean {
  switch (name.toLowerCase()) {
    case 'sslmode':
      return value !== 'verify-full';
    case 'ssl':
      return ['false', '0', 'no-verify', 'disable', 'allow', 'prefer', 'require', 'verify-ca'].includes(value);
    case 'sslfactory':
      return value.includes('NonValidatingFactory');
    case 'sslaccept':
      return value === 'accept_invalid_certs';
    default:
      return false;
  }
}
