// Reads a connection log in one pass, and recognises its format from the first lines.

import { CsvRecords, csvColumns } from './csv.ts';
import type { ConnectionEvent, LogRecord } from './events.ts';
import {
  CSV_HEAD,
  CsvReader,
  type JsonObject,
  JsonReader,
  type LineReader,
  POOLER_HEAD,
  PoolerReader,
  parseObject,
  type RecordSink,
  StderrReader,
  serverEntry,
  unwrap,
  WRAPPERS,
} from './formats.ts';
import { decoded, LineSplitter, type LinesToSkip } from './lines.ts';
import { isBeyondAscii, isMarked, mayBeEvent, nextMark, readEvent } from './message.ts';
import { ObjectScanner } from './objects.ts';
import { type CompiledPrefix, compilePrefix, guessPrefix } from './prefix.ts';
import { LogClock } from './time.ts';

export const LOG_FORMATS = ['stderr', 'csvlog', 'jsonlog', 'cloudwatch', 'pgbouncer'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** Lines of no format that is known. The message shows nothing of them. */
export class UnknownFormatError extends Error {
  override readonly name = 'UnknownFormatError';
}

export interface ReadCounts {
  /** Lines of the log, or of the messages in an export. */
  read: number;
  /** Records about connections that were understood. */
  recognised: number;
  /** Lines that name a connection and could not be read: torn, cut, or of another prefix. */
  unreadable: number;
  /** Lines about connections in another language than English. */
  translated: number;
}

export interface ReaderOptions {
  /** As `SHOW log_line_prefix` shows it; guessed where it is not given. */
  readonly prefix?: string | undefined;
  /** As the server names it; recognised where it is not given. With `stderr` a prefix is given too. */
  readonly format?: 'stderr' | 'csvlog' | 'jsonlog' | undefined;
  /** As `SHOW log_timezone` shows it. */
  readonly timezone?: string | undefined;
  readonly onEvent: (event: ConnectionEvent, record: LogRecord) => void;
}

/** Bytes that are decoded at once. */
const PIECE = 64 * 1024;
/** Bytes from which the format is recognised. */
const SAMPLE = 64 * 1024;
const SAMPLE_LINES = 400;
/** Streams of an export that are read apart; further ones share a reader. */
const MOST_STREAMS = 200;

/** One log, which may be in several files that follow each other. */
export class ConnectionLogReader {
  readonly counts: ReadCounts;
  readonly clock: LogClock;
  readonly #options: ReaderOptions;
  /** The prefix that was given, and with the space at its end that is easily lost. */
  readonly #given: readonly CompiledPrefix[];
  #sample: string[] = [];
  #sampled = 0;
  #push: ((text: string) => void) | undefined;
  #end: () => void = () => undefined;
  #flush: () => void = () => undefined;
  #format: LogFormat | undefined;
  #foundPrefix: string | undefined;

  /** @throws PrefixError */
  constructor(options: ReaderOptions, parent?: ConnectionLogReader) {
    this.#options = options;
    this.#given = options.prefix === undefined ? [] : [options.prefix, `${options.prefix} `].map(compilePrefix);
    this.counts = parent?.counts ?? { read: 0, recognised: 0, unreadable: 0, translated: 0 };
    this.clock = parent?.clock ?? new LogClock(options.timezone);
  }

  /** Undefined until enough is read. */
  get format(): LogFormat | undefined {
    return this.#format;
  }

  /** The prefix that the lines are read by, given or guessed; undefined for other formats. */
  get prefix(): string | undefined {
    return this.#foundPrefix;
  }

  /** @throws UnknownFormatError */
  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    // Short strings are young when they die: longer ones pile up until a whole collection.
    for (let at = 0; at < bytes.length; at += PIECE) this.pushLatin1(bytes.toString('latin1', at, at + PIECE));
  }

  /** @throws UnknownFormatError */
  pushLatin1(text: string): void {
    if (this.#push === undefined) this.#startAsGiven();
    if (this.#push !== undefined) {
      this.#push(text);
      return;
    }
    this.#sample.push(text);
    this.#sampled += text.length;
    if (this.#sampled >= SAMPLE) this.#start();
  }

  /**
   * The end of a file: what is open in it is complete, and the next one begins again.
   *
   * @throws UnknownFormatError
   */
  end(): void {
    if (this.#push === undefined && this.#sampled > 0) this.#start();
    this.#end();
    this.#push = undefined;
    this.#sample = [];
    this.#sampled = 0;
    this.#end = () => undefined;
    this.#flush = () => undefined;
  }

  /** What is open in it is complete, and goes on to be read. */
  flush(): void {
    this.#flush();
  }

  /**
   * Recognises the format by the beginning of what is to be read, without reading it. What is pushed from then on is
   * read at once.
   *
   * @param sample Latin-1
   * @throws UnknownFormatError
   */
  recognise(sample: string): void {
    this.#begin(this.#recognise(sample.slice(0, SAMPLE)));
  }

  #start(): void {
    const text = this.#sample.join('').replace(/^\xef\xbb\xbf/, '');
    this.#sample = [];
    this.recognise(text);
    this.#push?.(text);
  }

  #startAsGiven(): void {
    const { format } = this.#options;
    const make = format === undefined ? undefined : this.#readerOf(format);
    if (format !== undefined && make !== undefined) this.#begin({ format, make: () => this.#lineReader(make) });
  }

  #readerOf(format: 'stderr' | 'csvlog' | 'jsonlog'): LineReader | undefined {
    if (format === 'csvlog') return new CsvReader(this.clock, this.#sink());
    if (format === 'jsonlog') return new JsonReader(this.clock, this.#sink());
    const [prefix] = this.#given;
    return prefix === undefined ? undefined : new StderrReader(prefix, 'none', this.clock, this.#sink());
  }

  #begin({ format, make }: { readonly format: LogFormat; readonly make: () => Pushed }): void {
    this.#format = format;
    const { push, end, flush } = make();
    this.#push = push;
    this.#end = end;
    this.#flush = flush;
  }

  #recognise(text: string): { readonly format: LogFormat; readonly make: () => Pushed } {
    const all = text.split('\n', SAMPLE_LINES);
    // The last one may go on.
    const lines = (all.length > 1 ? all.slice(0, -1) : all).map((line) => decoded(line.replace(/\r$/, '')));
    const heads = lines.filter((line) => line.trim() !== '');
    const first = heads[0]?.trimStart() ?? '';
    const byLines = (make: (sink: RecordSink) => LineReader) => () => this.#lineReader(make(this.#sink()));
    if (this.#given.length === 0) {
      if (/^(?:\{|\[\s*(?:$|[[{]))/.test(first)) {
        if (heads.some((line) => serverEntry(parseObject(line)) !== undefined)) {
          return { format: 'jsonlog', make: byLines((sink) => new JsonReader(this.clock, sink)) };
        }
        const isDocker = heads.some((line) => typeof parseObject(line)?.log === 'string');
        return { format: isDocker ? 'stderr' : 'cloudwatch', make: () => this.#jsonExport() };
      }
      const table = exportColumns(first);
      if (table !== undefined) return { format: 'cloudwatch', make: () => this.#csvExport(table) };
      if (most(heads, (line) => CSV_HEAD.test(line))) {
        return { format: 'csvlog', make: byLines((sink) => new CsvReader(this.clock, sink)) };
      }
      if (most(heads, (line) => POOLER_HEAD.test(line))) {
        return { format: 'pgbouncer', make: byLines((sink) => new PoolerReader(this.clock, sink)) };
      }
    }
    for (const wrapper of WRAPPERS) {
      const bare = heads.flatMap((line) => unwrap(line, wrapper) ?? []);
      if (bare.length * 2 < heads.length) continue;
      const prefix =
        this.#given.length === 0
          ? guessPrefix(bare, this.clock)
          : this.#given.find((given) => bare.some((line) => given.read(line, this.clock) !== undefined));
      if (prefix === undefined) continue;
      this.#foundPrefix = prefix.prefix;
      return {
        format: wrapper === 'time-and-stream' ? 'cloudwatch' : 'stderr',
        make: byLines((sink) => new StderrReader(prefix, wrapper, this.clock, sink)),
      };
    }
    throw new UnknownFormatError(
      this.#given.length === 0
        ? `the first ${heads.length} lines are of no form that is known`
        : `none of the first ${heads.length} lines begins with the prefix that was given, and a severity`,
    );
  }

  #sink(): RecordSink {
    const { counts } = this;
    return {
      onRecord: (record, isCut) => {
        // A message without its end may have said how the client connected, or not.
        if (isCut) {
          counts.unreadable += mayBeEvent(record.message) ? 1 : 0;
          return;
        }
        const event = readEvent(record);
        if (event === undefined) return;
        counts.recognised += 1;
        this.#options.onEvent(event, record);
      },
      onUnreadable: () => {
        counts.unreadable += 1;
      },
      onTranslated: () => {
        counts.translated += 1;
      },
    };
  }

  #lineReader(reader: LineReader): Pushed {
    const { counts } = this;
    let mayBeForeign = true;
    let wasForeign = true;
    const splitter = new LineSplitter((line, isCut, quotesLeftOut) => {
      counts.read += 1;
      reader.line(line, isCut, mayBeForeign, quotesLeftOut);
    });
    const skip: LinesToSkip = {
      nextWanted: (text, from) => nextMark(text, from, mayBeForeign),
      takesAll: () => reader.takesAll(),
      onSkipped: () => {
        counts.read += 1;
      },
    };
    return {
      push: (text) => {
        // A line may have begun in the piece before.
        const isForeign = isBeyondAscii(text);
        mayBeForeign = isForeign || wasForeign;
        wasForeign = isForeign || (wasForeign && !text.includes('\n'));
        splitter.push(text, skip);
      },
      end: () => {
        mayBeForeign = true;
        splitter.end(!reader.showsItsEnd);
        reader.end();
      },
      flush: () => reader.end(),
    };
  }

  #jsonExport(): Pushed {
    const events = this.#exportedEvents();
    const scanner = new ObjectScanner(
      (text) => {
        const entry = parseObject(decoded(text));
        const message = entry === undefined ? undefined : messageOf(entry);
        if (entry === undefined || message === undefined) return;
        const stream = entry.logStreamName ?? entry['@logStream'];
        events.push(typeof stream === 'string' ? stream : '', message);
      },
      () => {
        this.counts.unreadable += 1;
      },
    );
    return {
      push: (text) => scanner.push(text),
      end: () => {
        scanner.end();
        events.end();
      },
      flush: EACH_IS_COMPLETE,
    };
  }

  #csvExport({ message: messageAt, stream: streamAt }: ExportColumns): Pushed {
    const events = this.#exportedEvents();
    let isHead = true;
    const records = new CsvRecords({
      onRecord: (text, isTorn) => {
        if (isHead) {
          isHead = false;
          return;
        }
        const columns = csvColumns(decoded(text));
        const message = columns[messageAt];
        if (isTorn || message === undefined) this.counts.unreadable += isMarked(text) ? 1 : 0;
        else events.push(streamAt === undefined ? '' : (columns[streamAt] ?? ''), message);
      },
      onLost: () => {
        this.counts.unreadable += 1;
      },
    });
    const splitter = new LineSplitter((line, isCut, quotesLeftOut) => records.line(line, isCut, quotesLeftOut));
    return {
      push: (text) => splitter.push(text),
      end: () => {
        splitter.end(false);
        records.end();
        events.end();
      },
      flush: EACH_IS_COMPLETE,
    };
  }

  /**
   * The events of an export: each message is lines of the server's log; each stream is a log of its own.
   */
  #exportedEvents(): { readonly push: (stream: string, message: string) => void; readonly end: () => void } {
    const streams = new Map<string, ConnectionLogReader>();
    const readerOf = (name: string): ConnectionLogReader => {
      const key = streams.size < MOST_STREAMS || streams.has(name) ? name : '';
      const known = streams.get(key);
      if (known !== undefined) return known;
      const { prefix, onEvent } = this.#options;
      const made = new ConnectionLogReader(
        {
          prefix,
          onEvent: (event, record) =>
            onEvent(event, { ...record, connection: record.connection && `${key} ${record.connection}` }),
        },
        this,
      );
      streams.set(key, made);
      return made;
    };
    return {
      push: (stream, message) => {
        const lines = message.endsWith('\n') ? message : `${message}\n`;
        const reader = readerOf(stream.slice(0, 512));
        this.#orUnreadable(() => reader.pushLatin1(Buffer.from(lines).toString('latin1')));
      },
      end: () => {
        for (const reader of streams.values()) {
          this.#orUnreadable(() => reader.end());
          this.#foundPrefix ??= reader.prefix;
        }
      },
    };
  }

  /** One stream of no known form does not spoil the others. */
  #orUnreadable(read: () => void): void {
    try {
      read();
    } catch (error) {
      if (!(error instanceof UnknownFormatError)) throw error;
      this.counts.unreadable += 1;
    }
  }
}

/** Of an export each event is complete. */
const EACH_IS_COMPLETE = (): void => undefined;

interface Pushed {
  readonly push: (text: string) => void;
  readonly end: () => void;
  readonly flush: () => void;
}

function most(lines: readonly string[], fits: (line: string) => boolean): boolean {
  return lines.filter(fits).length * 2 > lines.length || (lines[0] !== undefined && fits(lines[0]));
}

/**
 * Of FilterLogEvents and exports `message`, of Logs Insights `@message`, or a pair of field and value; of the files of
 * Docker `log`.
 */
function messageOf(entry: JsonObject): string | undefined {
  const insights = entry['@message'] ?? (entry.field === '@message' ? entry.value : undefined);
  const message = entry.message ?? insights ?? (typeof entry.stream === 'string' ? entry.log : undefined);
  return typeof message === 'string' ? message : undefined;
}

interface ExportColumns {
  readonly message: number;
  readonly stream: number | undefined;
}

/** Of the console's downloads: `@timestamp,@message,@logStream` of Logs Insights, `timestamp,message` of a stream. */
function exportColumns(first: string): ExportColumns | undefined {
  const names = csvColumns(first.slice(0, 4096));
  const find = (...wanted: readonly string[]): number | undefined => {
    const at = names.findIndex((name) => wanted.includes(name));
    return at < 0 ? undefined : at;
  };
  const isHead = names.length > 1 && names.every((name) => /^@?[\w.]{1,64}$/.test(name));
  const message = isHead ? find('@message', 'message') : undefined;
  return message === undefined ? undefined : { message, stream: find('@logStream', 'logStreamName') };
}
