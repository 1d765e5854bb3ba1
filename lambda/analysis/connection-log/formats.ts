// Reads the records of each log format from its lines: stderr, csvlog, jsonlog and PgBouncer's.

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
  /** @param line Latin-1 @param mayBeForeign false where it is known to be ASCII */
  line(line: string, isCut: boolean, mayBeForeign?: boolean): void;
  /** Whether the next line counts also where it is not marked: it may go on with what is open. */
  takesAll(): boolean;
  /** What is still open is complete. */
  end(): void;
}

const TAB = 9;

/**
 * What `aws logs tail`, exports to S3 and container runtimes put before each line: a time, and perhaps a stream's name.
 */
const WRAPPER = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)[ \t]/;
const STREAM = /^[\w./:[\]-]{1,512}[ \t]/;

export type Wrapper = 'none' | 'time' | 'time-and-stream';

/** The line without what was put before it; undefined where nothing was. */
export function unwrap(line: string, wrapper: Wrapper): string | undefined {
  if (wrapper === 'none') return line;
  const time = WRAPPER.exec(line)?.[0];
  if (time === undefined) return undefined;
  const rest = line.slice(time.length);
  if (wrapper === 'time') return rest;
  const stream = STREAM.exec(rest)?.[0];
  return stream === undefined ? undefined : rest.slice(stream.length);
}

/** stderr: a prefix, a label, a message; lines that begin with a tab continue the one before. */
export class StderrReader implements LineReader {
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
/** Longer records hold statements. */
const LONGEST_CSV_RECORD = 1024 * 1024;

/** csvlog: a record ends with the line in which its quotes are even. */
export class CsvReader implements LineReader {
  readonly #clock: LogClock;
  readonly #sink: RecordSink;
  #lines: string[] = [];
  #length = 0;
  #isQuoted = false;
  #isCut = false;

  constructor(clock: LogClock, sink: RecordSink) {
    this.#clock = clock;
    this.#sink = sink;
  }

  line(line: string, isCut: boolean): void {
    if (!this.#isQuoted && !CSV_HEAD.test(line)) {
      if (isMarked(line)) this.#sink.onUnreadable();
      return;
    }
    for (let at = line.indexOf('"'); at >= 0; at = line.indexOf('"', at + 1)) this.#isQuoted = !this.#isQuoted;
    this.#length += line.length + 1;
    this.#isCut ||= isCut;
    if (this.#length <= LONGEST_CSV_RECORD) this.#lines.push(line);
    // A torn record leaves a quote open, and everything after it inside out.
    else if (this.#isQuoted && this.#length > 2 * LONGEST_CSV_RECORD) {
      this.#sink.onUnreadable();
      this.#reset();
      return;
    }
    // What a cut line ends with is not known: its record ends with it.
    if (!this.#isQuoted || isCut) this.#record();
  }

  /** A quote that opens a record of several lines may be in any. */
  takesAll(): boolean {
    return true;
  }

  end(): void {
    if (this.#lines.length > 0) this.#record();
  }

  #reset(): void {
    this.#lines = [];
    this.#length = 0;
    this.#isQuoted = false;
    this.#isCut = false;
  }

  #record(): void {
    const text = this.#lines.length === 1 ? (this.#lines[0] ?? '') : this.#lines.join('\n');
    const isTorn = this.#isQuoted || this.#isCut;
    this.#reset();
    if (!isMarked(text)) return;
    const columns = csvColumns(decoded(text));
    const [time = '', user, database, , from = '', session] = columns;
    const [severity = '', , message = '', detail] = columns.slice(11);
    if (isForeignLabel(severity) || isTranslated(message)) {
      this.#sink.onTranslated();
      return;
    }
    if (severity !== 'LOG' && severity !== 'FATAL') return;
    this.#sink.onRecord(
      {
        time: this.#clock.read(time),
        connection: shown(session),
        host: shown(/^(\[local\]|.+?)(?::\d{1,5})?$/.exec(from.slice(0, 300))?.[1]),
        role: shown(user),
        database: shown(database),
        application: shown(columns[22]),
        message,
        detail: shown(detail),
      },
      isTorn,
    );
  }
}

function shown(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** The columns of one record, RFC 4180. */
function csvColumns(record: string): string[] {
  const columns: string[] = [];
  let at = 0;
  while (at <= record.length) {
    if (record[at] !== '"') {
      const comma = record.indexOf(',', at);
      const end = comma < 0 ? record.length : comma;
      columns.push(record.slice(at, end));
      at = end + 1;
      continue;
    }
    let column = '';
    at += 1;
    for (;;) {
      const quote = record.indexOf('"', at);
      const end = quote < 0 ? record.length : quote;
      column += record.slice(at, end);
      at = end + 1;
      if (record[at] !== '"') break;
      column += '"';
      at += 1;
    }
    columns.push(column);
    at += 1;
  }
  return columns;
}

/** jsonlog, PostgreSQL 15 and newer: an object a line. */
export class JsonReader implements LineReader {
  readonly #clock: LogClock;
  readonly #sink: RecordSink;

  constructor(clock: LogClock, sink: RecordSink) {
    this.#clock = clock;
    this.#sink = sink;
  }

  line(line: string, isCut: boolean): void {
    if (!isMarked(line) && !hasEscapes(line)) return;
    const entry = isCut ? undefined : parseObject(decoded(line));
    if (entry === undefined) {
      if (isMarked(line)) this.#sink.onUnreadable();
      return;
    }
    const text = (name: string): string | undefined => {
      const value = entry[name];
      return typeof value === 'string' ? shown(value) : typeof value === 'number' ? String(value) : undefined;
    };
    const severity = text('error_severity') ?? '';
    const message = text('message') ?? '';
    if (isForeignLabel(severity) || isTranslated(message)) {
      this.#sink.onTranslated();
      return;
    }
    if (severity !== 'LOG' && severity !== 'FATAL') return;
    this.#sink.onRecord(
      {
        time: this.#clock.read(text('timestamp') ?? ''),
        connection: text('session_id') ?? text('pid'),
        host: text('remote_host'),
        role: text('user'),
        database: text('dbname'),
        application: text('application_name'),
        message,
        detail: text('detail'),
      },
      false,
    );
  }

  /** Marks may be written as escapes. */
  takesAll(): boolean {
    return true;
  }

  end(): void {}
}

/** A program between may have written letters as escapes. */
function hasEscapes(line: string): boolean {
  return line.includes('\\u00');
}

export function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** `2026-11-28 08:00:00.123 UTC [12] LOG C-0x55d: shop/app@10.0.0.7:5555 login attempt: db=…` */
export const POOLER_HEAD =
  /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [\w+:-]{1,9}) \[\d{1,10}\] (?:LOG|WARNING|ERROR|NOISE|DEBUG|FATAL) /;
const POOLER_CLIENT = /^C-(0x[0-9a-f]{1,16}): /;
const POOLER_MESSAGES = [' login attempt: ', ' closing because: SSL required'] as const;

export class PoolerReader implements LineReader {
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
