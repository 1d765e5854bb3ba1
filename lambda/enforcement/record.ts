// Adds what a snapshot shows of a target's clients to what is kept of them from run to run.

import { clientNetworks } from '../analysis/sessions/client-networks.ts';
import { fold } from '../analysis/sessions/fold.ts';
import { isShown, type SeenSession, seenSessions } from '../analysis/sessions/seen-sessions.ts';
import type { ClientRecord, ClientUse, KnownClient, KnownRefusal } from '../model/client-record.ts';
import type { ClientLogins, ConnectionLogFacts, HourlyCounts } from '../model/connection-log.ts';
import { unknown } from '../model/observed.ts';
import { snapshotSchema } from '../model/run-schema.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { DAY_MS, HOUR_MS } from '../model/time.ts';

/** Days that are kept: a quarter, and the longest window of a plan. */
const DAYS_KEPT = 92;
/** Clients that are kept apart; those that came unencrypted first. */
const MOST_CLIENTS = 400;
const MOST_REFUSALS = 100;
const MOST_ADDRESSES = 8;
const MOST_INTERVALS = 100;
/** Hours for which logins are counted by the hour: a log shows those of the last day. */
const HOURS_KEPT = 26;
/** Characters of a name: PostgreSQL's have 63 bytes, those in a log may be longer. */
const LONGEST_NAME = 256;
/** Characters of the rules, roles and databases of a server, as JSON. */
const LONGEST_FACTS = 1_000_000;

/** Whether there is anything in a snapshot to be kept. */
export function showsClients({ failure, sessions }: Pick<Snapshot, 'failure' | 'sessions'>): boolean {
  return failure === undefined && sessions.known;
}

/** A record is saved again after this time, though nothing new was seen. */
const SAVED_EVERY_MS = HOUR_MS;

/**
 * Whether what was added is worth a write: a client that was not there, or that came in another way, from elsewhere or
 * on another day, a gap, a refusal, another fact of the server. What else changes from run to run waits for an hour:
 * the log shows a day each time.
 */
export function isNews(before: ClientRecord | undefined, next: ClientRecord): boolean {
  if (before === undefined || next.lastSeen - before.lastSeen >= SAVED_EVERY_MS) return true;
  return JSON.stringify(newsOf(before)) !== JSON.stringify(newsOf(next));
}

function newsOf({ clients, refusals, unshown, gap, hidden, isCut, server }: ClientRecord): unknown {
  const uses = clients.map((client) => {
    const ways = Object.entries(client.uses).map(([way, use]) => [way, use?.days.at(-1)?.[0]]);
    return [keyOf(client), client.addresses, client.networks, ways.sort(), client.fellBack !== undefined];
  });
  return [
    uses.sort(),
    refusals.map(({ role, database }) => [role, database]),
    unshown?.days.length,
    gap,
    hidden,
    isCut,
    { ...(server as object | undefined), takenAt: undefined },
  ];
}

/** The record with a snapshot added. Adding one twice changes nothing; of a failed audit nothing is added. */
export function recordSnapshot(before: ClientRecord | undefined, snapshot: Snapshot): ClientRecord | undefined {
  const at = Date.parse(snapshot.takenAt);
  if (!showsClients(snapshot) || !snapshot.sessions.known) return before;
  if (before !== undefined && at <= before.lastSeen) return before;
  const { connectionLog } = snapshot;
  const log = connectionLog?.known ? connectionLog.value : undefined;
  const { kept, isCut } = clientsAfter(before, snapshot, at);
  const gap = gapOf(connectionLog, at) ?? before?.gap;
  return {
    schemaVersion: 1,
    since: before?.since ?? at,
    lastSeen: at,
    clients: [...kept],
    refusals: [...refusalsAfter(before?.refusals ?? [], log, at)],
    unshown: unshownAfter(before?.unshown, log, at),
    isCut: isCut || (before?.isCut ?? false),
    covered: coveredAfter(before, log, at),
    ...(gap === undefined ? {} : { gap }),
    snapshots: addDay(before?.snapshots ?? [], dayOf(at), 1, at),
    hidden: snapshot.sessions.value.hidden,
    server: serverFacts(snapshot),
  };
}

/** The part of a snapshot that a plan is made of: sessions and logins are kept apart. */
function serverFacts(snapshot: Snapshot): Snapshot {
  const apart = unknown('kept apart');
  const { sampled: _sampled, connectionLog: _log, ...rest } = snapshot;
  const facts: Snapshot = { ...rest, sessions: apart, outbound: apart, serverChain: apart, trust: apart };
  if (!facts.hba.known || JSON.stringify(facts.hba.value).length <= LONGEST_FACTS) return facts;
  return { ...facts, hba: unknown('the rules, roles and databases of the server are too many to be kept') };
}

/** Facts of another version are not known; facts of another target are no facts of this one. */
export function keptServer(record: ClientRecord | undefined, target: string): Snapshot | undefined {
  if (record?.server === undefined) return undefined;
  const read = snapshotSchema.safeParse(record.server);
  return read.success && read.data.target.name === target ? read.data : undefined;
}

function gapOf(log: Snapshot['connectionLog'], at: number): ClientRecord['gap'] | undefined {
  if (log === undefined) return undefined;
  if (!log.known) return { at, reasons: [log.reason.slice(0, 400)] };
  if (log.value.gaps.length === 0) return undefined;
  return { at, reasons: log.value.gaps.slice(0, 5).map(({ reason }) => reason.slice(0, 400)) };
}

/**
 * From when to when every login is known of. What a log shows are the logins of a day, by whole hours: a run that comes
 * later than that leaves a hole.
 */
function coveredAfter(
  before: ClientRecord | undefined,
  log: ConnectionLogFacts | undefined,
  at: number,
): ClientRecord['covered'] {
  const known = before?.covered ?? [];
  const oldest = at - DAYS_KEPT * DAY_MS;
  const kept = known.filter(([, to]) => to > oldest);
  if (log === undefined || log.gaps.length > 0 || log.continuousSince === undefined) return kept;
  const to = Math.min(Date.parse(log.window.to), at);
  const shown = Math.floor((to - DAY_MS) / HOUR_MS) * HOUR_MS;
  const from = Math.max(Date.parse(log.continuousSince), shown, before?.gap?.at ?? 0);
  if (!(from < to)) return kept;
  const joined: [number, number][] = [];
  for (const [start, end] of [...kept, [from, to] as const].toSorted(([a], [b]) => a - b)) {
    const last = joined.at(-1);
    if (last === undefined || start > last[1]) joined.push([start, end]);
    else last[1] = Math.max(last[1], end);
  }
  return joined.slice(-MOST_INTERVALS);
}

function clientsAfter(
  before: ClientRecord | undefined,
  snapshot: Snapshot,
  at: number,
): { readonly kept: readonly KnownClient[]; readonly isCut: boolean } {
  const known = new Map((before?.clients ?? []).map((client) => [keyOf(client), client]));
  for (const [key, sessions] of Map.groupBy(seenSessions(snapshot), sessionKey)) {
    known.set(key, withSessions(known.get(key), sessions, at));
  }
  addFallbacks(known, snapshot, at);
  const oldest = at - DAYS_KEPT * DAY_MS;
  const current = [...known.values()].flatMap((client) => withoutOld(client, oldest) ?? []);
  const sorted = current.length > MOST_CLIENTS ? current.toSorted(compareClients) : current;
  return { kept: sorted.slice(0, MOST_CLIENTS), isCut: current.length > MOST_CLIENTS };
}

type Identity = Pick<KnownClient, 'role' | 'database' | 'application' | 'replication' | 'side'>;

function keyOf({ role, database, application, replication, side }: Identity): string {
  return JSON.stringify([role ?? null, database ?? null, application, replication, side ?? null]);
}

function identityOf({ role, database, application, kind, side }: SeenSession): Identity {
  return {
    role: role?.slice(0, LONGEST_NAME),
    database: database?.slice(0, LONGEST_NAME),
    application: fold(application.slice(0, LONGEST_NAME)),
    replication: kind === 'replication',
    side,
  };
}

function sessionKey(session: SeenSession): string {
  return keyOf(identityOf(session));
}

function withSessions(known: KnownClient | undefined, sessions: readonly SeenSession[], at: number): KnownClient {
  const [first] = sessions;
  if (first === undefined) throw new TypeError('a client without a session');
  const uses = { ...known?.uses };
  for (const session of sessions) uses[session.transport] = useAfter(uses[session.transport], session, at);
  const addresses = new Set(known?.addresses);
  const networks = new Set(known?.networks);
  for (const { clientAddress, logins } of sessions) {
    for (const address of logins?.addresses ?? (clientAddress === undefined ? [] : [clientAddress])) {
      addresses.add(address.slice(0, 100));
    }
    if (logins?.network !== undefined && logins.moreAddresses) networks.add(logins.network.slice(0, 100));
  }
  const isMany = addresses.size > MOST_ADDRESSES;
  const all = isMany ? [...networks, ...clientNetworks(addresses)] : [...networks];
  return {
    ...identityOf(first),
    superuser: (known?.superuser ?? false) || sessions.some(({ superuser }) => superuser === true),
    addresses: [...addresses].sort().slice(0, MOST_ADDRESSES),
    networks: [...new Set(all)].sort().slice(0, MOST_ADDRESSES),
    uses,
    fellBack: known?.fellBack,
  };
}

function useAfter(known: ClientUse | undefined, { logins, startedAt }: SeenSession, at: number): ClientUse {
  if (logins !== undefined) return withLogins(known, logins, at);
  const first = startedAt > 0 && startedAt <= at ? startedAt : at;
  return {
    first: Math.min(known?.first ?? first, first),
    last: at,
    logins: known?.logins ?? 0,
    days: addDay(known?.days ?? [], dayOf(at), 0, at),
    hours: known?.hours ?? [],
  };
}

/** Hours are counted once, however often runs see them: the count of an hour only grows. */
function withLogins(known: ClientUse | undefined, row: Omit<ClientLogins, 'others'>, at: number): ClientUse {
  const present = Math.floor(at / HOUR_MS);
  const counts: HourlyCounts = row.hours ?? [[Math.floor((row.last ?? at) / HOUR_MS), row.logins]];
  const hours = new Map(known?.hours ?? []);
  let logins = known?.logins ?? 0;
  let days: ClientUse['days'] = known?.days ?? [];
  for (const [counted, count] of counts) {
    const hour = Math.max(0, Math.min(counted, present));
    const more = count - (hours.get(hour) ?? 0);
    if (more <= 0) continue;
    hours.set(hour, count);
    logins += more;
    days = addDay(days, Math.floor((hour * HOUR_MS) / DAY_MS), more, at);
  }
  const last = Math.min(row.last ?? at, at);
  const first = Math.min(row.first ?? last, last);
  return {
    first: Math.max(0, Math.min(known?.first ?? first, first)),
    last: Math.max(0, known?.last ?? last, last),
    logins,
    days,
    hours: [...hours].filter(([hour]) => hour > present - HOURS_KEPT),
  };
}

/** What is older than is kept counts no more, and a client that came by nothing since is forgotten. */
function withoutOld(client: KnownClient, oldest: number): KnownClient | undefined {
  const uses = Object.fromEntries(
    Object.entries(client.uses).filter(([, use]) => use !== undefined && use.last > oldest),
  );
  return Object.keys(uses).length === 0 ? undefined : { ...client, uses };
}

/** Those that break first: a thousand names over TLS push none of them out. */
function compareClients(a: KnownClient, b: KnownClient): number {
  return lastIn(b, 'plaintext') - lastIn(a, 'plaintext') || newest(b) - newest(a);
}

function lastIn({ uses }: KnownClient, transport: keyof KnownClient['uses']): number {
  return uses[transport]?.last ?? 0;
}

function newest({ uses }: KnownClient): number {
  return Math.max(0, ...Object.values(uses).map((use) => use?.last ?? 0));
}

function addFallbacks(known: Map<string, KnownClient>, { connectionLog }: Snapshot, at: number): void {
  if (!connectionLog?.known) return;
  for (const { role, database, application = '', transport, last } of connectionLog.value.fallbacks) {
    if (transport !== 'plaintext') continue;
    const identity = { role, database, application: fold(application), replication: false, side: undefined };
    const client = known.get(keyOf(identity));
    const fellBack = Math.max(0, Math.min(last ?? at, at));
    if (client !== undefined) known.set(keyOf(client), { ...client, fellBack });
  }
}

/** Unencrypted logins of others, of forged lines and from an unknown place: whose they are is not known. */
function unshownAfter(
  known: ClientUse | undefined,
  log: ConnectionLogFacts | undefined,
  at: number,
): ClientUse | undefined {
  const rows = (log?.clients ?? []).filter((row) => row.transport === 'plaintext' && !isShown(row));
  if (rows.length === 0) return known;
  const hours = new Map<number, number>();
  for (const { hours: counts = [] } of rows) {
    for (const [hour, count] of counts) hours.set(hour, (hours.get(hour) ?? 0) + count);
  }
  const logins = rows.reduce((sum, row) => sum + row.logins, 0);
  const times = rows.flatMap(({ last }) => last ?? []);
  const [first] = rows;
  if (first === undefined) return known;
  return withLogins(
    known,
    {
      ...first,
      logins,
      last: times.length === 0 ? at : Math.max(...times),
      hours: hours.size === 0 ? undefined : [...hours],
    },
    at,
  );
}

function refusalsAfter(
  known: readonly KnownRefusal[],
  log: ConnectionLogFacts | undefined,
  at: number,
): readonly KnownRefusal[] {
  const refused = (log?.failures ?? []).filter(
    ({ kind, encryption }) => kind === 'refused' && encryption === 'plaintext',
  );
  const keyed = new Map(known.map((row) => [JSON.stringify([row.role, row.database]), row]));
  for (const [key, rows] of Map.groupBy(refused, ({ role, database }) => JSON.stringify([role, database]))) {
    const before = keyed.get(key);
    const [row] = rows;
    const lasts = rows.map(({ last }) => Math.min(last ?? at, at));
    const firsts = rows.map(({ first, last }) => Math.min(first ?? last ?? at, at));
    keyed.set(key, {
      role: row?.role?.slice(0, LONGEST_NAME),
      database: row?.database?.slice(0, LONGEST_NAME),
      networks: [...new Set(rows.flatMap(({ network }) => network?.slice(0, 100) ?? []))].sort().slice(0, 8),
      first: Math.max(0, Math.min(before?.first ?? at, ...firsts)),
      last: Math.max(0, before?.last ?? 0, ...lasts),
      // Of the last day: what a log shows is that.
      count: rows.reduce((sum, { count }) => sum + count, 0),
      retriedOverTls: rows.reduce((sum, { retriedOverTls }) => sum + retriedOverTls, 0),
    });
  }
  return [...keyed.values()]
    .filter(({ last }) => last > at - DAYS_KEPT * DAY_MS)
    .toSorted((a, b) => b.last - a.last)
    .slice(0, MOST_REFUSALS);
}

export function dayOf(at: number): number {
  return Math.floor(at / DAY_MS);
}

function addDay(days: ClientUse['days'], day: number, count: number, at: number): ClientUse['days'] {
  const all = new Map(days);
  all.set(day, (all.get(day) ?? 0) + count);
  const oldest = dayOf(at) - DAYS_KEPT;
  return [...all].filter(([each]) => each > oldest).toSorted(([a], [b]) => a - b);
}
