// Parses connection strings: URLs, JDBC, R2DBC, libpq's keyword/value form, Npgsql's and ODBC's. Parsed here and not by
// pg, because pg lets a string's SSL parameters replace ours (with `?sslmode=disable` it connects in plaintext whatever
// the caller asked for). Errors never quote the string, because it holds the password.

import { holdsPassword, holdsSecret } from '../../model/given-text.ts';
import { semicolonPairs } from './keyword-list.ts';
import { Redacted } from './redacted.ts';
import { readFields, StoredFieldsError } from './stored-fields.ts';
import { type Parameter, showSslMode, weakness } from './tls-parameters.ts';

export interface ConnectionString {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  readonly password?: Redacted | undefined;
  readonly database?: string | undefined;
  /**
   * The value of `sslmode` in lower case, `(unknown value)` for one that no driver knows, or undefined when not said.
   * `sslrootcert=system` says verify-full, where libpq reads the string.
   */
  readonly sslmode?: string | undefined;
  /** Parameters that ask for less than verify-full, as `name=value`. */
  readonly weakParameters: readonly string[];
}

/** A connection string that can't be used. Its message never quotes the string. */
export class ConnectionStringError extends Error {
  override readonly name = 'ConnectionStringError';
}

/** JDBC's and R2DBC's drivers may wrap another; Django's settings call the same server postgis, pgsql or psql. */
const URL_SCHEME =
  /^\s*(jdbc:(?:aws-wrapper:|otel:|p6spy:|tracing:)?|r2dbcs?:(?:pool:|proxy:)?)?(?:postgres(?:ql)?|postgis|pgsql|psql)(\+\w+)?:\/\//i;
const KEYWORD_VALUE = /^\s*[a-z_]+\s*=/i;

/** Whether the text looks like a connection string at all. */
export function isConnectionString(text: string): boolean {
  return URL_SCHEME.test(text) || KEYWORD_VALUE.test(text);
}

/**
 * Parses `postgres://user:password@host:5432/database?sslmode=…` (also `postgresql://`, SQLAlchemy's
 * `postgresql+driver://`, `jdbc:postgresql://`) or `host=… user=… password=…`
 * (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING).
 * What drivers read in different ways is refused: a guess would send a wrong password, or a part of it as a host name.
 *
 * @throws ConnectionStringError
 */
export function parseConnectionString(text: string): ConnectionString {
  if (text.includes('\0')) throw new ConnectionStringError('the connection string holds a NUL character');
  const pairs = URL_SCHEME.test(text) ? undefined : semicolonPairs(text);
  if (pairs !== undefined) return fromFields(Object.fromEntries(pairs));
  const parameters = (URL_SCHEME.test(text) ? fromUrl(text) : fromKeywords(text)).filter(([, value]) => value !== '');
  const last = (name: string): string | undefined => parameters.findLast(([key]) => key === name)?.[1];
  const password = last('password');
  const sslmode =
    last('sslmode') ??
    (isR2dbc(text) ? last('sslMode') : undefined) ??
    (isLibpqs(text) && last('sslrootcert') === 'system' ? 'verify-full' : undefined);
  return {
    // `hostaddr` only spares libpq the look-up of `host`, and the certificate carries the latter.
    host: checkHost(last('host') ?? last('hostaddr')),
    port: parsePort(last('port')),
    user: checkName(last('user'), 'user', password),
    password: password === undefined ? undefined : new Redacted(password),
    database: checkName(last('dbname'), 'database', password),
    sslmode: sslmode === undefined ? undefined : showSslMode(sslmode).toLowerCase(),
    weakParameters: parameters.flatMap(weakness),
  };
}

/** Other drivers do not know the setting under this name, and go on without. */
function isR2dbc(text: string): boolean {
  return /^\s*r2dbc/i.test(text);
}

/** Npgsql's and ODBC's names of settings. */
function fromFields(fields: Readonly<Record<string, string>>): ConnectionString {
  try {
    const { host, port, user, password, database, sslmode, weakParameters } = readFields(fields);
    const secret = password === undefined ? undefined : new Redacted(password);
    return { host: checkHost(host), port, user, password: secret, database, sslmode, weakParameters };
  } catch (error) {
    if (error instanceof StoredFieldsError) throw new ConnectionStringError(`the connection string ${error.message}`);
    throw error;
  }
}

/** To other drivers, as to libpq before 16, `system` is the name of a file, and stands for no sslmode. */
function isLibpqs(text: string): boolean {
  const [, jdbc, driver] = URL_SCHEME.exec(text) ?? [];
  return jdbc === undefined && (driver === undefined || driver.startsWith('+psycopg'));
}

/**
 * What stands between the scheme and the end. A parser of web addresses would drop tabs and line ends, and take + in
 * parameters for a space whatever the dialect.
 */
const URL_PARTS =
  /^(?:(?<user>[^:/?]*)(?::(?<password>[^/?]*))?@)?(?<host>\[[^\]]*\]|[^:/?@]*)(?::(?<port>[^/?@]*))?(?:\/(?<database>[^?@]*))?(?:\?(?<query>.*))?$/;

function fromUrl(text: string): Parameter[] {
  const [scheme, jdbc, driver] = URL_SCHEME.exec(text) ?? [''];
  const rest = text.slice(scheme.length).trimEnd();
  if (/[\x00-\x1f\x7f]/.test(rest)) {
    throw new ConnectionStringError('the connection string has a line end, tab or control character in it');
  }
  const { user, password, host = '', port = '', database, query = '' } = URL_PARTS.exec(rest)?.groups ?? invalidUrl();
  if (rest.includes('#')) invalidUrl();
  if (host.includes(',') || port.includes(',')) severalHosts();
  const parameters: Parameter[] = [];
  const add = (name: string, raw: string | undefined): void => {
    if (raw !== undefined) parameters.push([name, decode(raw)]);
  };
  add('host', host.replace(/^\[(.*)\]$/, '$1'));
  add('port', port);
  add('user', user);
  add('password', password);
  add('dbname', database);
  // pgjdbc and SQLAlchemy read parameters as a web form, where + is a space. To libpq it is a plus.
  const form = jdbc !== undefined || driver !== undefined;
  const named = query === '' ? [] : query.split('&').map((pair) => readParameter(pair, form));
  // An @ further on means that a / or ? in the password was taken for its end.
  if (named.some(([name]) => name.includes('@'))) invalidUrl();
  if (user === undefined && query.includes('@') && !named.some(([name]) => name === 'user')) invalidUrl();
  if (new Set(named.filter(([name]) => name === 'host').map(([, value]) => value)).size > 1) severalHosts();
  return [...parameters, ...named];
}

function readParameter(pair: string, form: boolean): Parameter {
  const [, name = '', value = ''] = /^([^=]*)=?(.*)$/.exec(form ? pair.replaceAll('+', ' ') : pair) ?? [];
  return [decode(name), decode(value)];
}

function decode(raw: string): string {
  try {
    const text = decodeURIComponent(raw);
    if (!text.includes('\0')) return text;
  } catch {
    // The error names what it could not decode.
  }
  throw new ConnectionStringError(
    'the connection string has a stray % sign, or percent-encodes what is no UTF-8 text: percent-encode % as %25',
  );
}

/**
 * libpq's conninfo: `key = value`, values quoted with ' when they hold spaces, \ escapes ' and \. The white space is
 * C's: other characters that Unicode counts as such are part of a value.
 */
function fromKeywords(text: string): Parameter[] {
  const parameters: Parameter[] = [];
  const pair =
    /[ \t-\r]*([a-z_]+)[ \t-\r]*=[ \t-\r]*(?:'((?:[^'\\]|\\.)*)'|((?!')(?:[^ \t-\r\\]|\\.)*))(?:[ \t-\r]+|$)/isy;
  do {
    const match = pair.exec(text);
    if (match === null) {
      throw new ConnectionStringError(
        "the connection string is neither a postgres:// URL nor a list of key=value pairs (quote values that hold spaces with ')",
      );
    }
    const [, name = '', quoted, plain = ''] = match;
    // `user= password=x` names the user `password=x` to libpq. It is a mistake, and user names are shown.
    if (name.toLowerCase() !== 'password' && /(?:^[a-z_]+|;[^;=]*)=/i.test(plain)) {
      throw new ConnectionStringError(
        "the connection string has a key without a value (write '' for an empty one), or ; between pairs instead of spaces",
      );
    }
    parameters.push([name.toLowerCase(), (quoted ?? plain).replace(/\\(.)/gs, '$1')]);
  } while (pair.lastIndex < text.length);
  return parameters;
}

/** Also keeps a piece of a password that strayed there out of every message that names the host. */
const HOST = /^[\p{L}\p{M}\p{N}_.:-]+$/u;

function checkHost(host: string | undefined): string | undefined {
  if (host === undefined || (HOST.test(host) && !holdsSecret(host))) return host;
  if (host.includes(',')) severalHosts();
  if (/^[0-9a-f:.]+%/i.test(host)) {
    throw new ConnectionStringError(
      'the connection string names an address with a zone (from % on), which means something on one machine only',
    );
  }
  if (/^[/@]/.test(host)) {
    throw new ConnectionStringError('the connection string names a Unix socket: an audit goes over TCP with TLS');
  }
  throw new ConnectionStringError('the connection string names a host that is neither a host name nor an address');
}

/** User and database are shown in reports. What was pasted there, such as a URL with its password, must not be. */
function checkName(
  name: string | undefined,
  what: 'user' | 'database',
  password: string | undefined,
): string | undefined {
  if (name === undefined || !(holdsSecret(name) || holdsPassword(name, password))) return name;
  throw new ConnectionStringError(
    `the connection string holds something else than a name as its ${what}: its parameters go behind ? in a URL, and behind spaces elsewhere`,
  );
}

function parsePort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65535) {
    throw new ConnectionStringError('the connection string names a port that is not a number from 1 to 65535');
  }
  return port;
}

function invalidUrl(): never {
  throw new ConnectionStringError(
    'the connection string is not a valid URL: percent-encode the characters # / ? @ : % and space in the user name and password',
  );
}

function severalHosts(): never {
  throw new ConnectionStringError('the connection string names several hosts: give each server a target of its own');
}
