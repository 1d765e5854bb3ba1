// Reads every session and how it travels, the auditor's own included.

import { known, unknown } from '../model/observed.ts';
import type { Link, Session, Sessions } from '../model/snapshot.ts';
import type { Catalogue } from './catalogue-query.ts';
import type { Question, Row } from './question.ts';
import { transportOf } from './transport.ts';

/** Providers give these roles most of what a superuser may, in place of the attribute. */
const PROVIDER_ADMIN_ROLES: ReadonlySet<string> = new Set([
  'rds_superuser',
  'cloudsqlsuperuser',
  'azure_pg_admin',
  'neon_superuser',
]);

/** The oid of the role that initdb makes: whoever is a member of it may become it. */
const BOOTSTRAP_SUPERUSER = '10';

/** Sessions of people and programs, and of servers that replicate. Workers have a role too, and come from nowhere. */
const KINDS: ReadonlySet<string> = new Set(['client backend', 'walsender']);

/** The client's end of the auditor's session, as the server's row gives it. */
export interface OwnEnd {
  readonly address: string | undefined;
  readonly port: number | undefined;
}

interface SessionAnswers {
  /** The sessions of others. */
  readonly sessions: (catalogue: Catalogue) => Sessions;
  readonly serverView: Link['serverView'];
  readonly ownEnd: OwnEnd;
  /** Of the server's process behind the auditor's session. */
  readonly ownPid: number | undefined;
}

/**
 * Sessions come from the function behind `pg_stat_activity`, `pg_stat_ssl` and `pg_stat_gssapi`, which has the columns and
 * the rights of all three: looking up and planning the views takes a new session more time than answering (docs/adr/0005).
 * For the same reason roles and databases come as oids, what is not a client is sorted out here, and addresses are left as
 * they are: `inet` shows those of a single host without a mask.
 */
export const sessionQuestion: Question<SessionAnswers> = {
  selects: (major) => {
    const gss = major >= 12;
    return [
      `SELECT a.pid, a.usesysid, a.datid, a.application_name, a.backend_type, a.client_addr, a.client_port,
       a.ssl, a.sslversion, a.sslcipher, a.sslbits, a.${gss ? 'ssl_client_dn' : 'sslclientdn'},
       ${gss ? 'a.gss_enc' : 'false'},
       extract(epoch FROM a.backend_start)::numeric,
       a.pid = pg_backend_pid()
  FROM pg_stat_get_activity(NULL) a
 WHERE a.usesysid IS NOT NULL`,
    ];
  },
  read: ([rows = []]) => {
    const own = rows.find(isOwn);
    return {
      sessions: (catalogue) => readSessions(rows, catalogue),
      serverView: readServerView(own),
      ownEnd: readOwnEnd(own),
      ownPid: own?.[0] ? Number(own[0]) : undefined,
    };
  },
};

/** How the server sees the auditor's own session. */
function readServerView(own: Row | undefined): Link['serverView'] {
  const [, , , , , , , ssl, tlsVersion, cipher] = own ?? [];
  if (ssl === 't' && tlsVersion && cipher) return known({ tlsVersion, cipher });
  return ssl === 'f'
    ? known('not-tls')
    : unknown("the server showed nothing of the encryption of the auditor's session");
}

/** Where the server sees the auditor's own session come from. */
function readOwnEnd(own: Row | undefined): OwnEnd {
  const [address, port] = own?.slice(5, 7) ?? [];
  return { address: address ?? undefined, port: port ? Number(port) : undefined };
}

function isOwn(row: Row): boolean {
  return row[14] === 't';
}

/** From rows of the session query to the sessions of others. Pure. */
export function readSessions(rows: readonly Row[], catalogue: Catalogue): Sessions {
  const visible: Session[] = [];
  let hidden = 0;
  for (const row of rows) {
    const kind = row[4];
    // A kind that is hidden may be a client's.
    if (isOwn(row) || (kind && !KINDS.has(kind))) continue;
    const session = readSession(row, catalogue);
    if (session === undefined) hidden += 1;
    else visible.push(session);
  }
  return { visible, hidden };
}

/** Undefined when the row does not show how the session travels. */
function readSession(row: Row, catalogue: Catalogue): Session | undefined {
  const [pid, role, database, application, kind, address, port, ssl, version, cipher, bits, dn, gss, start] = row;
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
    // Both may be gone while the session goes on.
    role: catalogue.roles.get(role ?? '')?.name,
    database: catalogue.databases.get(database ?? '')?.name,
    application: application ?? '',
    kind: kind === 'walsender' ? 'replication' : 'client',
    superuser: isSuperuser(role ?? '', catalogue),
    transport,
    clientAddress: address ?? undefined,
    tls:
      transport === 'tls'
        ? { version: version ?? '', cipher: cipher ?? '', bits: Number(bits ?? 0), clientDn: dn || undefined }
        : undefined,
    startedAt: new Date(Number(start ?? 0) * 1000).toISOString(),
  };
}

/** Whether the role is a superuser, or may become one or what a provider gives in the place of one. */
function isSuperuser(role: string, { roles, memberOf }: Catalogue): boolean {
  if (role === BOOTSTRAP_SUPERUSER || roles.get(role)?.superuser === true) return true;
  for (const group of memberOf(role)) {
    if (group === BOOTSTRAP_SUPERUSER || PROVIDER_ADMIN_ROLES.has(roles.get(group)?.name ?? '')) return true;
  }
  return false;
}
