// Defines the error for mistakes in a command or its configuration, which is printed without a stack trace.

/** The message says what is wrong, what is allowed and what to do, and holds no secret. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
