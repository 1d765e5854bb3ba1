// Defines the options of the command `audit`.

import { type Command, Option } from 'commander';
import { LOOPBACK_POLICIES } from '../../../lambda/model/policy.ts';
import { SEVERITIES } from '../../../lambda/model/severity.ts';
import { AUTHENTICATION_METHODS, TARGET_KINDS } from '../../../lambda/model/target.ts';
import { bold, outputColumns } from '../terminal/terminal.ts';
import { AUDIT_DESCRIPTION, auditEpilogue } from './help.ts';
import { formatOption, notEmpty, seconds, several } from './option-values.ts';
import { type AuditOptions, REPORT_FORMATS } from './options.ts';

export function addAuditCommand(program: Command, run: (options: AuditOptions) => Promise<void>): void {
  program
    .command('audit')
    .summary('audit the servers of a configuration file, or one server')
    .description(AUDIT_DESCRIPTION)
    .optionsGroup('Servers of a configuration file:')
    .option('-c, --config <file>', 'the configuration file (default: auditor.config.json in the current folder)')
    .option('-t, --target <name>', 'audit only this target; may be repeated', several)
    .option('--dry-run', 'print what would be audited, and why; audit nothing')
    .optionsGroup('Databases of RDS and Aurora:')
    .addOption(
      new Option('--discover', 'audit every PostgreSQL of the AWS account, by IAM authentication').conflicts('config'),
    )
    .addOption(
      new Option('--region <name>', 'the same in this region; may be repeated (default: AWS_REGION)')
        .argParser(several)
        .conflicts('config'),
    )
    .option('--role <name>', 'the role to log in as (default: tls_auditor)', notEmpty)
    .optionsGroup('One server:')
    .addOption(
      new Option('-u, --url <url>', 'postgres://USER@HOST:5432/DATABASE; the password comes from PGPASSWORD').conflicts(
        ['config', 'target', 'discover', 'region', 'role', 'dryRun'],
      ),
    )
    .addOption(
      new Option(
        '--kind <kind>',
        'what the server is (default: postgresql); a PgBouncer is audited by its admin console',
      ).choices(TARGET_KINDS),
    )
    .option(
      '--ca <file|system>',
      'PEM file with the CAs to trust, or system for public CAs; may be repeated (default: PGSSLROOTCERT, else system)',
      several,
    )
    .option(
      '--crl <file>',
      'file with revocation lists, PEM or DER; may be repeated (default: none is checked)',
      several,
    )
    .option('--tls-server-name <name>', "name that the server's certificate must carry, if it is not the host")
    .addOption(
      new Option('--ssl-negotiation <how>', 'direct starts TLS at once, for PostgreSQL 17 and newer').choices([
        'postgres',
        'direct',
      ]),
    )
    .addOption(
      new Option(
        '--authentication <method>',
        'what the server may ask for, instead of scram-sha-256, md5 or none; password sends it in clear within TLS, for LDAP and PAM',
      ).choices(AUTHENTICATION_METHODS),
    )
    .option(
      '--client-certificate <file>',
      "PEM file with the auditor's certificate, for servers that ask for one",
      notEmpty,
    )
    .option('--client-key <file>', 'PEM file with the private key of that certificate', notEmpty)
    .option(
      '--client-key-passphrase-file <file>',
      'file with the passphrase of an encrypted key (default: PGSSLPASSWORD)',
      notEmpty,
    )
    .option('--timeout <seconds>', 'total timeout of the audit (default: 20)', seconds)
    .option('--probe', 'also try what the server accepts on the wire; sends the name of the role unencrypted, once')
    .option(
      '--logs <server|group|none>',
      'also find the logins of the last 24 hours, or since the run before with --state: in the log files of the server, or in this log group of CloudWatch Logs (default: none)',
      notEmpty,
    )
    .option('--sample <seconds>', 'keep looking for sessions that open for so long, up to 600 (default: 0)', seconds)
    .optionsGroup('From run to run:')
    .option(
      '--state <file|dynamodb:table>',
      'keep the findings, and report which are new, worse or resolved; use one state for each configuration',
      notEmpty,
    )
    .optionsGroup('Verdict and output:')
    .addOption(
      new Option('--loopback <how>', 'how plaintext over loopback is rated; overrides the configuration').choices(
        LOOPBACK_POLICIES,
      ),
    )
    .addOption(
      new Option('--fail-on <severity>', 'exit with 1 from this severity on').choices(SEVERITIES).default('medium'),
    )
    .addOption(formatOption('a table with remedies, or one document', REPORT_FORMATS))
    .option('--aws-account <id>', 'account of the findings, for asff (default: AWS_ACCOUNT_ID)', notEmpty)
    .addHelpText('after', () => auditEpilogue(outputColumns(), bold))
    .action(run);
}
