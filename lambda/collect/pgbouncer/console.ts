// Asks the admin console of a PgBouncer what an audit wants to know of it: sessions on both sides, and settings.

import type { TLSSocket } from 'node:tls';
import type pg from 'pg';
import { displayText } from '../../model/display.ts';
import { known, type Observed, unknown } from '../../model/observed.ts';
import type { PgBouncerSettings } from '../../model/pooler.ts';
import type { AuditConnection, Sessions } from '../../model/snapshot.ts';
import type { SocketAddress } from '../connect/observations.ts';
import { isDatabaseError } from '../failures/database-error.ts';
import {
  type ConsoleRow,
  findOwn,
  type OwnSession,
  readDatabases,
  readSessions,
  readSettings,
  readTls,
} from './rows.ts';

/** What the console showed. */
export interface ConsoleAnswers {
  readonly sessions: Observed<Sessions>;
  readonly pooler: Observed<PgBouncerSettings>;
  readonly serverView: AuditConnection['serverView'];
  /** Our end, as its row shows it. */
  readonly localAddress: SocketAddress;
  readonly roundTrips: number;
}

/** What PgBouncer announces as `server_version` in its console, and only there. */
const ANNOUNCED = /^(\d[\w.]*)\/bouncer$/;

/** The version of the PgBouncer whose console announced this; undefined where it is no console. */
export function consoleVersion(announced: string | undefined): string | undefined {
  return ANNOUNCED.exec(announced ?? '')?.[1];
}

/** None of them changes anything, and every user who may enter the console may run them all. */
const COMMANDS = ['SHOW CLIENTS', 'SHOW SERVERS', 'SHOW CONFIG', 'SHOW DATABASES'] as const;

/**
 * Asks everything in one round trip. The console takes one command in each message, so all messages go out at once, and
 * a command that it refuses costs the others nothing.
 *
 * @param client logged in, with pipelining
 * @throws what pg throws when the connection fails; `queryFailure` names it
 */
export async function askConsole(
  client: pg.Client,
  socket: TLSSocket,
  { version, own }: { readonly version: string; readonly own: OwnSession },
): Promise<ConsoleAnswers> {
  socket.cork();
  const context = COMMANDS.map((command) => show(client, command));
  socket.uncork();
  const [clients, servers, config, databases] = (await Promise.all(context)) as [Answer, Answer, Answer, Answer];

  const found = clients.known ? findOwn(clients.value, own) : undefined;
  const settings = config.known ? readSettings(config.value) : config;
  return {
    sessions: clients.known
      ? servers.known
        ? readSessions(clients.value, servers.value, { row: found?.row, connectedAt: own.connectedAt })
        : servers
      : clients,
    pooler: settings.known
      ? known({
          version,
          values: settings.value,
          databases: databases.known ? readDatabases(databases.value) : databases,
        })
      : settings,
    serverView: viewOf(found?.row),
    localAddress: found?.end ?? { address: undefined, port: undefined },
    roundTrips: 1,
  };
}

type Answer = Observed<readonly ConsoleRow[]>;

/** Rows by the names of their columns, whose number and order are another with each version. */
async function show(client: pg.Client, command: string): Promise<Answer> {
  try {
    return known((await client.query<ConsoleRow>(command)).rows);
  } catch (error) {
    if (!isDatabaseError(error)) throw error;
    return unknown(
      `PgBouncer refuses ${command} (${displayText(error.message, 120)}): name the user in stats_users of pgbouncer.ini, or where a version wants it in admin_users, then RELOAD`,
    );
  }
}

/** How PgBouncer sees the auditor's own session. */
function viewOf(row: ConsoleRow | undefined): AuditConnection['serverView'] {
  if (row === undefined) return unknown("PgBouncer showed nothing that is certain to be the auditor's session");
  if (row.tls === '') return known('not-tls');
  const tls = readTls(row.tls);
  return tls === undefined
    ? unknown("PgBouncer did not show how the auditor's session is encrypted")
    : known({ tlsVersion: tls.version, cipher: tls.cipher });
}
