// Finds the records of CSV in lines, and the columns of a record.

import { LONGEST_LINE } from './lines.ts';

/** Longer records hold statements. */
const LONGEST_RECORD = 16 * LONGEST_LINE;

export interface CsvSink {
  /** @param isTorn whether a quote is left open, or a line of it is cut */
  readonly onRecord: (record: string, isTorn: boolean) => void;
  /** A quote was left open for so long that nothing behind it can be read. */
  readonly onLost: () => void;
}

/** A record ends with the line in which its quotes are even. */
export class CsvRecords {
  readonly #sink: CsvSink;
  #lines: string[] = [];
  #length = 0;
  #isQuoted = false;
  #isCut = false;

  constructor(sink: CsvSink) {
    this.#sink = sink;
  }

  /** Whether the next line begins a record. */
  get isBetween(): boolean {
    return !this.#isQuoted;
  }

  /** @param quotesLeftOut how many quotes were in what a cut line leaves out */
  line(line: string, isCut: boolean, quotesLeftOut: number): void {
    this.#isCut ||= isCut;
    if (quotesLeftOut % 2 === 1) this.#isQuoted = !this.#isQuoted;
    for (let at = line.indexOf('"'); at >= 0; at = line.indexOf('"', at + 1)) this.#isQuoted = !this.#isQuoted;
    this.#length += line.length + 1;
    if (this.#length <= LONGEST_RECORD) this.#lines.push(line);
    // A torn record leaves a quote open, and everything after it inside out.
    else if (this.#isQuoted && this.#length > 2 * LONGEST_RECORD) {
      this.#sink.onLost();
      this.#reset();
      return;
    }
    if (!this.#isQuoted) this.#record();
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
    const isTorn = this.#isQuoted || this.#isCut || this.#length > LONGEST_RECORD;
    this.#reset();
    this.#sink.onRecord(text, isTorn);
  }
}

/** The columns of one record, RFC 4180. */
export function csvColumns(record: string): string[] {
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
