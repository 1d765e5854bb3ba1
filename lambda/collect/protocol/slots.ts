// Limits how many tasks run at once; further tasks wait in a queue.

/** A place that a task holds. A second release has no effect. */
export interface Slot {
  release(): void;
}

/** A fixed number of places. */
export class Slots {
  #free: number;
  readonly #waiting: ((slot: Slot) => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** @throws the signal's reason, when it aborts before a place is free */
  take(signal: AbortSignal): Promise<Slot> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve(this.#slot());
    }
    return new Promise((resolve, reject) => {
      const granted = (slot: Slot): void => {
        signal.removeEventListener('abort', onAbort);
        resolve(slot);
      };
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(granted), 1);
        reject(signal.reason);
      };
      this.#waiting.push(granted);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  #slot(): Slot {
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        const next = this.#waiting.shift();
        if (next === undefined) this.#free += 1;
        else next(this.#slot());
      },
    };
  }
}
