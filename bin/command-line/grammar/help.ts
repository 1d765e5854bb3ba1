// Holds the text of --help besides the options.

import { wrap } from '../../../lambda/report/messages/wrap.ts';

export const DESCRIPTION =
  "Shows whether the sessions of PostgreSQL servers are properly encrypted: which clients connect in plaintext or with deprecated TLS, what is wrong with the servers' certificates, and what to change. It only reads, and never calls a server clean when it could not observe everything.";

export const AUDIT_DESCRIPTION =
  'Audits the servers of a configuration file, or the one that --url names. The connection is always TLS, verified in full; whether a certificate is revoked is checked where --crl is given.';

export const DISCOVER_DESCRIPTION =
  'Lists the databases that the rules of a configuration find, and says of each why an audit covers it or not. It asks AWS with the credentials of the environment, and connects to no database.';

export const MUTE_DESCRIPTION =
  'Prints the entry that mutes a finding, for the list "mutes" of the configuration. Until its end date the finding is counted and not sent. The command itself changes nothing.';

export const HISTORY_DESCRIPTION =
  'Lists the clients that connected in plaintext, with TLS versions or ciphers that the policy forbids, or without the client certificate that it asks for: fix these before you enforce TLS. A run sees the sessions of one moment; a client that connects between two runs is not seen.';

export const PLAN_DESCRIPTION =
  'Plans how a server comes to refuse plaintext: who would break, with the line of the probable driver, whether it is ready, and the exact commands for its platform, with the check before, the check after and the way back. It is made of what runs keep in their state, and carries out nothing.';

export const LOGS_DESCRIPTION =
  'Reads the log files of a PostgreSQL server or a PgBouncer and shows who connected how: also the clients that are connected for a second only. It needs no server and no password. A log can convict and never acquit: clients can forge what it says.';

type Section = readonly [heading: string, entries: readonly Entry[]];
/** A term with its explanation, or a line to be typed, which is never broken. */
type Entry = readonly [term: string, explanation: string] | string;

const EXIT: Section = [
  'Exit codes:',
  [
    ['0', 'every server was fully audited, and no finding is as severe as --fail-on'],
    ['1', 'there are findings as severe as --fail-on, or worse'],
    ['2', 'a server could not be audited, or only in part; or the command, the configuration or the state is wrong'],
  ],
];

const EXAMPLES: Section = [
  'Examples:',
  [
    'read -rs PGPASSWORD && export PGPASSWORD',
    'npx pg-tls-auditor audit --url postgres://tls_auditor@db.example.com --ca ca.pem',
    'npx pg-tls-auditor audit --url postgres://tls_auditor@pooler:6432 --kind pgbouncer --ca ca.pem',
    'npx pg-tls-auditor audit --config auditor.config.json --target orders',
    'npx pg-tls-auditor audit --format json --fail-on high > report.json',
    'npx pg-tls-auditor audit --state state.json',
    'npx pg-tls-auditor history --state state.json',
    'npx pg-tls-auditor checks',
    'npx pg-tls-auditor explain plaintext-session',
  ],
];

const ENVIRONMENT: Section = [
  'Environment:',
  [
    ['PGPASSWORD', 'the password for --url'],
    ['PGSSLROOTCERT', 'the value of --ca where it is not given: a PEM file, or system'],
    ['PGSSLPASSWORD', 'the passphrase of an encrypted --client-key'],
    ['AWS_REGION, AWS_PROFILE, …', "the AWS SDK's own, for secrets that a configuration names and for dynamodb:TABLE"],
    ['AWS_ACCOUNT_ID', 'the account that the findings of --format asff belong to'],
    ['NO_COLOR, FORCE_COLOR', 'never or always use colours'],
  ],
];

const ROLE: Section = [
  'The role to log in with:',
  [
    "CREATE ROLE tls_auditor LOGIN PASSWORD '…';",
    'GRANT pg_monitor TO tls_auditor;',
    'GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO tls_auditor;',
    [
      'the last one',
      'shows the rules of pg_hba.conf, in the audited database only; without it the verdict is unknown. RDS, Aurora and Neon refuse it, and need none',
    ],
    ['--kind pgbouncer', 'instead of these statements, stats_users in pgbouncer.ini names a user of its auth_file'],
  ],
];

/** @param heading styles a heading */
export function programEpilogue(width: number, heading: (text: string) => string): string {
  return sections([EXAMPLES, EXIT], width, heading);
}

/** @param heading styles a heading */
export function auditEpilogue(width: number, heading: (text: string) => string): string {
  return sections([EXAMPLES, ENVIRONMENT, EXIT, ROLE], width, heading);
}

const EXPLAIN_EXAMPLES: Section = [
  'Examples:',
  ['npx pg-tls-auditor explain plaintext-session', 'npx pg-tls-auditor explain plaintext-session --format json'],
];

/** @param heading styles a heading */
export function explainEpilogue(width: number, heading: (text: string) => string): string {
  return sections([EXPLAIN_EXAMPLES], width, heading);
}

const MUTE_EXAMPLES: Section = [
  'Examples:',
  [
    "npx pg-tls-auditor mute 0123456789abcdef --until 2027-03-31 --reason 'driver replaced in March' --owner payments",
    'npx pg-tls-auditor mute 0123456789abcdef --until … --reason … --state state.json',
  ],
];

/** @param heading styles a heading */
export function muteEpilogue(width: number, heading: (text: string) => string): string {
  return sections([MUTE_EXAMPLES], width, heading);
}

const HISTORY_EXAMPLES: Section = [
  'Examples:',
  [
    'npx pg-tls-auditor history --state state.json --days 30',
    'npx pg-tls-auditor history --state dynamodb:TABLE --target orders --format json',
  ],
];

const PLAN_EXAMPLES: Section = [
  'Examples:',
  [
    'npx pg-tls-auditor plan --state state.json --target orders',
    'npx pg-tls-auditor plan --state dynamodb:TABLE --days 30 --format markdown > plan.md',
  ],
];

const PLAN_EXIT: Section = [
  'Exit codes:',
  [
    ['0', 'every target is ready, or refuses plaintext already'],
    ['1', 'a target is blocked, has to wait, or is not known well enough'],
    ['2', 'the state cannot be read or has no record of a run; or the command is wrong'],
  ],
];

/** @param heading styles a heading */
export function planEpilogue(width: number, heading: (text: string) => string): string {
  return sections([PLAN_EXAMPLES, PLAN_EXIT], width, heading);
}

const HISTORY_EXIT: Section = [
  'Exit codes:',
  [
    ['0', 'the list is complete for what the state holds, empty or not'],
    ['2', 'the state cannot be read or has no record of a run; or the command is wrong'],
  ],
];

/** @param heading styles a heading */
export function historyEpilogue(width: number, heading: (text: string) => string): string {
  return sections([HISTORY_EXAMPLES, HISTORY_EXIT], width, heading);
}

const LOGS_EXAMPLES: Section = [
  'Examples:',
  [
    'npx pg-tls-auditor logs /var/log/postgresql/postgresql-18-main.log',
    "npx pg-tls-auditor logs --prefix '%m [%p] ' postgresql.log.1 postgresql.log",
    'npx pg-tls-auditor logs postgresql.csv.2.gz postgresql.csv.1.gz postgresql.csv',
    'docker logs db 2>&1 | npx pg-tls-auditor logs',
    'journalctl -u postgresql@18-main -o cat | npx pg-tls-auditor logs',
    'aws logs filter-log-events --log-group-name /aws/rds/instance/orders/postgresql | npx pg-tls-auditor logs',
  ],
];

const LOGS_EXIT: Section = [
  'Exit codes:',
  [
    ['0', 'the lines show no insecure login as severe as --fail-on, which does not prove that there was none'],
    ['1', 'there are findings as severe as --fail-on, or worse'],
    ['2', 'the log could not be read whole, holds no login, or is in another language; or the command is wrong'],
  ],
];

/** @param heading styles a heading */
export function logsEpilogue(width: number, heading: (text: string) => string): string {
  return sections([LOGS_EXAMPLES, LOGS_EXIT], width, heading);
}

const DISCOVER_EXAMPLES: Section = [
  'Examples:',
  [
    'npx pg-tls-auditor discover --config auditor.config.json',
    'npx pg-tls-auditor discover --region eu-west-1 --format json',
    'npx pg-tls-auditor audit --discover --region eu-west-1 --ca eu-west-1-bundle.pem',
  ],
];

const DISCOVER_EXIT: Section = [
  'Exit codes:',
  [
    ['0', 'every account, region and file could be listed'],
    ['2', 'one of them could not; or the command or the configuration is wrong'],
  ],
];

/** @param heading styles a heading */
export function discoverEpilogue(width: number, heading: (text: string) => string): string {
  return sections([DISCOVER_EXAMPLES, DISCOVER_EXIT], width, heading);
}

function sections(all: readonly Section[], width: number, heading: (text: string) => string): string {
  return all
    .map(([title, entries]) => `\n${heading(title)}\n${entries.flatMap(render(entries, width)).join('\n')}`)
    .join('\n');
}

function render(entries: readonly Entry[], width: number): (entry: Entry) => string[] {
  const widest = Math.max(...entries.map((entry) => (typeof entry === 'string' ? 0 : entry[0].length)));
  // Where explanations would be squeezed, each stands below its term.
  const beside = widest + 4 <= width / 2;
  return (entry) => {
    if (typeof entry === 'string') return [`  ${entry}`];
    const [term, explanation] = entry;
    if (beside) return wrap(explanation, width, `  ${term.padEnd(widest)}  `, ' '.repeat(widest + 4));
    return [`  ${term}`, ...wrap(explanation, width, '      ')];
  };
}
