// Reads the rules of pg_hba.conf. Never the secrets in their options.

import pg from 'pg';
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
const OPTIONS = String.raw`regexp_replace(array_to_string(h.options, E'\n'), E'^(?!clientcert=)([^=\n]*)=.*$', E'\\1', 'gn')`;

/**
 * Fails as a whole where the file can't be opened.
 *
 * What is read is the file as it stands. Until a reload the server goes by the rules it read before.
 *
 * @param catalogue names what the regular expressions among the rules' names may match
 */
export function hbaQuestion(catalogue: Catalogue): Question<HbaLines> {
  return {
    selects: (major) => [
      `SELECT ${major >= PATTERNS_SINCE ? 'h.file_name' : 'NULL::text'}, h.line_number, h.type,
       array_to_json(h.database), array_to_json(h.user_name), h.address, h.netmask, h.auth_method,
       ${OPTIONS}, h.error, ${major >= PATTERNS_SINCE ? matches(catalogue) : 'NULL'}
  FROM pg_hba_file_rules() h`,
    ],
    read: ([rows = []]) => {
      const lines = rows.map(readLine);
      return {
        rules: lines.filter((line) => 'type' in line),
        faults: lines.filter((line) => !('type' in line)),
        patterns: new Map(rows.flatMap((row) => readMatches(row.at(-1)))),
      };
    },
  };
}

/**
 * SQL for what the regular expressions among a rule's names match, as `[[token, [role, …], [database, …]], …]`. The server
 * matches them itself, with the collation that it uses (regcomp_auth_token in hba.c). It is given the names, for planning a
 * join with its catalogue takes it longer than all the rest of the rules, which hardly ever hold such an expression.
 */
function matches({ roles, databases }: Catalogue): string {
  const names = [...roles.values(), ...databases.values()].map(({ name }) => name);
  // Of an encoding that the server does not convert: nobody can say what matches such a name.
  if (names.some((name) => name.includes('\uFFFD'))) return 'NULL';
  const among = (list: ReadonlyMap<string, { readonly name: string }>): string =>
    `(SELECT json_agg(n) FROM unnest(${textArray([...list.values()].map(({ name }) => name))}) n
          WHERE n COLLATE "C" ~ substr(u, 2))`;
  return `(SELECT json_agg(json_build_array(u, ${among(roles)}, ${among(databases)}))
         FROM unnest(h.database || h.user_name) u WHERE u LIKE '/%')`;
}

function textArray(texts: readonly string[]): string {
  const quoted = texts.map((text) => `"${text.replaceAll(/["\\]/g, '\\$&')}"`);
  return `${pg.escapeLiteral(`{${quoted.join(',')}}`)}::text[]`;
}

function readMatches(json: string | null | undefined): [string, HbaPattern][] {
  if (json === null || json === undefined) return [];
  const found = JSON.parse(json) as readonly [string, readonly string[] | null, readonly string[] | null][];
  return found.map(([token, roles, databases]) => [
    token,
    { roles: new Set(roles ?? []), databases: new Set(databases ?? []) },
  ]);
}

/** All that the rules are judged by. Pure. */
export function hbaFacts(
  lines: HbaLines,
  { major, catalogue }: Pick<HbaFacts, 'major'> & { readonly catalogue: Catalogue },
): HbaFacts {
  return { major, ...lines, roles: rolesOf(catalogue), databases: databasesOf(catalogue) };
}

function readLine([file, line, type, databases, users, address, netmask, method, options, error]: Row):
  | HbaRule
  | HbaFault {
  const place = { fileName: file ?? undefined, lineNumber: Number(line) };
  // An error beside a type is a warning; a line without a type is one that was not parsed, error or not.
  if (type === null || type === undefined) return { ...place, error: error ?? undefined };
  return {
    ...place,
    type: ruleType(type),
    databases: texts(databases),
    users: texts(users),
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
  return [...roles]
    .map(([oid, role]) => ({ ...role, memberOf: named(memberOf(oid)) }))
    .sort((a, b) => byCharacters(a.name, b.name));
}

function databasesOf({ databases }: Catalogue): readonly HbaDatabase[] {
  return [...databases.values()]
    .sort((a, b) => Number(a.isTemplate) - Number(b.isTemplate) || byCharacters(a.name, b.name))
    .map(({ name, allowConnections }) => ({ name, allowConnections }));
}

/** The same order everywhere: what comes first serves as the example. */
function byCharacters(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** From a JSON array of strings: PostgreSQL's own text of an array would need a parser. */
function texts(json: string | null | undefined): readonly string[] {
  if (json === null || json === undefined) return [];
  const value: unknown = JSON.parse(json);
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw new Error('not a JSON array of strings');
}
