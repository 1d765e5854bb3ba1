// Reads the bytes of a connection log, stream by stream, and counts the logins in them.

import type { ConnectionEvent, LogRecord } from '../../analysis/connection-log/events.ts';
import { LoginAggregator, type Logins } from '../../analysis/connection-log/logins.ts';
import { isMarked } from '../../analysis/connection-log/message.ts';
import { ConnectionLogReader, UnknownFormatError } from '../../analysis/connection-log/reader.ts';
import type { LogGap } from '../../model/connection-log.ts';
import { displayText } from '../../model/display.ts';
import { isMarker } from './marker.ts';
import type { LogSink } from './source.ts';

/** Rows of what one run reads; what is kept from run to run is bounded apart. */
const BOUNDS = { clients: 2_000, failures: 1_000, connections: 20_000, hourly: true };
/** Streams that are read apart; further ones share a reader. */
const MOST_STREAMS = 200;
/** Own logins that are kept apart: those of a day. */
const MOST_OWN = 10_000;
/** Bytes from which a format is recognised. */
const SAMPLE = 64 * 1024;

export interface EventSinkOptions {
  /** Undefined where the server says nothing of it: it is guessed then. */
  readonly prefix: string | undefined;
  /** Undefined where it is recognised from what is read. */
  readonly format: 'stderr' | 'csvlog' | 'jsonlog' | undefined;
  readonly timezone: string | undefined;
  /** Milliseconds since 1970: what was before is not counted. */
  readonly from: number;
  /** Whether a login shows by the role only: a pooler does not log the application. */
  readonly isPooler: boolean;
  /** By which the auditor's own logins are found. */
  readonly role: string;
}

const NOTHING_COUNTED = { unreadable: 0, translated: 0 } as const;

interface Stream {
  readonly reader: ConnectionLogReader;
  /** What waits until the format is known; undefined once it is. */
  waiting: { readonly bytes: Uint8Array; readonly context: boolean }[] | undefined;
  waitingBytes: number;
  /** Whether what was read last was context. */
  context: boolean;
  /** Lines of the context that could not be read: an earlier run has counted them. */
  unreadable: number;
  translated: number;
}

export class EventSink implements LogSink {
  readonly #options: EventSinkOptions;
  readonly #aggregator = new LoginAggregator(BOUNDS);
  readonly #streams = new Map<string, Stream>();
  readonly #ownApplications = new Set<string>();
  #from: number;
  #context = false;
  #unreadable = 0;

  /** @throws PrefixError */
  constructor(options: EventSinkOptions) {
    this.#options = options;
    this.#from = options.from;
    // A prefix that cannot be read by is found before anything is read.
    this.#newReader('');
  }

  push(stream: string, bytes: Uint8Array, context: boolean): void {
    const key = this.#streams.size < MOST_STREAMS || this.#streams.has(stream) ? stream : '';
    let open = this.#streams.get(key);
    if (open === undefined) {
      const waiting = this.#options.format === undefined ? [] : undefined;
      open = { reader: this.#newReader(key), waiting, waitingBytes: 0, context, ...NOTHING_COUNTED };
      this.#streams.set(key, open);
    }
    if (open.waiting === undefined) {
      this.#read(open, bytes, context);
      return;
    }
    open.waiting.push({ bytes, context });
    open.waitingBytes += bytes.length;
    if (open.waitingBytes >= SAMPLE) this.#start(open);
  }

  end(stream: string): void {
    const open = this.#streams.get(stream);
    if (open === undefined) return;
    if (open.waiting !== undefined) this.#start(open);
    this.#as(open, open.context, ({ reader }) => reader.end());
  }

  /** Ends every stream. */
  finish(): void {
    for (const stream of this.#streams.keys()) this.end(stream);
  }

  countFrom(time: number): void {
    this.#from = Math.max(this.#from, time);
  }

  /** Whether a login of the auditor's role by this application name was among what was read. */
  hasOwnLogin(application: string): boolean {
    // What was pushed of a record is all there is of it.
    for (const open of this.#streams.values()) this.#as(open, open.context, ({ reader }) => reader.flush());
    return this.#ownApplications.has(application);
  }

  /** Whether any login of the auditor's was. */
  hasAnyOwnLogin(): boolean {
    return this.#ownApplications.size > 0;
  }

  /** To be called when everything is pushed and ended. */
  result(): Logins {
    return this.#aggregator.result();
  }

  /** What could not be read of what was pushed. */
  gaps(): readonly LogGap[] {
    const streams = [...this.#streams.values()];
    const sum = (of: 'unreadable' | 'translated'): number =>
      streams.reduce((total, stream) => total + stream.reader.counts[of] - stream[of], 0);
    const [unreadable, translated] = [sum('unreadable') + this.#unreadable, sum('translated')];
    const zones = [...new Set(streams.flatMap(({ reader }) => [...reader.clock.unknownZones]))];
    const gaps: LogGap[] = [];
    if (translated > 0) {
      gaps.push({
        cause: 'translated',
        reason: `${translated} lines about connections are not in English, and only English is read`,
        remedy: "ALTER SYSTEM SET lc_messages = 'C';\nSELECT pg_reload_conf();",
      });
    }
    if (unreadable > 0) {
      gaps.push({
        cause: 'unreadable-lines',
        reason: `${unreadable} ${unreadable === 1 ? 'line names a connection and is' : 'lines name a connection and are'} torn, or not of the form that the server's settings say`,
      });
    }
    if (zones.length > 0) {
      gaps.push({
        cause: 'unreadable-lines',
        reason: `the times of the log are of a zone that is not known here (${zones.map((zone) => displayText(zone, 20)).join(', ')}), and were taken for UTC`,
        remedy: "ALTER SYSTEM SET log_timezone = 'UTC';\nSELECT pg_reload_conf();",
      });
    }
    return gaps;
  }

  #newReader(stream: string): ConnectionLogReader {
    const { prefix, format, timezone } = this.#options;
    return new ConnectionLogReader({
      prefix: format === 'csvlog' || format === 'jsonlog' ? undefined : prefix,
      format,
      timezone,
      onEvent: (event, record) => this.#onEvent(stream, event, record),
    });
  }

  #onEvent(stream: string, event: ConnectionEvent, record: LogRecord): void {
    const { role, isPooler } = this.#options;
    if (event.kind === 'authorized' && event.role === role && (isPooler || isMarker(event.application))) {
      if (this.#ownApplications.size < MOST_OWN) this.#ownApplications.add(event.application);
    }
    const context = this.#context || (record.time !== undefined && record.time < this.#from);
    const connection = record.connection === undefined ? undefined : `${stream} ${record.connection}`;
    this.#aggregator.add(event, { ...record, connection }, { context });
  }

  #start(open: Stream): void {
    const { waiting = [] } = open;
    open.waiting = undefined;
    const sample = Buffer.concat(waiting.map(({ bytes }) => bytes)).toString('latin1');
    try {
      open.reader.recognise(sample);
    } catch (error) {
      if (!(error instanceof UnknownFormatError)) throw error;
      // Of no known form: what follows is tried again.
      open.waiting = [];
      open.waitingBytes = 0;
      if (isMarked(sample)) this.#unreadable += 1;
      return;
    }
    for (const { bytes, context } of waiting) this.#read(open, bytes, context);
  }

  #read(open: Stream, bytes: Uint8Array, context: boolean): void {
    // What is open is of the piece before.
    if (context !== open.context) this.#as(open, open.context, ({ reader }) => reader.flush());
    open.context = context;
    this.#as(open, context, ({ reader }) => reader.push(bytes));
  }

  #as(open: Stream, context: boolean, read: (open: Stream) => void): void {
    const { unreadable, translated } = open.reader.counts;
    this.#context = context;
    read(open);
    if (!context) return;
    open.unreadable += open.reader.counts.unreadable - unreadable;
    open.translated += open.reader.counts.translated - translated;
  }
}
