// Aggregates the events of a connection log into logins per client, in bounded memory.

import ipaddr from 'ipaddr.js';
import type {
  ClientLogins,
  FailedLogins,
  HourlyCounts,
  RefusedCertificate,
  TlsFallback,
} from '../../model/connection-log.ts';
import { HOUR_MS } from '../../model/time.ts';
import type { Transport } from '../../model/transport.ts';
import { fold } from '../sessions/fold.ts';
import type { ConnectionEvent, HandshakeFailure, LogRecord } from './events.ts';
import { revealsForgery } from './message.ts';
import { RecentMap } from './recent-map.ts';

export interface Logins {
  readonly clients: readonly ClientLogins[];
  readonly failures: readonly FailedLogins[];
  readonly fallbacks: readonly TlsFallback[];
  /** All logins, also those of others. */
  readonly total: number;
  /** Of the events about connections, milliseconds since 1970. */
  readonly from: number | undefined;
  readonly to: number | undefined;
}

export interface LoginBounds {
  /** @default 10000 */
  readonly clients?: number;
  /** @default 1000 */
  readonly failures?: number;
  /** Connections whose arrival or login is kept until the next event. @default 10000 */
  readonly connections?: number;
  /** Pairs of a failed handshake and a plaintext login. @default 1000 */
  readonly fallbacks?: number;
  /** Whether everything is counted by hours too. @default false */
  readonly hourly?: boolean;
}

/** Addresses of a row that are kept. */
export const MOST_ADDRESSES = 8;
/** Milliseconds within which a client tries again: drivers do so at once, on a new connection. */
const RETRY_MS = 5_000;
/** Failures after which a client may fall back. What only closes (a health check) or speaks no TLS does not. */
const FALLS_BACK_AFTER: ReadonlySet<string> = new Set<HandshakeFailure>([
  'version-unsupported',
  'no-shared-cipher',
  'server-not-trusted',
  'server-certificate-expired',
  'client-certificate',
  'alpn',
  'other',
]);
/** Entries in the cache of what was computed from a text. */
const MAX_CACHED = 10_000;
/** Names are stored up to this length; no server keeps longer ones. */
const LONGEST_NAME = 200;

interface Row
  extends Omit<ClientLogins, 'addresses' | 'application' | 'logins' | 'first' | 'last' | 'moreAddresses' | 'hours'> {
  application: string | undefined;
  pattern: string | undefined;
  readonly addresses: Set<string>;
  moreAddresses: boolean;
  logins: number;
  first: number | undefined;
  last: number | undefined;
  readonly hours: Map<number, number> | undefined;
}

interface Connection {
  readonly host: string | undefined;
  /** The login, once there was one. */
  login: { readonly key: string; readonly event: Authorized; readonly time: number | undefined } | undefined;
  failed: boolean;
}

type Authorized = Extract<ConnectionEvent, { readonly kind: 'authorized' }>;
type Failure = Omit<FailedLogins, 'count' | 'first' | 'last' | 'hours' | 'retriedOverTls'>;
type Pair = Omit<TlsFallback, 'addresses' | 'count' | 'first' | 'last' | 'hours'>;

interface Counted {
  count: number;
  first: number | undefined;
  last: number | undefined;
  readonly hours: Map<number, number> | undefined;
}

export class LoginAggregator {
  readonly #bounds: Required<Omit<LoginBounds, 'connections'>>;
  readonly #fallbacks = new Map<string, { readonly pair: Pair; readonly addresses: Set<string> } & Counted>();
  /** The last failed handshake of an address, and the last refusal of a role from an address. */
  readonly #failedHandshakes: RecentMap<{ readonly time: number; readonly reason: string }>;
  readonly #refusals: RecentMap<{ readonly time: number; readonly failure: Failure }>;
  readonly #rows = new Map<string, Row>();
  readonly #failures = new Map<string, { readonly failure: Failure; retriedOverTls: number } & Counted>();
  readonly #connections: RecentMap<Connection>;
  readonly #networks = new RecentMap<string>(MAX_CACHED);
  readonly #texts = new RecentMap<string>(MAX_CACHED);
  readonly #folded = new RecentMap<string>(MAX_CACHED);
  /** When a handshake failed or a login was refused last: milliseconds since 1970. */
  #latestFailure = Number.NEGATIVE_INFINITY;
  #total = 0;
  #from: number | undefined;
  #to: number | undefined;

  constructor({
    clients = 10_000,
    failures = 1_000,
    connections = 10_000,
    fallbacks = 1_000,
    hourly = false,
  }: LoginBounds = {}) {
    this.#bounds = { clients, failures, fallbacks, hourly };
    this.#connections = new RecentMap(connections);
    this.#failedHandshakes = new RecentMap(connections);
    this.#refusals = new RecentMap(connections);
  }

  /** @param context whether the event was counted before: it only says what belongs to later ones @default false */
  add(event: ConnectionEvent, record: LogRecord, { context = false }: { readonly context?: boolean } = {}): void {
    const { time } = record;
    if (time !== undefined && !context) {
      this.#from = this.#from === undefined || time < this.#from ? time : this.#from;
      this.#to = this.#to === undefined || time > this.#to ? time : this.#to;
    }
    const known = record.connection === undefined ? undefined : this.#connections.get(record.connection);
    switch (event.kind) {
      case 'received':
        this.#record(record, { host: this.#own(event.host), login: undefined, failed: false });
        return;
      case 'authorized': {
        const host = record.host ?? known?.host;
        const key = this.#count(event, host, time, context ? 0 : 1);
        this.#pair(event, host, time, context);
        // Without a name by which later entries are known to be of this connection, none can correct it.
        if (record.connection === undefined) return;
        const login = { event: this.#ownEvent(event), time, key };
        if (known === undefined) this.#record(record, { host: host && this.#own(host), login, failed: false });
        else known.login = login;
        return;
      }
      case 'authenticated':
        return;
      case 'ready':
      case 'disconnected': {
        const host = event.kind === 'disconnected' ? (event.host ?? record.host) : record.host;
        if (known !== undefined) this.#correct(known, host, record.application);
        if (event.kind === 'disconnected' && record.connection !== undefined)
          this.#connections.delete(record.connection);
        return;
      }
      default:
        this.#fail(event, record, known, context);
    }
  }

  result(): Logins {
    const counted = [...this.#rows.values()].filter(({ logins }) => logins !== 0);
    const clients = counted.map(({ pattern: _, addresses, hours, ...row }) => ({
      ...row,
      addresses: [...addresses].sort(),
      ...hoursOf(hours),
    }));
    const failures = [...this.#failures.values()].map(({ failure, hours, ...counted }) => ({
      ...failure,
      ...counted,
      ...hoursOf(hours),
    }));
    const fallbacks = [...this.#fallbacks.values()].map(({ pair, addresses, hours, ...counted }) => ({
      ...pair,
      ...counted,
      addresses: [...addresses].sort(),
      ...hoursOf(hours),
    }));
    return { clients, failures, fallbacks, total: this.#total, from: this.#from, to: this.#to };
  }

  #record({ connection }: LogRecord, entry: Connection): void {
    if (connection === undefined) return;
    this.#connections.set(own(connection), entry);
  }

  /** @returns the key of the row that it was counted in */
  #count(event: Authorized, host: string | undefined, time: number | undefined, logins: 1 | 0): string {
    const { transport, hostKnown, isForged } = transportOf(event, host);
    const tls = transport === 'tls' ? event.tls : undefined;
    const network = hostKnown && host !== undefined && transport !== 'unix-socket' ? this.#network(host) : undefined;
    const pattern = this.#fold(event.application.slice(0, LONGEST_NAME));
    // What clients cannot choose stands first: names that hold the separator mix up names, never transports.
    const way = `${transport}\0${isForged}\0${hostKnown}\0${event.replication}\0${tls?.version}\0${tls?.cipher}\0${tls?.bits}`;
    const key = `${way}\0${network}\0${event.role}\0${event.database ?? ''}\0${pattern}`;
    let row = this.#rows.get(key);
    let usedKey = key;
    if (row === undefined) {
      if (this.#rows.size >= this.#bounds.clients) {
        usedKey = `others\0${transport}\0${isForged}`;
        row =
          this.#rows.get(usedKey) ??
          this.#newRow(usedKey, {
            ...OTHER_CLIENTS,
            pattern: undefined,
            transport,
            forged: isForged,
          });
      } else {
        row = this.#newRow(usedKey, {
          role: own(event.role),
          database: event.database === undefined ? undefined : own(event.database),
          application: own(event.application),
          pattern: own(pattern),
          replication: event.replication,
          transport,
          forged: isForged,
          tls: tls && { version: own(tls.version), cipher: own(tls.cipher), bits: tls.bits },
          network,
          hostKnown,
          others: false,
        });
      }
    }
    if (row.pattern !== undefined && row.application !== event.application && row.application !== row.pattern) {
      if (row.application !== event.application.slice(0, LONGEST_NAME)) row.application = row.pattern;
    }
    if (network !== undefined && host !== undefined && !row.others && !row.addresses.has(host)) {
      if (row.addresses.size < MOST_ADDRESSES) row.addresses.add(own(host));
      else row.moreAddresses = true;
    }
    row.logins += logins;
    this.#total += logins;
    extend(row, time, logins);
    return usedKey;
  }

  #newRow(key: string, row: Omit<Row, 'addresses' | 'moreAddresses' | 'logins' | 'first' | 'last' | 'hours'>): Row {
    const made = {
      ...row,
      addresses: new Set<string>(),
      moreAddresses: false,
      logins: 0,
      first: undefined,
      last: undefined,
      hours: this.#newHours(),
    };
    this.#rows.set(key, made);
    return made;
  }

  /** What a later entry of the same connection shows: that the application's name forges, or where the client is. */
  #correct(connection: Connection, host: string | undefined, application: string | undefined): void {
    const { login } = connection;
    if (login === undefined) return;
    const isForging =
      application !== undefined && revealsForgery(application, login.event.application) && !login.event.forged;
    const row = this.#rows.get(login.key);
    if (row === undefined) return;
    const findsHost = !row.hostKnown && host !== undefined && row.transport === 'plaintext' && !row.forged;
    if (!isForging && !findsHost) return;
    row.logins -= 1;
    this.#total -= 1;
    addHour(row.hours, login.time, -1);
    if (row.logins === 0) this.#rows.delete(login.key);
    const event = isForging ? { ...login.event, forged: true } : login.event;
    connection.login = { ...login, event, key: this.#count(event, host ?? connection.host, login.time, 1) };
  }

  #fail(
    event: Extract<ConnectionEvent, { readonly kind: FailedLogins['kind'] }>,
    record: LogRecord,
    known: Connection | undefined,
    context: boolean,
  ): void {
    // The server logs a certificate of another name, and then that the login failed.
    if (known?.failed === true) return;
    if (known !== undefined) known.failed = true;
    else this.#record(record, { host: record.host && own(record.host), login: undefined, failed: true });
    const host = (event.kind === 'refused' ? event.host : undefined) ?? record.host ?? known?.host;
    const { time } = record;
    const failure: Failure = {
      kind: event.kind,
      reason: event.kind === 'refused' ? event.by : event.failure,
      encryption: event.kind === 'refused' ? event.encryption : undefined,
      role: 'role' in event ? (event.role ?? record.role) : undefined,
      database: event.kind === 'refused' ? (event.database ?? record.database) : undefined,
      network: host === undefined || host === LOCAL ? undefined : this.#network(host),
      certificate:
        event.kind === 'handshake-failed' && event.failure === 'client-certificate'
          ? refusedCertificate(record.detail)
          : undefined,
    };
    if (host !== undefined && time !== undefined) {
      this.#latestFailure = Math.max(this.#latestFailure, time);
      if (event.kind === 'handshake-failed' && FALLS_BACK_AFTER.has(event.failure)) {
        this.#failedHandshakes.set(own(host), { time, reason: event.failure });
      } else if (event.kind === 'refused' && event.encryption === 'plaintext' && failure.role !== undefined) {
        this.#refusals.set(own(`${failure.role}\0${host}`, 2_000), { time, failure: ownAll(failure) });
      }
    }
    if (context) return;
    const counted = this.#countedFailure(failure);
    counted.count += 1;
    extend(counted, time, 1);
  }

  /** A login soon after what failed before it: a client that falls back to plaintext, or one that tries TLS second. */
  #pair(event: Authorized, host: string | undefined, time: number | undefined, context: boolean): void {
    // Most logins follow no failure at all.
    if (host === undefined || time === undefined || time - this.#latestFailure > RETRY_MS) return;
    const { transport, isForged } = transportOf(event, host);
    if (isForged) return;
    if (transport === 'tls') {
      const key = `${event.role}\0${host}`.slice(0, 2_000);
      const refused = this.#refusals.get(key);
      if (refused === undefined || !isSoonAfter(refused.time, time)) return;
      this.#refusals.delete(key);
      if (!context) this.#countedFailure(refused.failure).retriedOverTls += 1;
      return;
    }
    if (transport !== 'plaintext' && transport !== 'loopback') return;
    const failed = this.#failedHandshakes.get(host);
    if (failed === undefined || !isSoonAfter(failed.time, time)) return;
    this.#failedHandshakes.delete(host);
    if (!context) this.#countFallback(event, host, time, { transport, reason: failed.reason });
  }

  #countFallback(
    event: Authorized,
    host: string,
    time: number,
    { transport, reason }: Pick<Pair, 'transport' | 'reason'>,
  ): void {
    const network = this.#network(host);
    const application = this.#fold(event.application.slice(0, LONGEST_NAME));
    const key = `${transport}\0${reason}\0${network}\0${event.role}\0${event.database ?? ''}\0${application}`;
    let counted = this.#fallbacks.get(key);
    if (counted === undefined) {
      // The clients beyond the bound are in the rows of plaintext logins all the same.
      if (this.#fallbacks.size >= this.#bounds.fallbacks) return;
      counted = {
        pair: {
          role: own(event.role),
          database: event.database === undefined ? undefined : own(event.database),
          application: own(application),
          network,
          transport,
          reason,
        },
        addresses: new Set(),
        ...this.#nothing(),
      };
      this.#fallbacks.set(own(key, 2_000), counted);
    }
    counted.count += 1;
    if (counted.addresses.size < MOST_ADDRESSES) counted.addresses.add(own(host));
    extend(counted, time, 1);
  }

  #nothing(): Counted {
    return { count: 0, first: undefined, last: undefined, hours: this.#newHours() };
  }

  #newHours(): Map<number, number> | undefined {
    return this.#bounds.hourly ? new Map() : undefined;
  }

  #countedFailure(failure: Failure): { retriedOverTls: number } & Counted {
    const { certificate, ...rest } = failure;
    const key = [...Object.values(rest), ...Object.values(certificate ?? {})]
      .map((value) => value?.slice(0, LONGEST_NAME))
      .join('\0');
    let counted = this.#failures.get(key);
    if (counted === undefined) {
      const isFull = this.#failures.size >= this.#bounds.failures;
      counted = isFull ? this.#failures.get(OTHERS_KEY) : undefined;
      if (counted === undefined) {
        counted = { failure: isFull ? OTHER_FAILURES : ownAll(failure), retriedOverTls: 0, ...this.#nothing() };
        this.#failures.set(isFull ? OTHERS_KEY : own(key, 2_000), counted);
      }
    }
    return counted;
  }

  #ownEvent(event: Authorized): Authorized {
    const { role, database, application, tls, gss } = event;
    return {
      ...event,
      tls: tls && { ...tls, version: this.#own(tls.version), cipher: this.#own(tls.cipher) },
      gss: gss && { encrypted: gss.encrypted, principal: undefined },
      role: this.#own(role),
      database: database === undefined ? undefined : this.#own(database),
      application: this.#own(application),
    };
  }

  /** One copy of each text, which does not keep the text alive that it was cut from. */
  #own(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    const made = own(text);
    this.#texts.set(made, made);
    return made;
  }

  #fold(application: string): string {
    const known = this.#folded.get(application);
    if (known !== undefined) return known;
    const pattern = fold(application);
    this.#folded.set(own(application), pattern);
    return pattern;
  }

  #network(host: string): string {
    const known = this.#networks.get(host);
    if (known !== undefined) return known;
    const made = networkOf(host);
    this.#networks.set(own(host), made);
    return made;
  }
}

const OTHERS_KEY = 'others';
/** What is known of clients beyond the bound, besides how they connect. */
export const OTHER_CLIENTS = {
  role: undefined,
  database: undefined,
  application: undefined,
  replication: false,
  tls: undefined,
  network: undefined,
  hostKnown: false,
  others: true,
} as const;
export const OTHER_FAILURES: Failure = {
  kind: 'others',
  reason: 'others',
  encryption: undefined,
  role: undefined,
  database: undefined,
  network: undefined,
  certificate: undefined,
};

const LOCAL = '[local]';
const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|::1|::ffff:127(?:\.\d{1,3}){3})$/i;

interface TransportFacts {
  readonly transport: Transport;
  readonly hostKnown: boolean;
  readonly isForged: boolean;
}

/**
 * How a login travelled, never better than what is shown. A host that is not known is not the server's own, and neither
 * is a name: the owner of an address chooses the name that it has.
 */
function transportOf({ tls, gss, forged }: Authorized, host: string | undefined): TransportFacts {
  const hostKnown = host !== undefined;
  if (forged) return { transport: 'plaintext', hostKnown, isForged: true };
  if (tls !== undefined) return { transport: 'tls', hostKnown, isForged: false };
  if (gss?.encrypted === true) return { transport: 'gss', hostKnown, isForged: false };
  if (host === LOCAL) return { transport: 'unix-socket', hostKnown, isForged: false };
  if (host !== undefined && LOOPBACK.test(host)) return { transport: 'loopback', hostKnown, isForged: false };
  return { transport: 'plaintext', hostKnown, isForged: false };
}

function networkOf(host: string): string {
  const address = host.replace(/%.*$/s, '');
  if (!ipaddr.IPv4.isValidFourPartDecimal(address) && !ipaddr.IPv6.isValid(address)) return own(host);
  const parsed = ipaddr.process(address);
  const prefix = parsed.kind() === 'ipv4' ? 24 : 64;
  return `${ipaddr.fromByteArray(parsed.toByteArray().fill(0, prefix / 8))}/${prefix}`;
}

function extend(of: Pick<Counted, 'first' | 'last' | 'hours'>, time: number | undefined, count: number): void {
  if (time === undefined) return;
  if (of.first === undefined || time < of.first) of.first = time;
  if (of.last === undefined || time > of.last) of.last = time;
  addHour(of.hours, time, count);
}

function addHour(hours: Map<number, number> | undefined, time: number | undefined, count: number): void {
  if (hours === undefined || time === undefined || count === 0) return;
  const hour = Math.floor(time / HOUR_MS);
  hours.set(hour, (hours.get(hour) ?? 0) + count);
}

function hoursOf(hours: ReadonlyMap<number, number> | undefined): { readonly hours?: HourlyCounts } {
  return hours === undefined ? {} : { hours: [...hours].filter(([, count]) => count !== 0) };
}

function isSoonAfter(failed: number, time: number): boolean {
  return time >= failed && time - failed <= RETRY_MS;
}

const CERTIFICATE_WHY = /^Client certificate verification failed at depth \d+: ([^\n]{1,200}?)\.?(?:\n|$)/;
const CERTIFICATE_NAMES = /subject "(.{0,200}?)(?:"|\.\.\.).{0,300}issuer "(.{0,200}?)(?:"|$)/s;

/** What the DETAIL of a failed verification says (PostgreSQL 16 and newer). */
function refusedCertificate(detail: string | undefined): RefusedCertificate | undefined {
  if (detail === undefined) return undefined;
  const bounded = detail.slice(0, 2_000);
  const why = CERTIFICATE_WHY.exec(bounded)?.[1];
  if (why === undefined) return undefined;
  const [, subject, issuer] = CERTIFICATE_NAMES.exec(bounded) ?? [];
  return { why: own(why), subject: subject && own(subject), issuer: issuer && own(issuer) };
}

/** A copy that does not keep the text alive that it was cut from. */
function own(text: string, longest = LONGEST_NAME): string {
  return Buffer.from(text.length > longest ? text.slice(0, longest) : text).toString();
}

function ownAll(failure: Failure): Failure {
  const { role, database, network } = failure;
  return {
    ...failure,
    role: role === undefined ? undefined : own(role),
    database: database === undefined ? undefined : own(database),
    network: network === undefined ? undefined : own(network),
  };
}
