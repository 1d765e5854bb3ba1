// Mistakes of whoever typed the command or wrote its configuration: told without a stack trace.

/** The message says what is wrong, what is allowed and what to do, and holds no secret. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
