// Adds what a run read of a connection log to the logins of the last 24 hours that are remembered.

import * as z from 'zod';
import type {
  ClientLogins,
  ConnectionLogFacts,
  FailedLogins,
  HourlyCounts,
  LogGap,
  TlsFallback,
} from '../../model/connection-log.ts';
import {
  clientLoginsSchema,
  failedLoginsSchema,
  momentSchema,
  tlsFallbackSchema,
} from '../../model/connection-log-schema.ts';
import { compareText } from '../../model/text-order.ts';
import { DAY_MS, HOUR_MS } from '../../model/time.ts';
import { fold } from '../sessions/fold.ts';
import { type Logins, MOST_ADDRESSES, OTHER_CLIENTS, OTHER_FAILURES } from './logins.ts';

type Source = ConnectionLogFacts['source'];

/** What a run read of a log since the last one. */
export interface LogRead {
  readonly logins: Logins;
  /** JSON: where the next run goes on. */
  readonly position: unknown;
  readonly gaps: readonly LogGap[];
  /** Milliseconds since 1970: how far a first run looks back. */
  readonly from: number;
  readonly now: number;
  readonly source: Source;
}

/** Rows that are kept apart from run to run. What is beyond is added together. */
const MOST_CLIENTS = 500;
const MOST_FAILURES = 200;
const MOST_FALLBACKS = 100;
/** Bytes of a remembered state: a DynamoDB item holds 400 KB. */
const MOST_BYTES = 300_000;
/** Of the rows, what is kept where the state is too large, until it fits. */
const SHARE = 0.7;

const stateSchema = z.object({
  schemaVersion: z.literal(1),
  position: z.unknown(),
  readTo: momentSchema,
  continuousSince: momentSchema.optional(),
  clients: z.array(clientLoginsSchema).max(MOST_CLIENTS + 20),
  failures: z.array(failedLoginsSchema).max(MOST_FAILURES + 1),
  fallbacks: z.array(tlsFallbackSchema).max(MOST_FALLBACKS),
  isCut: z.boolean(),
  gaps: z.array(z.object({ cause: z.string(), reason: z.string(), remedy: z.string().optional() })).max(20),
});

/** What is remembered; undefined for what this version did not write. */
interface State {
  readonly position: unknown;
  readonly readTo: number;
  readonly continuousSince: number | undefined;
  readonly clients: readonly ClientLogins[];
  readonly failures: readonly FailedLogins[];
  readonly fallbacks: readonly TlsFallback[];
  /** Whether rows were added together, so that not every client has one of its own. */
  readonly isCut: boolean;
  readonly gaps: readonly LogGap[];
}

function stateOf(stored: unknown): State | undefined {
  return stateSchema.safeParse(stored).data as State | undefined;
}

/** Where the reader goes on; undefined where nothing usable is remembered. */
export function positionOf(stored: unknown): unknown {
  return stateOf(stored)?.position;
}

/**
 * The next state, and the facts of the last 24 hours. A state that is of no use is a gap, and the window begins anew.
 *
 * @param stored what the last run returned as `state`; undefined in the first run
 */
export function advance(
  stored: unknown,
  { logins, position, gaps, from, now, source }: LogRead,
): { readonly state: unknown; readonly facts: ConnectionLogFacts } {
  const before = stateOf(stored);
  const isUnusable = before === undefined && stored !== undefined && stored !== null;
  const found = isUnusable ? [...gaps, UNUSABLE] : gaps;
  const rows = bounded({
    clients: merge([...(before?.clients ?? []), ...logins.clients], clientRows, now),
    failures: merge([...(before?.failures ?? []), ...logins.failures], failureRows, now),
    fallbacks: merge([...(before?.fallbacks ?? []), ...logins.fallbacks], fallbackRows, now),
    isCut: false,
  });
  const isWhole = found.length === 0;
  // After a gap nothing is known of the time before the run that had it.
  const since = before === undefined ? from : (before.continuousSince ?? before.readTo);
  const state: State = {
    ...rows,
    position,
    readTo: now,
    continuousSince: isWhole ? since : undefined,
    gaps: found.slice(0, 20),
  };
  const encoded: unknown = JSON.parse(JSON.stringify({ schemaVersion: 1, ...state }));
  return { state: encoded, facts: factsOf(state, now, source) };
}

/** The facts of what another run has just saved. */
export function factsFrom(stored: unknown, now: number, source: Source): ConnectionLogFacts {
  const state = stateOf(stored);
  const empty = { clients: [], failures: [], fallbacks: [], isCut: false, gaps: [UNUSABLE] };
  return factsOf(state ?? { ...empty, position: undefined, readTo: now, continuousSince: undefined }, now, source);
}

const UNUSABLE: LogGap = {
  cause: 'lost',
  reason: 'what earlier runs remembered of the log is of no use: logins that they counted are not in the window',
};

const TOO_MANY: LogGap = {
  cause: 'too-many-clients',
  reason: `the log has more than ${MOST_CLIENTS} different clients: the others are added together`,
};

function factsOf(
  { clients, failures, fallbacks, continuousSince, readTo, isCut, gaps }: State,
  now: number,
  source: Source,
): ConnectionLogFacts {
  const iso = (moment: number): string => new Date(moment).toISOString();
  return {
    source,
    window: { from: iso(Math.max(now - DAY_MS, continuousSince ?? 0)), to: iso(Math.min(readTo, now)) },
    ...(continuousSince === undefined ? {} : { continuousSince: iso(continuousSince) }),
    clients,
    failures,
    fallbacks,
    gaps: isCut ? [...gaps, TOO_MANY] : gaps,
  };
}

/** How rows of one kind are recognised, counted and added together. */
interface RowKind<Row> {
  /** The same for two rows that are one client or one cause. */
  readonly key: (row: Row) => string;
  readonly count: (row: Row) => number;
  readonly counted: (row: Row, count: number) => Row;
  readonly add: (a: Row, b: Row) => Row;
}

interface Timed {
  readonly first: number | undefined;
  readonly last: number | undefined;
  readonly hours?: HourlyCounts | undefined;
}

const clientRows: RowKind<ClientLogins> = {
  key: ({ role, database, application, replication, transport, forged, tls, network, hostKnown, others }) =>
    JSON.stringify([
      ...[transport, forged, hostKnown, others, replication, tls?.version ?? null, tls?.cipher ?? null],
      ...[role ?? null, database ?? null, application === undefined ? null : fold(application), network ?? null],
    ]),
  count: ({ logins }) => logins,
  counted: (row, logins) => ({ ...row, logins }),
  add: (a, b) => {
    const addresses = addressesOf(a, b);
    return {
      ...a,
      ...applicationOf(a, b),
      addresses: addresses.slice(0, MOST_ADDRESSES),
      moreAddresses: a.moreAddresses || b.moreAddresses || addresses.length > MOST_ADDRESSES,
      logins: a.logins + b.logins,
    };
  },
};

const failureRows: RowKind<FailedLogins> = {
  key: ({ kind, reason, encryption, role, database, network, certificate }) =>
    JSON.stringify([kind, reason, encryption, role, database, network, certificate]),
  count: ({ count }) => count,
  counted: (row, count) => ({ ...row, count }),
  add: (a, b) => ({ ...a, count: a.count + b.count, retriedOverTls: a.retriedOverTls + b.retriedOverTls }),
};

const fallbackRows: RowKind<TlsFallback> = {
  key: ({ role, database, application, network, transport, reason }) =>
    JSON.stringify([role, database, application, network, transport, reason]),
  count: ({ count }) => count,
  counted: (row, count) => ({ ...row, count }),
  add: (a, b) => ({ ...a, addresses: addressesOf(a, b).slice(0, MOST_ADDRESSES), count: a.count + b.count }),
};

interface Addressed {
  readonly addresses: readonly string[];
}

/** Each once, sorted. */
function addressesOf(a: Addressed, b: Addressed): readonly string[] {
  return [...new Set([...a.addresses, ...b.addresses])].sort();
}

function applicationOf(a: ClientLogins, b: ClientLogins): Pick<ClientLogins, 'application'> {
  if (a.application === b.application || a.application === undefined) return { application: a.application };
  return { application: fold(a.application) };
}

/** Adds rows of one client together, and drops the hours that are over, with what was counted in them. */
function merge<Row extends Timed>(rows: readonly Row[], kind: RowKind<Row>, now: number): readonly Row[] {
  const timed = rows.map((row) => ({ ...row, hours: hoursOf(row, kind.count(row), now) }));
  const oldest = Math.floor((now - DAY_MS) / HOUR_MS);
  return together(timed, kind)
    .map((row) => {
      const hours = (row.hours ?? []).filter(([hour]) => hour >= oldest);
      const count = hours.reduce((sum, [, counted]) => sum + counted, 0);
      return { ...kind.counted(row, count), hours };
    })
    .filter((row) => kind.count(row) > 0);
}

/** What the log shows no time of counts as seen now. No time is after now: a clock that is ahead keeps none alive. */
function hoursOf({ hours = [] }: Timed, count: number, now: number): HourlyCounts {
  const present = Math.floor(now / HOUR_MS);
  const known = hours.map(([hour, counted]): [number, number] => [Math.min(hour, present), counted]);
  const rest = count - known.reduce((sum, [, counted]) => sum + counted, 0);
  const all = new Map<number, number>();
  for (const [hour, counted] of [...known, ...(rest === 0 ? [] : [[present, rest] as const])]) {
    all.set(hour, (all.get(hour) ?? 0) + counted);
  }
  return [...all];
}

function timesOf(a: Timed, b: Timed): Timed {
  const hours = new Map(a.hours);
  for (const [hour, count] of b.hours ?? []) hours.set(hour, (hours.get(hour) ?? 0) + count);
  return {
    first: least(a.first, b.first, Math.min),
    last: least(a.last, b.last, Math.max),
    hours: [...hours].filter(([, count]) => count !== 0),
  };
}

function least(
  a: number | undefined,
  b: number | undefined,
  pick: (a: number, b: number) => number,
): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : pick(a, b);
}

interface Rows {
  readonly clients: readonly ClientLogins[];
  readonly failures: readonly FailedLogins[];
  readonly fallbacks: readonly TlsFallback[];
  readonly isCut: boolean;
}

/** The rows that matter most, as many as may be kept; the others are added together. */
function bounded(rows: Rows): Rows {
  let share = 1;
  let kept = cut(rows, share);
  while (share > 0.01 && Buffer.byteLength(JSON.stringify(kept)) > MOST_BYTES) {
    share *= SHARE;
    kept = cut(rows, share);
  }
  return kept;
}

function cut({ clients, failures, fallbacks }: Rows, share: number): Rows {
  const most = (bound: number): number => Math.floor(bound * share);
  const [keptClients, otherClients] = split(clients, most(MOST_CLIENTS), compareClients);
  const [keptFailures, otherFailures] = split(failures, most(MOST_FAILURES), byCount);
  const [keptFallbacks] = split(fallbacks, most(MOST_FALLBACKS), byCount);
  return {
    clients: [...keptClients, ...together(otherClients.map(asOther), clientRows)],
    failures: [...keptFailures, ...together(otherFailures.map(asOtherFailure), failureRows)],
    fallbacks: keptFallbacks,
    // Rows of others come from the reader too, which has bounds of its own. Failures have no say: their names come from
    // clients that nothing verified, and a port scanner must not be able to make a verdict unknown.
    isCut: otherClients.length > 0 || clients.some(({ others }) => others),
  };
}

function split<Row>(
  rows: readonly Row[],
  most: number,
  compare: (a: Row, b: Row) => number,
): readonly [readonly Row[], readonly Row[]] {
  if (rows.length <= most) return [rows, []];
  const sorted = rows.toSorted(compare);
  return [sorted.slice(0, most), sorted.slice(most)];
}

const WORST_FIRST: readonly ClientLogins['transport'][] = ['plaintext', 'loopback', 'tls', 'gss', 'unix-socket'];

/** What is not encrypted first: a thousand names over TLS must not push a plaintext client out. */
function compareClients(a: ClientLogins, b: ClientLogins): number {
  return (
    WORST_FIRST.indexOf(a.transport) - WORST_FIRST.indexOf(b.transport) ||
    compareText(a.tls?.version ?? '', b.tls?.version ?? '') ||
    b.logins - a.logins
  );
}

function byCount(a: { readonly count: number }, b: { readonly count: number }): number {
  return b.count - a.count;
}

function asOther({ transport, forged, ...row }: ClientLogins): ClientLogins {
  return {
    ...OTHER_CLIENTS,
    addresses: [],
    moreAddresses: false,
    transport,
    forged,
    logins: row.logins,
    first: row.first,
    last: row.last,
    hours: row.hours,
  };
}

function asOtherFailure({ count, retriedOverTls: retried, first, last, hours }: FailedLogins): FailedLogins {
  return { ...OTHER_FAILURES, count, retriedOverTls: retried, first, last, hours };
}

function together<Row extends Timed>(rows: readonly Row[], kind: RowKind<Row>): readonly Row[] {
  const merged = new Map<string, Row>();
  for (const row of rows) {
    const key = kind.key(row);
    const known = merged.get(key);
    merged.set(key, known === undefined ? row : { ...kind.add(known, row), ...timesOf(known, row) });
  }
  return [...merged.values()];
}
