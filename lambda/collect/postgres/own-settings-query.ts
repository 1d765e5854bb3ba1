// Reads which settings databases and roles have of their own: those that decide what an audit sees, or hide the
// server's.

import type { SettingOverride } from '../../model/posture.ts';
import type { AssumedRole } from '../../model/snapshot.ts';
import { compareText } from '../../model/text-order.ts';
import type { Row } from '../answers/answer.ts';
import { answerAbout } from '../answers/answer.ts';
import { boundedText, LONGEST } from '../answers/bounded-text.ts';
import type { Catalogue } from './catalogue-query.ts';
import { columns } from './columns.ts';
import type { AuditQuery } from './query.ts';

/** The setting that sessions may have a value of their own of. All others hold for the whole server. */
const OVERRIDDEN = 'password_encryption';
/** The setting that makes sessions run as another role. */
const ROLE = 'role';

/** Stands for all databases, and for all roles. */
const ALL = '0';

/** Oids of the role that logged in and of its database; undefined where the server shows nothing of its own session. */
export interface LoginOids {
  readonly role: string | undefined;
  readonly database: string | undefined;
}

/** Settings of databases and roles, by oid. */
export interface OwnSettings {
  /** By name of the database, then of the role; those that hold for all of them last. */
  readonly overrides: (catalogue: Catalogue, login: LoginOids) => readonly SettingOverride[];
  /** What the setting `role` of the auditor's session belongs to; undefined where there is none. */
  readonly assumed: (catalogue: Catalogue, login: LoginOids) => AssumedRole['setting'];
}

const OWN_SETTING = columns(['database', 'role', 'entry']);

const read = answerAbout('settings of databases and roles');

interface OwnSetting {
  readonly name: string;
  readonly database: string;
  readonly role: string;
  readonly value: string;
}

/**
 * A catalogue that all databases share and everybody may read: each row holds for a database, a role or both, and 0 for
 * all of them. In flat rows with oids: a new session plans the joins longer than it takes for everything else of them.
 */
export const ownSettingsQuery: AuditQuery<OwnSettings> = {
  selects: () => [
    `SELECT ${OWN_SETTING.list({ database: 's.setdatabase', role: 's.setrole', entry: 's.entry' })}
  FROM (SELECT c.setdatabase, c.setrole, unnest(c.setconfig) AS entry FROM pg_db_role_setting c) s
 WHERE split_part(s.entry, '=', 1) IN ('${OVERRIDDEN}', '${ROLE}')`,
  ],
  read: ([rows]) => {
    const settings = read.rows(rows, OWN_SETTING.count).map(readSetting);
    const named = (name: string): readonly OwnSetting[] => settings.filter((setting) => setting.name === name);
    return {
      overrides: (catalogue, login) => overrides(named(OVERRIDDEN), catalogue, login),
      assumed: (catalogue, login) => assumed(named(ROLE), catalogue, login),
    };
  },
};

function readSetting(row: Row): OwnSetting {
  const entry = read.text(OWN_SETTING.cell(row, 'entry'), 'a setting');
  const [name = ''] = entry.split('=', 1);
  if (name !== OVERRIDDEN && name !== ROLE) read.refuse('a setting is none that was asked about');
  return {
    name,
    database: read.oid(OWN_SETTING.cell(row, 'database'), 'a database with a setting'),
    role: read.oid(OWN_SETTING.cell(row, 'role'), 'a role with a setting'),
    value: entry.slice(name.length + 1),
  };
}

/** The settings of roles that cannot log in never come into effect; nor do those of a role that is gone by now. */
function overrides(
  settings: readonly OwnSetting[],
  { roles, databases }: Catalogue,
  login: LoginOids,
): readonly SettingOverride[] {
  return settings
    .filter(({ role }) => role === ALL || roles.get(role)?.canLogin === true)
    .map(
      (setting): SettingOverride => ({
        setting: OVERRIDDEN,
        database: databases.get(setting.database)?.name,
        role: roles.get(setting.role)?.name,
        // A value that is cut is none of those that are sound.
        value: boundedText(setting.value, LONGEST.name),
        ofLogin: isOf(setting, login),
      }),
    )
    .sort((a, b) => lastForAll(a.database, b.database) || lastForAll(a.role, b.role));
}

/**
 * Whether the auditor's session has the setting. Where the server does not show its own session, any may be its: then
 * no value of the server passes for what others get.
 */
function isOf({ database, role }: OwnSetting, login: LoginOids): boolean {
  const isIn = (given: string, own: string | undefined): boolean => given === ALL || own === undefined || given === own;
  return isIn(database, login.database) && isIn(role, login.role);
}

function lastForAll(a: string | undefined, b: string | undefined): number {
  return Number(a === undefined) - Number(b === undefined) || compareText(a, b);
}

/** Of several the one that PostgreSQL takes: a role's before all roles', in one database before all databases'. */
function assumed(settings: readonly OwnSetting[], catalogue: Catalogue, login: LoginOids): AssumedRole['setting'] {
  const weight = ({ database, role }: OwnSetting): number => 2 * Number(role !== ALL) + Number(database !== ALL);
  const [first] = settings.filter((setting) => isOf(setting, login)).sort((a, b) => weight(b) - weight(a));
  if (first === undefined) return undefined;
  const { database, role } = first;
  return {
    ...(role === ALL ? {} : { role: catalogue.roles.get(role)?.name }),
    ...(database === ALL ? {} : { database: catalogue.databases.get(database)?.name }),
  };
}
