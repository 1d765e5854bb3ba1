// Reads what the server is, what the login may see and ask, and the settings that decide what is allowed.

import { SETTING_NAMES, type SettingName, type SettingOverride, type Settings } from '../../model/posture.ts';
import type { Server, Visibility } from '../../model/snapshot.ts';
import type { Row } from '../answers/answer.ts';
import { answerAbout } from '../answers/answer.ts';
import { boundedText, LONGEST, tooLong } from '../answers/bounded-text.ts';
import { CAN_READ_AURORA } from './aurora-query.ts';
import { columns } from './columns.ts';
import { CAN_READ_HBA, CAN_READ_PART, CAN_READ_WHOLE, type FileReading, hbaFileReading } from './hba-queries.ts';
import { CAN_READ_SUBSCRIPTIONS } from './outbound-query.ts';
import type { AuditQuery } from './query.ts';
import { CAN_STAT_FILES } from './reload-query.ts';

export interface ServerAnswers {
  readonly server: Server;
  readonly visibility: Pick<Visibility, 'role' | 'seesAllSessions'>;
  /** The role that logged in, where the session runs as another. */
  readonly assumedBy: string | undefined;
  /** By what databases and roles have of their own. */
  readonly settings: (overrides: readonly SettingOverride[]) => Settings;
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

/** The first version in which a role other than a superuser may be let read files. */
const SERVER_FILES_SINCE = 11;

const SERVER = columns([
  'version',
  'inRecovery',
  'role',
  'seesAllSessions',
  'readHba',
  'readSubscriptions',
  'seesSettings',
  ...SETTING_NAMES,
  'readAurora',
  'login',
  'hbaFile',
  'dataFolder',
  'readServerFiles',
  'statFiles',
  'readPart',
  'readWhole',
]);

const read = answerAbout('the server');

/**
 * One row without a table, because functions are looked up faster than `pg_settings`, and what of it is not the
 * server's.
 */
export const serverQuery: AuditQuery<ServerAnswers> = {
  selects: (major) => {
    // 10 to 14 grant what is granted to a predefined role to all its members, later ones to those that inherit it.
    const privilege = major >= 15 ? 'USAGE' : 'MEMBER';
    const seesSettings = `pg_has_role('pg_read_all_settings', '${privilege}')`;
    const restricted = (name: string): string => `CASE WHEN ${seesSettings} THEN current_setting('${name}', true) END`;
    const value = (name: SettingName): string =>
      PUBLIC_SETTINGS.has(name) ? `current_setting('${name}', true)` : restricted(name);
    const sinceFiles = (sql: string): string => (major >= SERVER_FILES_SINCE ? sql : 'false');
    const settings = Object.fromEntries(SETTING_NAMES.map((name) => [name, value(name)])) as Record<
      SettingName,
      string
    >;
    return [
      `SELECT ${SERVER.list({
        ...settings,
        version: "current_setting('server_version')",
        inRecovery: 'pg_is_in_recovery()',
        role: 'current_user',
        seesAllSessions: `pg_has_role('pg_read_all_stats', '${privilege}')`,
        readHba: CAN_READ_HBA,
        readSubscriptions: CAN_READ_SUBSCRIPTIONS,
        seesSettings,
        readAurora: CAN_READ_AURORA,
        login: 'session_user',
        hbaFile: restricted('hba_file'),
        dataFolder: restricted('data_directory'),
        readServerFiles: sinceFiles(`pg_has_role('pg_read_server_files', '${privilege}')`),
        statFiles: sinceFiles(CAN_STAT_FILES),
        readPart: sinceFiles(CAN_READ_PART),
        readWhole: sinceFiles(CAN_READ_WHOLE),
      })}`,
    ];
  },
  read: ([rows]) => {
    const row = read.oneRow(rows, SERVER.count);
    const cell = (name: Parameters<typeof SERVER.cell>[1]) => SERVER.cell(row, name);
    // An unknown privilege counts as one that the login does not have.
    const privileges = (cell: Row[number] | undefined, what: string): boolean =>
      read.flagOrNull(cell, `whether the login may ${what}`) ?? false;
    const seesSettings = privileges(cell('seesSettings'), 'see all settings');
    const readsServerFiles = privileges(cell('readServerFiles'), 'read files of the server');
    return {
      server: {
        version: boundedText(read.text(cell('version'), 'the version'), LONGEST.version),
        inRecovery: read.flag(cell('inRecovery'), 'whether it is a standby'),
      },
      visibility: {
        role: boundedText(read.text(cell('role'), "the login's role"), LONGEST.name),
        seesAllSessions: privileges(cell('seesAllSessions'), 'see all sessions'),
      },
      assumedBy: cell('login') === cell('role') ? undefined : shortName(cell('login')),
      settings: settingsReader(cell, seesSettings),
      privileges: {
        readHba: privileges(cell('readHba'), 'read pg_hba.conf'),
        readSubscriptions: privileges(cell('readSubscriptions'), 'read subscriptions'),
        readAurora: privileges(cell('readAurora'), 'ask for the instances of an Aurora cluster'),
        readFiles: seesSettings && readsServerFiles && privileges(cell('statFiles'), 'look at files'),
        readHbaFile: hbaFileReading({
          hbaFile: cell('hbaFile') ?? undefined,
          dataFolder: cell('dataFolder') ?? undefined,
          readsServerFiles,
          readsPart: privileges(cell('readPart'), 'read parts of files'),
          readsWhole: privileges(cell('readWhole'), 'read files'),
        }),
      },
    };
  },
};

/** Of the settings that a session may have a value of its own of, only what the server gives to others is its value. */
function settingsReader(
  cell: (name: SettingName) => Row[number] | undefined,
  seesAll: boolean,
): ServerAnswers['settings'] {
  return (overrides) => {
    const values: Partial<Record<SettingName, string>> = {};
    const unusable: Partial<Record<SettingName, string>> = {};
    for (const name of SETTING_NAMES) {
      const value = cell(name);
      const overridden = overrides.some(({ setting, ofLogin }) => setting === name && ofLogin);
      if (value === null || value === undefined || overridden) continue;
      const reason = whyUnusable(name, value);
      if (reason === undefined) values[name] = value;
      else unusable[name] = reason;
    }
    return { values, seesAll, overrides, ...(Object.keys(unusable).length === 0 ? {} : { unusable }) };
  };
}

function whyUnusable(name: SettingName, value: string): string | undefined {
  const shape = SHAPES[name];
  if (shape !== undefined && !shape.test(value)) return `the server's value of ${name} is none that PostgreSQL has`;
  return tooLong(`the value of ${name}`, value, LONGEST.setting);
}

function shortName(name: string | null | undefined): string | undefined {
  return name === null || name === undefined ? undefined : boundedText(name, LONGEST.name);
}
