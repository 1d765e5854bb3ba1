// Keeps what was computed last, up to a number of entries, so that it is not computed again.

/** Values by key. The key used longest ago goes first. */
export class Recent<Value> {
  readonly #values = new Map<string, Value>();
  readonly #most: number;

  /** @param most entries that are kept at once */
  constructor(most: number) {
    this.#most = most;
  }

  /** The value of the key; computed where it is not there. What `compute` throws is thrown, and nothing is kept. */
  get(key: string, compute: () => Value): Value {
    const kept = this.#values.get(key);
    const value = kept ?? compute();
    // At the end of the order, as the last one used.
    this.#values.delete(key);
    this.#values.set(key, value);
    const [oldest] = this.#values.size > this.#most ? this.#values.keys() : [];
    if (oldest !== undefined) this.#values.delete(oldest);
    return value;
  }
}
