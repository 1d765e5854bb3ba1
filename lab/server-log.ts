// Collects a server's log by line, and waits for a line, so that tests need not sleep.

interface Waiter {
  readonly pattern: RegExp;
  readonly resolve: (match: RegExpExecArray) => void;
}

export interface WaitOptions {
  /** Milliseconds. @default 10000 */
  readonly timeoutMs?: number;
  /** Lines before this index don't count. @default 0 */
  readonly from?: number;
}

/** The log of one server, across its restarts. */
export class ServerLog {
  readonly #lines: string[] = [];
  readonly #waiters = new Set<Waiter>();
  #rest = '';

  /** Whole lines so far. */
  get length(): number {
    return this.#lines.length;
  }

  get text(): string {
    return this.#lines.join('\n') + (this.#rest === '' ? '' : `\n${this.#rest}`);
  }

  append(chunk: string): void {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      this.#lines.push(line);
      for (const waiter of this.#waiters) {
        const match = waiter.pattern.exec(line);
        if (match !== null) {
          this.#waiters.delete(waiter);
          waiter.resolve(match);
        }
      }
    }
  }

  /**
   * Resolves with the first line that matches, at once when it is there already.
   *
   * @throws Error with the log's end when no line matches in time.
   */
  async waitFor(pattern: RegExp, { timeoutMs = 10_000, from = 0 }: WaitOptions = {}): Promise<RegExpExecArray> {
    for (const line of this.#lines.slice(from)) {
      const match = pattern.exec(line);
      if (match !== null) return match;
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        pattern,
        resolve: (match) => {
          clearTimeout(timer);
          resolve(match);
        },
      };
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(new Error(`no line of the server's log matched ${pattern} in ${timeoutMs} ms; it ends\n${this.tail()}`));
      }, timeoutMs);
      // The server's process keeps us alive while there is something to wait for.
      timer.unref();
      this.#waiters.add(waiter);
    });
  }

  /** The last lines, for error messages. */
  tail(lines = 20): string {
    return this.text.split('\n').slice(-lines).join('\n');
  }
}
