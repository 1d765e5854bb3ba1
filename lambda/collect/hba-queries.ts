// Reads the rules of pg_hba.conf. Never the secrets in their options.

import {
  HBA_RULE_TYPES,
  type HbaDatabase,
  type HbaFacts,
  type HbaFault,
  type HbaPattern,
  type HbaRole,
  type HbaRule,
  type HbaRuleType,
} from '../model/hba.ts';
import { quoteIdentifier } from '../model/sql-identifier.ts';
import { compareText } from '../model/text-order.ts';
import type { Catalogue } from './catalogue-query.ts';
import type { Question, Row } from './question.ts';

/**
 * SQL that is true where the login may read the rules. The queries call the function: the view of the same name would
 * want SELECT on the view besides EXECUTE on the function, which PostgreSQL checks against whoever asks.
 */
export const MAY_READ_HBA = "has_function_privilege('pg_catalog.pg_hba_file_rules()', 'EXECUTE')";

/** What lets a role read the rules: in every database that an audit connects to, for functions belong to databases. */
export function hbaGrant(role: string): string {
  return `GRANT EXECUTE ON FUNCTION pg_catalog.pg_hba_file_rules() TO ${quoteIdentifier(role)};`;
}

/** The first version with regular expressions in pg_hba.conf, and with other files included in it. */
const PATTERNS_SINCE = 16;

/** The lines of pg_hba.conf. */
export type HbaLines = Pick<HbaFacts, 'rules' | 'faults' | 'patterns'>;

/** Keeps the name of every option but clientcert, whose value is no secret. No line of the file has a line break in it. */
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

/** SQL of one JSON array with an object for each line of the file. */
function lines(major: number, patterns: string): string {
  const since16 = (column: string): string => (major >= PATTERNS_SINCE ? column : 'NULL::text');
  return `SELECT json_agg(l) FROM (
  SELECT ${since16('h.file_name')} AS file, h.line_number AS line, h.type, h.database AS databases, h.user_name AS users,
         h.address, h.netmask, h.auth_method AS method,
         CASE WHEN h.options IS NOT NULL THEN ${OPTIONS} END AS options, h.error, ${since16(patterns)} AS patterns
    FROM pg_hba_file_rules() h) l`;
}

/**
 * SQL that is run, and planned, only when it is reached. A function that one may not call, named in a statement, fails the
 * statement also where it is not called; and planning what rules hardly ever need takes the server longer than to give them.
 *
 * @param sql SQL of a text: a statement with one value in one row
 */
function whenReached(sql: string): string {
  return `query_to_xml(${sql}, false, true, '')`;
}

/** A string that means the same whatever `standard_conforming_strings` is. */
function text(raw: string): string {
  return `E'${raw.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** By a statement of its own for each rule with a slash in its names: few files have one, which then must not cost much. */
const MATCHES_WHERE_ANY = `CASE WHEN strpos(h.database::text || h.user_name::text, '/') > 0
              THEN ${whenReached(`format(${text(matches('%L::text[]'))}, h.database || h.user_name)`)} END`;

/**
 * The lines of pg_hba.conf, in a SELECT that gives NULL to a login that may not read them: for a message that must not fail
 * for that. It fails where the file can't be opened, and where the server was built without XML.
 *
 * What is read is the file as it stands. Until a reload the server goes by the rules it read before.
 */
export const hbaQuestion: Question<HbaLines | undefined> = {
  selects: (major) => [
    `SELECT CASE WHEN ${MAY_READ_HBA} THEN ${whenReached(text(lines(major, MATCHES_WHERE_ANY)))} END`,
  ],
  read: ([rows = []]) => {
    const xml = rows[0]?.[0];
    return xml === null || xml === undefined ? undefined : readLines(valueIn(xml));
  },
};

/** The same for a server that refused it that way. Fails where the login may not read them, and where the file can't be opened. */
export const plainHbaQuestion: Question<HbaLines> = {
  selects: (major) => [lines(major, `(${matches('h.database || h.user_name')})`)],
  read: ([rows = []]) => readLines(rows[0]?.[0] ?? undefined),
};

/** How a login may read files of the server: a part of one, or only all of it. */
export type FileReading = 'part' | 'whole';

/** The first version in which a role other than a superuser may be let read files. */
const SERVER_FILES_SINCE = 11;

/**
 * SQL of a text: how the login may read pg_hba.conf itself; NULL where it may not. Besides the function it takes the
 * predefined role, but for files within the data folder (convert_and_check_filename in genfile.c).
 *
 * @param privilege what membership in a predefined role takes in that version
 * @param seesSettings SQL that is true where the login may read where the file is
 */
export function hbaFileReading(major: number, privilege: 'USAGE' | 'MEMBER', seesSettings: string): string {
  if (major < SERVER_FILES_SINCE) return 'NULL::text';
  const may = (parameters: string): string =>
    `has_function_privilege('pg_catalog.pg_read_file(${parameters})', 'EXECUTE')`;
  return `CASE WHEN ${seesSettings} THEN
         CASE WHEN pg_has_role('pg_read_server_files', '${privilege}')
                OR strpos(current_setting('hba_file'), current_setting('data_directory') || '/') = 1
              THEN CASE WHEN ${may('text, bigint, bigint, boolean')} THEN 'part' WHEN ${may('text')} THEN 'whole' END END END`;
}

/** Bytes of a file that are read, and how many files: far more than people write, and too little to do harm. */
const LONGEST_FILE = 256 * 1024;
const MOST_FILES = 20;

/**
 * What stands after an equals sign, and in a comment that is a line: either may hold a secret, and neither a name of a rule
 * whose quotes are asked for. A backslash at the end stays, for it makes the next line part of this one.
 */
const AFTER_EQUALS = text(String.raw`=([^\n]*[^\n\r\\])?`);
const COMMENT = text(String.raw`^[ \t]*#([^\n]*[^\n\r\\])?`);
/** A secret that may go on in the next line. */
const SECRET_OVER_LINES = text(String.raw`(ldapbindpasswd|radiussecrets)[^\n]*\\\r*\n`);

/**
 * The texts of the files of rules by their paths, without values of options and comments: no secret leaves the server.
 * Fails where a file can't be read.
 */
export function hbaFileQuestion(reading: FileReading): Question<ReadonlyMap<string, string>> {
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

interface Line {
  readonly file: string | null;
  readonly line: number;
  readonly type: string | null;
  readonly databases: readonly string[] | null;
  readonly users: readonly string[] | null;
  readonly address: string | null;
  readonly netmask: string | null;
  readonly method: string | null;
  readonly options: string | null;
  readonly error: string | null;
  /** As JSON, or as XML with JSON in it. */
  readonly patterns: Matches | string | null;
}

type Matches = readonly (readonly [
  token: string,
  roles: readonly string[] | null,
  databases: readonly string[] | null,
])[];

/** @param json undefined for a file without lines */
function readLines(json: string | undefined): HbaLines {
  const read = json === undefined ? [] : (JSON.parse(json) as readonly Line[]);
  const all = read.map(readLine);
  return {
    rules: all.filter((line) => 'type' in line),
    faults: all.filter((line) => !('type' in line)),
    patterns: new Map(read.flatMap(({ patterns }) => readMatches(patterns))),
  };
}

const XML_ESCAPES: Readonly<Record<string, string>> = { '&lt;': '<', '&gt;': '>', '&amp;': '&', '&#x0d;': '\r' };

/** The one value in what `query_to_xml` made of one row; undefined for NULL, of which it leaves out the element. */
function valueIn(xml: string): string | undefined {
  const value = /<json_agg>(.*)<\/json_agg>/s.exec(xml)?.[1];
  return value?.replaceAll(/&(?:lt|gt|amp|#x0d);/g, (entity) => XML_ESCAPES[entity] ?? entity);
}

function readMatches(patterns: Line['patterns']): [string, HbaPattern][] {
  const json = typeof patterns === 'string' ? valueIn(patterns) : undefined;
  const found = typeof patterns === 'string' ? (JSON.parse(json ?? '[]') as Matches) : patterns;
  return (found ?? []).map(([token, roles, databases]) => [
    token,
    { roles: new Set(roles ?? []), databases: new Set(databases ?? []) },
  ]);
}

/** All that the rules are judged by. Pure. */
export function hbaFacts(
  lines: HbaLines,
  { major, catalogue }: Pick<HbaFacts, 'major'> & { readonly catalogue: Catalogue },
): HbaFacts {
  // Of an encoding that the server does not convert: nobody can say which of the names a match means.
  const patterns = namesOf(catalogue).some((name) => name.includes('\uFFFD')) ? new Map() : lines.patterns;
  return { major, ...lines, patterns, roles: rolesOf(catalogue), databases: databasesOf(catalogue) };
}

function namesOf({ roles, databases }: Catalogue): readonly string[] {
  return [...roles.values(), ...databases.values()].map(({ name }) => name);
}

function readLine(read: Line): HbaRule | HbaFault {
  const { file, line, type, databases, users, address, netmask, method, options, error } = read;
  const place = { fileName: file ?? undefined, lineNumber: line };
  // An error beside a type is a warning; a line without a type is one that was not parsed, error or not.
  if (type === null) return { ...place, error: error ?? undefined };
  return {
    ...place,
    type: ruleType(type),
    databases: databases ?? [],
    users: users ?? [],
    address: address ?? undefined,
    netmask: netmask ?? undefined,
    method: method ?? '',
    options: options ? options.split('\n') : [],
    warning: error ?? undefined,
  };
}

function ruleType(text: string): HbaRuleType {
  const type = HBA_RULE_TYPES.find((known) => known === text);
  if (type === undefined) throw new Error(`pg_hba_file_rules has a rule of type "${text}"`);
  return type;
}

function rolesOf({ roles, memberOf }: Catalogue): readonly HbaRole[] {
  const named = (oids: ReadonlySet<string>): Set<string> => {
    const names = [...oids].flatMap((oid) => roles.get(oid)?.name ?? []);
    return new Set(names);
  };
  // In the same order everywhere: what comes first serves as the example.
  return [...roles]
    .map(([oid, role]) => ({ ...role, memberOf: named(memberOf(oid)) }))
    .sort((a, b) => compareText(a.name, b.name));
}

function databasesOf({ databases }: Catalogue): readonly HbaDatabase[] {
  return [...databases.values()]
    .sort((a, b) => Number(a.isTemplate) - Number(b.isTemplate) || compareText(a.name, b.name))
    .map(({ name, allowConnections }) => ({ name, allowConnections }));
}
