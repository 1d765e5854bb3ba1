// Finds the innermost objects of JSON documents in one pass, without holding a document.

/** Code units of an object that are kept. An event of CloudWatch Logs has 256 KB at most, which escapes may double. */
const LONGEST_OBJECT = 1024 * 1024;

const QUOTE = 34;
const BACKSLASH = 92;
const OPEN = 123;
const CLOSE = 125;

export class ObjectScanner {
  readonly #onObject: (text: string) => void;
  readonly #onTooLong: () => void;
  #kept: string[] = [];
  #length = 0;
  #isOpen = false;
  #isQuoted = false;
  #isEscaped = false;

  constructor(onObject: (text: string) => void, onTooLong: () => void) {
    this.#onObject = onObject;
    this.#onTooLong = onTooLong;
  }

  push(text: string): void {
    let from = 0;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (this.#isEscaped) this.#isEscaped = false;
      else if (this.#isQuoted) {
        if (code === BACKSLASH) this.#isEscaped = true;
        else if (code === QUOTE) this.#isQuoted = false;
      } else if (code === QUOTE) this.#isQuoted = true;
      else if (code === OPEN) {
        // What held this object is not the innermost.
        this.#drop();
        this.#isOpen = true;
        from = at;
      } else if (code === CLOSE && this.#isOpen) {
        this.#keep(text.slice(from, at + 1));
        const isWhole = this.#length <= LONGEST_OBJECT;
        const object = this.#kept.join('');
        this.#drop();
        if (isWhole) this.#onObject(object);
        else this.#onTooLong();
      }
    }
    if (this.#isOpen) this.#keep(text.slice(from));
  }

  /** An object that does not end is torn. */
  end(): void {
    if (this.#isOpen && this.#isQuoted) this.#onTooLong();
    this.#drop();
    this.#isQuoted = false;
    this.#isEscaped = false;
  }

  #keep(text: string): void {
    this.#length += text.length;
    if (this.#length <= LONGEST_OBJECT) this.#kept.push(text);
  }

  #drop(): void {
    this.#kept = [];
    this.#length = 0;
    this.#isOpen = false;
  }
}
