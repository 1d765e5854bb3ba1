// What the rows of PgBouncer's console mean. Pure. Columns go by their names: newer versions add some in between.

import { known, type Observed, unknown } from '../../model/observed.ts';
import {
  PGBOUNCER_SETTING_NAMES,
  type PgBouncerDatabase,
  type PgBouncerSettingName,
  type PgBouncerSettings,
} from '../../model/pooler.ts';
import type { Session, Sessions, SessionTls, Side } from '../../model/snapshot.ts';
import type { Transport } from '../../model/transport.ts';
import { boundedText, LONGEST, tooLong } from '../answers/bounded-text.ts';
import { shownAddress } from '../answers/client-address.ts';
import type { SocketAddress } from '../connect/observations.ts';
import { isLoopback } from '../connect/transport.ts';
import { ConsoleClock } from './time.ts';

/** Every value as text, under the name of its column. */
export type ConsoleRow = Readonly<Record<string, string | null | undefined>>;

/** By what the auditor knows its own session in a list of clients. */
export interface OwnSession extends SocketAddress {
  readonly user: string;
  readonly application: string;
  /** When it logged in, in milliseconds since 1970. */
  readonly connectedAt: number;
}

/** The name of the console among the databases. */
const CONSOLE = 'pgbouncer';

/**
 * The auditor's own row among the clients, and where it shows our session come from.
 *
 * Where addresses are translated or a proxy stands between, it is the only session of our user and name in the console:
 * ours must be there. With several such it is not known which it is, and all of them stay clients.
 */
export function findOwn(
  clients: readonly ConsoleRow[],
  { user, application, address, port }: OwnSession,
): { readonly row: ConsoleRow; readonly end: SocketAddress } | undefined {
  const candidates = clients.filter(
    (row) =>
      row.database === CONSOLE &&
      row.user === user &&
      (row.application_name === undefined || row.application_name === application),
  );
  const atOurEnd = candidates.find(
    (row) => address !== undefined && unmapped(row.addr ?? '') === unmapped(address) && Number(row.port) === port,
  );
  if (atOurEnd !== undefined) return { row: atOurEnd, end: { address, port } };
  const [only, ...others] = candidates;
  if (only === undefined || others.length > 0) return undefined;
  const shownPort = Number(only.port);
  const isPort = Number.isInteger(shownPort) && shownPort >= 0 && shownPort <= 65_535;
  return { row: only, end: { address: shownAddress(only.addr), port: isPort ? shownPort : undefined } };
}

/** An IPv4 address as such, also where it comes mapped into IPv6. */
function unmapped(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}

/** Without these columns it cannot be known how a session travels. */
const NEEDED = ['addr', 'tls'] as const;

/** The sessions on both sides, without the auditor's own. */
export function readSessions(
  clients: readonly ConsoleRow[],
  servers: readonly ConsoleRow[],
  { row: own, connectedAt }: { readonly row?: ConsoleRow | undefined } & Pick<OwnSession, 'connectedAt'>,
): Observed<Sessions> {
  const missing = NEEDED.find((column) => [...clients, ...servers].some((row) => row[column] === undefined));
  if (missing !== undefined) {
    return unknown(
      `PgBouncer does not show the column "${missing}" of its clients and servers: upgrade it, 1.7 and newer have it`,
    );
  }
  const clock = new ConsoleClock(own?.connect_time, connectedAt);
  const rows = [
    ...clients.filter((row) => row !== own && isSession(row)).map((row) => readSession(row, 'client', clock)),
    ...servers.filter(isSession).map((row) => readSession(row, 'server', clock)),
  ];
  const visible = rows.filter((session) => session !== undefined);
  return known({ visible, hidden: rows.length - visible.length });
}

/** Connections that carry a request to cancel and no data, and those to servers that are still being set up. */
const NO_SESSION = /^(active_cancel|new)$|_cancel_req$/;

function isSession({ state }: ConsoleRow): boolean {
  return !NO_SESSION.test(state ?? '');
}

/** Undefined where the row does not show how the session travels. */
function readSession(row: ConsoleRow, side: Side, clock: ConsoleClock): Session | undefined {
  const tls = readTls(row.tls);
  const transport = transportOf(row, tls);
  if (transport === undefined) return undefined;
  const pid = Number(row.remote_pid);
  return {
    pid: Number.isInteger(pid) && pid > 0 ? pid : undefined,
    side,
    role: shortName(row.user),
    database: shortName(row.database),
    // Its connections to servers bear the name of whichever client used them last.
    application: side === 'client' ? (shortName(row.application_name) ?? '') : '',
    kind: row.replication === 'physical' || row.replication === 'logical' ? 'replication' : 'client',
    superuser: undefined,
    transport,
    clientAddress: shownAddress(row.addr),
    tls,
    startedAt: clock.toMs(row.connect_time),
  };
}

function shortName(name: string | null | undefined): string | undefined {
  return name === null || name === undefined ? undefined : boundedText(name, LONGEST.name);
}

/** What stands in place of an address for a Unix socket, some versions with the process that is at its other end. */
const UNIX_SOCKET = /^unix(\([^()]{0,256}\))?$/;

function transportOf({ addr, tls: shown }: ConsoleRow, tls: SessionTls | undefined): Transport | undefined {
  if (tls !== undefined) return 'tls';
  // What can't be read is neither encrypted nor known not to be.
  if (shown !== '' || !addr) return undefined;
  if (UNIX_SOCKET.test(addr)) return 'unix-socket';
  return isLoopback(addr) ? 'loopback' : 'plaintext';
}

/** `TLSv1.3/TLS_AES_256_GCM_SHA384`, in some versions followed by the key exchange, e.g. `/ECDH=prime256v1`. */
const TLS = /^((?:SSL|TLS)v[\d.]{1,16})\/([\w-]{1,256})(?:\/.{0,256})?$/;

/** Undefined where there is none, or where it can't be read. */
export function readTls(shown: string | null | undefined): SessionTls | undefined {
  const [, version, cipher] = TLS.exec(shown ?? '') ?? [];
  return version === undefined || cipher === undefined ? undefined : { version, cipher };
}

/** The settings that an audit reads. Others may hold secrets (`auth_ldap_options`) and are left where they are. */
export function readSettings(rows: readonly ConsoleRow[]): Observed<PgBouncerSettings['values']> {
  if (rows.length === 0 || rows.some(({ key, value }) => typeof key !== 'string' || value === undefined)) {
    return unknown('PgBouncer does not show the columns "key" and "value" of its settings: SHOW CONFIG has no others');
  }
  const wanted: readonly string[] = PGBOUNCER_SETTING_NAMES;
  const values = rows
    .filter(({ key }) => wanted.includes(key ?? ''))
    .map(({ key, value }): [PgBouncerSettingName, string] => [key as PgBouncerSettingName, value ?? '']);
  const [long] = values.flatMap(([name, value]) => tooLong(`the value of ${name}`, value, LONGEST.setting) ?? []);
  if (long !== undefined) return unknown(long);
  if (new Set(values.map(([name]) => name)).size < values.length) {
    return unknown('PgBouncer shows a setting twice');
  }
  return known(Object.fromEntries(values));
}

/** Where the databases are that clients may name, without the console. */
export function readDatabases(rows: readonly ConsoleRow[]): PgBouncerSettings['databases'] {
  if (rows.some(({ name, host }) => typeof name !== 'string' || host === undefined)) {
    return unknown('PgBouncer does not show the columns "name" and "host" of its databases');
  }
  return known(
    rows
      .filter(({ name }) => name !== CONSOLE)
      .map(
        ({ name, host }): PgBouncerDatabase => ({ name: shortName(name) ?? '', host: shortName(host) || undefined }),
      ),
  );
}
