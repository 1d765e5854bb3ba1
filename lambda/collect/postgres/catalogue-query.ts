// Reads which roles and databases there are. In flat rows: a new session takes longer to plan joins, sorting and JSON
// over the catalogue than to give all of it, and everything else an audit asks can then speak of them by oid.

import { Memberships } from '../../model/memberships.ts';
import type { Row } from '../answers/answer.ts';
import { answerAbout } from '../answers/answer.ts';
import { boundedText, LONGEST } from '../answers/bounded-text.ts';
import { columns } from './columns.ts';
import type { AuditQuery } from './query.ts';

export interface CatalogueRole {
  readonly name: string;
  readonly canLogin: boolean;
  readonly superuser: boolean;
  /** The attribute. */
  readonly replication: boolean;
  /** The attribute; undefined where the server does not say. */
  readonly inherits: boolean | undefined;
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
  readonly memberships: Memberships<string>;
  /** Whether a name is so long that it was cut: nothing may be decided by names then. */
  readonly hasCutNames: boolean;
}

/** Marks a database whose removal was interrupted: no client can connect to it. */
const INVALID_DATABASE = '-2';

const read = answerAbout('roles and databases');

const ROLE = columns(['oid', 'name', 'canLogin', 'superuser', 'replication', 'inherits']);
const MEMBERSHIP = columns(['member', 'group']);
const DATABASE = columns(['oid', 'name', 'allowConnections', 'connectionLimit', 'isTemplate']);

export const catalogueQuery: AuditQuery<Catalogue> = {
  selects: () => [
    `SELECT ${ROLE.list({
      oid: 'r.oid',
      name: 'r.rolname',
      canLogin: 'r.rolcanlogin',
      superuser: 'r.rolsuper',
      replication: 'r.rolreplication',
      inherits: 'r.rolinherit',
    })} FROM pg_roles r`,
    `SELECT ${MEMBERSHIP.list({ member: 'm.member', group: 'm.roleid' })} FROM pg_auth_members m`,
    `SELECT ${DATABASE.list({
      oid: 'd.oid',
      name: 'd.datname',
      allowConnections: 'd.datallowconn',
      connectionLimit: 'd.datconnlimit',
      isTemplate: 'd.datistemplate',
    })} FROM pg_database d`,
  ],
  read: ([roles, members, databases]) => {
    const roleRows = read.rows(roles, ROLE.count);
    const databaseRows = read.rows(databases, DATABASE.count);
    return {
      roles: byOid(roleRows.map(readRole), 'role'),
      databases: byOid(databaseRows.map(readDatabase), 'database'),
      memberships: new Memberships(read.rows(members, MEMBERSHIP.count).map(readMembership)),
      hasCutNames: [
        ...roleRows.map((row) => ROLE.cell(row, 'name')),
        ...databaseRows.map((row) => DATABASE.cell(row, 'name')),
      ].some((name) => (name?.length ?? 0) > LONGEST.name),
    };
  },
};

function byOid<T>(entries: readonly (readonly [string, T])[], what: string): ReadonlyMap<string, T> {
  const found = new Map(entries);
  if (found.size < entries.length) read.refuse(`two rows have the same ${what}`);
  // The auditor is logged in as one, to the other.
  if (found.size === 0) read.refuse(`there is no ${what}`);
  return found;
}

function readRole(row: Row): readonly [string, CatalogueRole] {
  const role = {
    name: boundedText(read.text(ROLE.cell(row, 'name'), 'the name of a role'), LONGEST.name),
    canLogin: read.flag(ROLE.cell(row, 'canLogin'), 'whether a role may log in'),
    superuser: read.flag(ROLE.cell(row, 'superuser'), 'whether a role is a superuser'),
    replication: read.flag(ROLE.cell(row, 'replication'), 'whether a role may replicate'),
    inherits: read.flagOrNull(ROLE.cell(row, 'inherits'), 'whether a role inherits'),
  };
  return [read.oid(ROLE.cell(row, 'oid'), 'a role'), role];
}

function readDatabase(row: Row): readonly [string, CatalogueDatabase] {
  const allows = read.flag(DATABASE.cell(row, 'allowConnections'), 'whether a database takes connections');
  const database = {
    name: boundedText(read.text(DATABASE.cell(row, 'name'), 'the name of a database'), LONGEST.name),
    allowConnections: allows && DATABASE.cell(row, 'connectionLimit') !== INVALID_DATABASE,
    isTemplate: read.flag(DATABASE.cell(row, 'isTemplate'), 'whether a database is a template'),
  };
  return [read.oid(DATABASE.cell(row, 'oid'), 'a database'), database];
}

function readMembership(row: Row): { readonly member: string; readonly group: string } {
  return {
    member: read.oid(MEMBERSHIP.cell(row, 'member'), 'a member of a role'),
    group: read.oid(MEMBERSHIP.cell(row, 'group'), 'a role with members'),
  };
}
