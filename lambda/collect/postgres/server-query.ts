// Reads what the server is, what the login may see and ask, and the settings that decide what is allowed.

import { SETTING_NAMES, type SettingName, type SettingOverride, type Settings } from '../../model/posture.ts';
import type { AssumedRole, Server, Visibility } from '../../model/snapshot.ts';
import type { Row } from '../answers/answer.ts';
import { answerAbout } from '../answers/answer.ts';
import { boundedText, LONGEST, tooLong } from '../answers/bounded-text.ts';
import { CAN_READ_AURORA } from './aurora-query.ts';
import { CAN_READ_HBA, type FileReading, hbaFileReading } from './hba-queries.ts';
import { CAN_READ_SUBSCRIPTIONS } from './outbound-query.ts';
import { overrideQuery } from './override-query.ts';
import type { AuditQuery } from './query.ts';
import { canReadFiles } from './reload-query.ts';

export interface ServerAnswers {
  readonly server: Server;
  readonly visibility: Visibility;
  readonly settings: Settings;
  /** What further questions the login may ask: those it may not would end the whole message. */
  readonly privileges: {
    readonly readHba: boolean;
    readonly readSubscriptions: boolean;
    readonly readAurora: boolean;
    readonly readFiles: boolean;
    /** Undefined where pg_hba.conf itself may not be read. */
    readonly readHbaFile: FileReading | undefined;
  };
}

/**
 * Shown to everybody; the others to those who have the privileges of `pg_read_all_settings`, and an error to others.
 */
const PUBLIC_SETTINGS: ReadonlySet<SettingName> = new Set(['ssl', 'password_encryption', 'rds.force_ssl']);

/**
 * Settings that are one of few words: what is none of them must not pass for a sound one. Of the others, checks know
 * the sound values.
 */
const SHAPES: Readonly<Partial<Record<SettingName, RegExp>>> = {
  ssl: /^(on|off)$/,
  ssl_min_protocol_version: /^(TLSv1(\.\d)?)?$/,
  ssl_max_protocol_version: /^(TLSv1(\.\d)?)?$/,
};

/** Encodings in which every sequence of bytes is text. UTF-8 is sent as it is, whatever it is. */
const CONVERTED = [
  'UTF8',
  'LATIN1',
  'LATIN2',
  'LATIN4',
  'LATIN5',
  'LATIN6',
  'LATIN7',
  'LATIN8',
  'LATIN9',
  'LATIN10',
  'KOI8R',
];

/** Seven facts, the settings and the encoding come before it. */
const READ_AURORA = 7 + SETTING_NAMES.length + 1;
const READ_FILES = READ_AURORA + 1;
const INHERITS = READ_FILES + 1;
const LOGIN = INHERITS + 1;
const LOGIN_SETTING = LOGIN + 1;

/**
 * Whether the setting `role` that holds for the session belongs to its role and to its database, then the database's
 * name.
 */
const ROLE_SETTING = `(SELECT (s.setrole <> 0)::text || (s.setdatabase <> 0)::text || current_database()
          FROM pg_db_role_setting s
               CROSS JOIN LATERAL unnest(s.setconfig) c(entry)
               LEFT JOIN pg_roles r ON r.oid = s.setrole
         WHERE split_part(c.entry, '=', 1) = 'role'
           AND (s.setdatabase = 0 OR s.setdatabase = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
           AND (s.setrole = 0 OR r.rolname = session_user)
         ORDER BY s.setrole <> 0 DESC, s.setdatabase <> 0 DESC
         LIMIT 1)`;
const READ_HBA_FILE = LOGIN_SETTING + 1;
const COLUMNS = READ_HBA_FILE + 1;

const read = answerAbout('the server');

/**
 * One row without a table, because functions are looked up faster than `pg_settings`, and what of it is not the
 * server's.
 *
 * A database without an encoding (SQL_ASCII), or with one in which not all bytes are characters, is asked for its bytes
 * as they are: names of roles and databases are of whatever database they were made in, and asked for UTF-8 it would
 * refuse all rows for one that it can't convert.
 */
export const serverQuery: AuditQuery<ServerAnswers> = {
  selects: (major) => {
    // 10 to 14 grant what is granted to a predefined role to all its members, later ones to those that inherit it.
    const privilege = major >= 15 ? 'USAGE' : 'MEMBER';
    const seesSettings = `pg_has_role('pg_read_all_settings', '${privilege}')`;
    const value = (name: SettingName): string =>
      PUBLIC_SETTINGS.has(name)
        ? `current_setting('${name}', true)`
        : `CASE WHEN ${seesSettings} THEN current_setting('${name}', true) END`;
    return [
      `SELECT current_setting('server_version'),
       pg_is_in_recovery(),
       current_user,
       pg_has_role('pg_read_all_stats', '${privilege}'),
       ${CAN_READ_HBA},
       ${CAN_READ_SUBSCRIPTIONS},
       ${seesSettings},
       ${SETTING_NAMES.map(value).join(',\n       ')},
       set_config('client_encoding', CASE WHEN getdatabaseencoding() IN (${CONVERTED.map((name) => `'${name}'`).join(', ')}) THEN 'UTF8' ELSE 'SQL_ASCII' END, true),
       ${CAN_READ_AURORA},
       ${canReadFiles(major, privilege)} AND ${seesSettings},
       (SELECT r.rolinherit FROM pg_roles r WHERE r.rolname = session_user),
       CASE WHEN current_user <> session_user THEN session_user END,
       CASE WHEN current_user <> session_user THEN ${ROLE_SETTING} END,
       ${hbaFileReading(major, privilege, seesSettings)}`,
      ...overrideQuery.selects(major),
    ];
  },
  read: ([rows, ...others]) => {
    const row = read.oneRow(rows, COLUMNS);
    const [version, inRecovery, role, seesAll, readHba, readSubscriptions, seesSettings, ...settings] = row;
    // An unknown privilege counts as one that the login does not have.
    const privileges = (cell: Row[number] | undefined, what: string): boolean =>
      read.flagOrNull(cell, `whether the login may ${what}`) ?? false;
    return {
      server: {
        version: boundedText(read.text(version, 'the version'), LONGEST.version),
        inRecovery: read.flag(inRecovery, 'whether it is a standby'),
      },
      visibility: {
        role: boundedText(read.text(role, "the login's role"), LONGEST.name),
        assumed: readAssumed(row[LOGIN], row[LOGIN_SETTING]),
        seesAllSessions: privileges(seesAll, 'see all sessions'),
        inherits: read.flagOrNull(row[INHERITS], 'whether the role inherits'),
      },
      settings: readSettings(settings, {
        seesAll: privileges(seesSettings, 'see all settings'),
        overrides: overrideQuery.read(others),
      }),
      privileges: {
        readHba: privileges(readHba, 'read pg_hba.conf'),
        readSubscriptions: privileges(readSubscriptions, 'read subscriptions'),
        readAurora: privileges(row[READ_AURORA], 'ask for the instances of an Aurora cluster'),
        readFiles: privileges(row[READ_FILES], 'look at files'),
        readHbaFile: readFileReading(row[READ_HBA_FILE]),
      },
    };
  },
};

function readFileReading(value: string | null | undefined): FileReading | undefined {
  return value === 'part' || value === 'whole' ? value : undefined;
}

/** @param cells in the order of their names, with others behind them */
function readSettings(
  cells: Row,
  { seesAll, overrides }: { readonly seesAll: boolean; readonly overrides: readonly SettingOverride[] },
): Settings {
  const values: Partial<Record<SettingName, string>> = {};
  const unusable: Partial<Record<SettingName, string>> = {};
  for (const [index, name] of SETTING_NAMES.entries()) {
    const value = cells[index];
    const overridden = overrides.some(({ setting, ofLogin }) => setting === name && ofLogin);
    if (value === null || value === undefined || overridden) continue;
    const reason = whyUnusable(name, value);
    if (reason === undefined) values[name] = value;
    else unusable[name] = reason;
  }
  return { values, seesAll, overrides, ...(Object.keys(unusable).length === 0 ? {} : { unusable }) };
}

function whyUnusable(name: SettingName, value: string): string | undefined {
  const shape = SHAPES[name];
  if (shape !== undefined && !shape.test(value)) return `the server's value of ${name} is none that PostgreSQL has`;
  return tooLong(`the value of ${name}`, value, LONGEST.setting);
}

/** @param setting as ROLE_SETTING writes it; null where there is none */
function readAssumed(session: string | null | undefined, setting: string | null | undefined): AssumedRole | undefined {
  if (session === null || session === undefined) return undefined;
  const login = boundedText(session, LONGEST.name);
  const [, ofRole, ofDatabase, database] = /^(true|false)(true|false)(.*)$/s.exec(setting ?? '') ?? [];
  if (ofRole === undefined) return { login };
  return {
    login,
    setting: {
      ...(ofRole === 'true' ? { role: login } : {}),
      ...(ofDatabase === 'true' ? { database: boundedText(database ?? '', LONGEST.name) } : {}),
    },
  };
}
