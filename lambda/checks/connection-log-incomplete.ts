// Finds connection logs that do not show every login, with the setting that is missing.

import { unshownLogins } from '../analysis/sessions/seen-sessions.ts';
import type { LogGap, LogGapCause } from '../model/connection-log.ts';
import { displayText } from '../model/display.ts';
import type { Outcome, Problem } from '../model/finding.ts';
import { IN_TRANSIT } from '../model/requirement.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { AuditCheck } from './check.ts';
import { NO_LOG } from './shared/log-check.ts';
import { gapsOf } from './shared/log-gaps.ts';

const LOG_LOGINS = `ALTER SYSTEM SET log_connections = 'on';
SELECT pg_reload_conf();
On PostgreSQL 18 'authorization' is enough, and writes a third as much. Messages must be in English: ALTER SYSTEM SET lc_messages = 'C';`;

export const connectionLogIncomplete: AuditCheck = {
  id: 'connection-log-incomplete',
  title: 'The connection log does not show every login',
  subject: 'audit',
  severity: 'low',
  rationale:
    'The target names a connection log, and logins between the runs are not, or not all, in what was read of it. A log that is not written must not read as a server without plaintext logins: the verdict is unknown until it is mended.',
  remedy: {
    selfManaged: `${LOG_LOGINS}
With "logs": "server": ALTER SYSTEM SET logging_collector = 'on'; which takes a restart.`,
    rds: `Set log_connections to 1 in the parameter group, and export the log "postgresql" to CloudWatch Logs.
aws rds modify-db-parameter-group --db-parameter-group-name <group> --parameters "ParameterName=log_connections,ParameterValue=1,ApplyMethod=immediate"
aws rds modify-db-instance --db-instance-identifier <instance> --cloudwatch-logs-export-configuration EnableLogTypes=postgresql`,
    neon: 'Neon shows its logs through its own exports only: use "sampleSeconds", and "logs": "none".',
    cloudSql: `Set the flag log_connections; the command takes away every flag that it does not name, so name those that are set already.
gcloud sql instances patch <instance> --database-flags=log_connections=on`,
    azure: `Set the server parameter log_connections.
az postgres flexible-server parameter set --resource-group <group> --server-name <server> --name log_connections --value on`,
    pgbouncer: 'In pgbouncer.ini: log_connections = 1; then RELOAD; on the console.',
  },
  requirements: IN_TRANSIT,
  hidesSessions: false,
  pgbouncer: evaluate,
  references: [
    'https://www.postgresql.org/docs/current/runtime-config-logging.html#GUC-LOG-CONNECTIONS',
    'https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_LogAccess.Concepts.PostgreSQL.html',
  ],
  evaluate,
};

function evaluate(snapshot: Snapshot): Outcome {
  const { connectionLog } = snapshot;
  if (connectionLog === undefined) return NO_LOG;
  if (!connectionLog.known) return { status: 'unknown', reason: connectionLog.reason };
  const unshown = unshownLogins(connectionLog.value.clients.filter(({ others }) => !others));
  const gaps = [...gapsOf(snapshot), ...(unshown === 0 ? [] : [unshownGap(unshown)])];
  // One thing to fix is one finding, however its reason is worded from run to run.
  const byCause = Map.groupBy(gaps, ({ cause }) => cause);
  return byCause.size === 0 ? { status: 'pass' } : { status: 'fail', problems: [...byCause.values()].map(problem) };
}

function unshownGap(logins: number): LogGap {
  return {
    cause: 'unreadable-lines',
    reason: `${logins} logins do not show where they came from: the lines before them are missing, or forged`,
    remedy: `ALTER SYSTEM SET log_line_prefix = '%m [%p] %q%u@%d/%r ';\nSELECT pg_reload_conf();`,
  };
}

const TITLES: Readonly<Record<LogGapCause, string>> = {
  'logging-off': 'The server does not log logins',
  translated: 'The connection log is not in English',
  'not-allowed': 'The auditor may not read the connection log',
  'not-found': 'The connection log is not there',
  'own-login-missing': "The auditor's own login is not in the connection log",
  'not-read-to-end': 'The connection log was not read to its end',
  lost: 'Part of the connection log was gone before it was read',
  'unreadable-lines': 'Lines of the connection log cannot be read',
  'too-many-clients': 'The connection log has more clients than are kept apart',
  'no-state': connectionLogIncomplete.title,
  failed: 'The connection log could not be read or remembered',
};

function problem(gaps: readonly LogGap[]): Problem {
  const [first] = gaps;
  const cause = first?.cause ?? 'failed';
  const remedy = [...new Set(gaps.flatMap((gap) => gap.remedy ?? []))].join('\n');
  return {
    severity: connectionLogIncomplete.severity,
    title: TITLES[cause],
    subject: cause,
    evidence: { cause, what: gaps.map(({ reason }) => displayText(reason, 500)) },
    ...(remedy === '' ? {} : { remedy }),
  };
}
