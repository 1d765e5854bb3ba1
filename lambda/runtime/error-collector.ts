// What went wrong in the parts of a run that do not wait for each other: all of it is told, and none of it is lost.

/** Failures so far. A part that fails does not keep the others from being done; the run fails all the same, at its end. */
export class ErrorCollector {
  #errors: unknown[] = [];

  get none(): boolean {
    return this.#errors.length === 0;
  }

  /** Counts what went wrong in a part that was done all the same. */
  add(error: unknown): void {
    this.#errors.push(error);
  }

  /** Does a part. @returns undefined where it failed */
  async attempt<T>(part: () => Promise<T>): Promise<T | undefined> {
    try {
      return await part();
    } catch (error) {
      this.#errors.push(error);
      return undefined;
    }
  }

  /** @throws the failure, or one error that names all of them */
  throwIfAny(): void {
    if (this.#errors.length === 1) throw this.#errors[0];
    if (this.#errors.length > 1) {
      const messages = this.#errors.map((error) => (error instanceof Error ? error.message : String(error)));
      throw new AggregateError(this.#errors, [...new Set(messages)].join(' '));
    }
  }
}
