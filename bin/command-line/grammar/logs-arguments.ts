// The arguments of the command `logs`.

import { type Command, Option } from 'commander';
import { SEVERITIES } from '../../../lambda/model/severity.ts';
import { bold, outputColumns } from '../terminal/terminal.ts';
import { LOGS_DESCRIPTION, logsEpilogue } from './help.ts';
import { formatOption, notEmpty } from './option-values.ts';
import { LOGS_FORMATS, type LogsOptions } from './options.ts';

export function addLogsCommand(
  program: Command,
  run: (files: readonly string[], options: LogsOptions) => Promise<void>,
): void {
  program
    .command('logs')
    .summary('show from log files who connected how')
    .description(LOGS_DESCRIPTION)
    .argument('[file...]', 'log files, plain or .gz; - or none is standard input')
    .option(
      '--prefix <text>',
      "the server's log_line_prefix, for logs of the format stderr (default: guessed from the lines)",
      notEmpty,
    )
    .addOption(
      new Option('--fail-on <severity>', 'exit with 1 from this severity on').choices(SEVERITIES).default('medium'),
    )
    .addOption(formatOption('a table with remedies, or one document', LOGS_FORMATS))
    .addHelpText('after', () => logsEpilogue(outputColumns(), bold))
    .action(run);
}
