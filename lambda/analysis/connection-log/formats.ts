// Reads the records of each log format from its lines: stderr, csvlog, jsonlog and PgBouncer's.

import { CsvRecords, csvColumns } from './csv.ts';
import type { LogRecord } from './events.ts';
import { decoded, LONGEST_LINE } from './lines.ts';
import { isMarked, isTranslated } from './message.ts';
import { type CompiledPrefix, isForeignLabel } from './prefix.ts';
import type { LogClock } from './time.ts';

export interface RecordSink {
  /** A record that may be about a connection. `isCut`: its end is missing. */
  readonly onRecord: (record: LogRecord, isCut: boolean) => void;
  /** A line that names a connection and cannot be read. */
  readonly onUnreadable: () => void;
  /** A line about a connection in another language than English. */
  readonly onTranslated: () => void;
}

export interface LineReader {
  /** @param line Latin-1 @param mayBeForeign false where it is known to be ASCII @param quotesLeftOut see `OnLine` */
  line(line: string, isCut: boolean, mayBeForeign: boolean, quotesLeftOut: number): void;
  /** Whether a line shows by itself that it is whole; else the end of the line does. */
  readonly showsItsEnd: boolean;
  /** Whether the next line counts also where it is not marked: it may go on with what is open. */
  takesAll(): boolean;
  /** What is still open is complete. */
  end(): void;
}

const TAB = 9;

const MOMENT = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(?:[.,]\\d{1,9})?(?:Z|[+-]\\d\\d:?\\d\\d)';
const DAY = '[A-Z][a-z]{2} [ \\d]\\d \\d\\d:\\d\\d:\\d\\d';

/** What programs put before each line of a server's standard error, by what they are. */
const WRAPPER_PATTERNS = {
  /** The files of container runtimes: a time, the stream, and whether the line is whole. */
  container: new RegExp(`^${MOMENT} (?:stdout|stderr) [FP] `),
  /** `aws logs tail`. */
  'time-and-stream': new RegExp(`^${MOMENT}[ \\t][\\w./:[\\]-]{1,512}[ \\t]`),
  /** Exports to S3, `docker logs --timestamps`, `kubectl logs --timestamps`. */
  time: new RegExp(`^${MOMENT}[ \\t]`),
  /** `docker compose logs`. */
  compose: /^[\w.-]{1,128} {1,64}\| /,
  /** `journalctl`, and files of syslog: a time, the machine, the program, and the number of the part of a message. */
  syslog: new RegExp(
    `^(?:${DAY}|${MOMENT}) \\S{1,255} [^\\s:[]{1,64}(?:\\[\\d{1,10}\\])?: (?:\\[\\d{1,10}-\\d{1,5}\\] )?`,
  ),
} as const;

export type Wrapper = 'none' | keyof typeof WRAPPER_PATTERNS;
/** In the order in which they are tried. */
export const WRAPPERS: readonly Wrapper[] = ['none', ...(Object.keys(WRAPPER_PATTERNS) as Exclude<Wrapper, 'none'>[])];

/** The line without what was put before it; undefined where nothing was. */
export function unwrap(line: string, wrapper: Wrapper): string | undefined {
  if (wrapper === 'none') return line;
  const before = WRAPPER_PATTERNS[wrapper].exec(line)?.[0];
  if (before === undefined) return undefined;
  const rest = line.slice(before.length);
  // syslog writes a tab so.
  return wrapper === 'syslog' && rest.startsWith('#011') ? `\t${rest.slice(4)}` : rest;
}

/** Whether syslog says that a line is no first part of its message. */
function isLaterPart(line: string): boolean {
  return /^[^[]{1,400}(?:\[\d{1,10}\])?: \[\d{1,10}-(?:[2-9]|\d{2,5})\] /.test(line);
}

/** stderr: a prefix, a label, a message; lines that begin with a tab continue the one before. */
export class StderrReader implements LineReader {
  readonly showsItsEnd = false;
  readonly #prefix: CompiledPrefix;
  readonly #wrapper: Wrapper;
  readonly #clock: LogClock;
  readonly #sink: RecordSink;
  #open: { record: LogRecord; isCut: boolean } | undefined;

  constructor(prefix: CompiledPrefix, wrapper: Wrapper, clock: LogClock, sink: RecordSink) {
    this.#prefix = prefix;
    this.#wrapper = wrapper;
    this.#clock = clock;
    this.#sink = sink;
  }

  line(whole: string, isCut: boolean, mayBeForeign = true): void {
    const line = this.#wrapper === 'none' ? whole : (unwrap(whole, this.#wrapper) ?? whole);
    if (line.charCodeAt(0) === TAB) {
      if (this.#open !== undefined) this.#continue(line.slice(1), isCut);
      return;
    }
    if (this.#open !== undefined && this.#isDetail(line)) return;
    // A long message is cut there, and not at a line's end.
    if (this.#open !== undefined && this.#wrapper === 'syslog' && isLaterPart(whole)) this.#open.isCut = true;
    this.end();
    if (!isMarked(line, mayBeForeign)) return;
    const read = this.#prefix.read(mayBeForeign ? decoded(line) : line, this.#clock);
    if (read === undefined) {
      this.#sink.onUnreadable();
      return;
    }
    const { label, message, fields } = read;
    if (isForeignLabel(label) || isTranslated(message)) {
      this.#sink.onTranslated();
      return;
    }
    if (label !== 'LOG' && label !== 'FATAL' && label !== 'WARNING') return;
    const { time, connection, host, role, database, application } = fields;
    this.#open = { record: { time, connection, host, role, database, application, message }, isCut };
  }

  takesAll(): boolean {
    return this.#open !== undefined;
  }

  end(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    this.#sink.onRecord(open.record, open.isCut);
  }

  #continue(text: string, isCut: boolean): void {
    if (this.#open === undefined) return;
    const { record } = this.#open;
    const tooLong = record.message.length + text.length > LONGEST_LINE;
    const message = tooLong ? record.message : `${record.message}\n${decoded(text)}`;
    this.#open = { record: { ...record, message }, isCut: this.#open.isCut || isCut || tooLong };
  }

  #isDetail(line: string): boolean {
    if (this.#open === undefined || !line.includes('DETAIL:  ')) return false;
    const read = this.#prefix.read(decoded(line), this.#clock);
    const { record } = this.#open;
    if (read?.label !== 'DETAIL' || read.fields.connection !== record.connection) return false;
    this.#open = { ...this.#open, record: { ...record, detail: read.message } };
    return true;
  }
}

const NOTHING_SHOWN = {
  time: undefined,
  connection: undefined,
  host: undefined,
  role: undefined,
  database: undefined,
  application: undefined,
} as const;

/** How a record of csvlog begins: time, user, database, process. */
export const CSV_HEAD = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [\w+:-]{1,9},(?:"|,)/;

/** PostgreSQL 12 has so many; later ones added some. */
const COLUMNS = 23;

/** csvlog. */
export class CsvReader implements LineReader {
  readonly showsItsEnd = true;
  readonly #clock: LogClock;
  readonly #sink: RecordSink;
  readonly #records: CsvRecords;

  constructor(clock: LogClock, sink: RecordSink) {
    this.#clock = clock;
    this.#sink = sink;
    this.#records = new CsvRecords({
      onRecord: (text, isTorn) => this.#record(text, isTorn),
      onLost: sink.onUnreadable,
    });
  }

  line(line: string, isCut: boolean, _mayBeForeign: boolean, quotesLeftOut: number): void {
    if (!this.#records.isBetween || CSV_HEAD.test(line)) this.#records.line(line, isCut, quotesLeftOut);
    else if (isMarked(line)) this.#sink.onUnreadable();
  }

  /** A quote that opens a record of several lines may be in any. */
  takesAll(): boolean {
    return true;
  }

  end(): void {
    this.#records.end();
  }

  #record(text: string, isTorn: boolean): void {
    if (!isMarked(text)) return;
    const columns = csvColumns(decoded(text));
    const [time = '', user, database, pid, from = '', session] = columns;
    const [severity = '', , message = '', detail] = columns.slice(11);
    // A quote at the end of what is torn may be half of one within a name.
    emit(this.#sink, severity, isTorn || columns.length < COLUMNS, {
      time: this.#clock.read(time),
      connection: shown(session) ?? shown(pid),
      host: hostOf(from),
      role: shown(user),
      database: shown(database),
      application: shown(columns[22]),
      message,
      detail: shown(detail),
    });
  }
}

/** `10.0.0.7:39450`, `[local]`, `fe80::1:39450`. */
function hostOf(from: string): string | undefined {
  return shown(/^(\[local\]|.+?)(?::\d{1,5})?$/.exec(from.slice(0, 300))?.[1]);
}

function emit(sink: RecordSink, severity: string, isTorn: boolean, record: LogRecord): void {
  if (isForeignLabel(severity) || isTranslated(record.message)) sink.onTranslated();
  else if (severity === 'LOG' || severity === 'FATAL') sink.onRecord(record, isTorn);
}

function shown(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** jsonlog, PostgreSQL 15 and newer, or what CloudNativePG makes of csvlog: an object a line. */
export class JsonReader implements LineReader {
  readonly showsItsEnd = true;
  readonly #clock: LogClock;
  readonly #sink: RecordSink;

  constructor(clock: LogClock, sink: RecordSink) {
    this.#clock = clock;
    this.#sink = sink;
  }

  line(line: string, isCut: boolean): void {
    if (!isMarked(line) && !hasEscapes(line)) return;
    const entry = isCut ? undefined : serverEntry(parseObject(decoded(line)));
    if (entry === undefined) {
      if (isMarked(line)) this.#sink.onUnreadable();
      return;
    }
    emit(this.#sink, stringOf(entry.error_severity) ?? '', false, jsonRecord(entry, this.#clock));
  }

  /** Marks may be written as escapes. */
  takesAll(): boolean {
    return true;
  }

  end(): void {}
}

/** The record of the server's own entry, or of the one that CloudNativePG has put around the columns of csvlog. */
function jsonRecord(entry: JsonObject, clock: LogClock): LogRecord {
  return {
    time: clock.read(stringOf(entry.timestamp) ?? stringOf(entry.log_time) ?? ''),
    connection: stringOf(entry.session_id) ?? stringOf(entry.pid) ?? stringOf(entry.process_id),
    host: stringOf(entry.remote_host) ?? hostOf(stringOf(entry.connection_from) ?? ''),
    role: stringOf(entry.user) ?? stringOf(entry.user_name),
    database: stringOf(entry.dbname) ?? stringOf(entry.database_name),
    application: stringOf(entry.application_name),
    message: stringOf(entry.message) ?? '',
    detail: stringOf(entry.detail),
  };
}

function stringOf(value: unknown): string | undefined {
  return typeof value === 'string' ? shown(value) : typeof value === 'number' ? String(value) : undefined;
}

/** A program between may have written letters as escapes. */
function hasEscapes(line: string): boolean {
  return line.includes('\\u00');
}

export type JsonObject = Readonly<Record<string, unknown>>;

export function parseObject(text: string): JsonObject | undefined {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function asObject(value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}

/** What a server logged as JSON, or CloudNativePG for it: `{"logger":"postgres","record":{…}}`. */
export function serverEntry(line: JsonObject | undefined): JsonObject | undefined {
  const entry = asObject(line?.record) ?? line;
  return typeof entry?.error_severity === 'string' ? entry : undefined;
}

/** `2026-11-28 08:00:00.123 UTC [12] LOG C-0x55d: shop/app@10.0.0.7:5555 login attempt: db=…` */
export const POOLER_HEAD =
  /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [\w+:-]{1,9}) \[\d{1,10}\] (?:LOG|WARNING|ERROR|NOISE|DEBUG|FATAL) /;
const POOLER_CLIENT = /^C-(0x[0-9a-f]{1,16}): /;
const POOLER_MESSAGES = [' login attempt: ', ' closing because: SSL required'] as const;

export class PoolerReader implements LineReader {
  readonly showsItsEnd = false;
  readonly #clock: LogClock;
  readonly #sink: RecordSink;

  constructor(clock: LogClock, sink: RecordSink) {
    this.#clock = clock;
    this.#sink = sink;
  }

  line(whole: string, isCut: boolean): void {
    if (!isMarked(whole)) return;
    const line = decoded(whole);
    const [head, time = ''] = POOLER_HEAD.exec(line) ?? [];
    if (head === undefined) {
      this.#sink.onUnreadable();
      return;
    }
    const [client, pointer] = POOLER_CLIENT.exec(line.slice(head.length, head.length + 40)) ?? [];
    if (client === undefined) return;
    const rest = line.slice(head.length + client.length);
    const found = POOLER_MESSAGES.map((message) => rest.indexOf(message)).filter((at) => at >= 0);
    const at = Math.min(...found);
    if (found.length === 0) return;
    const [, host] =
      /@(\[[0-9a-f:.]{2,45}\]|[\w.:-]{1,255}|unix\(\d{1,10}(?:@[\w.-]{1,99})?\)):\d{1,5}$/i.exec(
        rest.slice(Math.max(0, at - 300), at),
      ) ?? [];
    const address = host?.replace(/^\[(.*)\]$/, '$1');
    this.#sink.onRecord(
      {
        ...NOTHING_SHOWN,
        time: this.#clock.read(time),
        connection: pointer,
        host: address?.startsWith('unix(') ? '[local]' : address,
        message: rest.slice(at + 1),
      },
      isCut,
    );
  }

  takesAll(): boolean {
    return false;
  }

  end(): void {}
}
