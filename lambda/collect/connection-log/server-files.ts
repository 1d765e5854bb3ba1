// Reads what is new in the log files of a server, over the session that is open to it.

import { setTimeout as wait } from 'node:timers/promises';
import { type FileFormat, RecordBoundaries } from '../../analysis/connection-log/boundaries.ts';
import { isMarked } from '../../analysis/connection-log/message.ts';
import type { LogGap } from '../../model/connection-log.ts';
import { displayText } from '../../model/display.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import { UnusableAnswer } from '../answers/answer.ts';
import { isDatabaseError } from '../failures/database-error.ts';
import { queryFailure } from '../failures/failures.ts';
import type { Questions } from '../postgres/questions.ts';
import { type ListedFile, listQuery, pieceQuery } from './file-queries.ts';
import { digestOf, type FilePosition, type FilesPosition, MOST_DONE, MOST_UNREAD, parsePosition } from './position.ts';
import { type FileReading, monitorGrant, readingGrant } from './settings.ts';
import type { LogReader, LogReading, LogReadRequest, LogSink } from './source.ts';

export interface ServerFilesOptions {
  readonly endpoint: Endpoint;
  readonly questions: Pick<Questions, 'ask'>;
  readonly format: FileFormat;
  readonly directory: string;
  readonly reading: FileReading;
  /** That the GRANTs are for. */
  readonly role: string;
  /** Milliseconds since 1970, by the server's clock: before the files are listed. */
  readonly serverNow: number;
  /** The auditor's own login, as its line has it; undefined where none is to be waited for. */
  readonly marker: string | undefined;
  /** Whether that login is among what was pushed. */
  readonly hasOwnLogin: () => boolean;
  /** Leaves what was before uncounted, milliseconds since 1970. */
  readonly countFrom: (time: number) => void;
  /** By `performance.now()`: no further piece is asked for after it. */
  readonly endsAt: number;
  readonly bounds?: Partial<FileBounds>;
}

export interface FileBounds {
  /** Bytes of one piece. @default 1 MiB */
  readonly piece: number;
  /** Bytes of one run. @default 256 MiB */
  readonly run: number;
  /** Bytes before the position that are read again. @default 64 KiB */
  readonly context: number;
}

const BOUNDS: FileBounds = { piece: 1024 * 1024, run: 256 * 1024 * 1024, context: 64 * 1024 };
/** Bytes by which a file is found again under another name. */
const HEAD = 1024;
/** Fewer bytes may be those of another log as well. */
const SHORTEST_HEAD = 40;
/** A record that is longer is passed on in parts, of which the reader keeps what it needs. */
const LONGEST_RECORD = 4 * 1024 * 1024;
/** Bytes of the longest character. */
const CHARACTER = 4;
/** The server's collector writes a line a moment after the login. */
const RETRY_MS = 200;
const RETRIES = 25;
/** The server shows whole seconds, and clocks of file systems may be behind. */
const CLOCK_LAG_MS = 2_000;
/** What the collector writes at once is all there after this. */
const SETTLE_MS = 100;
/** All files are one log. */
const STREAM = '';

const COMPRESSED = /\.(?:gz|bz2|xz|zst|lz4|zip|Z)$/;

/** Of the files in the folder, those that hold the log in this format. */
export function isOfFormat(name: string, format: FileFormat): boolean {
  // logrotate puts a number or a day behind the suffix.
  const bare = name.replace(/[.-]\d{1,14}$/, '');
  if (format === 'csvlog') return bare.endsWith('.csv');
  if (format === 'jsonlog') return bare.endsWith('.json');
  return !/\.(?:csv|json)$/.test(bare) && !COMPRESSED.test(name);
}

export function serverFiles(options: ServerFilesOptions): LogReader {
  return { read: (request) => new FilesRun(options, request).read() };
}

/** What stops a run: the position is that of what was read before. */
class Stopped extends Error {
  readonly gap: LogGap;

  constructor(gap: LogGap) {
    super(gap.reason);
    this.gap = gap;
  }
}

/** SQLSTATE. */
const NO_SUCH_FILE = '58P01';

/** A file that is open in this run. */
interface OpenFile {
  readonly boundaries: RecordBoundaries;
  /** Read, and not known to be whole records. */
  pending: Buffer;
  /** Where what was passed on ends. */
  pushed: number;
  /** What was passed on last, as much as is context for the next run. */
  recent: Buffer;
  /** The first bytes of the file, as many as are known. */
  first: Buffer;
  /** Of an earlier run that knew enough of them. */
  readonly head: FilePosition['head'] | undefined;
  modified: number;
  isDone: boolean;
}

class FilesRun {
  readonly #options: ServerFilesOptions;
  readonly #bounds: FileBounds;
  readonly #request: LogReadRequest;
  readonly #sink: LogSink;
  readonly #gaps: LogGap[] = [];
  readonly #open = new Map<string, OpenFile>();
  /** Of earlier runs, by their present names. */
  readonly #tracked = new Map<string, FilePosition>();
  /** Listed and not read yet. */
  readonly #unread = new Map<string, ListedFile>();
  /** Of earlier runs, and not where they were: kept until they are found, or all files were searched for them. */
  readonly #gone = new Set<FilePosition>();
  /** Hold what another file holds as well. */
  readonly #copies = new Set<string>();
  #stored: FilesPosition | undefined;
  #bytes = 0;

  constructor(options: ServerFilesOptions, request: LogReadRequest) {
    this.#options = options;
    this.#bounds = { ...BOUNDS, ...options.bounds };
    this.#request = request;
    this.#sink = request.sink;
  }

  async read(): Promise<LogReading> {
    const { position } = this.#request;
    const stored = parsePosition(position);
    try {
      if (position !== undefined && stored === undefined) {
        this.#lost('what was remembered of the log files is not what the auditor writes');
      }
      this.#stored = await this.#usable(stored);
      await this.#readFiles();
    } catch (error) {
      this.#gaps.push(this.#gapOf(error));
    }
    return { position: this.#position(), gaps: this.#gaps };
  }

  /** A file of which nothing was read yet may have another name by now. */
  get #newSince(): number {
    if (this.#stored === undefined) return this.#request.from;
    const { at, files } = this.#stored;
    return Math.min(at, ...files.flatMap(({ offset, modified }) => (offset === 0 ? [modified] : []))) - CLOCK_LAG_MS;
  }

  /** What an earlier run remembers, if it is of the same files. */
  async #usable(stored: FilesPosition | undefined): Promise<FilesPosition | undefined> {
    const { format, directory, countFrom } = this.#options;
    if (stored === undefined) return undefined;
    if (stored.format !== format) {
      countFrom(stored.at);
      this.#lost(`log_destination has changed from ${stored.format} to ${format} since the last run`);
      return undefined;
    }
    for (const file of stored.files) {
      if (stored.directory === directory) this.#tracked.set(file.name, file);
      else if (!file.isDone) await this.#readRest(stored.directory, file);
    }
    return stored;
  }

  async #readFiles(): Promise<void> {
    for (let round = 0; ; round += 1) {
      const start = performance.now();
      const listed = await this.#list();
      const isWhole = await this.#unlessGone(() => this.#readAll(listed));
      const { marker, hasOwnLogin, endsAt } = this.#options;
      if (isWhole && (marker === undefined || hasOwnLogin())) {
        await this.#settle();
        return;
      }
      const now = performance.now();
      // What has been read to its end is not read again where the time might end in the middle of that: as the last
      // time, but for the first one, which reads the most.
      const again = round === 0 ? 0 : 2 * (now - start);
      if (round >= RETRIES || now + RETRY_MS + again > endsAt) return;
      await wait(RETRY_MS, undefined, { signal: this.#request.signal });
    }
  }

  /** Oldest first. */
  async #list(): Promise<readonly ListedFile[]> {
    const { questions, format, role } = this.#options;
    let files: readonly ListedFile[];
    try {
      files = await questions.ask(listQuery);
    } catch (error) {
      if (!isDatabaseError(error)) throw error;
      if (error.code === '42501') {
        throw new Stopped({
          cause: 'not-allowed',
          reason: 'the login may not list the log files',
          remedy: monitorGrant(role),
        });
      }
      throw new Stopped({
        cause: 'not-found',
        reason: `the server could not list its log files: ${displayText(error.message, 200)}`,
      });
    }
    const logs = files.filter(({ name }) => isOfFormat(name, format));
    if (logs.length === 0) {
      throw new Stopped({
        cause: 'not-found',
        reason: `there is no log file of the format ${format} in log_directory`,
      });
    }
    return logs.toReversed();
  }

  /** @returns false where a file was renamed or removed meanwhile */
  async #unlessGone(read: () => Promise<void>): Promise<boolean> {
    try {
      await read();
      return true;
    } catch (error) {
      if (!isDatabaseError(error) || error.code !== NO_SUCH_FILE) throw error;
      return false;
    }
  }

  async #readAll(listed: readonly ListedFile[]): Promise<void> {
    await this.#findRenamed(listed);
    const newest = listed.at(-1)?.modified ?? 0;
    const wanted = listed.filter((file) => this.#isWanted(file));
    for (const file of wanted) this.#unread.set(file.name, file);
    for (const file of wanted) {
      await this.#readFile(file, file.modified < newest - CLOCK_LAG_MS);
      this.#unread.delete(file.name);
    }
  }

  /** Whether there may be something in it that was not read. */
  #isWanted({ name, size, modified }: ListedFile): boolean {
    if (this.#copies.has(name)) return false;
    const open = this.#open.get(name);
    if (open !== undefined) return !open.isDone;
    const tracked = this.#tracked.get(name);
    if (tracked !== undefined) return !(tracked.isDone && tracked.offset === size && tracked.modified === modified);
    // What was there before and is not tracked was read, or too old for the first run.
    return modified >= this.#newSince;
  }

  /** A file that goes on under another name is read from where it was left, and a copy of a file is not read twice. */
  async #findRenamed(listed: readonly ListedFile[]): Promise<void> {
    for (const file of [...this.#tracked.values()]) {
      if (this.#open.has(file.name)) continue;
      const same = listed.find(({ name }) => name === file.name);
      if (same !== undefined && (await this.#isSame(file, same))) continue;
      this.#tracked.delete(file.name);
      this.#gone.add(file);
    }
    for (const candidate of listed) {
      const isKnown = this.#open.has(candidate.name) || this.#tracked.has(candidate.name);
      if (isKnown || !(this.#isWanted(candidate) || this.#gone.size > 0)) continue;
      const head = await this.#piece(candidate.name, 0, HEAD);
      const renamed = [...this.#gone].find((file) => hasHead(head, file.head) && candidate.size >= file.offset);
      if (renamed !== undefined && (await this.#hasTail(candidate.name, renamed))) {
        this.#gone.delete(renamed);
        this.#tracked.set(candidate.name, { ...renamed, name: candidate.name, modified: candidate.modified });
        continue;
      }
      // A copy of a file that is there too: it is read when the file itself is gone.
      const heads = [...[...this.#tracked.values()].map((file) => file.head), ...[...this.#open.values()].map(headOf)];
      const isCopy = heads.some((known) => hasHead(head, known));
      if (isCopy) this.#copies.add(candidate.name);
    }
    for (const file of this.#gone) {
      if (!file.isDone) this.#lost(whyGone(file, listed));
      this.#gone.delete(file);
    }
  }

  async #isSame(file: FilePosition, listed: ListedFile): Promise<boolean> {
    if (listed.size < file.offset) return false;
    const isOld = listed.modified < (this.#stored?.at ?? 0) - CLOCK_LAG_MS;
    if (isOld && listed.size === file.offset && listed.modified === file.modified) return true;
    return await this.#hasTail(file.name, file);
  }

  async #hasTail(name: string, { context, offset, tail, head }: FilePosition): Promise<boolean> {
    // Too little was read to know it by its end.
    if (offset - context < SHORTEST_HEAD) return digestOf(await this.#piece(name, 0, head.length)) === head.digest;
    return digestOf(await this.#piece(name, context, offset - context)) === tail;
  }

  async #readFile(listed: ListedFile, hasSuccessor: boolean): Promise<void> {
    const { name } = listed;
    const open = this.#open.get(name) ?? (await this.#openFile(name, this.#tracked.get(name)));
    this.#open.set(name, open);
    open.modified = listed.modified;
    await this.#readToEnd(name, open);
    if (!hasSuccessor) {
      this.#pushTo(open, this.#endsWithMarker(open) ? open.boundaries.completeAtEnd : open.boundaries.complete);
      return;
    }
    this.#pushTo(open, open.boundaries.completeAtEnd);
    this.#sink.end(STREAM);
    open.isDone = true;
    if (open.pending.length > 0 && isMarked(open.pending.toString('latin1'))) {
      this.#gaps.push({
        cause: 'unreadable-lines',
        reason: `the last line of the log file "${displayText(name, 100)}" names a connection and is torn`,
      });
    }
  }

  /** Of stderr, the last records of files that a later file may follow already. */
  async #settle(): Promise<void> {
    const waiting = [...this.#open].filter(([, { boundaries, pushed }]) => boundaries.completeAtEnd > pushed);
    if (waiting.length === 0) return;
    await wait(SETTLE_MS, undefined, { signal: this.#request.signal });
    for (const [name, open] of waiting) {
      const before = open.boundaries.end;
      await this.#unlessGone(() => this.#readToEnd(name, open));
      if (open.boundaries.end === before) this.#pushTo(open, open.boundaries.completeAtEnd);
    }
  }

  /** Of stderr, a line after it shows that a record is complete: not for the auditor's own login, which is one line. */
  #endsWithMarker({ pending }: OpenFile): boolean {
    const { marker } = this.#options;
    return marker !== undefined && pending.includes(`application_name=${marker}`);
  }

  async #openFile(name: string, file: FilePosition | undefined, directory?: string): Promise<OpenFile> {
    const { format } = this.#options;
    const [context, offset] = file === undefined ? [0, 0] : [file.context, file.offset];
    const before = await this.#piece(name, context, offset - context, directory);
    const boundaries = new RecordBoundaries(format, context, this.#bounds.context);
    boundaries.push(before);
    if (before.length > 0) this.#sink.push(STREAM, before, true);
    const hasWholeHead = file !== undefined && file.head.length >= HEAD;
    return {
      boundaries,
      pending: Buffer.alloc(0),
      pushed: offset,
      recent: before,
      // Of a file that was short when it was read first, more is known now.
      first: hasWholeHead ? Buffer.alloc(0) : await this.#piece(name, 0, Math.min(HEAD, offset), directory),
      head: hasWholeHead ? file.head : undefined,
      modified: file?.modified ?? 0,
      isDone: false,
    };
  }

  async #readToEnd(name: string, open: OpenFile, directory?: string): Promise<void> {
    const { piece, run } = this.#bounds;
    for (;;) {
      if (this.#bytes >= run || performance.now() > this.#options.endsAt) {
        throw new Stopped({
          cause: 'not-read-to-end',
          reason: `the log has more than what one run reads (${Math.round(this.#bytes / 1024 / 1024)} MiB were read): the next run goes on`,
        });
      }
      const at = open.boundaries.end;
      const bytes = await this.#piece(name, at, piece, directory);
      if (at < HEAD && at === open.first.length) open.first = Buffer.concat([open.first, bytes]).subarray(0, HEAD);
      this.#bytes += bytes.length;
      open.boundaries.push(bytes);
      open.pending = Buffer.concat([open.pending, bytes]);
      this.#pushTo(open, open.boundaries.complete);
      if (open.pending.length > LONGEST_RECORD) this.#pushTo(open, open.boundaries.end);
      // A piece as text may end before a character that is not whole.
      if (bytes.length < piece - CHARACTER) return;
    }
  }

  #pushTo(open: OpenFile, end: number): void {
    const length = end - open.pushed;
    if (length <= 0) return;
    const bytes = open.pending.subarray(0, length);
    this.#sink.push(STREAM, bytes, false);
    open.pending = open.pending.subarray(length);
    open.pushed = end;
    const kept = Buffer.concat([open.recent, bytes]);
    open.recent = Buffer.from(kept.subarray(Math.max(0, kept.length - this.#bounds.context)));
  }

  /** What was written to a file of the earlier folder after the last run. */
  async #readRest(directory: string, file: FilePosition): Promise<void> {
    try {
      const open = await this.#openFile(file.name, file, directory);
      if (digestOf(open.recent) !== file.tail) throw new UnusableAnswer('a log file', 'it is another one');
      await this.#readToEnd(file.name, open, directory);
      this.#pushTo(open, open.boundaries.completeAtEnd);
      this.#sink.end(STREAM);
    } catch (error) {
      // The next run does not go back to it.
      this.#lost(
        `log_directory was changed, and the log file "${displayText(file.name, 100)}" in the old one was not read to its end`,
      );
      if (!isDatabaseError(error) && !(error instanceof UnusableAnswer)) throw error;
    }
  }

  async #piece(name: string, offset: number, length: number, directory = this.#options.directory): Promise<Buffer> {
    if (length === 0) return Buffer.alloc(0);
    const { questions, reading, role } = this.#options;
    const path = `${directory}/${name}`;
    for (let shorter = 0; ; shorter += 1) {
      try {
        return await questions.ask(pieceQuery(path, offset, length - shorter, reading));
      } catch (error) {
        if (!isDatabaseError(error)) throw error;
        if (error.code === '42501') {
          throw new Stopped({
            cause: 'not-allowed',
            reason: 'the login may not read the log files',
            remedy: readingGrant(role),
          });
        }
        if (error.code !== '22021') throw error;
        if (shorter === CHARACTER - 1 || length - shorter <= 1) {
          throw new Stopped({
            cause: 'not-allowed',
            reason: `the log file "${displayText(name, 100)}" holds bytes that are no text in the encoding of the database, and the login may read files only as text`,
            remedy: readingGrant(role),
          });
        }
      }
    }
  }

  #lost(reason: string): void {
    this.#gaps.push({ cause: 'lost', reason });
  }

  #gapOf(error: unknown): LogGap {
    if (error instanceof Stopped) return error.gap;
    if (this.#request.signal.aborted) {
      return { cause: 'not-read-to-end', reason: 'the time of the target was up before the log was read to its end' };
    }
    return { cause: 'failed', reason: queryFailure(error, this.#options.endpoint).failure.message };
  }

  #position(): FilesPosition | undefined {
    const { format, directory, serverNow } = this.#options;
    if (this.#open.size === 0 && this.#unread.size === 0 && this.#stored === undefined) return undefined;
    const files = new Map<string, FilePosition>(this.#tracked);
    for (const file of this.#gone) files.set(file.name, file);
    for (const [name, { modified }] of this.#unread) {
      if (!files.has(name)) files.set(name, { ...UNREAD, name, modified });
    }
    for (const [name, open] of this.#open) files.set(name, positionOf(name, open));
    const all = [...files.values()].sort((a, b) => b.modified - a.modified);
    const unread = all.filter(({ isDone }) => !isDone);
    if (unread.length > MOST_UNREAD) this.#lost(`there are more than ${MOST_UNREAD} log files that are not read yet`);
    const done = all.filter(({ isDone }) => isDone);
    const kept = [...unread.slice(0, MOST_UNREAD), ...done.slice(0, MOST_DONE)];
    return { format, directory, at: serverNow, files: kept };
  }
}

const NOTHING = digestOf(Buffer.alloc(0));
const UNREAD = {
  offset: 0,
  context: 0,
  head: { length: 0, digest: NOTHING },
  tail: NOTHING,
  isDone: false,
} as const;

function positionOf(name: string, open: OpenFile): FilePosition {
  const { boundaries, pushed, recent, modified, isDone } = open;
  const context = Math.max(boundaries.before(pushed), pushed - recent.length);
  return {
    name,
    offset: pushed,
    context,
    head: headOf(open),
    tail: digestOf(recent.subarray(recent.length - (pushed - context))),
    modified,
    isDone,
  };
}

function whyGone({ name }: FilePosition, listed: readonly ListedFile[]): string {
  const was = listed.some((file) => file.name === name) ? 'replaced' : 'removed';
  return `the log file "${displayText(name, 100)}" was ${was} before it was read to its end`;
}

function headOf({ head, first }: OpenFile): FilePosition['head'] {
  return head ?? { length: first.length, digest: digestOf(first) };
}

function hasHead(bytes: Buffer, { length, digest }: FilePosition['head']): boolean {
  return length >= SHORTEST_HEAD && bytes.length >= length && digestOf(bytes.subarray(0, length)) === digest;
}
