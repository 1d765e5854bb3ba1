// The command `logs`: reads the log files of a server and prints who connected how.

import { setFlagsFromString } from 'node:v8';
import { LoginAggregator } from '../../../lambda/analysis/connection-log/logins.ts';
import { PrefixError } from '../../../lambda/analysis/connection-log/prefix.ts';
import { ConnectionLogReader, UnknownFormatError } from '../../../lambda/analysis/connection-log/reader.ts';
import { DEFAULT_POLICY } from '../../../lambda/model/policy.ts';
import { isAtLeast, type Severity } from '../../../lambda/model/severity.ts';
import { systemClock } from '../../../lambda/model/time.ts';
import type { LogsDocument } from '../../../lambda/report/logs-schema.ts';
import type { LogsOptions } from '../grammar/options.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { type LogFile, LogFileError, openLogs, STANDARD_INPUT } from '../targets/log-files.ts';
import { EXIT_CODES, type ExitCode } from '../terminal/exit-code.ts';
import { type LogsResult, logsDocument } from '../terminal/logs-document.ts';
import { startLogProgress } from '../terminal/logs-progress.ts';
import type { EvaluatedLog } from '../terminal/logs-report.ts';
import { outputColumns, print, showsColour } from '../terminal/terminal.ts';

/** Stands where a finding of an audit names its target. */
const TARGET = 'log';

/**
 * Almost all that is read dies young. V8 would let what has died grow to some 100 MB before it collects it, for no gain
 * in speed: its young generation stays at the size that it has.
 */
setFlagsFromString('--semi-space-growth-factor=1');
/** So small a generation takes several threads longer to share than one to collect. */
setFlagsFromString('--no-parallel-scavenge');

/** @throws UsageError */
export async function logs(files: readonly string[], options: LogsOptions): Promise<ExitCode> {
  const startedAt = systemClock().toISOString();
  if (files.length === 0 && process.stdin.isTTY) {
    throw new UsageError('logs needs log files, or a log on standard input: pg-tls-auditor logs FILE…');
  }
  const opened = await openLogs(files.length > 0 ? files : [STANDARD_INPUT]);
  const read = await readLogs(opened, options.prefix);
  // What is needed from here on is not in memory while the log is read.
  const { evaluateLogins } = await import('../../../lambda/checks/logins/evaluate-logins.ts');
  const context = { target: TARGET, kind: kindOf(read.reader), policy: DEFAULT_POLICY } as const;
  const findings = evaluateLogins(read.logins, context);
  const document = logsDocument({ ...read, findings });
  const log = { ...context, findings, startedAt, finishedAt: systemClock().toISOString() };
  await print(await rendered(document, log, options));
  return exitCodeOfLogs(document, options.failOn);
}

/** @throws UsageError where the lines are of no form that is known */
async function readLogs(files: readonly LogFile[], prefix: string | undefined): Promise<Omit<LogsResult, 'findings'>> {
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
  return { reader, logins: aggregator.result(), fileFaults };
}

function kindOf({ format }: LogsResult['reader']): 'pgbouncer' | 'postgresql' {
  return format === 'pgbouncer' ? 'pgbouncer' : 'postgresql';
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
      ? "It must be PostgreSQL's stderr, csvlog or jsonlog, an export of CloudWatch Logs, or PgBouncer's log. If it is the server's standard error, give what SHOW log_line_prefix shows on that server: --prefix '%m [%p] '"
      : 'Give what SHOW log_line_prefix shows on that server';
  return new UsageError(`${shownAs}: ${cause.message}. ${remedy}`, { cause });
}

async function rendered(
  document: LogsDocument,
  log: EvaluatedLog,
  { format, failOn }: Pick<LogsOptions, 'format' | 'failOn'>,
): Promise<string | Iterable<string>> {
  if (format === 'json') return `${JSON.stringify(document, null, 2)}\n`;
  if (format === 'table') {
    const { renderLogs } = await import('../terminal/logs-table.ts');
    return renderLogs(document, { columns: outputColumns(), colour: showsColour(process.stdout) });
  }
  const { logsReport } = await import('../terminal/logs-report.ts');
  const { rendererFor } = await import('./formats.ts');
  const render = await rendererFor({ format, failOn }, process.env);
  return render(logsReport(document, log));
}

/** What could not be read outweighs what was found, as in an audit. */
function exitCodeOfLogs({ complete, findings }: LogsDocument, failOn: Severity): ExitCode {
  if (!complete) return EXIT_CODES.failed;
  return findings.some(({ severity }) => isAtLeast(severity, failOn)) ? EXIT_CODES.findings : EXIT_CODES.passed;
}
