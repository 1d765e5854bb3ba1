// Wraps a secret so that JSON, string conversion, console.log and util.inspect cannot print it.

import { inspect } from 'node:util';

const PLACEHOLDER = '(redacted)';

export class Redacted {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The secret itself. Call it where the secret is used, never where something is built to be shown. */
  reveal(): string {
    return this.#value;
  }

  /** Whether both hold the same secret, without showing either. */
  equals(other: Redacted): boolean {
    return this.#value === other.#value;
  }

  toString(): string {
    return PLACEHOLDER;
  }

  toJSON(): string {
    return PLACEHOLDER;
  }

  [inspect.custom](): string {
    return PLACEHOLDER;
  }
}
