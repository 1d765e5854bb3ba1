// Explains the errors that poolers and hosting services send in place of PostgreSQL. They send hardly any SQLSTATE of
// their own, and always English words: each entry names where they are documented or printed.

import { type DatabaseError, unquoted } from './database-error.ts';
import { type Advice, type Attempt, type Refusal, storePassword } from './refusal.ts';

interface Entry {
  readonly words: RegExp;
  readonly refusal: (attempt: Attempt) => Refusal;
}

/** Characters of a message that are compared: what it quotes may be long. */
const MAX_MATCHED_LENGTH = 300;

export function providerRefusal({ message }: DatabaseError, attempt: Attempt): Refusal | undefined {
  const said = unquoted(message.slice(0, MAX_MATCHED_LENGTH));
  return ENTRIES.find(({ words }) => words.test(said))?.refusal(attempt);
}

const host = 'set "host" of the target to';

/** Neon's proxy (https://neon.com/docs/connect/connection-errors). */
const NEON: readonly Entry[] = [
  {
    words: /^(?:ERROR: +)?Endpoint ID is not specified|^Inconsistent project name inferred/i,
    refusal: ({ place }) => ({
      cause: 'endpoint-not-found',
      message: `${place} (Neon) cannot find out which endpoint is meant`,
      advice: `${host} the endpoint's own name (ep-….neon.tech), and leave "tlsServerName" out: Neon finds the endpoint by the name in the TLS handshake`,
    }),
  },
  {
    words: /requested endpoint could not be found|^(?:project|endpoint) not found/i,
    refusal: ({ place }) => ({
      cause: 'endpoint-not-found',
      message: `${place} (Neon) knows no such endpoint`,
      advice: `${host} the endpoint that Neon's console shows for the branch`,
    }),
  },
  {
    words: /exceeded the (?:compute time|data transfer|active time|written data) quota|exceeded .*quota/i,
    refusal: ({ place }) => ({
      cause: 'endpoint-disabled',
      message: `${place} is closed: the plan of its project allows no further use`,
      advice: "raise the quota or the plan in the provider's console, or wait for the next period",
    }),
  },
  {
    words: /endpoint (?:has been|is) disabled/i,
    refusal: ({ place }) => ({
      cause: 'endpoint-disabled',
      message: `${place} (Neon) is an endpoint that is disabled`,
      advice: "enable the endpoint in Neon's console, or take the target out of the configuration",
    }),
  },
  {
    words: /IP address .*(?:is )?not allowed to connect|is not allowed to connect to this (?:endpoint|database)/i,
    refusal: ({ place }) => ({
      cause: 'login-refused',
      message: `${place} lets in no connection from the auditor's address`,
      advice:
        "add the address from which the auditor connects to the list of allowed addresses in the provider's console",
    }),
  },
  {
    words: /^(?:Failed to acquire permit to connect|too many (?:concurrent )?connection attempts)/i,
    refusal: ({ place }) => ({
      cause: 'too-many-connections',
      message: `${place} takes no further connections at the moment`,
      advice: 'wait, or let fewer clients connect at once',
      transient: true,
    }),
  },
  {
    words: /^(?:Couldn't connect to compute node|Control plane request failed|Failed to wake up compute)/i,
    refusal: ({ place }) => ({
      cause: 'server-not-ready',
      message: `${place} (Neon) cannot start the endpoint at the moment`,
      advice: "wait: a suspended endpoint is starting up; where that lasts, see the project in Neon's console",
      transient: true,
    }),
  },
];

/** Supabase's Supavisor (github.com/supabase/supavisor). */
const SUPAVISOR: readonly Entry[] = [
  {
    words: /tenant(?: or |\/)user\b.*not found|^tenant not found/i,
    refusal: ({ place, role }) => ({
      cause: 'endpoint-not-found',
      message: `${place} (Supabase's pooler) knows no project for the user ${role}`,
      advice: {
        configured:
          "store the user as <role>.<project reference> in the target's credentials, with the pooler of the project's own region as host; or audit the database itself at db.<project reference>.supabase.co",
        url: "give the user in --url as <role>.<project reference>, with the pooler of the project's own region as host; or audit the database itself at db.<project reference>.supabase.co",
      },
    }),
  },
  {
    words: /^(?:MaxClientsInSessionMode|Max client connections reached|\(EMAXCONN)/i,
    refusal: ({ place }) => ({
      cause: 'too-many-connections',
      message: `${place} (Supabase's pooler) has no free connection`,
      advice: "raise the pool size in the project's database settings, or audit the database itself",
      transient: true,
    }),
  },
  {
    words: /project (?:is |has been )?paused/i,
    refusal: ({ place }) => ({
      cause: 'endpoint-disabled',
      message: `${place} belongs to a project that is paused`,
      advice: "resume the project in the provider's console, or take the target out of the configuration",
    }),
  },
];

/** Amazon RDS Proxy (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.troubleshooting.html). */
const RDS_PROXY: readonly Entry[] = [
  {
    words: /^This RDS proxy has no credentials for the role/i,
    refusal: ({ place, role }) => ({
      cause: 'login-refused',
      message: `${place} (RDS Proxy) has no secret for the role ${role}`,
      advice: `${host} the cluster or instance behind the proxy: a proxy shows no session of its own clients. For the proxy itself, add a secret of that role to its auth settings`,
    }),
  },
  {
    words: /^The IAM authentication failed for the role|^IAM authentication failed/i,
    refusal: ({ place, role }) => ({
      cause: 'login-refused',
      message: `${place} (RDS Proxy) takes only IAM tokens from ${role}`,
      advice: `${host} the cluster or instance behind the proxy, where the role may log in by its password`,
    }),
  },
  {
    words: /^The password that was provided for the role/i,
    refusal: ({ place, role }) => ({
      cause: 'password-rejected',
      message: `${place} (RDS Proxy) rejects the password of ${role}`,
      advice: storePassword(role),
    }),
  },
  {
    words: /^Timed-out waiting to acquire database connection/i,
    refusal: ({ place }) => ({
      cause: 'too-many-connections',
      message: `${place} (RDS Proxy) found no free connection to the database`,
      advice: 'raise MaxConnectionsPercent of the proxy, or audit the cluster or instance behind it',
      transient: true,
    }),
  },
];

/** Cloud SQL and Azure (learn.microsoft.com/azure/postgresql, cloud.google.com/sql/docs/postgres). */
const CLOUD: readonly Entry[] = [
  {
    words: /^Cloud SQL IAM .*authentication failed/i,
    refusal: ({ place, role }) => ({
      cause: 'login-refused',
      message: `${place} takes IAM tokens from ${role}, and refuses what it was given`,
      advice: `audit with a role that logs in by a password (gcloud sql users create tls_auditor --instance=<instance> --password=…)`,
    }),
  },
  {
    words: /Azure AD|Entra|AAD/,
    refusal: ({ place, role }) => ({
      cause: 'login-refused',
      message: `${place} takes Microsoft Entra tokens from ${role}, and refuses what it was given`,
      advice:
        'audit with a role that logs in by a password; the server needs password authentication on (az postgres flexible-server update --password-auth Enabled)',
    }),
  },
  {
    words: /^Invalid Username specified/i,
    refusal: ({ place, role }) => ({
      cause: 'login-refused',
      message: `${place} (Azure's gateway) does not take ${role} for a user's name`,
      advice: {
        configured: "store the user as <role>@<server> in the target's credentials",
        url: 'give the user in --url as <role>%40<server>',
      },
    }),
  },
];

const elsewhere: Advice = `${host} the PostgreSQL server itself: behind a pooler its sessions are those of the pooler`;

/** PgBouncer (objects.c, client.c), PgCat, Odyssey (frontend.c) and Pgpool-II, with a PostgreSQL behind them. */
const POOLERS: readonly Entry[] = [
  {
    words: /^no such database|^odyssey: .*route for '.*' is not found|^No pool configured for database/i,
    refusal: ({ place, database }) => ({
      cause: 'database-missing',
      message: `${place} (a pooler) has no database ${database}`,
      advice:
        'set "database" of the target to one that the pooler has, or better: give the host and port of the PostgreSQL server itself',
    }),
  },
  {
    words: /^no such user|^SASL authentication failed|^auth failed|^"?auth_query"? failed/i,
    refusal: ({ place, role }) => ({
      cause: 'password-rejected',
      message: `${place} (a pooler) rejects the password of ${role}, or does not know that user`,
      advice: storePassword(role),
    }),
  },
  {
    words: /^no more connections allowed|^too many clients|^pgpool is not accepting any more|^odyssey: .*too many/i,
    refusal: ({ place }) => ({
      cause: 'too-many-connections',
      message: `${place} (a pooler) has no free connection`,
      advice:
        'raise the number of clients that the pooler takes (max_client_conn in PgBouncer), or audit the server itself',
      transient: true,
    }),
  },
  {
    words:
      /^server login (?:has been failing|failed)|^server_login_retry|^pgbouncer cannot connect to server|^client_login_timeout|^query_wait_timeout|^AllServersDown|^could not get connection from the pool|^odyssey: .*(?:failed to connect|can't connect)/i,
    refusal: ({ place }) => ({
      cause: 'server-not-ready',
      message: `${place} (a pooler) gets no connection to the server behind it`,
      advice: "see the pooler's log, which names the reason, and whether the server behind it is up",
      transient: true,
    }),
  },
  {
    words: /^unsupported startup parameter/i,
    refusal: ({ place }) => ({
      cause: 'login-failed',
      message: `${place} (a pooler) refuses a startup parameter`,
      advice: elsewhere,
    }),
  },
];

const ENTRIES: readonly Entry[] = [...NEON, ...SUPAVISOR, ...RDS_PROXY, ...CLOUD, ...POOLERS];
