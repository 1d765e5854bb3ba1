// Splits the bytes of a log into lines, each bounded in length.

/** Code units of a line that are kept; what is longer is cut. No line about a connection comes near. */
export const LONGEST_LINE = 64 * 1024;

/**
 * @param line Latin-1: a code unit a byte
 * @param isCut whether its end is left out
 * @param quotesLeftOut how many quotes were in what is left out: of CSV they say where a record ends
 */
export type OnLine = (line: string, isCut: boolean, quotesLeftOut: number) => void;

export interface LinesToSkip {
  /** A position within the next line that is wanted, from a position on; Infinity where none is. */
  readonly nextWanted: (text: string, from: number) => number;
  /** Whether the next line is wanted, whatever it holds. */
  readonly takesAll: () => boolean;
  readonly onSkipped: () => void;
}

export class LineSplitter {
  readonly #onLine: OnLine;
  #rest = '';
  #isCut = false;
  #quotesLeftOut = 0;

  constructor(onLine: OnLine) {
    this.#onLine = onLine;
  }

  /**
   * @param text Latin-1
   * @param skip which whole lines are not wanted: they are counted, and never cut out
   */
  push(text: string, skip?: LinesToSkip): void {
    let from = 0;
    let mark = skip === undefined ? 0 : -1;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      if (this.#rest !== '' || this.#isCut) {
        this.#keep(text.slice(from, at));
        this.#end();
      } else {
        if (skip !== undefined && mark < from) mark = skip.nextWanted(text, from);
        const end = text.charCodeAt(at - 1) === CARRIAGE_RETURN && at > from ? at - 1 : at;
        if (skip !== undefined && mark > at && !skip.takesAll()) skip.onSkipped();
        else if (end - from > LONGEST_LINE) {
          this.#keep(text.slice(from, end));
          this.#end();
        } else this.#onLine(text.slice(from, end), false, 0);
      }
      from = at + 1;
    }
    if (from < text.length) this.#keep(text.slice(from));
  }

  /** @param isCut whether a last line without a line end is not whole */
  end(isCut: boolean): void {
    if (this.#rest === '' && !this.#isCut) return;
    this.#isCut ||= isCut;
    this.#end();
  }

  #keep(text: string): void {
    const room = LONGEST_LINE - this.#rest.length;
    if (text.length > room) {
      this.#isCut = true;
      for (let at = text.indexOf('"', room); at >= 0; at = text.indexOf('"', at + 1)) this.#quotesLeftOut += 1;
    }
    if (room > 0) this.#rest += text.slice(0, room);
  }

  #end(): void {
    const [line, isCut, quotesLeftOut] = [this.#rest, this.#isCut, this.#quotesLeftOut];
    this.#rest = '';
    this.#isCut = false;
    this.#quotesLeftOut = 0;
    this.#onLine(!isCut && line.endsWith('\r') ? line.slice(0, -1) : line, isCut, quotesLeftOut);
  }
}

const CARRIAGE_RETURN = 13;
const BEYOND_ASCII = /[\x80-\xff]/;

/** The text of a line whose bytes are UTF-8; what is not becomes U+FFFD. */
export function decoded(line: string): string {
  return BEYOND_ASCII.test(line) ? Buffer.from(line, 'latin1').toString('utf8') : line;
}
