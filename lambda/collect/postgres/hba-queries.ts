// Reads the rules of pg_hba.conf. Never the secrets in their options.

import * as z from 'zod';
import {
  HBA_RULE_TYPES,
  type HbaDatabase,
  type HbaFacts,
  type HbaFault,
  type HbaPattern,
  type HbaRole,
  type HbaRule,
} from '../../model/hba.ts';
import { quoteIdentifier } from '../../model/sql-identifier.ts';
import { compareText } from '../../model/text-order.ts';
import type { Row } from '../answers/answer.ts';
import { answerAbout } from '../answers/answer.ts';
import { boundedText, LONGEST, tooLong } from '../answers/bounded-text.ts';
import type { Catalogue } from './catalogue-query.ts';
import { plannedValue, plannedWhenReached, sqlText } from './planned-when-reached.ts';
import type { AuditQuery } from './query.ts';

/**
 * SQL that is true where the login may read the rules. The queries call the function: the view of the same name would
 * want SELECT on the view besides EXECUTE on the function, which PostgreSQL checks against the current role.
 */
export const CAN_READ_HBA = "has_function_privilege('pg_catalog.pg_hba_file_rules()', 'EXECUTE')";

/** What lets a role read the rules: in every database that an audit connects to, for functions belong to databases. */
export function hbaGrant(role: string): string {
  return `GRANT EXECUTE ON FUNCTION pg_catalog.pg_hba_file_rules() TO ${quoteIdentifier(role)};`;
}

/** The first version with regular expressions in pg_hba.conf, and with other files included in it. */
const PATTERNS_SINCE = 16;

/** The lines of pg_hba.conf. */
export type HbaLines = Pick<HbaFacts, 'rules' | 'faults' | 'patterns'>;

/**
 * Keeps the name of every option but clientcert, whose value is no secret. No line of the file has a line break in it.
 */
const OPTIONS = String.raw`regexp_replace(array_to_string(h.options, E'\n'), E'^(?!clientcert=)([^=\n]*)=[^\n]*$', E'\\1', 'gn')`;

/**
 * What the regular expressions among names match, as `[[token, [role, …], [database, …]], …]`. The server matches them
 * itself, with the collation that it uses (regcomp_auth_token in hba.c).
 *
 * @param names SQL of an array
 */
function matches(names: string): string {
  const among = (column: string, catalogue: string): string =>
    `(SELECT json_agg(c.${column}) FROM ${catalogue} c WHERE c.${column}::text COLLATE "C" ~ substr(u, 2))`;
  return `SELECT json_agg(json_build_array(u, ${among('rolname', 'pg_roles')}, ${among('datname', 'pg_database')}))
  FROM unnest(${names}) u WHERE left(u, 1) = '/'`;
}

/** The one file there is before 16, whose path is a setting that not every login may read. */
function oneFile(major: number): string {
  // As in the question about the server: what membership in a predefined role takes.
  const privilege = major >= 15 ? 'USAGE' : 'MEMBER';
  return `CASE WHEN pg_has_role('pg_read_all_settings', '${privilege}') THEN current_setting('hba_file') END`;
}

/** SQL of one JSON array with an object for each line of the file. */
function lines(major: number, patterns: string): string {
  const since16 = (column: string, before = 'NULL::text'): string => (major >= PATTERNS_SINCE ? column : before);
  return `SELECT json_agg(l) FROM (
  SELECT ${since16('h.file_name', oneFile(major))} AS file, h.line_number AS line, h.type, h.database AS databases, h.user_name AS users,
         h.address, h.netmask, h.auth_method AS method,
         CASE WHEN h.options IS NOT NULL THEN ${OPTIONS} END AS options, h.error, ${since16(patterns)} AS patterns
    FROM pg_hba_file_rules() h) l`;
}

/**
 * By a statement of its own for each rule with a slash in its names: few files have one, which then must not cost much.
 */
const MATCHES_WHERE_ANY = `CASE WHEN strpos(h.database::text || h.user_name::text, '/') > 0
              THEN ${plannedWhenReached(`format(${sqlText(matches('%L::text[]'))}, h.database || h.user_name)`)} END`;

/**
 * The lines of pg_hba.conf, in a SELECT that gives NULL to a login that may not read them: for a message that must not
 * fail for that. It fails where the file can't be opened, and where the server was built without XML.
 *
 * What is read is the file as it stands. Until a reload the server goes by the rules it read before.
 */
export const hbaQuery: AuditQuery<HbaLines | undefined> = {
  selects: (major) => [
    `SELECT CASE WHEN ${CAN_READ_HBA} THEN ${plannedWhenReached(sqlText(lines(major, MATCHES_WHERE_ANY)))} END`,
  ],
  read: ([rows]) => {
    const [xml] = read.oneRow(rows, 1);
    return xml === null || xml === undefined ? undefined : readLines(plannedValue(xml));
  },
};

/**
 * The same for a server that refused it that way. Fails where the login may not read them, and where the file can't be
 * opened.
 */
export const plainHbaQuery: AuditQuery<HbaLines> = {
  selects: (major) => [lines(major, `(${matches('h.database || h.user_name')})`)],
  read: ([rows]) => readLines(read.oneRow(rows, 1)[0] ?? undefined),
};

const read = answerAbout('pg_hba.conf');

const field = z.string().max(LONGEST.hbaField);
const names = z.array(field);

/** What a regular expression matches: the token, roles, databases. */
const matchesSchema = z.array(z.tuple([field, z.array(z.string()).nullable(), z.array(z.string()).nullable()]));

const lineSchema = z
  .object({
    file: field.nullable(),
    line: z.int().min(0),
    // A rule of a type that is not known here can't be judged, and it may be the one that decides.
    type: z.enum(HBA_RULE_TYPES).nullable(),
    databases: names.nullable(),
    users: names.nullable(),
    address: field.nullable(),
    netmask: field.nullable(),
    method: field.nullable(),
    options: z.string().nullable(),
    error: z.string().nullable(),
    /** As JSON, or as XML with JSON in it. */
    patterns: z.union([matchesSchema, z.string()]).nullable(),
  })
  // A rule without names would match no connection, and let every later one be taken for the one that decides.
  .refine(
    ({ type, databases, users, address, method }) =>
      type === null ||
      Boolean(databases?.length && users?.length && method !== null && (type === 'local' || address !== null)),
    'is a rule without one of its fields',
  );

type Line = z.output<typeof lineSchema>;

/** @throws UnusableAnswer for JSON that is none, or not of that shape */
function parse<Schema extends z.ZodType>(json: string, schema: Schema): z.output<Schema> {
  const long = tooLong('it', json, LONGEST.hbaFile);
  if (long !== undefined) read.refuse(long);
  const result = schema.safeParse(asJson(json));
  if (result.success) return result.data;
  const place = result.error.issues[0]?.path.join('.') ?? '';
  return read.refuse(`its JSON has another shape${place === '' ? '' : ` (at ${place})`}`);
}

/** How a login may read files of the server: a part of one, or only all of it. */
export type FileReading = 'part' | 'whole';

const canRead = (parameters: string): string =>
  `has_function_privilege('pg_catalog.pg_read_file(${parameters})', 'EXECUTE')`;

/** SQL that is true where the login may call the function that reads a part of a file. */
export const CAN_READ_PART = canRead('text, bigint, bigint, boolean');
/** SQL that is true where the login may call the one that reads all of a file. */
export const CAN_READ_WHOLE = canRead('text');

/**
 * How the login may read pg_hba.conf itself; undefined where it may not. Besides the function it takes the predefined
 * role, but for files within the data folder (convert_and_check_filename in genfile.c).
 *
 * @param login `hbaFile`, `dataFolder`: undefined where it may not read these settings
 */
export function hbaFileReading({
  hbaFile,
  dataFolder,
  readsServerFiles,
  readsPart,
  readsWhole,
}: {
  readonly hbaFile: string | undefined;
  readonly dataFolder: string | undefined;
  readonly readsServerFiles: boolean;
  readonly readsPart: boolean;
  readonly readsWhole: boolean;
}): FileReading | undefined {
  if (hbaFile === undefined || dataFolder === undefined) return undefined;
  if (!readsServerFiles && !hbaFile.startsWith(`${dataFolder}/`)) return undefined;
  if (readsPart) return 'part';
  return readsWhole ? 'whole' : undefined;
}

/** Bytes of a file that are read, and how many files: far more than people write, and too little to do harm. */
const LONGEST_FILE = 256 * 1024;
const MOST_FILES = 20;

/**
 * What stands after an equals sign, and in a comment that is a line: either may hold a secret, and neither a name of a
 * rule whose quotes are asked for. A backslash at the end stays, for it makes the next line part of this one.
 */
const AFTER_EQUALS = sqlText(String.raw`=([^\n]*[^\n\r\\])?`);
const COMMENT = sqlText(String.raw`^[ \t]*#([^\n]*[^\n\r\\])?`);
/** A secret that may go on in the next line. */
const SECRET_OVER_LINES = sqlText(String.raw`(ldapbindpasswd|radiussecrets)[^\n]*\\\r*\n`);

/**
 * The texts of the files of rules by their paths, without values of options and comments: no secret leaves the server.
 * Fails where a file can't be read.
 */
export function hbaFileQuery(reading: FileReading): AuditQuery<ReadonlyMap<string, string>> {
  const content =
    reading === 'part'
      ? `pg_read_file(f.path, 0, ${LONGEST_FILE}, true)`
      : `left(pg_read_file(f.path), ${LONGEST_FILE})`;
  return {
    selects: (major) => [
      `SELECT t.path, octet_length(t.content) >= ${LONGEST_FILE},
       regexp_replace(regexp_replace(t.content, ${AFTER_EQUALS}, '=', 'g'), ${COMMENT}, '#', 'gn')
  FROM (SELECT f.path, ${content} AS content FROM (${hbaFiles(major)} LIMIT ${MOST_FILES}) f(path)) t
 WHERE t.content !~* ${SECRET_OVER_LINES}`,
    ],
    read: ([rows = []]) => new Map(rows.flatMap(readFile)),
  };
}

function readFile([path, isCut, content]: Row): readonly (readonly [string, string])[] {
  if (!path || typeof content !== 'string') return [];
  return [[path, isCut === 't' ? content.slice(0, content.lastIndexOf('\n') + 1) : content]];
}

function hbaFiles(major: number): string {
  const included = major >= PATTERNS_SINCE ? ' UNION SELECT h.file_name FROM pg_hba_file_rules() h' : '';
  return `SELECT current_setting('hba_file')${included}`;
}

function asJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return read.refuse('it is no JSON');
  }
}

/** @param json undefined for a file without lines */
function readLines(json: string | undefined): HbaLines {
  const all = json === undefined ? [] : parse(json, z.array(lineSchema));
  const entries = all.map(readLine);
  return {
    rules: entries.filter((entry) => 'type' in entry),
    faults: entries.filter((entry) => !('type' in entry)),
    patterns: onePerToken(all.flatMap(({ patterns }) => readMatches(patterns))),
  };
}

function readMatches(patterns: Line['patterns']): readonly HbaPattern[] {
  const found = typeof patterns === 'string' ? parse(plannedValue(patterns) ?? '[]', matchesSchema) : (patterns ?? []);
  return found.map(([token, roles, databases]) => ({ token, roles: roles ?? [], databases: databases ?? [] }));
}

/** A token may be in several rules, and is matched for each. */
function onePerToken(patterns: readonly HbaPattern[]): readonly HbaPattern[] {
  return [...new Map(patterns.map((pattern) => [pattern.token, pattern])).values()];
}

/**
 * All that the rules are judged by. Pure.
 *
 * @throws UnusableAnswer where a name of the catalogue was cut: it is not known which of them a rule means
 */
export function hbaFacts(
  lines: HbaLines,
  { major, catalogue }: Pick<HbaFacts, 'major'> & { readonly catalogue: Catalogue },
): HbaFacts {
  if (catalogue.hasCutNames) read.refuse(`a role or database has a name of more than ${LONGEST.name} characters`);
  // Of an encoding that the server does not convert: it cannot be known which of the names a match means.
  const patterns = namesOf(catalogue).some((name) => name.includes('\uFFFD')) ? [] : lines.patterns;
  return { major, ...lines, patterns, roles: rolesOf(catalogue), databases: databasesOf(catalogue) };
}

function namesOf({ roles, databases }: Catalogue): readonly string[] {
  return [...roles.values(), ...databases.values()].map(({ name }) => name);
}

function readLine(line: Line): HbaRule | HbaFault {
  const { file, line: lineNumber, type, databases, users, address, netmask, method, options } = line;
  const place = { fileName: file ?? undefined, lineNumber };
  const error = line.error === null ? undefined : boundedText(line.error, LONGEST.hbaField);
  // An error beside a type is a warning; a line without a type is one that was not parsed, error or not.
  if (type === null) return { ...place, error };
  return {
    ...place,
    type,
    databases: databases ?? [],
    users: users ?? [],
    address: address ?? undefined,
    netmask: netmask ?? undefined,
    method: method ?? '',
    options: options ? options.split('\n') : [],
    warning: error,
  };
}

function rolesOf({ roles, memberships }: Catalogue): readonly HbaRole[] {
  // In the same order everywhere: what comes first serves as the example.
  const sorted = [...roles].sort(([, a], [, b]) => compareText(a.name, b.name));
  const places = new Map(sorted.map(([oid], place) => [oid, place]));
  return sorted.map(([oid, { name, canLogin, superuser, replication }]) => ({
    name,
    canLogin,
    superuser,
    replication,
    memberOf: memberships.directGroupsOf(oid).flatMap((group) => places.get(group) ?? []),
  }));
}

function databasesOf({ databases }: Catalogue): readonly HbaDatabase[] {
  return [...databases.values()]
    .sort((a, b) => Number(a.isTemplate) - Number(b.isTemplate) || compareText(a.name, b.name))
    .map(({ name, allowConnections }) => ({ name, allowConnections }));
}
