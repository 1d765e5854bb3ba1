// Reads errors of Node and OpenSSL, whose fields may hold anything.

/** What errors of Node and OpenSSL may have, each of any type. */
interface SystemError {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly address?: unknown;
  readonly errors?: readonly unknown[];
}

/** Anything that was thrown, as an object whose fields can be read. */
export function fieldsOf(error: unknown): SystemError {
  return typeof error === 'object' && error !== null ? error : {};
}

/** Node's name of an error, such as `ECONNRESET`. Undefined where the code is a number, which names nothing. */
export function codeOf(error: unknown): string | undefined {
  const { code } = fieldsOf(error);
  return typeof code === 'string' && code !== '' ? code : undefined;
}
