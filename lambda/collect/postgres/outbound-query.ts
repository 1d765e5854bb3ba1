// Reads how the server connects to others. Connection strings hold passwords: SQL takes them apart where they are, and
// gives only what says whether the link is encrypted.

import type { Observed } from '../../model/observed.ts';
import type { Outbound, OutboundLink, UnreadableLinks } from '../../model/posture.ts';
import type { Row } from '../answers/answer.ts';
import { answerAbout, asObserved } from '../answers/answer.ts';
import { boundedText, LONGEST } from '../answers/bounded-text.ts';
import { columns } from './columns.ts';
import type { AuditQuery } from './query.ts';

/** SQL that is true where the login may read the connection strings of subscriptions. */
export const CAN_READ_SUBSCRIPTIONS = "has_column_privilege('pg_catalog.pg_subscription', 'subconninfo', 'SELECT')";

/** A string that means the same whatever `standard_conforming_strings` is: it is lexed before we can set anything. */
const text = (raw: string): string => `E'${raw.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

const URL = text('^postgres(ql)?://');

/** libpq takes all up to the first `@` for user and password, unless a `/` comes before it. */
const URL_WITH_USER = text('^postgres(ql)?://([^@/]*@)?');

/** A whole value at a time, so that nothing within a quoted password passes for a keyword. */
const KEYWORD_AND_VALUE = text(String.raw`([a-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s\\]|\\.)*))`);

const URL_PARAMETER = text('(?:^|&)([^=&]*)=([^&]*)');

/** Rows of keyword, value and place of a connection string, as libpq reads both of its forms. */
function stringSettings(conninfo: string): string {
  const rest = `regexp_replace(${conninfo}, ${URL_WITH_USER}, '')`;
  return `
SELECT 'host' AS keyword, substring(${rest}, '^[^/?]*') AS value, 0::bigint AS place WHERE ${conninfo} ~ ${URL}
 UNION ALL
SELECT m.pair[1], m.pair[2], m.place
  FROM regexp_matches(regexp_replace(${rest}, ${text('^[^?]*[?]?')}, ''), ${URL_PARAMETER}, 'g') WITH ORDINALITY m(pair, place)
 WHERE ${conninfo} ~ ${URL}
 UNION ALL
SELECT m.pair[1], regexp_replace(coalesce(m.pair[2], m.pair[3]), ${text('\\\\(.)')}, ${text('\\1')}, 'g'), m.place
  FROM regexp_matches(${conninfo}, ${KEYWORD_AND_VALUE}, 'g') WITH ORDINALITY m(pair, place)
 WHERE ${conninfo} !~ ${URL}`;
}

/** The same of a foreign server's options. */
function optionSettings(options: string): string {
  return `SELECT o.option_name AS keyword, o.option_value AS value, 1 AS place FROM pg_options_to_table(${options}) o`;
}

/** Hosts that no network leads to: sockets and loopback, with a port or without; none is the socket. */
const LOCAL_HOST = text(String.raw`^(/|@|%2F)|^(|localhost\.?(:\d*)?|127(\.\d+){1,3}(:\d*)?|::1|\[::1\](:\d*)?|:\d*)$`);

/** Those that are Unix sockets. */
const SOCKET_HOST = text(String.raw`^(/|@|%2F)|^(:\d*)?$`);

const KEYWORDS = ['sslmode', 'ssl', 'host', 'hostaddr', 'service', 'gssencmode', 'sslrootcert'];

/**
 * One row about those settings: sslmode, whether every host is local, whether a service file holds more, whether GSSAPI
 * encryption is insisted on, whether sslmode is there but empty, whether sslrootcert is there and is `system`, and
 * whether every host is a Unix socket. As to libpq, the last of several values counts, and a URL's `ssl=true` is
 * `require`.
 */
function linkFacts(settings: string): string {
  const allHosts = (pattern: string): string => `(
         SELECT bool_and(h.host ~* ${pattern})
           FROM unnest(string_to_array(coalesce(nullif(v.hostaddr, ''), v.host, '') || ',', ',')) h(host)
       )`;
  const last = (keyword: string): string =>
    `(array_agg(s.value ORDER BY s.place DESC) FILTER (WHERE s.keyword = '${keyword}'))[1] AS ${keyword}`;
  return `
SELECT coalesce(nullif(regexp_replace(v.sslmode, '%2d', '-', 'gi'), ''), CASE v.ssl WHEN 'true' THEN 'require' END) AS sslmode,
       v.service IS NULL AND ${allHosts(LOCAL_HOST)} AS local,
       v.service IS NOT NULL AS service,
       coalesce(v.gssencmode = 'require', false) AS gss,
       coalesce(v.sslmode = '', false) AS empty_sslmode,
       CASE WHEN v.sslrootcert = 'system' THEN 'system' WHEN v.sslrootcert IS NOT NULL THEN 'other' END AS sslrootcert,
       ${allHosts(SOCKET_HOST)} AS socket
  FROM (SELECT ${KEYWORDS.map(last).join(',\n               ')} FROM (${settings}) s) v`;
}

/** The columns that `linkFacts` gives, as `f`. */
const FACTS = {
  sslmode: 'f.sslmode',
  local: 'f.local',
  service: 'f.service',
  gss: 'f.gss',
  emptySslmode: 'f.empty_sslmode',
  sslrootcert: 'f.sslrootcert',
  socket: 'f.socket',
} as const;

const LINK = columns(['readable', 'name', 'database', ...(Object.keys(FACTS) as (keyof typeof FACTS)[])]);

/** Kept by the extensions under whatever name the wrapper was made. `postgresql_fdw_validator` is the server's own. */
const VALIDATORS = ['postgres_fdw_validator', 'dblink_fdw_validator', 'postgresql_fdw_validator'];

const read = answerAbout('outbound links');

/**
 * Which links a server has, by whether it is a standby: those that details can be asked of, in a message of its own,
 * for taking strings apart costs.
 */
export const outboundQuery: AuditQuery<(isStandby: boolean) => Outbound> = {
  selects: () => ['SELECT s.oid FROM pg_foreign_server s', 'SELECT s.subenabled FROM pg_subscription s'],
  read: ([servers, subscriptions]) => {
    const enabled = read
      .rows(subscriptions, 1)
      .filter(([cell]) => read.flag(cell, 'whether a subscription is switched on'));
    const foreignServers = read.rows(servers, 1).length;
    return (isStandby) => {
      const kinds = [
        { kind: 'foreign-server', count: foreignServers },
        { kind: 'subscription', count: enabled.length },
        { kind: 'primary', count: isStandby ? 1 : 0 },
      ] as const;
      return { links: [], unreadable: kinds.filter(({ count }) => count > 0) };
    };
  },
};

/**
 * How the links connect that there are: foreign servers of the database one is connected to, the primary of a standby,
 * and subscriptions that are switched on, where the login may read those. Undefined where there is nothing to ask.
 */
export function linkQuery(
  { unreadable }: Outbound,
  privileges: { readonly readSubscriptions: boolean },
): AuditQuery<Outbound> | undefined {
  const kinds = unreadable
    .map(({ kind }) => kind)
    .filter((kind) => kind !== 'subscription' || privileges.readSubscriptions);
  if (kinds.length === 0) return undefined;
  return {
    selects: (major) => kinds.map((kind) => LINKS[kind](major)),
    read: (results) => {
      const answers = new Map(kinds.map((kind, index) => [kind, readLinks(kind, results[index])]));
      return {
        links: [...answers.values()].flatMap((answer) => (answer.known ? answer.value.links : [])),
        unreadable: unreadable.flatMap((kind): UnreadableLinks[] => {
          const answer = answers.get(kind.kind);
          if (answer === undefined) return [kind];
          if (!answer.known) return [{ ...kind, refusal: answer.reason }];
          return answer.value.hidden ? [kind] : [];
        }),
      };
    },
  };
}

interface LinksOfKind {
  readonly links: readonly OutboundLink[];
  /** Whether some are not shown to the login. */
  readonly hidden: boolean;
}

/** A kind of which nonsense came costs the others nothing. */
function readLinks(kind: OutboundLink['kind'], given: readonly Row[] | undefined): Observed<LinksOfKind> {
  return asObserved(() => {
    const rows = read.rows(given, LINK.count);
    return { links: rows.filter(isReadable).map((row) => link(kind, row)), hidden: !rows.every(isReadable) };
  });
}

/** The same links, where the server did not answer for those that the login may read. */
export function withRefusal(
  { links, unreadable }: Outbound,
  privileges: { readonly readSubscriptions: boolean },
  refusal: string,
): Outbound {
  const isAllowed = ({ kind }: UnreadableLinks): boolean => kind !== 'subscription' || privileges.readSubscriptions;
  return { links, unreadable: unreadable.map((kind) => (isAllowed(kind) ? { ...kind, refusal } : kind)) };
}

const LINKS: Readonly<Record<OutboundLink['kind'], (major: number) => string>> = {
  'foreign-server':
    () => `SELECT ${LINK.list({ readable: 'true', name: 's.srvname', database: 'current_database()', ...FACTS })}
  FROM pg_foreign_server s
       JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
       CROSS JOIN LATERAL (${linkFacts(optionSettings('s.srvoptions'))}) f
 WHERE w.fdwname IN ('postgres_fdw', 'dblink_fdw')
    OR w.fdwvalidator IN (
         SELECT p.oid FROM pg_proc p WHERE p.proname IN (${VALIDATORS.map((name) => `'${name}'`).join(', ')})
       )`,
  primary: (
    major,
  ) => `SELECT ${LINK.list({ readable: 'p.conninfo IS NOT NULL', name: 'NULL', database: 'NULL', ...FACTS })}
  FROM (SELECT coalesce((SELECT r.conninfo FROM pg_stat_get_wal_receiver() r), ${configuredPrimary(major)}) AS conninfo) p
       CROSS JOIN LATERAL (${linkFacts(stringSettings('p.conninfo'))}) f
 WHERE p.conninfo IS DISTINCT FROM ''`,
  subscription: () => `SELECT ${LINK.list({ readable: 'true', name: 's.subname', database: 'd.datname', ...FACTS })}
  FROM pg_subscription s
       LEFT JOIN pg_database d ON d.oid = s.subdbid
       CROSS JOIN LATERAL (${linkFacts(stringSettings('s.subconninfo'))}) f
 WHERE s.subenabled`,
};

/** A standby whose primary is away has no receiver: the setting is what it will use. 10 and 11 have none to ask. */
function configuredPrimary(major: number): string {
  if (major < 12) return 'NULL::text';
  // As in the question about the server: it tells who may read the setting.
  const privilege = major >= 15 ? 'USAGE' : 'MEMBER';
  return `CASE WHEN pg_has_role('pg_read_all_settings', '${privilege}') THEN current_setting('primary_conninfo') END`;
}

function isReadable(row: Row): boolean {
  return LINK.cell(row, 'readable') === 't';
}

function link(kind: OutboundLink['kind'], row: Row): OutboundLink {
  const cell = (name: Parameters<typeof LINK.cell>[1]) => LINK.cell(row, name);
  const flag = (name: Parameters<typeof LINK.cell>[1], fact: string): boolean =>
    read.flagOrNull(cell(name), fact) ?? false;
  const [sslmode, root] = [cell('sslmode'), cell('sslrootcert')];
  const isLocal = flag('local', 'whether a link leaves the host');
  return {
    kind,
    name: shortName(cell('name')),
    database: shortName(cell('database')),
    // One that is cut is no known mode.
    sslmode: sslmode ? boundedText(sslmode, LONGEST.name) : undefined,
    emptySslmode: flag('emptySslmode', 'whether an sslmode is empty') || undefined,
    sslrootcert: root === 'system' || root === 'other' ? root : undefined,
    local: isLocal,
    loopback: (isLocal && !flag('socket', 'whether a link is a socket')) || undefined,
    serviceFile: flag('service', 'whether a link has a service file'),
    gssEncrypted: flag('gss', 'whether a link is encrypted by GSSAPI'),
  };
}

function shortName(name: string | null | undefined): string | undefined {
  return name === null || name === undefined ? undefined : boundedText(name, LONGEST.name);
}
