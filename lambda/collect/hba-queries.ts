// Reads the rules of pg_hba.conf with the roles and databases they speak of. Never the secrets in their options.

import { displayText } from '../model/display.ts';
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

/**
 * SQL that is true where the login may read the rules. The queries call the function: the view of the same name would
 * want SELECT on the view besides EXECUTE on the function, which PostgreSQL checks against whoever asks.
 */
export const MAY_READ_HBA = "has_function_privilege('pg_catalog.pg_hba_file_rules()', 'EXECUTE')";

/** What lets a role read the rules: in every database that an audit connects to, for functions belong to databases. */
export function hbaGrant(role: string): string {
  const identifier = /^[a-z_][a-z0-9_$]*$/.test(role) ? role : `"${displayText(role).replaceAll('"', '""')}"`;
  return `GRANT EXECUTE ON FUNCTION pg_catalog.pg_hba_file_rules() TO ${identifier};`;
}

/** A row in array mode: every value as PostgreSQL's text, in the order of the SELECT list. */
type Row = readonly (string | null)[];

/** The rows of the SELECTs of `hbaQueries`, in their order. */
export type HbaRows = readonly (readonly Row[])[];

/** The first version with regular expressions in pg_hba.conf, and with other files included in it. */
const PATTERNS_SINCE = 16;

/**
 * The SELECTs, for a session whose search path is `pg_catalog`. They fail as a whole where the file can't be opened.
 *
 * What is read is the file as it stands. Until a reload the server goes by the rules it read before.
 */
export function hbaQueries(major: number): readonly string[] {
  const hasPatterns = major >= PATTERNS_SINCE;
  return [
    `SELECT ${hasPatterns ? 'h.file_name' : 'NULL::text'}, h.line_number, h.type,
       array_to_json(h.database), array_to_json(h.user_name), h.address, h.netmask, h.auth_method,
       (SELECT json_agg(CASE WHEN o LIKE 'clientcert=%' THEN o ELSE split_part(o, '=', 1) END)
          FROM unnest(h.options) o),
       h.error
  FROM pg_hba_file_rules() WITH ORDINALITY h
 ORDER BY h.ordinality`,
    `SELECT r.rolname, r.rolcanlogin, r.rolsuper, r.rolreplication,
       (SELECT json_agg(DISTINCT g.rolname::text)
          FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
         WHERE m.member = r.oid)
  FROM pg_roles r
 ORDER BY r.rolname::text COLLATE "C"`,
    // -2 marks a database whose removal was interrupted: nobody can connect to it.
    `SELECT d.datname, d.datallowconn AND d.datconnlimit <> -2
  FROM pg_database d
 ORDER BY d.datistemplate, d.datname::text COLLATE "C"`,
    ...(hasPatterns ? [PATTERNS] : []),
  ];
}

/** The collation is the one with which the server matches: see regcomp_auth_token in hba.c. */
const PATTERNS = `SELECT p.token,
       (SELECT json_agg(r.rolname::text) FROM pg_roles r WHERE r.rolname::text COLLATE "C" ~ substr(p.token, 2)),
       (SELECT json_agg(d.datname::text) FROM pg_database d WHERE d.datname::text COLLATE "C" ~ substr(p.token, 2))
  FROM (SELECT DISTINCT t.token
          FROM pg_hba_file_rules() h, unnest(h.database || h.user_name) t(token)
         WHERE t.token LIKE '/%') p`;

/**
 * From the rows to the facts. Pure.
 *
 * @throws Error for rows that no `hbaQueries` gives
 */
export function readHba(major: number, [rules = [], roles = [], databases = [], patterns = []]: HbaRows): HbaFacts {
  const lines = rules.map(readLine);
  return {
    major,
    rules: lines.filter((line) => 'type' in line),
    faults: lines.filter((line) => !('type' in line)),
    roles: readRoles(roles),
    databases: databases.map(readDatabase),
    patterns: new Map(patterns.map(readPattern)),
  };
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
    options: texts(options),
    warning: error ?? undefined,
  };
}

function ruleType(text: string): HbaRuleType {
  const type = HBA_RULE_TYPES.find((known) => known === text);
  if (type === undefined) throw new Error(`pg_hba_file_rules has a rule of type "${text}"`);
  return type;
}

function readRoles(rows: readonly Row[]): readonly HbaRole[] {
  const direct = new Map(rows.map(([name, , , , groups]) => [name ?? '', texts(groups)]));
  return rows.map(([name, canLogin, superuser, replication]) => ({
    name: name ?? '',
    canLogin: canLogin === 't',
    superuser: superuser === 't',
    replication: replication === 't',
    memberOf: reachable(name ?? '', direct),
  }));
}

function reachable(start: string, direct: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [start];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const group of direct.get(name) ?? []) {
      if (found.has(group)) continue;
      found.add(group);
      open.push(group);
    }
  }
  return found;
}

function readDatabase([name, allowConnections]: Row): HbaDatabase {
  return { name: name ?? '', allowConnections: allowConnections === 't' };
}

function readPattern([token, roles, databases]: Row): readonly [string, HbaPattern] {
  return [token ?? '', { roles: new Set(texts(roles)), databases: new Set(texts(databases)) }];
}

/** From a JSON array of strings: PostgreSQL's own text of an array would need a parser. */
function texts(json: string | null | undefined): readonly string[] {
  if (json === null || json === undefined) return [];
  const value: unknown = JSON.parse(json);
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw new Error('not a JSON array of strings');
}
