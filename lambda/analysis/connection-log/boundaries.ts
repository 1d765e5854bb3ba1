// Finds where the records of a server's log file end, so that a later run goes on between two of them.

export type FileFormat = 'stderr' | 'csvlog' | 'jsonlog';

const LINE_END = 10;
const TAB = 9;
const QUOTE = 34;

/** Bytes after which a quote that is still open is taken for the rest of a torn record, as the reader takes it. */
const LONGEST_CSV_RECORD = 2 * 1024 * 1024;

/** Bytes between two of the ends that are kept. */
const SPACING = 2 * 1024;

export class RecordBoundaries {
  readonly #format: FileFormat;
  readonly #keep: number;
  #offset: number;
  /** Ends of records, at most `keep` bytes before the last, and not each of them. */
  #ends: number[];
  #last: number;
  #lineEnd: number;
  #isQuoted = false;
  #isLineStart = true;

  /**
   * @param offset of the first byte that is pushed: a record begins there
   * @param keep how far back ends of records are kept, in bytes
   */
  constructor(format: FileFormat, offset: number, keep: number) {
    this.#format = format;
    this.#keep = keep;
    this.#offset = offset;
    this.#last = offset;
    this.#lineEnd = offset;
    this.#ends = [offset];
  }

  push(bytes: Uint8Array): void {
    if (this.#format === 'csvlog') this.#pushCsv(bytes);
    else if (this.#format === 'jsonlog') this.#pushLines(bytes);
    else this.#pushStderr(bytes);
    const lineEnd = bytes.lastIndexOf(LINE_END);
    if (lineEnd >= 0) this.#lineEnd = this.#offset + lineEnd + 1;
    this.#offset += bytes.length;
  }

  /** Where what was pushed ends. */
  get end(): number {
    return this.#offset;
  }

  /**
   * Where the last record ended that is known to be complete. Of stderr that takes a line after it: what follows may
   * continue the record.
   */
  get complete(): number {
    return this.#last;
  }

  /** Where the last record ended, if nothing follows that continues it. */
  get completeAtEnd(): number {
    return this.#format === 'stderr' ? this.#lineEnd : this.#last;
  }

  /** The earliest end of a record that is at most `keep` bytes before `offset`; `offset` itself where there is none. */
  before(offset: number): number {
    return this.#ends.find((end) => end >= offset - this.#keep && end <= offset) ?? offset;
  }

  #pushLines(bytes: Uint8Array): void {
    for (let at = bytes.indexOf(LINE_END); at >= 0; at = bytes.indexOf(LINE_END, at + 1)) this.#found(at + 1);
  }

  /** A line that does not begin with a tab begins a record. */
  #pushStderr(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.#isLineStart && bytes[0] !== TAB) this.#found(0);
    let at = bytes.indexOf(LINE_END);
    for (; at >= 0 && at + 1 < bytes.length; at = bytes.indexOf(LINE_END, at + 1)) {
      if (bytes[at + 1] !== TAB) this.#found(at + 1);
    }
    this.#isLineStart = at >= 0;
  }

  #pushCsv(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at];
      if (byte === QUOTE) this.#isQuoted = !this.#isQuoted;
      else if (byte === LINE_END && (!this.#isQuoted || this.#offset + at - this.#last > LONGEST_CSV_RECORD)) {
        this.#isQuoted = false;
        this.#found(at + 1);
      }
    }
  }

  #found(at: number): void {
    this.#last = this.#offset + at;
    const kept = this.#ends.at(-1);
    if (kept !== undefined && this.#last - kept < SPACING) return;
    this.#ends.push(this.#last);
    if ((this.#ends[1] ?? this.#last) < this.#last - this.#keep)
      this.#ends = this.#ends.filter((end) => end >= this.#last - 2 * this.#keep);
  }
}
