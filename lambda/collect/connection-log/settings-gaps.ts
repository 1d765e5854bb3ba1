// Finds what the settings of a server keep out of its log, and how each of them is set.

import type { LogGap } from '../../model/connection-log.ts';
import { displayText } from '../../model/display.ts';
import { type ProviderId, providerOfName } from '../../model/hosting.ts';
import type { LogSettings } from './source.ts';

/** The first version whose log_connections is a list of what is logged. */
const LISTS_SINCE = 18;

/**
 * What the settings prove to be missing; empty where they say that each login is logged in English.
 *
 * @param verifiedName what the server's certificate was verified for: it says who runs the server
 */
export function settingsGaps(
  settings: LogSettings,
  { source, verifiedName }: { readonly source: 'server-files' | 'cloudwatch-logs'; readonly verifiedName: string },
): readonly LogGap[] {
  const set = setterOf(providerOfName(verifiedName));
  const { logConnections, logMinMessages, lcMessages, logDestination } = settings;
  const gaps: LogGap[] = [];
  if (!logsLogins(logConnections)) {
    gaps.push({
      cause: 'logging-off',
      reason: `log_connections is ${shown(logConnections)}: the server writes no line for a login`,
      remedy: set('log_connections', wantedConnections(settings)),
    });
  }
  if (/^(?:fatal|panic)$/i.test(logMinMessages)) {
    gaps.push({
      cause: 'logging-off',
      reason: `log_min_messages is ${shown(logMinMessages)}: the server writes no line of the level LOG, as that of a login is`,
      remedy: set('log_min_messages', 'warning'),
    });
  }
  if (lcMessages !== '' && !/^(?:C|POSIX)(?:$|[._@])|^en/i.test(lcMessages)) {
    gaps.push({
      cause: 'translated',
      reason: `lc_messages is ${shown(lcMessages)}: the log is not in English, and only English is read`,
      remedy: set('lc_messages', 'C'),
    });
  }
  if (source === 'cloudwatch-logs') return gaps;
  if (!isOn(settings.loggingCollector)) {
    gaps.push({
      cause: 'logging-off',
      reason: `logging_collector is ${shown(settings.loggingCollector)}: the server writes no log files`,
      remedy: "ALTER SYSTEM SET logging_collector = 'on';\nThen restart the server.",
    });
  }
  const format = formatOf(logDestination);
  if (format === undefined) {
    gaps.push({
      cause: 'logging-off',
      reason: `log_destination is ${shown(logDestination)}: nothing is written to log files`,
      remedy: set('log_destination', 'csvlog'),
    });
  }
  if (format === 'stderr' && !/%-?\d*[tmns]/.test(settings.logLinePrefix)) {
    gaps.push({
      cause: 'unreadable-lines',
      reason: `log_line_prefix is ${shown(settings.logLinePrefix)}: its lines do not say when a login was`,
      remedy: set('log_line_prefix', '%m [%p] '),
    });
  }
  return gaps;
}

/** The format to read: the one with the most in it of those that the server writes to files, and only that one. */
export function formatOf(logDestination: string): 'jsonlog' | 'csvlog' | 'stderr' | undefined {
  const destinations = wordsOf(logDestination);
  return (['jsonlog', 'csvlog', 'stderr'] as const).find((format) => destinations.includes(format));
}

export function isOn(value: string): boolean {
  return /^(?:on|true|yes|1)$/i.test(value);
}

export function majorOf({ version }: Pick<LogSettings, 'version'>): number {
  return Number(/^\d{1,3}/.exec(version)?.[0] ?? 0);
}

function logsLogins(value: string): boolean {
  return isOn(value) || wordsOf(value).some((word) => word === 'authorization' || word === 'all');
}

function wantedConnections({ logConnections, version }: LogSettings): string {
  if (majorOf({ version }) < LISTS_SINCE) return 'on';
  const already = wordsOf(logConnections).filter((word) =>
    ['receipt', 'authentication', 'setup_durations'].includes(word),
  );
  return [...already, 'authorization'].join(',');
}

function wordsOf(list: string): readonly string[] {
  return list
    .toLowerCase()
    .split(',')
    .map((word) => word.trim());
}

function shown(value: string): string {
  return value === '' ? 'empty' : `"${displayText(value, 100)}"`;
}

type Setter = (name: string, value: string) => string;

function setterOf(provider: ProviderId | undefined): Setter {
  switch (provider) {
    case 'rds':
      return (name, value) => {
        const inGroup = name === 'log_connections' && value === 'on' ? '1' : value;
        const parameters = `--parameters "ParameterName=${name},ParameterValue=${inGroup},ApplyMethod=immediate"`;
        return `RDS: aws rds modify-db-parameter-group --db-parameter-group-name <group> ${parameters}
Aurora: aws rds modify-db-cluster-parameter-group --db-cluster-parameter-group-name <group> ${parameters}`;
      };
    case 'cloudSql':
      return (name, value) => `gcloud sql instances patch <instance> --database-flags=${name}=${value}
It takes away every flag that is not named there: name those that are set already too.`;
    case 'azure':
      return (name, value) =>
        `az postgres flexible-server parameter set --resource-group <group> --server-name <server> --name ${name} --value ${value}`;
    default:
      return (name, value) => `ALTER SYSTEM SET ${name} = '${value}';\nSELECT pg_reload_conf();`;
  }
}
