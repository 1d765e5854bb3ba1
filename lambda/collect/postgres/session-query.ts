// Reads every session and how it travels, the auditor's own included.

import { onceEach } from '../../model/cached-by.ts';
import { known, unknown } from '../../model/observed.ts';
import type { AuditConnection, Session, Sessions, SessionTls } from '../../model/snapshot.ts';
import { LATEST_MS } from '../../model/time.ts';
import type { Row } from '../answers/answer.ts';
import { answerAbout, digitsOf } from '../answers/answer.ts';
import { boundedText, LONGEST } from '../answers/bounded-text.ts';
import { shownAddress } from '../answers/client-address.ts';
import { isLoopback, transportOf } from '../connect/transport.ts';
import type { Catalogue } from './catalogue-query.ts';
import { columns } from './columns.ts';
import type { LoginOids } from './own-settings-query.ts';
import type { AuditQuery } from './query.ts';

/** Providers give these roles most of what a superuser may, in place of the attribute. */
const PROVIDER_ADMIN_ROLES: ReadonlySet<string> = new Set([
  'rds_superuser',
  'cloudsqlsuperuser',
  'azure_pg_admin',
  'neon_superuser',
]);

/** The oid of the role that initdb makes: every member of it may become it. */
const BOOTSTRAP_SUPERUSER = '10';

/** Sessions of people and programs, and of servers that replicate. Workers have a role too, and come from nowhere. */
const CLIENT = 'client backend';
const REPLICATION = 'walsender';

const SESSION = columns([
  'pid',
  'role',
  'database',
  'application',
  'kind',
  'address',
  'port',
  'ssl',
  'tlsVersion',
  'cipher',
  'bits',
  'clientDn',
  'gss',
  'start',
  'isOwn',
]);

/** A port; -1 is PostgreSQL's for a Unix socket. */
const PORTS = { min: -1, max: 65_535 };
const PIDS = { min: 1, max: 2 ** 31 - 1 };
/** Key lengths of cipher suites. */
const BITS = { min: 0, max: 1_024 };
/** Of seconds since 1970, before and after the point. */
const MOST_DIGITS = 12;
const MOST_PLACES = 9;

const AT = SESSION.places;

const read = answerAbout('sessions');

/** The client's end of the auditor's session, as the server's row gives it. */
export interface LocalAddress {
  readonly address: string | undefined;
  readonly port: number | undefined;
}

interface SessionAnswers {
  /** The sessions of others. */
  readonly sessions: (catalogue: Catalogue) => Sessions;
  readonly serverView: AuditConnection['serverView'];
  readonly localAddress: LocalAddress;
  /** Of the server's process behind the auditor's session. */
  readonly ownPid: number | undefined;
  /** Of the role that logged in, and of its database. */
  readonly login: LoginOids;
}

/**
 * Sessions come from the function behind `pg_stat_activity`, `pg_stat_ssl` and `pg_stat_gssapi`, which has the columns
 * and the rights of all three: looking up and planning the views takes a new session more time than answering
 * (docs/adr/0005). For the same reason roles and databases come as oids, what is not a client is sorted out here, and
 * addresses are left as they are: `inet` shows those of a single host without a mask.
 */
export const sessionQuery: AuditQuery<SessionAnswers> = {
  selects: (major) => [selectSessions(major)],
  read: ([given]) => {
    const rows = read.rows(given, SESSION.count);
    const [own, ...others] = rows.filter(isOwn);
    if (others.length > 0) read.refuse(`${others.length + 1} sessions are said to be the auditor's own`);
    return {
      sessions: (catalogue) => readSessions(rows, catalogue),
      serverView: readServerView(own),
      localAddress: readOwnEnd(own),
      login: {
        role: own === undefined ? undefined : (SESSION.cell(own, 'role') ?? undefined),
        database: own === undefined ? undefined : (SESSION.cell(own, 'database') ?? undefined),
      },
      ownPid: own === undefined ? undefined : Number(SESSION.cell(own, 'pid')) || undefined,
    };
  },
};

/**
 * The sessions of others that began in the last seconds, so many as there are. A session shows only when its login is
 * over, which takes at most as long as `authentication_timeout`, a minute by default.
 */
export function recentSessionQuery(seconds: number): AuditQuery<(catalogue: Catalogue) => Sessions> {
  return {
    selects: (major) => [
      `${selectSessions(major)}
   AND a.backend_start > clock_timestamp() - interval '${seconds} seconds'`,
    ],
    read: ([given]) => {
      const rows = read.rows(given, SESSION.count);
      return (catalogue) => readSessions(rows, catalogue);
    },
  };
}

function selectSessions(major: number): string {
  const gss = major >= 12;
  return `SELECT ${SESSION.list({
    pid: 'a.pid',
    role: 'a.usesysid',
    database: 'a.datid',
    application: 'a.application_name',
    kind: 'a.backend_type',
    address: 'a.client_addr',
    port: 'a.client_port',
    ssl: 'a.ssl',
    tlsVersion: 'a.sslversion',
    cipher: 'a.sslcipher',
    bits: 'a.sslbits',
    clientDn: gss ? 'a.ssl_client_dn' : 'a.sslclientdn',
    gss: gss ? 'a.gss_enc' : 'false',
    start: major >= 14 ? 'extract(epoch FROM a.backend_start)' : 'extract(epoch FROM a.backend_start)::numeric',
    isOwn: 'a.pid = pg_backend_pid()',
  })}
  FROM pg_stat_get_activity(NULL) a
 WHERE a.usesysid IS NOT NULL`;
}

const NOT_SHOWN = "the server showed nothing of the encryption of the auditor's session";

/** How the server sees the auditor's own session. */
function readServerView(own: Row | undefined): AuditConnection['serverView'] {
  if (own === undefined) return unknown(NOT_SHOWN);
  const [ssl, tlsVersion, cipher] = [
    SESSION.cell(own, 'ssl'),
    SESSION.cell(own, 'tlsVersion'),
    SESSION.cell(own, 'cipher'),
  ];
  if (ssl === 't' && tlsVersion && cipher) {
    return known({ tlsVersion: boundedText(tlsVersion, LONGEST.name), cipher: boundedText(cipher, LONGEST.name) });
  }
  return ssl === 'f' ? known('not-tls') : unknown(NOT_SHOWN);
}

/** Where the server sees the auditor's own session come from. */
function readOwnEnd(own: Row | undefined): LocalAddress {
  if (own === undefined) return { address: undefined, port: undefined };
  return {
    address: shownAddress(SESSION.cell(own, 'address')),
    port: read.wholeOrNull(SESSION.cell(own, 'port'), "the port of the auditor's session", PORTS),
  };
}

function isOwn(row: Row): boolean {
  return row[AT.isOwn] === 't';
}

/**
 * What PostgreSQL calls its own processes that may have a role. Extensions give theirs any name.
 *
 * @see https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ACTIVITY-VIEW
 */
const OWN_PROCESS =
  /^(autovacuum|background|io|parallel|slotsync|logical replication( \w+)?) worker$|^(autovacuum|logical replication) launcher$/;

/**
 * Whether the row is of a process that works within the server. A kind that is hidden may be a client's; and what has a
 * client's address or port is a connection, by whatever name of its own it goes.
 */
function isWorker(row: Row): boolean {
  const kind = row[AT.kind];
  if (!kind || kind === CLIENT || kind === REPLICATION) return false;
  return OWN_PROCESS.test(kind) || (row[AT.address] === null && row[AT.port] === null);
}

/**
 * From rows of the session query to the sessions of others. Pure.
 *
 * @throws UnusableAnswer
 */
export function readSessions(rows: readonly Row[], catalogue: Catalogue): Sessions {
  const texts = sessionTexts(catalogue);
  const sessions = rows.filter((row) => !isOwn(row) && !isWorker(row)).map((row) => readSession(row, texts));
  const visible = sessions.filter((session) => session !== undefined);
  return { visible, hidden: sessions.length - visible.length };
}

/** What the texts of sessions mean. Each is read once: tens of thousands of sessions have the same few in most. */
interface SessionTexts {
  /** Roles and databases may be gone while their sessions go on. */
  readonly role: (oid: string) => { readonly name: string | undefined; readonly superuser: boolean };
  readonly database: (oid: string) => { readonly name: string | undefined };
  /** As an address is shown, where it is one. */
  readonly address: (text: string) => { readonly shown: string | undefined };
  readonly isLoopback: (address: string) => boolean;
  /** One and the same object where all are the same. */
  readonly tls: (row: Row) => SessionTls;
}

function sessionTexts(catalogue: Catalogue): SessionTexts {
  const isAdministrator = administrators(catalogue);
  return {
    role: onceEach((oid) => ({ name: catalogue.roles.get(oid)?.name, superuser: isAdministrator(oid) })),
    database: onceEach((oid) => ({ name: catalogue.databases.get(oid)?.name })),
    address: onceEach((text) => ({ shown: shownAddress(text) })),
    isLoopback: onceEach(isLoopback),
    tls: tlsReader(),
  };
}

/** A text that was just read must be hashed before it can be looked up; comparing it with a few others takes less. */
const MOST_COMPARED = 8;

function tlsReader(): SessionTexts['tls'] {
  const tlsOf = onceEach((clientDn: string) =>
    onceEach((cipher: string) =>
      onceEach((version: string) =>
        onceEach((bits: string) => ({
          version: boundedText(version, LONGEST.name),
          cipher: boundedText(cipher, LONGEST.name),
          bits: read.wholeOrNull(bits, 'the key length of a cipher suite', BITS) ?? 0,
          clientDn: clientDn === '' ? undefined : boundedText(clientDn, LONGEST.distinguishedName),
        })),
      ),
    ),
  );
  const first: { readonly row: Row; readonly tls: SessionTls }[] = [];
  return (row) => {
    const before = first.find((one) => haveSameTls(one.row, row));
    if (before !== undefined) return before.tls;
    const tls = tlsOf(row[AT.clientDn] ?? '')(row[AT.cipher] ?? '')(row[AT.tlsVersion] ?? '')(row[AT.bits] ?? '0');
    if (first.length < MOST_COMPARED) first.push({ row, tls });
    return tls;
  };
}

function haveSameTls(a: Row, b: Row): boolean {
  return (
    a[AT.cipher] === b[AT.cipher] &&
    a[AT.tlsVersion] === b[AT.tlsVersion] &&
    a[AT.bits] === b[AT.bits] &&
    a[AT.clientDn] === b[AT.clientDn]
  );
}

/** Undefined when the row does not show how the session travels. */
function readSession(row: Row, texts: SessionTexts): Session | undefined {
  const kind = row[AT.kind];
  const address = row[AT.address];
  const ssl = row[AT.ssl];
  const facts = {
    kind: kind ?? undefined,
    // Whatever else stands there is not "encrypted".
    ssl: ssl === null || ssl === undefined ? undefined : ssl === 't',
    gssEncrypted: row[AT.gss] === 't',
    clientAddress: address ?? undefined,
    clientPort: read.wholeOrNull(row[AT.port], 'the port of a client', PORTS),
  };
  const transport = transportOf(facts, texts.isLoopback);
  if (transport === undefined) return undefined;
  const role = texts.role(row[AT.role] ?? '');
  return {
    pid: read.wholeOrNull(row[AT.pid], 'the process of a session', PIDS),
    role: role.name,
    database: texts.database(row[AT.database] ?? '').name,
    application: boundedText(row[AT.application] ?? '', LONGEST.name),
    kind: kind === REPLICATION ? 'replication' : 'client',
    superuser: role.superuser,
    transport,
    clientAddress: texts.address(address ?? '').shown,
    tls: transport === 'tls' ? texts.tls(row) : undefined,
    startedAt: readStart(row[AT.start]),
  };
}

/** Milliseconds since 1970. */
function readStart(start: Row[number] | undefined): number {
  const text = start ?? '0';
  const found = text.indexOf('.');
  const point = found === -1 ? text.length : found;
  const places = text.length - point - 1;
  const seconds = point > MOST_DIGITS ? Number.NaN : digitsOf(text, 0, point);
  const fraction = places < 0 ? 0 : places > MOST_PLACES ? Number.NaN : digitsOf(text, point + 1, text.length);
  const at = seconds * 1_000 + Math.floor((fraction * 1_000) / 10 ** Math.max(places, 0));
  return at <= LATEST_MS ? at : read.refuse('the time at which a session began is none');
}

/** Whether a role, by its oid, is a superuser, or may become one or what a provider gives in the place of one. */
function administrators({ roles, memberships }: Catalogue): (role: string) => boolean {
  const groups = [...roles].flatMap(([oid, { name }]) => (PROVIDER_ADMIN_ROLES.has(name) ? [oid] : []));
  const powerful = [BOOTSTRAP_SUPERUSER, ...groups];
  return (role) =>
    role === BOOTSTRAP_SUPERUSER ||
    roles.get(role)?.superuser === true ||
    powerful.some((group) => memberships.isMember(role, group));
}
