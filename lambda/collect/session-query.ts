// Reads every session and how it travels, the auditor's own included.

import { known, unknown } from '../model/observed.ts';
import type { Link, Session, Sessions } from '../model/snapshot.ts';
import type { Question, Row } from './question.ts';
import { transportOf } from './transport.ts';

/** Providers give these roles most of what a superuser may, in place of the attribute. */
const PROVIDER_ADMIN_ROLES = ['rds_superuser', 'cloudsqlsuperuser', 'azure_pg_admin', 'neon_superuser'];

/** The oid of the role that initdb makes: whoever is a member of it may become it. Superusers are members of every role. */
const BOOTSTRAP_SUPERUSER = 10;

/** What `pg_get_userbyid` gives for a role that was dropped while its session went on. */
const DROPPED_ROLE = /^unknown \(OID=\d+\)$/;

/** The client's end of the auditor's session, as the server's row gives it. */
export interface OwnEnd {
  readonly address: string | undefined;
  readonly port: number | undefined;
}

interface SessionAnswers {
  readonly sessions: Sessions;
  readonly serverView: Link['serverView'];
  readonly ownEnd: OwnEnd;
}

/**
 * Sessions come from the function behind `pg_stat_activity`, `pg_stat_ssl` and `pg_stat_gssapi`, which has the columns and
 * the rights of all three: looking up and planning the views takes a new session more time than answering (docs/adr/0005).
 */
export const sessionQuestion: Question<SessionAnswers> = {
  selects: (major) => {
    const gss = major >= 12;
    return [
      `SELECT a.pid, pg_get_userbyid(a.usesysid), (SELECT d.datname FROM pg_database d WHERE d.oid = a.datid),
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
   AND (a.backend_type IN ('client backend', 'walsender') OR a.backend_type IS NULL)`,
    ];
  },
  read: ([rows = []]) => {
    const own = rows.find(isOwn);
    return { sessions: readSessions(rows), serverView: readServerView(own), ownEnd: readOwnEnd(own) };
  },
};

/** How the server sees the auditor's own session. */
function readServerView(own: Row | undefined): Link['serverView'] {
  const [, , , , , , , , ssl, tlsVersion, cipher] = own ?? [];
  if (ssl === 't' && tlsVersion && cipher) return known({ tlsVersion, cipher });
  return ssl === 'f'
    ? known('not-tls')
    : unknown("the server showed nothing of the encryption of the auditor's session");
}

/** Where the server sees the auditor's own session come from. */
function readOwnEnd(own: Row | undefined): OwnEnd {
  const [address, port] = own?.slice(6, 8) ?? [];
  return { address: address ?? undefined, port: port ? Number(port) : undefined };
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
