// Reads what the server is, what the login may see and ask, and the settings that decide what is allowed.

import { SETTING_NAMES, type SettingName, type Settings } from '../model/posture.ts';
import type { Server, Visibility } from '../model/snapshot.ts';
import { MAY_READ_AURORA } from './aurora-query.ts';
import { type FileReading, hbaFileReading, MAY_READ_HBA } from './hba-queries.ts';
import { MAY_READ_SUBSCRIPTIONS } from './outbound-query.ts';
import { overrideQuestion } from './override-query.ts';
import type { Question } from './question.ts';
import { mayReadFiles } from './reload-query.ts';

export interface ServerAnswers {
  readonly server: Server;
  readonly visibility: Visibility;
  readonly settings: Settings;
  /** What further questions the login may ask: those it may not would end the whole message. */
  readonly may: {
    readonly readHba: boolean;
    readonly readSubscriptions: boolean;
    readonly readAurora: boolean;
    readonly readFiles: boolean;
    /** Undefined where pg_hba.conf itself may not be read. */
    readonly readHbaFile: FileReading | undefined;
  };
}

/** Shown to everybody; the others to those who have the privileges of `pg_read_all_settings`, and an error to others. */
const PUBLIC_SETTINGS: ReadonlySet<SettingName> = new Set(['ssl', 'password_encryption', 'rds.force_ssl']);

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
const READ_HBA_FILE = INHERITS + 1;

/**
 * One row without a table, because functions are looked up faster than `pg_settings`, and what of it is not the server's.
 *
 * A database without an encoding (SQL_ASCII), or with one in which not all bytes are characters, is asked for its bytes as
 * they are: names of roles and databases are of whatever database they were made in, and asked for UTF-8 it would refuse all
 * rows for one that it can't convert.
 */
export const serverQuestion: Question<ServerAnswers> = {
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
       ${MAY_READ_HBA},
       ${MAY_READ_SUBSCRIPTIONS},
       ${seesSettings},
       ${SETTING_NAMES.map(value).join(',\n       ')},
       set_config('client_encoding', CASE WHEN getdatabaseencoding() IN (${CONVERTED.map((name) => `'${name}'`).join(', ')}) THEN 'UTF8' ELSE 'SQL_ASCII' END, true),
       ${MAY_READ_AURORA},
       ${mayReadFiles(major, privilege)} AND ${seesSettings},
       (SELECT r.rolinherit FROM pg_roles r WHERE r.rolname = current_user),
       ${hbaFileReading(major, privilege, seesSettings)}`,
      ...overrideQuestion.selects(major),
    ];
  },
  read: ([rows = [], ...others]) => {
    const [row] = rows;
    if (row === undefined) throw new Error('the audit queries gave no result: no row about the server');
    const [version, inRecovery, role, seesAll, readHba, readSubscriptions, seesSettings, ...settings] = row;
    const overrides = overrideQuestion.read(others);
    const values = SETTING_NAMES.flatMap((name, index) => {
      const value = settings[index];
      const overridden = overrides.some(({ setting, ofLogin }) => setting === name && ofLogin);
      return value === null || value === undefined || overridden ? [] : [[name, value] as const];
    });
    return {
      server: { version: version ?? '', inRecovery: inRecovery === 't' },
      visibility: { role: role ?? '', seesAllSessions: seesAll === 't', inherits: readBoolean(row[INHERITS]) },
      settings: { values: Object.fromEntries(values), seesAll: seesSettings === 't', overrides },
      may: {
        readHba: readHba === 't',
        readSubscriptions: readSubscriptions === 't',
        readAurora: row[READ_AURORA] === 't',
        readFiles: row[READ_FILES] === 't',
        readHbaFile: readFileReading(row[READ_HBA_FILE]),
      },
    };
  },
};

function readFileReading(value: string | null | undefined): FileReading | undefined {
  return value === 'part' || value === 'whole' ? value : undefined;
}

function readBoolean(value: string | null | undefined): boolean | undefined {
  return value === null || value === undefined ? undefined : value === 't';
}
