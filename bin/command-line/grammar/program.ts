// Defines the grammar of the command line: commands, options, help.

import { styleText } from 'node:util';
import { Command, Option } from 'commander';
import { displayText } from '../../../lambda/model/display.ts';
import { mayBeSecret, showPath } from '../../../lambda/model/given-text.ts';
import { wrap } from '../../../lambda/report/messages/wrap.ts';
import packageJson from '../../../package.json' with { type: 'json' };
import { bold, outputColumns, showsColour } from '../terminal/terminal.ts';
import { addAuditCommand } from './audit-arguments.ts';
import {
  DESCRIPTION,
  DISCOVER_DESCRIPTION,
  discoverEpilogue,
  explainEpilogue,
  HISTORY_DESCRIPTION,
  historyEpilogue,
  MUTE_DESCRIPTION,
  muteEpilogue,
  PLAN_DESCRIPTION,
  planEpilogue,
  programEpilogue,
} from './help.ts';
import { addLogsCommand } from './logs-arguments.ts';
import { days, formatOption, notEmpty, several } from './option-values.ts';
import type {
  AuditOptions,
  ChecksOptions,
  DiscoverOptions,
  HistoryOptions,
  LogsOptions,
  MuteOptions,
  PlanOptions,
} from './options.ts';
import { HISTORY_FORMATS, PLAN_FORMATS } from './options.ts';

/** Below this, what an option does no longer fits beside it. */
const NARROW = 70;

export interface Commands {
  readonly audit: (options: AuditOptions) => Promise<void>;
  readonly discover: (options: DiscoverOptions) => Promise<void>;
  readonly checks: (options: ChecksOptions) => Promise<void>;
  readonly explain: (check: string, options: ChecksOptions) => Promise<void>;
  readonly mute: (fingerprint: string, options: MuteOptions) => Promise<void>;
  readonly history: (options: HistoryOptions) => Promise<void>;
  readonly plan: (options: PlanOptions) => Promise<void>;
  readonly logs: (files: readonly string[], options: LogsOptions) => Promise<void>;
}

/** @param argv what will be parsed: errors must not repeat a password in it */
export function createProgram(argv: readonly string[], commands: Commands): Command {
  const program = new Command('npx pg-tls-auditor')
    .description(DESCRIPTION)
    .usage('<command> [options]')
    .version(packageJson.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .configureHelp({
      helpWidth: outputColumns(),
      optionDescription,
      ...(outputColumns() < NARROW ? { formatItem: descriptionBelow } : {}),
      styleTitle: bold,
      styleCommandText: cyan,
      styleOptionTerm: cyan,
      styleSubcommandTerm: cyan,
    })
    .configureOutput({
      getOutHasColors: () => showsColour(process.stdout),
      getErrHasColors: () => showsColour(process.stderr),
      outputError: (text, write) => write(safeToShow(text, argv)),
    })
    .showHelpAfterError('(--help shows what is allowed)')
    .exitOverride()
    .addHelpText('after', () => programEpilogue(outputColumns(), bold));

  addAuditCommand(program, commands.audit);

  program
    .command('discover')
    .summary('list the databases that an audit would cover, and why')
    .description(DISCOVER_DESCRIPTION)
    .option('-c, --config <file>', 'the configuration file (default: auditor.config.json in the current folder)')
    .addOption(
      new Option('--region <name>', 'every PostgreSQL of the AWS account in this region instead; may be repeated')
        .argParser(several)
        .conflicts('config'),
    )
    .addOption(formatOption('a list with reasons, or one JSON document'))
    .addHelpText('after', () => discoverEpilogue(outputColumns(), bold))
    .action(commands.discover);

  program
    .command('checks')
    .summary('list what is checked, why, and how to fix what is found')
    .description('Lists what is checked, why, and how to fix what is found.')
    .addOption(formatOption('text, or one JSON document'))
    .action(commands.checks);

  program
    .command('explain')
    .summary('explain one check: why it matters, and how to fix what it finds')
    .description('Explains one check: why it matters, how to fix what it finds, and where the rule comes from.')
    .argument('<check>', "the check's id, as findings and the catalogue name it")
    .addOption(formatOption('text, or one JSON document'))
    .addHelpText('after', () => explainEpilogue(outputColumns(), bold))
    .action(commands.explain);

  program
    .command('mute')
    .summary('print the entry that mutes a finding until a day')
    .description(MUTE_DESCRIPTION)
    .argument('<fingerprint>', 'of the finding, as reports and messages name it')
    .option('--until <date>', 'the last day on which it mutes (UTC), or the moment at which it ends; required')
    .option('--reason <text>', 'why the finding is accepted; required')
    .option(
      '--owner <name>',
      'the person or team that is responsible for the mute (default: USER, unless that is root)',
    )
    .option('-c, --config <file>', 'the configuration that the entry is for (default: auditor.config.json)', notEmpty)
    .option(
      '--state <file|dynamodb:table>',
      'where runs keep their state: shows the finding that would be muted',
      notEmpty,
    )
    .addHelpText('after', () => muteEpilogue(outputColumns(), bold))
    .action(commands.mute);

  program
    .command('history')
    .summary('list the clients that connected insecurely over the last days')
    .description(HISTORY_DESCRIPTION)
    .option('--state <file|dynamodb:table>', 'where runs keep their state; required', notEmpty)
    .addOption(new Option('--days <number>', 'how many days back, 1 to 90').argParser(days).default(7))
    .option('-t, --target <name>', 'only clients of this target; may be repeated', several)
    .addOption(formatOption('a table, one JSON document, or a page to read and print', HISTORY_FORMATS))
    .addHelpText('after', () => historyEpilogue(outputColumns(), bold))
    .action(commands.history);

  program
    .command('plan')
    .summary('plan how plaintext is switched off: who would break, and the exact steps')
    .description(PLAN_DESCRIPTION)
    .option('--state <file|dynamodb:table>', 'where runs keep their state; required', notEmpty)
    .addOption(new Option('--days <number>', 'how many days must be known, 1 to 90').argParser(days).default(30))
    .option('-t, --target <name>', 'only this target; may be repeated', several)
    .addOption(formatOption('text, Markdown, or one JSON document', PLAN_FORMATS))
    .addHelpText('after', () => planEpilogue(outputColumns(), bold))
    .action(commands.plan);

  addLogsCommand(program, commands.logs);

  return program;
}

/** Shorter than commander's own text. */
function optionDescription({ description, argChoices, defaultValue }: Option): string {
  const facts = [argChoices?.join(', '), defaultValue === undefined ? undefined : `default: ${defaultValue}`].filter(
    (fact) => fact !== undefined,
  );
  return facts.length === 0 ? description : `${description} (${facts.join('; ')})`;
}

function descriptionBelow(term: string, _termWidth: number, description: string): string {
  return [`  ${term}`, ...wrap(description, outputColumns(), '      ')].join('\n');
}

/**
 * Commander repeats what it does not understand. An argument that may be a secret is not repeated, the value of an
 * option that does not exist never, and nothing raw.
 */
function safeToShow(text: string, argv: readonly string[]): string {
  return argv
    .flatMap(partsOf)
    .filter(({ given, shown }) => given !== '' && given !== shown)
    .sort((a, b) => b.given.length - a.given.length)
    .reduce((said, { given, shown }) => said.replaceAll(given, () => shown), text);
}

interface Part {
  readonly given: string;
  readonly shown: string;
}

/** An argument as commander may repeat it: whole, or without the option that it begins with. */
function partsOf(argument: string): Part[] {
  const [, option, value] = /^(--?[^=]*)=(.*)$/s.exec(argument) ?? [];
  if (option !== undefined && value !== undefined) {
    return [
      { given: argument, shown: `${showArgument(option)}=…` },
      { given: value, shown: showArgument(value) },
    ];
  }
  // The value of an option of one letter may follow it at once.
  const glued = /^-[a-zA-Z]./s.test(argument) ? argument.slice(2) : '';
  return [
    { given: argument, shown: showArgument(argument) },
    { given: glued, shown: showArgument(glued) },
  ];
}

function showArgument(argument: string): string {
  if (/^\.{0,2}\//.test(argument)) return showPath(argument);
  return mayBeSecret(argument) ? '(not shown)' : displayText(argument, 100);
}

// Taken out again where colours can't be shown.
function cyan(text: string): string {
  return styleText('cyan', text, { validateStream: false });
}
