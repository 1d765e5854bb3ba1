// Reads the messages that PostgreSQL 12 to 18 and PgBouncer log about connections.

import type { Encryption, LoggedTls } from '../../model/connection-log.ts';
import type { ConnectionEvent, HandshakeFailure, LogRecord } from './events.ts';

/** Arrivals and logins in the catalogues that PostgreSQL ships: de, es, fr, it, ja, ka, ko, ru, sv, uk, zh_CN. */
const TRANSLATED = [
  'Verbindung autorisiert: ',
  'Verbindung empfangen: ',
  'conexión autorizada: ',
  'conexión recibida: ',
  'connexion autorisée : ',
  'connexion reçue : ',
  'connessione autorizzata: ',
  'connessione ricevuta: ',
  '接続の認証完了: ',
  '接続を受け付けました: ',
  'შეერთება ავტორიზებულია: ',
  'შემოსული დაკავშირება: ',
  '연결 인증: ',
  '접속 수락: ',
  'подключение авторизовано: ',
  'принято подключение: ',
  'anslutning auktoriserad: ',
  'ansluting mottagen: ',
  'підключення авторизовано: ',
  "з'єднання отримано: ",
  '已接收到连接: ',
] as const;

/** Parts of the messages that are read, and of their translations. Few, and short: every line of a log is tried. */
const MARKS = [
  'connection (?:a|r)',
  'isconnection: ',
  'could not accept SSL',
  'pg_hba\\.conf ',
  'client certificate',
  'certificate authentication',
  'authenticated user name',
  'direct SSL conn',
  'login attempt: ',
  'closing because: ',
  // German and Italian need no letter beyond ASCII.
  'Verbindung ',
  'connessione ',
] as const;
const FOREIGN_MARKS = [
  ...['conexi', 'connexion ', '接続', 'ავტორიზებულია', 'დაკავშირება: ', '연결 인증', '접속 수락'],
  ...['подключение', 'anslutn?ing ', 'підключення', 'єднання отримано', '已接收到连接'],
] as const;

const MARKED = new RegExp(MARKS.join('|'));
const FOREIGN_MARKED = new RegExp(FOREIGN_MARKS.map((mark) => Buffer.from(mark).toString('latin1')).join('|'));

/** Whether text decoded as Latin-1 holds bytes beyond ASCII. */
export function isBeyondAscii(text: string): boolean {
  return Buffer.byteLength(text) !== text.length;
}

/**
 * Whether a line, decoded as Latin-1, may be about a connection. Others are never read.
 *
 * @param mayBeForeign false where the text around it is known to be ASCII
 */
export function isMarked(line: string, mayBeForeign = true): boolean {
  return MARKED.test(line) || (mayBeForeign && FOREIGN_MARKED.test(line));
}

const NEXT = new RegExp(MARKED.source, 'g');
const NEXT_FOREIGN = new RegExp(`${MARKED.source}|${FOREIGN_MARKED.source}`, 'g');

/**
 * A position within the next line that is marked, from a position on; Infinity where none is.
 *
 * @param text whole lines, decoded as Latin-1
 */
export function nextMark(text: string, from: number, mayBeForeign: boolean): number {
  const next = mayBeForeign ? NEXT_FOREIGN : NEXT;
  next.lastIndex = from;
  return next.test(text) ? next.lastIndex - 1 : Number.POSITIVE_INFINITY;
}

export function isTranslated(message: string): boolean {
  return TRANSLATED.some((text) => message.startsWith(text));
}

/** How the messages begin that events are made of. */
const BEGINNINGS = [
  ...['connection received: ', 'connection authorized: ', 'replication connection authorized: '],
  ...['connection authenticated: ', 'connection ready: ', 'disconnection: session time: '],
  ...['could not accept SSL connection: ', 'received direct SSL connection request without ALPN'],
  ...['no pg_hba.conf entry for ', 'pg_hba.conf rejects ', 'connection requires a valid client certificate'],
  ...['certificate authentication failed for user "', 'provided user name (', 'login attempt: ', 'closing because: '],
] as const;

/** Whether a message without its end is one that events are made of, as far as it goes. */
export function mayBeEvent(message: string): boolean {
  return BEGINNINGS.some((text) => message.startsWith(text) || text.startsWith(message));
}

const TLS_TAIL = ' SSL enabled (';
const GSS_TAIL = ' GSS (';
const TLS =
  /^ SSL enabled \(protocol=([\w.]{1,20}), cipher=([\w-]{1,80}), bits=(\d{1,5})(?:, compression=(?:on|off))?\)$/;
const GSS =
  /^ GSS \(authenticated=(?:yes|no), encrypted=(yes|no)(?:, delegated_credentials=(?:yes|no))?(?:, principal=(.*))?\)$/s;

/** The event of a record; undefined where its message is about something else, or is not what it seems to be. */
export function readEvent(record: LogRecord): ConnectionEvent | undefined {
  const { message } = record;
  if (message.startsWith('connection received: ')) return received(message.slice(21));
  if (message.startsWith('connection authorized: user=')) return authorized(message.slice(28), record, false);
  if (message.startsWith('replication connection authorized: user=')) {
    return authorized(message.slice(40), record, true);
  }
  if (message.startsWith('connection authenticated: ')) return authenticated(message.slice(26));
  if (message.startsWith('connection ready: ')) return { kind: 'ready' };
  if (message.startsWith('disconnection: session time: ')) return disconnected(message);
  if (message.startsWith('could not accept SSL connection: ')) {
    const reason = message.slice(33);
    return { kind: 'handshake-failed', failure: handshakeFailure(reason), reason };
  }
  if (message.startsWith('received direct SSL connection request without ALPN')) {
    return { kind: 'handshake-failed', failure: 'alpn', reason: 'direct TLS without ALPN' };
  }
  if (message.startsWith('no pg_hba.conf entry for ')) return refused(message.slice(25), 'no-rule', record);
  if (message.startsWith('pg_hba.conf rejects ')) return refused(message.slice(20), 'reject-rule', record);
  return clientCertificate(record) ?? pooler(record);
}

/** `host=10.0.0.7 port=39450`, `host=[local]`. */
function received(text: string): ConnectionEvent | undefined {
  const [, host, port] = /^host=(\S{1,300})(?: port=(\d{1,5}))?$/.exec(text) ?? [];
  return host === undefined
    ? undefined
    : { kind: 'received', host, port: port === undefined ? undefined : Number(port) };
}

/**
 * From the right: the tails, which the server writes last; then the names, by what the prefix or the columns say of
 * them. The application is the client's own text and may hold anything, also the text of a tail.
 */
function authorized(text: string, { role, database }: LogRecord, replication: boolean): ConnectionEvent | undefined {
  let rest = text;
  // What ends otherwise has no tail, and most names hold none.
  const hasTail = text.endsWith(')');
  let gss: { encrypted: boolean; principal: string | undefined } | undefined;
  const gssAt = hasTail ? rest.lastIndexOf(GSS_TAIL) : -1;
  const gssTail = gssAt < 0 ? null : GSS.exec(rest.slice(gssAt));
  if (gssTail !== null) {
    gss = { encrypted: gssTail[1] === 'yes', principal: gssTail[2] };
    rest = rest.slice(0, gssAt);
  }
  let tls: LoggedTls | undefined;
  const tlsAt = hasTail ? rest.lastIndexOf(TLS_TAIL) : -1;
  const tlsTail = tlsAt < 0 ? null : TLS.exec(rest.slice(tlsAt));
  if (tlsTail !== null) {
    tls = { version: tlsTail[1] ?? '', cipher: tlsTail[2] ?? '', bits: Number(tlsTail[3]) };
    rest = rest.slice(0, tlsAt);
  }
  const { isBare, ...who } = names(rest, role, database, replication);
  const forged =
    isBare || holdsTail(rest) || holdsTail(gss?.principal ?? '') || (tls !== undefined && !isPossible(tls));
  return { kind: 'authorized', ...who, tls, gss, replication, forged };
}

/** Whether a text that a client chose holds what only the server writes behind it. */
function holdsTail(text: string): boolean {
  return text.includes(TLS_TAIL) || text.includes(GSS_TAIL);
}

/**
 * Whether the application's name, as a later entry of the same connection shows it, was read as a tail at its login.
 *
 * @param shown cut to 63 bytes by the server
 */
export function revealsForgery(shown: string, application: string): boolean {
  if (holdsTail(` ${shown}`)) return true;
  return (
    shown.length > application.length && [TLS_TAIL, GSS_TAIL].some((tail) => `${application}${tail}`.startsWith(shown))
  );
}

interface Names {
  readonly role: string;
  readonly database: string | undefined;
  readonly application: string;
  /** The sign of an application without one. A client without a name has none: what followed was taken for a tail. */
  readonly isBare: boolean;
}

const DATABASE = ' database=';
const APPLICATION = ' application_name=';

/**
 * @param text `ROLE database=DATABASE application_name=APPLICATION`, without the last or, for replication, the second
 */
function names(text: string, role: string | undefined, database: string | undefined, replication: boolean): Names {
  // Roles and databases may hold the separators too: where they are known, nothing is guessed.
  const head = replication ? role : `${role}${DATABASE}${database}`;
  if (role !== undefined && (replication || database !== undefined) && head !== undefined && text.startsWith(head)) {
    const rest = text.slice(head.length);
    const known = { role, database: replication ? undefined : database };
    if (rest === '') return { ...known, application: '', isBare: false };
    if (rest.startsWith(APPLICATION)) {
      return { ...known, application: rest.slice(APPLICATION.length), isBare: rest === APPLICATION };
    }
  }
  const applicationAt = text.indexOf(APPLICATION);
  const who = applicationAt < 0 ? text : text.slice(0, applicationAt);
  const application = applicationAt < 0 ? '' : text.slice(applicationAt + APPLICATION.length);
  const isBare = applicationAt >= 0 && application === '';
  const databaseAt = replication ? -1 : who.indexOf(DATABASE);
  return databaseAt < 0
    ? { role: who, database: undefined, application, isBare }
    : { role: who.slice(0, databaseAt), database: who.slice(databaseAt + DATABASE.length), application, isBare };
}

/** Whether OpenSSL can have negotiated it: protocol, suite and bits must go together. */
function isPossible({ version, cipher, bits }: LoggedTls): boolean {
  if (!/^(?:SSLv3|TLSv1(?:\.[1-9])?)$/.test(version)) return false;
  if ((version === 'TLSv1.3') !== cipher.startsWith('TLS_')) return false;
  if (/AES_?256|CHACHA20|ARIA256|CAMELLIA256/.test(cipher)) return bits === 256;
  // Of CCM_8 the versions of OpenSSL show 64 or 128.
  if (/AES_?128|ARIA128|CAMELLIA128/.test(cipher)) return bits === 128 || /CCM_?8/.test(cipher);
  return true;
}

/**
 * `identity="CN=app" method=cert (/data/pg_hba.conf:2)`, `user="app" method=trust (…)`. The file's path is the
 * server's.
 */
function authenticated(text: string): ConnectionEvent | undefined {
  const at = text.lastIndexOf('" method=');
  const start = text.indexOf('="');
  if (at < 0 || start < 0 || start + 2 > at) return undefined;
  const [, method, file, line] = /^" method=([\w-]{1,40})(?: \((.{1,4096}):(\d{1,9})\))?$/s.exec(text.slice(at)) ?? [];
  if (method === undefined) return undefined;
  return {
    kind: 'authenticated',
    identity: text.slice(start + 2, at),
    method,
    rule: file === undefined ? undefined : { file, line: Number(line) },
  };
}

/** `disconnection: session time: 0:00:00.004 user=app database=shop host=127.0.0.1 port=39450`. */
function disconnected(message: string): ConnectionEvent {
  const at = message.lastIndexOf(' host=');
  const [, host] = at < 0 ? [] : (/^ host=(\S{1,300})(?: port=\d{1,5})?$/.exec(message.slice(at)) ?? []);
  return { kind: 'disconnected', host };
}

const HANDSHAKE: readonly (readonly [RegExp, HandshakeFailure])[] = [
  [
    /unsupported protocol|wrong version number|unknown protocol|version too low|alert protocol version/,
    'version-unsupported',
  ],
  [/no shared cipher|no suitable/, 'no-shared-cipher'],
  [/alert (?:unknown ca|bad certificate|certificate unknown|unsupported certificate)/, 'server-not-trusted'],
  [/alert certificate expired/, 'server-certificate-expired'],
  [/certificate verify failed|peer did not return a certificate/, 'client-certificate'],
  [/EOF detected|Connection reset|Success/, 'closed-early'],
  [/http request|https proxy/, 'not-tls'],
  [/no application protocol/, 'alpn'],
];

function handshakeFailure(reason: string): HandshakeFailure {
  return HANDSHAKE.find(([pattern]) => pattern.test(reason))?.[1] ?? 'other';
}

const SEPARATOR = '", database "';
const NAMED = /^host "(.{1,300}?)", user "/s;
const ENCRYPTION: Readonly<Record<string, Encryption>> = {
  'no encryption': 'plaintext',
  'SSL off': 'plaintext',
  'SSL encryption': 'tls',
  'SSL on': 'tls',
  'GSS encryption': 'gss',
};

/** `[replication connection from ]host "10.0.0.7", user "app", database "shop", no encryption`. */
function refused(text: string, by: 'no-rule' | 'reject-rule', known: LogRecord): ConnectionEvent | undefined {
  const comma = text.lastIndexOf(', ');
  const encryption = comma < 0 ? undefined : ENCRYPTION[text.slice(comma + 2)];
  const isReplication = text.startsWith('replication connection ');
  const whole = text.slice(0, comma).replace(/^(?:replication )?connection (?:from|for) |^connection /, '');
  const [head, host] = NAMED.exec(whole) ?? [];
  if (encryption === undefined || head === undefined || !whole.endsWith('"')) return undefined;
  const rest = whole.slice(head.length, -1);
  // Names may hold the separator too: where the role is known, nothing is guessed.
  const end = known.role === undefined ? '' : `${known.role}${SEPARATOR}`;
  const databaseAt = end !== '' && rest.startsWith(end) ? end.length - SEPARATOR.length : rest.lastIndexOf(SEPARATOR);
  const hasDatabase = !isReplication && databaseAt >= 0;
  return {
    kind: 'refused',
    by,
    encryption,
    host,
    role: hasDatabase ? rest.slice(0, databaseAt) : rest,
    database: hasDatabase ? rest.slice(databaseAt + SEPARATOR.length) : undefined,
  };
}

function clientCertificate({ message, role }: LogRecord): ConnectionEvent | undefined {
  if (message === 'connection requires a valid client certificate') {
    return { kind: 'client-certificate-failed', failure: 'missing', role };
  }
  if (message.startsWith('certificate authentication failed for user "') && message.endsWith('"')) {
    return { kind: 'client-certificate-failed', failure: 'authentication-failed', role: message.slice(44, -1) };
  }
  if (!message.startsWith('provided user name (') || !message.endsWith(') do not match')) return undefined;
  const at = message.indexOf(') and authenticated user name (');
  if (at < 0) return undefined;
  return { kind: 'client-certificate-failed', failure: 'name-mismatch', role: message.slice(20, at) };
}

const ATTEMPT = 'login attempt: db=';

/** What PgBouncer writes: the tail cannot be forged, since it is the last thing in the line. */
function pooler({ message }: LogRecord): ConnectionEvent | undefined {
  if (message.startsWith('closing because: SSL required')) {
    return {
      kind: 'refused',
      by: 'pooler',
      encryption: 'plaintext',
      host: undefined,
      role: undefined,
      database: undefined,
    };
  }
  if (!message.startsWith(ATTEMPT)) return undefined;
  const tlsAt = message.lastIndexOf(' tls=');
  const [, tls, replication = 'no'] =
    /^ tls=(\S+)(?: replication=(\S+))?$/.exec(message.slice(Math.max(tlsAt, 0))) ?? [];
  const who = message.slice(ATTEMPT.length, tlsAt);
  const roleAt = who.lastIndexOf(' user=');
  if (tls === undefined || roleAt < 0) return undefined;
  const [version = '', cipher = ''] = tls.split('/');
  return {
    kind: 'authorized',
    role: who.slice(roleAt + 6),
    database: who.slice(0, roleAt),
    application: '',
    tls: tls === 'no' ? undefined : { version, cipher, bits: undefined },
    gss: undefined,
    replication: replication !== 'no',
    forged: false,
  };
}
