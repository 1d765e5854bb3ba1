// The audit queries, sent as one message and answered in one round trip, and what their rows mean.
// Only ever read, and never the `query` text of anyone's session.

import type pg from 'pg';
import { known, unknown } from '../model/observed.ts';
import type { Link, Server, Session, Sessions, Visibility } from '../model/snapshot.ts';
import { transportOf } from './transport.ts';

/** The oldest major whose views hold what an audit needs (`backend_type`, predefined roles). */
export const OLDEST_MAJOR = 10;

/** What the queries found out. */
export interface Answers {
  readonly server: Server;
  readonly visibility: Visibility;
  readonly serverView: Link['serverView'];
  readonly sessions: Sessions;
}

/** Milliseconds. Far above what the views take (12 ms for 500 sessions), far below a target's deadline. */
const STATEMENT_TIMEOUT = 15_000;
const LOCK_TIMEOUT = 1_000;

/** Providers give these roles most of what a superuser may, in place of the attribute. */
const PROVIDER_ADMIN_ROLES = ['rds_superuser', 'cloudsqlsuperuser', 'azure_pg_admin', 'neon_superuser'];

/** The oid of the role that initdb makes: whoever is a member of it may become it. Superusers are members of every role. */
const BOOTSTRAP_SUPERUSER = 10;

/** What `pg_get_userbyid` gives for a role that was dropped while its session went on. */
const DROPPED_ROLE = /^unknown \(OID=\d+\)$/;

/**
 * The text to send, for the major version that the server announced at login.
 *
 * Sessions come from the function behind `pg_stat_activity`, `pg_stat_ssl` and `pg_stat_gssapi`, which has the columns and
 * the rights of all three: looking up and planning the views takes a new session more time than answering (docs/adr/0005).
 *
 * Everything is qualified by the search path and cast to text, so that neither objects nor settings of the database
 * change what is read. The isolation level too: a role or database may default to one that waits for others'
 * transactions, or that a standby refuses. A database without an encoding (SQL_ASCII) is asked for its bytes as they
 * are: asked for UTF-8, it would refuse all rows for one name that is not.
 */
export function auditQueries(major: number): string {
  const gss = major >= 12;
  // 10 to 14 grant what is granted to a predefined role to all its members, later ones to those that inherit it.
  const privilege = major >= 15 ? 'USAGE' : 'MEMBER';
  return `
BEGIN READ ONLY;
SET LOCAL transaction_isolation = 'read committed';
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL statement_timeout = ${STATEMENT_TIMEOUT};
SET LOCAL lock_timeout = ${LOCK_TIMEOUT};
SELECT current_setting('server_version'),
       pg_is_in_recovery(),
       current_user,
       pg_has_role('pg_read_all_stats', '${privilege}'),
       set_config('client_encoding', CASE getdatabaseencoding() WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END, true);
SELECT a.pid, pg_get_userbyid(a.usesysid), (SELECT d.datname FROM pg_database d WHERE d.oid = a.datid),
       a.application_name, a.backend_type,
       pg_has_role(a.usesysid, ${BOOTSTRAP_SUPERUSER}, 'MEMBER') OR a.usesysid IN (
         SELECT m.member FROM pg_auth_members m
          WHERE pg_get_userbyid(m.roleid) IN (${PROVIDER_ADMIN_ROLES.map((role) => `'${role}'`).join(', ')})
       ),
       host(a.client_addr), a.client_port,
       a.ssl, a.sslversion, a.sslcipher, a.sslbits, a.${gss ? 'ssl_client_dn' : 'sslclientdn'},
       ${gss ? 'a.gss_enc' : 'false'},
       extract(epoch FROM a.backend_start)::numeric,
       a.pid = pg_backend_pid()
  FROM pg_stat_get_activity(NULL) a
 WHERE a.usesysid IS NOT NULL
   AND (a.backend_type IN ('client backend', 'walsender') OR a.backend_type IS NULL);
COMMIT`;
}

/** A row in array mode: every value as PostgreSQL's text, in the order of the SELECT list. */
type Row = readonly (string | null)[];

/**
 * Sends the queries: one round trip.
 *
 * @throws what pg throws; `queryFailure` names it
 */
export async function runAuditQueries(client: pg.Client, major: number): Promise<Answers> {
  const results = (await client.query({ text: auditQueries(major), rowMode: 'array' })) as unknown as readonly {
    readonly command: string;
    readonly rows: readonly Row[];
  }[];
  const [facts, sessions] = results.filter(({ command }) => command === 'SELECT').map(({ rows }) => rows);
  if (facts?.[0] === undefined || sessions === undefined) throw new Error('the audit queries gave no result');
  const [version, inRecovery, role, seesAll] = facts[0];
  return {
    server: { version: version ?? '', inRecovery: inRecovery === 't' },
    visibility: { role: role ?? '', seesAllSessions: seesAll === 't' },
    serverView: readServerView(sessions.find(isOwn)),
    sessions: readSessions(sessions),
  };
}

/** How the server sees the auditor's own session. */
function readServerView(own: Row | undefined): Answers['serverView'] {
  const [, , , , , , , , ssl, tlsVersion, cipher] = own ?? [];
  if (ssl === 't' && tlsVersion && cipher) return known({ tlsVersion, cipher });
  return ssl === 'f'
    ? known('not-tls')
    : unknown("the server showed nothing of the encryption of the auditor's session");
}

function isOwn(row: Row): boolean {
  return row[15] === 't';
}

/** From rows of the session query to the sessions of others. Pure. */
export function readSessions(rows: readonly Row[]): Sessions {
  const visible: Session[] = [];
  let hidden = 0;
  for (const row of rows) {
    if (isOwn(row)) continue;
    const session = readSession(row);
    if (session === undefined) hidden += 1;
    else visible.push(session);
  }
  return { visible, hidden };
}

/** Undefined when the row does not show how the session travels. */
function readSession(row: Row): Session | undefined {
  const [pid, role, database, application, kind, superuser, address, port, ssl, version, cipher, bits, dn, gss, start] =
    row;
  const transport = transportOf({
    kind: kind ?? undefined,
    ssl: ssl === null || ssl === undefined ? undefined : ssl === 't',
    gssEncrypted: gss === 't',
    clientAddress: address ?? undefined,
    clientPort: port === null || port === undefined ? undefined : Number(port),
  });
  if (transport === undefined) return undefined;
  return {
    pid: Number(pid),
    role: role === null || role === undefined || DROPPED_ROLE.test(role) ? undefined : role,
    database: database ?? undefined,
    application: application ?? '',
    kind: kind === 'walsender' ? 'replication' : 'client',
    superuser: superuser === 't',
    transport,
    clientAddress: address ?? undefined,
    tls:
      transport === 'tls'
        ? { version: version ?? '', cipher: cipher ?? '', bits: Number(bits ?? 0), clientDn: dn || undefined }
        : undefined,
    startedAt: new Date(Number(start ?? 0) * 1000).toISOString(),
  };
}
