// Reads the settings by which a server writes its log, and what the login may do to read it.

import { quoteIdentifier } from '../../model/sql-identifier.ts';
import { answerAbout } from '../answers/answer.ts';
import { LONGEST } from '../answers/bounded-text.ts';
import type { AuditQuery } from '../postgres/query.ts';
import type { LogSettings } from './source.ts';

/** What the server says of its log. */
export interface LogSetup {
  readonly settings: LogSettings;
  /** Settings that the login does not see; their values in `settings` are empty. */
  readonly hidden: readonly string[];
  /** How the login may read files: as bytes, as text, or not. */
  readonly reading: FileReading | undefined;
  /** Of the session: the role whose rights count. */
  readonly role: string;
  /** Milliseconds since 1970, by the server's clock. */
  readonly now: number;
}

export type FileReading = 'bytes' | 'text';

const NAMES: Readonly<Record<Exclude<keyof LogSettings, 'version'>, string>> = {
  logConnections: 'log_connections',
  logDisconnections: 'log_disconnections',
  logDestination: 'log_destination',
  logLinePrefix: 'log_line_prefix',
  logTimezone: 'log_timezone',
  logHostname: 'log_hostname',
  logMinMessages: 'log_min_messages',
  loggingCollector: 'logging_collector',
  logDirectory: 'log_directory',
  logFilename: 'log_filename',
  lcMessages: 'lc_messages',
};

/** Settings of one word, or of a list of words: nothing else may pass for a value. */
const WORDS = /^[\w ,:.@-]{0,200}$/;
const SHAPES: Readonly<Partial<Record<keyof LogSettings, RegExp>>> = {
  logConnections: WORDS,
  logDisconnections: WORDS,
  logDestination: WORDS,
  logHostname: WORDS,
  logMinMessages: WORDS,
  loggingCollector: WORDS,
  lcMessages: WORDS,
};

/** Seconds since 1970, up to the end of the year 9999. */
const LATEST = 253_402_300_799;

const BYTES = 'pg_catalog.pg_read_binary_file(text,bigint,bigint)';
const TEXT = 'pg_catalog.pg_read_file(text,bigint,bigint)';

const read = answerAbout('the settings of the log');

export const logSetupQuery: AuditQuery<LogSetup> = {
  selects: () => [
    `SELECT current_setting('server_version'),
       has_function_privilege('${BYTES}', 'EXECUTE'),
       has_function_privilege('${TEXT}', 'EXECUTE'),
       current_user,
       extract(epoch FROM clock_timestamp())::numeric`,
    `SELECT name, setting FROM pg_settings WHERE name IN (${Object.values(NAMES)
      .map((name) => `'${name}'`)
      .join(', ')})`,
  ],
  read: ([server, rows]) => {
    const [version, asBytes, asText, role, now] = read.oneRow(server, 5);
    const values = new Map(
      read.rows(rows, 2).map(([name, setting]) => [read.text(name, 'the name of a setting'), setting ?? '']),
    );
    const settings = Object.fromEntries(
      Object.entries(NAMES).map(([key, name]) => [
        key,
        checked(key as keyof LogSettings, name, values.get(name) ?? ''),
      ]),
    ) as Omit<LogSettings, 'version'>;
    return {
      settings: { ...settings, version: checked('version', 'server_version', read.text(version, 'the version')) },
      hidden: Object.values(NAMES).filter((name) => !values.has(name)),
      reading: read.flag(asBytes, 'whether files may be read as bytes')
        ? 'bytes'
        : read.flag(asText, 'whether files may be read as text')
          ? 'text'
          : undefined,
      role: checked('version', 'the role', read.text(role, 'the role')),
      now: moment(now),
    };
  },
};

function checked(key: keyof LogSettings, name: string, value: string): string {
  const longest = key === 'version' ? LONGEST.name : LONGEST.setting;
  if (value.length > longest) read.refuse(`${name} has more than ${longest} characters`);
  if (SHAPES[key]?.test(value) === false) read.refuse(`${name} is no list of words`);
  return value;
}

function moment(cell: string | null | undefined): number {
  const seconds = /^\d{1,12}(\.\d{1,9})?$/.test(cell ?? '') ? Number(cell) : Number.NaN;
  if (!(seconds <= LATEST)) read.refuse('the time of the server is none');
  return Math.floor(seconds * 1000);
}

/** What lets a role read the log files: in the database that it connects to, for functions belong to databases. */
export function readingGrant(role: string): string {
  return `GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_binary_file(text, bigint, bigint) TO ${quoteIdentifier(role)};`;
}

/** What lets a role list the log files, and see all settings. */
export function monitorGrant(role: string): string {
  return `GRANT pg_monitor TO ${quoteIdentifier(role)};`;
}
