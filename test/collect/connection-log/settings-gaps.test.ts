// What settings keep out of a log, and the remedy for each of them.

import { expect, test } from 'vitest';
import { formatOf, settingsGaps } from '../../../lambda/collect/connection-log/settings-gaps.ts';
import type { LogSettings } from '../../../lambda/collect/connection-log/source.ts';

const SOUND: LogSettings = {
  version: '18.4',
  logConnections: 'authorization',
  logDisconnections: 'off',
  logDestination: 'stderr',
  logLinePrefix: '%m [%p] ',
  logTimezone: 'Etc/UTC',
  logHostname: 'off',
  logMinMessages: 'warning',
  loggingCollector: 'on',
  logDirectory: 'log',
  logFilename: 'postgresql-%a.log',
  lcMessages: 'C',
};

const of = (
  settings: Partial<LogSettings>,
  source: 'server-files' | 'cloudwatch-logs' = 'server-files',
  name = 'db.lab',
) => settingsGaps({ ...SOUND, ...settings }, { source, verifiedName: name });

test.each<[string, Partial<LogSettings>]>([
  ['the default of 17, on', { version: '17.10', logConnections: 'on' }],
  ['the old words of 18', { logConnections: 'yes' }],
  ['a list', { logConnections: 'receipt, authorization' }],
  ['everything', { logConnections: 'all' }],
  ['LOG as the least that is written', { logMinMessages: 'log' }],
  ['English of a country', { lcMessages: 'en_GB.UTF-8' }],
  ['English of Windows', { lcMessages: 'English_United States.1252' }],
  ['C.UTF-8', { lcMessages: 'C.UTF-8' }],
  ['POSIX', { lcMessages: 'POSIX' }],
  ['all destinations', { logDestination: 'syslog, stderr,csvlog,jsonlog' }],
  ['a prefix with padding', { logLinePrefix: '%-30m [%p] ' }],
  ['csvlog with no prefix', { logDestination: 'csvlog', logLinePrefix: '' }],
])('nothing is missing with %s', (_what, settings) => {
  expect(of(settings)).toEqual([]);
});

const alter = (name: string, value: string): string =>
  `ALTER SYSTEM SET ${name} = '${value}';\nSELECT pg_reload_conf();`;

test.each<[Partial<LogSettings>, string, string]>([
  [{ logConnections: '' }, 'logging-off', alter('log_connections', 'authorization')],
  [
    { logConnections: 'receipt,authentication' },
    'logging-off',
    alter('log_connections', 'receipt,authentication,authorization'),
  ],
  [{ logConnections: 'off' }, 'logging-off', alter('log_connections', 'authorization')],
  [{ version: '17.10', logConnections: 'off' }, 'logging-off', alter('log_connections', 'on')],
  [{ logMinMessages: 'fatal' }, 'logging-off', alter('log_min_messages', 'warning')],
  [{ logMinMessages: 'PANIC' }, 'logging-off', alter('log_min_messages', 'warning')],
  [{ lcMessages: 'de_DE.UTF-8' }, 'translated', alter('lc_messages', 'C')],
  [{ lcMessages: 'Catalan' }, 'translated', alter('lc_messages', 'C')],
  [{ loggingCollector: 'off' }, 'logging-off', "ALTER SYSTEM SET logging_collector = 'on';\nThen restart the server."],
  [{ logDestination: 'syslog' }, 'logging-off', alter('log_destination', 'csvlog')],
  [{ logLinePrefix: '[%p] ' }, 'unreadable-lines', alter('log_line_prefix', '%m [%p] ')],
])('%j', (settings, cause, remedy) => {
  expect(of(settings)).toMatchObject([{ cause, remedy }]);
});

test('what only log files need is not asked of a server whose log is in CloudWatch Logs', () => {
  expect(of({ loggingCollector: 'off', logDestination: 'syslog', logLinePrefix: '' }, 'cloudwatch-logs')).toEqual([]);
});

test.each([
  ['db.x.eu-west-1.rds.amazonaws.com', 'ParameterName=log_connections,ParameterValue=1,ApplyMethod=immediate'],
  ['x.europe-west1.sql.goog', 'gcloud sql instances patch <instance> --database-flags=log_connections=on'],
  ['x.postgres.database.azure.com', '--name log_connections --value on'],
])('the remedy on %s', (name, command) => {
  const [gap] = of({ version: '17.10', logConnections: 'off' }, 'cloudwatch-logs', name);
  expect(gap?.remedy).toContain(command);
});

test('what a hostile server puts in a setting is shown as text', () => {
  const [gap] = of({ logConnections: `x\u001b[31m${'y'.repeat(5_000)}` });
  expect(gap?.reason).not.toContain('\u001b');
  expect(gap?.reason.length).toBeLessThan(250);
});

test.each([
  ['stderr', 'stderr'],
  ['stderr,csvlog', 'csvlog'],
  ['csvlog, jsonlog', 'jsonlog'],
  ['syslog', undefined],
  ['', undefined],
])('of "%s" %s is read', (destinations, format) => {
  expect(formatOf(destinations)).toBe(format);
});
