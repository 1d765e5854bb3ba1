// Reads errors of Node and OpenSSL, whose fields may hold anything.

/** What errors of Node and OpenSSL may have, each of any type. */
interface SystemError {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly address?: unknown;
  readonly errors?: readonly unknown[];
}

/** Whatever was thrown, as something with fields. */
export function fieldsOf(error: unknown): SystemError {
  return typeof error === 'object' && error !== null ? error : {};
}

/** Node's name of a fault. Some errors have a number there, which is none. */
export function codeOf(error: unknown): string | undefined {
  const { code } = fieldsOf(error);
  return typeof code === 'string' && code !== '' ? code : undefined;
}
