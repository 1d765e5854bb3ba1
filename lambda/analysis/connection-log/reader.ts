// Reads a connection log in one pass, and recognises its format from the first lines.

import type { ConnectionEvent, LogRecord } from './events.ts';
import {
  CSV_HEAD,
  CsvReader,
  JsonReader,
  type LineReader,
  POOLER_HEAD,
  PoolerReader,
  parseObject,
  type RecordSink,
  StderrReader,
  unwrap,
  type Wrapper,
} from './formats.ts';
import { decoded, LineSplitter, type LinesToSkip } from './lines.ts';
import { isBeyondAscii, nextMark, readEvent } from './message.ts';
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
  readonly #prefix: CompiledPrefix | undefined;
  #sample: string[] = [];
  #sampled = 0;
  #push: ((text: string) => void) | undefined;
  #end: () => void = () => undefined;
  #format: LogFormat | undefined;
  #foundPrefix: string | undefined;

  /** @throws PrefixError */
  constructor(options: ReaderOptions, parent?: ConnectionLogReader) {
    this.#options = options;
    this.#prefix = options.prefix === undefined ? undefined : compilePrefix(options.prefix);
    this.counts = parent?.counts ?? { read: 0, recognised: 0, unreadable: 0, translated: 0 };
    this.clock = parent?.clock ?? new LogClock();
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
  }

  #start(): void {
    const text = this.#sample.join('').replace(/^\xef\xbb\xbf/, '');
    this.#sample = [];
    const { format, make } = this.#recognise(text.slice(0, SAMPLE));
    this.#format = format;
    const reader = make();
    this.#push = reader.push;
    this.#end = reader.end;
    reader.push(text);
  }

  #recognise(text: string): { readonly format: LogFormat; readonly make: () => Pushed } {
    const all = text.split('\n', SAMPLE_LINES);
    // The last one may go on.
    const lines = (all.length > 1 ? all.slice(0, -1) : all).map((line) => decoded(line.replace(/\r$/, '')));
    const heads = lines.filter((line) => line.trim() !== '');
    const first = heads[0]?.trimStart() ?? '';
    const byLines = (make: (sink: RecordSink) => LineReader) => () => this.#lineReader(make(this.#sink()));
    if (this.#prefix === undefined) {
      if (/^(?:\{|\[\s*(?:$|[[{]))/.test(first)) {
        const entry = heads.map((line) => parseObject(line)).find((found) => found !== undefined);
        if (entry !== undefined && typeof entry.error_severity === 'string') {
          return { format: 'jsonlog', make: byLines((sink) => new JsonReader(this.clock, sink)) };
        }
        return { format: 'cloudwatch', make: () => this.#exportReader() };
      }
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
      const fits =
        this.#prefix !== undefined && bare.some((line) => this.#prefix?.read(line, this.clock) !== undefined);
      const prefix = this.#prefix === undefined ? guessPrefix(bare, this.clock) : fits ? this.#prefix : undefined;
      if (prefix === undefined) continue;
      this.#foundPrefix = prefix.prefix;
      return {
        format: wrapper === 'none' ? 'stderr' : 'cloudwatch',
        make: byLines((sink) => new StderrReader(prefix, wrapper, this.clock, sink)),
      };
    }
    throw new UnknownFormatError(
      this.#prefix === undefined
        ? `the first ${heads.length} lines are of no form that is known`
        : `none of the first ${heads.length} lines begins with the prefix that was given, and a severity`,
    );
  }

  #sink(): RecordSink {
    const { counts } = this;
    return {
      onRecord: (record, isCut) => {
        const event = readEvent(record);
        if (event === undefined) return;
        // A message without its end may have said how the client connected, or not.
        if (isCut) {
          counts.unreadable += 1;
          return;
        }
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
    const splitter = new LineSplitter((line, isCut) => {
      counts.read += 1;
      reader.line(line, isCut, mayBeForeign);
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
        splitter.end();
        reader.end();
      },
    };
  }

  /**
   * An export of CloudWatch Logs: each event's message is lines of the server's log; each stream is a log of its own.
   */
  #exportReader(): Pushed {
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
    const scanner = new ObjectScanner(
      (text) => {
        const entry = parseObject(decoded(text));
        const message = entry === undefined ? undefined : messageOf(entry);
        if (entry === undefined || message === undefined) return;
        const stream = entry.logStreamName ?? entry['@logStream'];
        const lines = message.endsWith('\n') ? message : `${message}\n`;
        const reader = readerOf(typeof stream === 'string' ? stream.slice(0, 512) : '');
        this.#orUnreadable(() => reader.pushLatin1(Buffer.from(lines).toString('latin1')));
      },
      () => {
        this.counts.unreadable += 1;
      },
    );
    return {
      push: (text) => scanner.push(text),
      end: () => {
        scanner.end();
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

interface Pushed {
  readonly push: (text: string) => void;
  readonly end: () => void;
}

const WRAPPERS: readonly Wrapper[] = ['none', 'time-and-stream', 'time'];

function most(lines: readonly string[], fits: (line: string) => boolean): boolean {
  return lines.filter(fits).length * 2 > lines.length || (lines[0] !== undefined && fits(lines[0]));
}

/** Of FilterLogEvents and exports `message`, of Logs Insights `@message`, or a pair of field and value. */
function messageOf(entry: Readonly<Record<string, unknown>>): string | undefined {
  const message = entry.message ?? entry['@message'] ?? (entry.field === '@message' ? entry.value : undefined);
  return typeof message === 'string' ? message : undefined;
}
