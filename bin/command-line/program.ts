// The grammar of the command line: commands, options, their help.

import { styleText } from 'node:util';
import { Command, InvalidArgumentError, Option } from 'commander';
import { LOOPBACK_POLICIES } from '../../lambda/model/policy.ts';
import { SEVERITIES } from '../../lambda/model/severity.ts';
import { TARGET_KINDS } from '../../lambda/model/target.ts';
import { wrap } from '../../lambda/report/wrap.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { AUDIT_DESCRIPTION, auditEpilogue, DESCRIPTION, explainEpilogue, programEpilogue } from './help.ts';
import { type AuditOptions, type ChecksOptions, FORMATS } from './options.ts';
import { outputColumns, showsColour } from './terminal.ts';

/** Below this, what an option does no longer fits beside it. */
const NARROW = 70;

export interface Commands {
  readonly audit: (options: AuditOptions) => Promise<void>;
  readonly checks: (options: ChecksOptions) => Promise<void>;
  readonly explain: (check: string, options: ChecksOptions) => Promise<void>;
}

/** @param argv what will be parsed: errors must not repeat a password in it */
export function createProgram(argv: readonly string[], commands: Commands): Command {
  const program = new Command('pg-tls-auditor')
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
      outputError: (text, write) => write(withoutSecrets(text, argv)),
    })
    .showHelpAfterError('(--help shows what is allowed)')
    .exitOverride()
    .addHelpText('after', () => programEpilogue(outputColumns(), bold));

  program
    .command('audit')
    .summary('audit the servers of a configuration file, or one server')
    .description(AUDIT_DESCRIPTION)
    .optionsGroup('Servers of a configuration file:')
    .option('-c, --config <file>', 'the configuration file (default: auditor.config.json in the current folder)')
    .option('-t, --target <name>', 'audit only this target; may be repeated', several)
    .optionsGroup('One server:')
    .addOption(
      new Option('-u, --url <url>', 'postgres://USER@HOST:5432/DATABASE; the password comes from PGPASSWORD').conflicts(
        ['config', 'target'],
      ),
    )
    .addOption(
      new Option('--kind <kind>', 'what answers there (default: postgresql); a PgBouncer by its admin console').choices(
        TARGET_KINDS,
      ),
    )
    .option(
      '--ca <file|system>',
      'PEM file with the CAs to trust, or system for public CAs; may be repeated (default: PGSSLROOTCERT, else system)',
      several,
    )
    .option('--tls-server-name <name>', "name that the server's certificate must carry, if it is not the host")
    .addOption(
      new Option('--ssl-negotiation <how>', 'direct starts TLS at once, for PostgreSQL 17 and newer').choices([
        'postgres',
        'direct',
      ]),
    )
    .option('--client-certificate <file>', 'PEM file with our certificate, for servers that want one', notEmpty)
    .option('--client-key <file>', 'PEM file with the private key of that certificate', notEmpty)
    .option('--timeout <seconds>', 'what the audit may take in all (default: 20)', seconds)
    .option('--probe', 'also try what the server accepts on the wire; sends the name of the role unencrypted, once')
    .optionsGroup('Verdict and output:')
    .addOption(
      new Option('--loopback <how>', 'how plaintext over loopback is judged, whatever the configuration says').choices(
        LOOPBACK_POLICIES,
      ),
    )
    .addOption(
      new Option('--fail-on <severity>', 'exit with 1 from this severity on').choices(SEVERITIES).default('medium'),
    )
    .addOption(formatOption('a table with remedies, or one JSON document'))
    .addHelpText('after', () => auditEpilogue(outputColumns(), bold))
    .action(commands.audit);

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

  return program;
}

function formatOption(description: string): Option {
  return new Option('-f, --format <format>', description).choices(FORMATS).default('table');
}

/** Commander's own wording takes twice the room. */
function optionDescription({ description, argChoices, defaultValue }: Option): string {
  const facts = [argChoices?.join(', '), defaultValue === undefined ? undefined : `default: ${defaultValue}`];
  const told = facts.filter((fact) => fact !== undefined);
  return told.length === 0 ? description : `${description} (${told.join('; ')})`;
}

function descriptionBelow(term: string, _termWidth: number, description: string): string {
  return [`  ${term}`, ...wrap(description, outputColumns(), '      ')].join('\n');
}

function several(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, notEmpty(value)];
}

function notEmpty(value: string): string {
  if (value === '') throw new InvalidArgumentError('It is empty.');
  return value;
}

function seconds(value: string): number {
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError('It must be a whole number of seconds.');
  return Number(value);
}

/** Commander repeats what it does not understand. What looks like a connection string is not shown. */
function withoutSecrets(text: string, argv: readonly string[]): string {
  return argv
    .filter((argument) => /:\/\/|password/i.test(argument))
    .map((argument) => argument.replace(/^--?[\w-]+=/, ''))
    .reduce((shown, secret) => shown.replaceAll(secret, '(not shown)'), text);
}

// Colours are taken out again where they can't be shown.
function bold(text: string): string {
  return styleText('bold', text, { validateStream: false });
}

function cyan(text: string): string {
  return styleText('cyan', text, { validateStream: false });
}
