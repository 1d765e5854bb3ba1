// Collects the errors of the steps of a run that do not depend on each other.

/** A step that fails does not stop the other steps; the run fails at its end. */
export class ErrorCollector {
  #errors: unknown[] = [];

  get none(): boolean {
    return this.#errors.length === 0;
  }

  /** Adds an error of a step that was completed all the same. */
  add(error: unknown): void {
    this.#errors.push(error);
  }

  /** Runs a step. @returns undefined where it failed */
  async attempt<T>(part: () => Promise<T>): Promise<T | undefined> {
    try {
      return await part();
    } catch (error) {
      this.#errors.push(error);
      return undefined;
    }
  }

  /** @throws the error, or one AggregateError with the messages of all */
  throwIfAny(): void {
    if (this.#errors.length === 1) throw this.#errors[0];
    if (this.#errors.length > 1) {
      const messages = this.#errors.map((error) => (error instanceof Error ? error.message : String(error)));
      throw new AggregateError(this.#errors, [...new Set(messages)].join(' '));
    }
  }
}
