// Reads which roles and databases there are. In flat rows: a new session takes longer to plan joins, sorting and JSON over
// the catalogue than to give all of it, and everything else an audit asks can then speak of them by oid.

import type { Question, Row } from './question.ts';

export interface CatalogueRole {
  readonly name: string;
  readonly canLogin: boolean;
  readonly superuser: boolean;
  /** The attribute. */
  readonly replication: boolean;
}

export interface CatalogueDatabase {
  readonly name: string;
  readonly allowConnections: boolean;
  readonly isTemplate: boolean;
}

/** By oid, as text. */
export interface Catalogue {
  readonly roles: ReadonlyMap<string, CatalogueRole>;
  readonly databases: ReadonlyMap<string, CatalogueDatabase>;
  /** The oids of every role that one is a member of, directly or through others, inherited or not. */
  memberOf(role: string): ReadonlySet<string>;
}

/** Marks a database whose removal was interrupted: nobody can connect to it. */
const INVALID_DATABASE = '-2';

export const catalogueQuestion: Question<Catalogue> = {
  selects: () => [
    'SELECT r.oid, r.rolname, r.rolcanlogin, r.rolsuper, r.rolreplication FROM pg_roles r',
    'SELECT m.member, m.roleid FROM pg_auth_members m',
    'SELECT d.oid, d.datname, d.datallowconn, d.datconnlimit, d.datistemplate FROM pg_database d',
  ],
  read: ([roles = [], members = [], databases = []]) => ({
    roles: new Map(roles.map(readRole)),
    databases: new Map(databases.map(readDatabase)),
    memberOf: membership(members),
  }),
};

function readRole([oid, name, canLogin, superuser, replication]: Row): readonly [string, CatalogueRole] {
  const role = {
    name: name ?? '',
    canLogin: canLogin === 't',
    superuser: superuser === 't',
    replication: replication === 't',
  };
  return [oid ?? '', role];
}

function readDatabase([oid, name, allowConnections, limit, template]: Row): readonly [string, CatalogueDatabase] {
  const database = {
    name: name ?? '',
    allowConnections: allowConnections === 't' && limit !== INVALID_DATABASE,
    isTemplate: template === 't',
  };
  return [oid ?? '', database];
}

function membership(rows: readonly Row[]): Catalogue['memberOf'] {
  const direct = new Map<string, string[]>();
  for (const [member, group] of rows) {
    if (!member || !group) continue;
    const groups = direct.get(member);
    if (groups === undefined) direct.set(member, [group]);
    else groups.push(group);
  }
  const known = new Map<string, ReadonlySet<string>>();
  return (role) => {
    const found = known.get(role) ?? reachable(role, direct);
    known.set(role, found);
    return found;
  };
}

function reachable(start: string, direct: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [start];
  for (let role = open.pop(); role !== undefined; role = open.pop()) {
    for (const group of direct.get(role) ?? []) {
      if (found.has(group)) continue;
      found.add(group);
      open.push(group);
    }
  }
  return found;
}
