// Reads credentials from named fields: JSON secrets of every provider, environment variables, Npgsql and ODBC. Pure.

import { displayText } from '../../model/display.ts';
import { holdsPassword, holdsSecret, showName } from '../../model/given-text.ts';
import { type Parameter, weakSettings } from './tls-parameters.ts';

/** What named fields say. Texts are without white space around them, but for the password. */
export interface StoredFields {
  readonly url?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly database?: string | undefined;
  /** In lower case; undefined where no field says it. */
  readonly sslmode?: string | undefined;
  /** TLS settings that ask for less than verify-full, as `name=value`. */
  readonly weakParameters: readonly string[];
}

/** Fields that can't be used. The message names them, says what belongs there, and quotes no value. */
export class StoredFieldsError extends Error {
  override readonly name = 'StoredFieldsError';
  readonly remedy: string;

  constructor(problem: string, remedy: string) {
    super(problem);
    this.remedy = remedy;
  }
}

type Meaning = 'url' | 'host' | 'port' | 'user' | 'password' | 'database';

/** Names of fields in lower case, without what separates their words, in order of preference. */
const NAMES: Readonly<Record<Meaning, readonly string[]>> = {
  url: ['connectionstring', 'url', 'uri', 'dsn', 'databaseurl', 'jdbcurl', 'databaseuri'],
  host: ['host', 'hostname', 'server', 'endpoint', 'address', 'hostaddr', 'datasource'],
  port: ['port'],
  user: ['username', 'user', 'uid', 'userid', 'login'],
  password: ['password', 'pwd', 'passwd', 'pass'],
  database: ['dbname', 'database', 'db', 'dbdatabase', 'initialcatalog'],
};

/** What people and images put before such a name in environment variables: `PGHOST`, `DB_HOST`, `POSTGRES_USER`. */
const PREFIXES = ['', 'pg', 'db', 'postgres', 'postgresql', 'database', 'springdatasource'];

/** Also of a database, where something stands before it: `DB_NAME`, `POSTGRES_DB_NAME`. */
const PREFIXED_DATABASE = ['name', 'dbname', 'db', 'database'];

function namesOf(meaning: Meaning): readonly string[] {
  const own = PREFIXES.flatMap((prefix) => NAMES[meaning].map((name) => prefix + name));
  const prefixed = PREFIXES.slice(1).flatMap((prefix) => PREFIXED_DATABASE.map((name) => prefix + name));
  return meaning === 'database' ? [...own, ...prefixed] : own;
}

const MEANINGS = Object.keys(NAMES) as Meaning[];
const ORDERED_NAMES = Object.fromEntries(MEANINGS.map((meaning) => [meaning, namesOf(meaning)])) as Readonly<
  Record<Meaning, readonly string[]>
>;

/** Objects in which libraries keep TLS settings, and Django, SQLAlchemy and Sequelize their options. */
const NESTED_SETTINGS = ['options', 'query', 'ssl', 'tls', 'dialectoptions', 'connectargs', 'extra'];

/**
 * @param fields - of a JSON object, or as texts
 * @throws StoredFieldsError
 */
export function readFields(fields: Readonly<Record<string, unknown>>): StoredFields {
  const given = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined);
  const find = (meaning: Meaning): Found | undefined => preferred(given, meaning);
  const wrong: string[] = [];
  const text = (meaning: Meaning): string | undefined => {
    const found = find(meaning);
    if (found === undefined) return undefined;
    const { name, value } = found;
    const trimmed = typeof value === 'string' ? value.trim() : '';
    if (trimmed === '') wrong.push(name);
    return trimmed;
  };
  const url = find('url');
  const host = text('host');
  const port = portOf(find('port'), wrong);
  const [user, database] = [text('user'), text('database') ?? djangoName(fields)];
  const password = find('password');
  if (password !== undefined && typeof password.value !== 'string') wrong.push(password.name);
  if (url !== undefined && typeof url.value !== 'string') wrong.push(url.name);
  if (wrong.length > 0) {
    throw new StoredFieldsError(
      `holds fields that are empty or of the wrong type: ${wrong.join(', ')}`,
      'leave out what is empty; texts must be JSON strings, the port a number from 1 to 65535',
    );
  }
  if (given.length > 0 && MEANINGS.every((meaning) => find(meaning) === undefined)) refuseNested(given);
  const address = host === undefined ? undefined : readAddress(host, find('host')?.name ?? 'host');
  if (address?.port !== undefined && port !== undefined && port !== address.port) {
    const names = `${find('host')?.name} and ${find('port')?.name}`;
    throw new StoredFieldsError(`holds two ports, in ${names}`, 'store the port once');
  }
  const isName = (name: string): boolean => !holdsPassword(name, password?.value);
  const isRole = (name: string): boolean => !holdsSecret(name) && !/:\/\/|[\x00-\x1f]/.test(name);
  checkShape(find('user'), user, (name) => isName(name) && isRole(name), 'the name of a role');
  checkShape(find('database'), database, (name) => isName(name) && isDatabaseName(name), 'the name of a database');
  const settings = tlsSettings(given);
  return {
    url: url === undefined || url.value === '' ? undefined : (url.value as string),
    host: address?.host,
    port: address?.port ?? port,
    user,
    password: password?.value as string | undefined,
    database,
    sslmode: settings.sslmode,
    weakParameters: settings.weakParameters,
  };
}

interface Found {
  /** As it stands there. */
  readonly name: string;
  readonly value: unknown;
}

/** A field's name without what separates its words, in lower case. */
function plainName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/**
 * The first by preference. Of variables such as `PGUSER` and `DB_USER` that differ it is not certain which one holds.
 */
function preferred(given: readonly (readonly [string, unknown])[], meaning: Meaning): Found | undefined {
  // By name first: for most fields there is nothing to look for among the names that a meaning may have.
  const fields = given
    .filter(([, value]) => !(meaning === 'url' && value === ''))
    .map((field) => ({ field, place: ORDERED_NAMES[meaning].indexOf(plainName(field[0])) }))
    .filter(({ place }) => place >= 0);
  const found = fields.sort((a, b) => a.place - b.place).map(({ field }) => field);
  const [first, ...others] = found;
  const rival = others.find(([, value]) => value !== first?.[1]);
  if (first !== undefined && rival !== undefined && !NAMES[meaning].includes(plainName(first[0]))) {
    throw new StoredFieldsError(
      `holds different values in ${displayText(first[0])} and ${displayText(rival[0])}`,
      'store the credentials of one database only',
    );
  }
  return first === undefined ? undefined : { name: displayText(first[0]), value: first[1] };
}

function portOf(found: Found | undefined, wrong: string[]): number | undefined {
  if (found === undefined) return undefined;
  const { name, value } = found;
  const port = typeof value === 'string' && /^\s*\d{1,9}\s*$/.test(value) ? Number(value) : value;
  if (typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65535) return port;
  wrong.push(name);
  return undefined;
}

/** Django calls the database NAME, beside ENGINE. */
function djangoName({ ENGINE, NAME }: Readonly<Record<string, unknown>>): string | undefined {
  return typeof ENGINE === 'string' && typeof NAME === 'string' ? NAME.trim() || undefined : undefined;
}

/** A name, an address, either with a port: `db:5432` is what Terraform calls an endpoint. */
const ADDRESS = /^(?:\[(?<bracketed>[0-9A-Fa-f:.]+)\]|(?<name>[\p{L}\p{M}\p{N}_.-]+))(?::(?<port>\d{1,5}))?$/u;
const BARE_IPV6 = /^[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*$/;

function readAddress(text: string, field: string): { readonly host: string; readonly port: number | undefined } {
  if (BARE_IPV6.test(text)) return { host: text, port: undefined };
  const { bracketed, name, port } = ADDRESS.exec(text)?.groups ?? {};
  const host = bracketed ?? name;
  const number = port === undefined ? undefined : Number(port);
  if (host !== undefined && !holdsSecret(host) && (number === undefined || (number >= 1 && number <= 65535)))
    return { host, port: number };
  throw new StoredFieldsError(
    /^[^\s/@]+%/.test(text) && !holdsSecret(text)
      ? `holds an address with a zone (from % on) in "${field}", which means something on one machine only`
      : `holds something else than one host name or address in "${field}"`,
    `store the host alone there, such as db.example.com or 10.1.2.3; a connection string belongs into "url"`,
  );
}

function checkShape(
  found: Found | undefined,
  value: string | undefined,
  fits: (value: string) => boolean,
  what: string,
): void {
  if (found === undefined || value === undefined || fits(value)) return;
  throw new StoredFieldsError(
    `holds something else than ${what} in "${found.name}"`,
    `store ${what} alone there; a connection string belongs into "url"`,
  );
}

function isDatabaseName(name: string): boolean {
  if (holdsSecret(name) || /:\/\/|[\x00-\x1f]/.test(name)) return false;
  // By hand: a pattern for both would try each separator up to the end of the text.
  const separator = name.search(/[?&;]/);
  return separator === -1 || !name.includes('=', separator);
}

/** Fields one level down: of which of several databases, and beside what else, is not certain. */
function refuseNested(given: readonly (readonly [string, unknown])[]): void {
  const inner = given.find(([, value]) => {
    const object = typeof value === 'string' && /^\s*\{/.test(value) ? parsed(value) : value;
    return (
      typeof object === 'object' &&
      object !== null &&
      MEANINGS.some((meaning) => preferred(Object.entries(object), meaning))
    );
  });
  if (inner === undefined) return;
  throw new StoredFieldsError(
    `holds its fields one level down, in "${showName(inner[0])}"`,
    'store host, username and password at the top level, one secret for each database',
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The TLS settings among the fields, and in the objects in which libraries keep them. */
function tlsSettings(given: readonly (readonly [string, unknown])[]): Pick<StoredFields, 'sslmode' | 'weakParameters'> {
  const nested = given.flatMap(([name, value]) =>
    NESTED_SETTINGS.includes(plainName(name)) && typeof value === 'object' && value !== null
      ? Object.entries(value)
      : [],
  );
  const inner = nested.flatMap(([, value]) =>
    typeof value === 'object' && value !== null ? Object.entries(value) : [],
  );
  const parameters = [...given, ...nested, ...inner].flatMap(([name, value]): Parameter[] =>
    ['string', 'boolean', 'number'].includes(typeof value) ? [[name, String(value).trim()]] : [],
  );
  return weakSettings(parameters);
}
