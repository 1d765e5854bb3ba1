// The command `logs`: reads the log files of a server and prints who connected how.

import { LoginAggregator } from '../../../lambda/analysis/connection-log/logins.ts';
import { PrefixError } from '../../../lambda/analysis/connection-log/prefix.ts';
import { ConnectionLogReader, UnknownFormatError } from '../../../lambda/analysis/connection-log/reader.ts';
import { evaluateLogins } from '../../../lambda/checks/logins/evaluate-logins.ts';
import { parseConfig } from '../../../lambda/config/index.ts';
import { isAtLeast, type Severity } from '../../../lambda/model/severity.ts';
import type { LogsDocument } from '../../../lambda/report/logs-schema.ts';
import type { LogsOptions } from '../grammar/options.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { type LogFile, LogFileError, openLog, STANDARD_INPUT } from '../targets/log-files.ts';
import { EXIT_CODES, type ExitCode } from '../terminal/exit-code.ts';
import { logsDocument } from '../terminal/logs-document.ts';
import { startLogProgress } from '../terminal/logs-progress.ts';
import { outputColumns, print, showsColour } from '../terminal/terminal.ts';

/** Stands where a finding of an audit names its target. */
const TARGET = 'log';

/** @throws UsageError */
export async function logs(files: readonly string[], options: LogsOptions): Promise<ExitCode> {
  const wanted = files.length > 0 ? files : [STANDARD_INPUT];
  if (files.length === 0 && process.stdin.isTTY) {
    throw new UsageError('logs needs log files, or a log on standard input: pg-tls-auditor logs FILE…');
  }
  const opened: LogFile[] = [];
  for (const file of wanted) opened.push(await openLog(file));
  const document = await readLogs(opened, options.prefix);
  await print(options.format === 'json' ? `${JSON.stringify(document, null, 2)}\n` : await asText(document));
  return exitCodeOfLogs(document, options.failOn);
}

/** @throws UsageError where the lines are of no form that is known */
async function readLogs(files: readonly LogFile[], prefix: string | undefined): Promise<LogsDocument> {
  const aggregator = new LoginAggregator();
  const reader = readerFor(prefix, aggregator);
  const fileFaults: string[] = [];
  {
    using progress = startLogProgress(files, () => reader.counts.read, process.stderr);
    for (const file of files) {
      try {
        for await (const piece of file.pieces()) {
          reader.push(piece);
          progress.draw();
        }
        reader.end();
      } catch (error) {
        if (error instanceof UnknownFormatError) throw unknownFormat(file, error, prefix);
        if (!(error instanceof LogFileError)) throw error;
        fileFaults.push(error.message);
        endAfterFault(reader);
      }
    }
  }
  const logins = aggregator.result();
  const kind = reader.format === 'pgbouncer' ? 'pgbouncer' : 'postgresql';
  const findings = evaluateLogins(logins.clients, { target: TARGET, kind, policy: defaultPolicy() });
  return logsDocument({ reader, logins, findings, fileFaults });
}

function readerFor(prefix: string | undefined, aggregator: LoginAggregator): ConnectionLogReader {
  try {
    return new ConnectionLogReader({ prefix, onEvent: (event, record) => aggregator.add(event, record) });
  } catch (error) {
    if (!(error instanceof PrefixError)) throw error;
    throw new UsageError(`--prefix: ${error.message}; give what SHOW log_line_prefix shows`, { cause: error });
  }
}

/** What was read before the fault counts; that the file was not read whole is said already. */
function endAfterFault(reader: ConnectionLogReader): void {
  try {
    reader.end();
  } catch (error) {
    if (!(error instanceof UnknownFormatError)) throw error;
  }
}

function unknownFormat({ shownAs }: LogFile, cause: UnknownFormatError, prefix: string | undefined): UsageError {
  const remedy =
    prefix === undefined
      ? "It must be PostgreSQL's stderr, csvlog or jsonlog, an export of CloudWatch Logs, or PgBouncer's log. For stderr, give the server's log_line_prefix (SHOW log_line_prefix): --prefix '%m [%p] '"
      : 'Give what SHOW log_line_prefix shows on that server, with the space at its end if there is one';
  return new UsageError(`${shownAs}: ${cause.message}. ${remedy}`, { cause });
}

/** What an empty configuration judges by. */
function defaultPolicy(): ReturnType<typeof parseConfig>['policy'] {
  return parseConfig({ targets: [{ name: TARGET, secret: TARGET }] }, { use: 'command-line' }).policy;
}

async function asText(document: LogsDocument): Promise<string> {
  const { renderLogs } = await import('../terminal/logs-table.ts');
  return renderLogs(document, { columns: outputColumns(), colour: showsColour(process.stdout) });
}

/** What could not be read outweighs what was found, as in an audit. */
function exitCodeOfLogs({ complete, findings }: LogsDocument, failOn: Severity): ExitCode {
  if (!complete) return EXIT_CODES.failed;
  return findings.some(({ severity }) => isAtLeast(severity, failOn)) ? EXIT_CODES.findings : EXIT_CODES.passed;
}
