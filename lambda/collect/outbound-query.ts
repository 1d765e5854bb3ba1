// Reads how the server connects to others. Passwords stay where they are: SQL picks sslmode and the kind of host out.

import type { Outbound, OutboundLink } from '../model/posture.ts';
import type { Question, Row } from './question.ts';

/** SQL that is true where the login may read the connection strings of subscriptions. */
export const MAY_READ_SUBSCRIPTIONS = "has_column_privilege('pg_catalog.pg_subscription', 'subconninfo', 'SELECT')";

/** The value of a keyword in a libpq connection string or URL that SQL calls `conninfo`. */
const keywordValue = (keyword: string, conninfo: string): string =>
  `substring(${conninfo} FROM '(?:^|[\\s?&])${keyword}\\s*=\\s*''?([^''\\s&]*)')`;

/** Hosts that no network leads to: sockets, loopback, and none at all. */
const isLocal = (host: string): string => `coalesce(${host}, '') = '' OR ${host} ~ '^(/|@|%2F|localhost$|127\\.|::1$)'`;

const urlHost = (conninfo: string): string =>
  `substring(${conninfo} FROM '^postgres(?:ql)?://(?:[^@/?]*@)?\\[?([^/:?\\]]*)')`;

const hostOf = (conninfo: string): string => `coalesce(${urlHost(conninfo)}, ${keywordValue('host', conninfo)})`;

/** Foreign servers, subscriptions by name, and the primary of a standby: what any login with `pg_monitor` may read. */
export const outboundQuestion: Question<Outbound> = {
  selects: () => [
    `SELECT s.srvname, current_database(),
       (SELECT o.option_value FROM pg_options_to_table(s.srvoptions) o WHERE o.option_name = 'sslmode'),
       ${isLocal("(SELECT o.option_value FROM pg_options_to_table(s.srvoptions) o WHERE o.option_name = 'host')")}
  FROM pg_foreign_server s
 WHERE s.srvfdw IN (SELECT w.oid FROM pg_foreign_data_wrapper w WHERE w.fdwname IN ('postgres_fdw', 'dblink_fdw'))`,
    `SELECT ${keywordValue('sslmode', 'r.conninfo')}, ${isLocal(hostOf('r.conninfo'))} FROM pg_stat_get_wal_receiver() r
 WHERE r.conninfo IS NOT NULL`,
    'SELECT count(*) FROM pg_subscription WHERE subenabled',
  ],
  read: ([servers = [], primaries = [], subscriptions = []]) => {
    const count = Number(subscriptions[0]?.[0] ?? 0);
    return {
      links: [
        ...servers.map((row) => link('foreign-server', row)),
        ...primaries.map(([sslmode, local]) => link('primary', [null, null, sslmode ?? null, local ?? null])),
      ],
      unreadable: count === 0 ? [] : [{ kind: 'subscription', count }],
    };
  },
};

/** How subscriptions connect, for a login that may read it. */
export const subscriptionQuestion: Question<readonly OutboundLink[]> = {
  selects: () => [
    `SELECT s.subname, d.datname, ${keywordValue('sslmode', 's.subconninfo')}, ${isLocal(hostOf('s.subconninfo'))}
  FROM pg_subscription s LEFT JOIN pg_database d ON d.oid = s.subdbid
 WHERE s.subenabled`,
  ],
  read: ([rows = []]) => rows.map((row) => link('subscription', row)),
};

function link(kind: OutboundLink['kind'], [name, database, sslmode, local]: Row): OutboundLink {
  return {
    kind,
    name: name ?? undefined,
    database: database ?? undefined,
    sslmode: sslmode || undefined,
    local: local === 't',
  };
}
