// Reads an error that a PostgreSQL server reports, whatever language its messages are in.

/**
 * The fields of an ErrorResponse that say what happened (protocol documentation, "Error and Notice Message Fields").
 */
export interface DatabaseError {
  /** SQLSTATE (PostgreSQL documentation, appendix A). */
  readonly code: string;
  readonly severity: string;
  /** In the language of the server's lc_messages. */
  readonly message: string;
  readonly detail?: string | undefined;
  /** The stack of functions in which it happened: of code that the database brought, such as a trigger. */
  readonly where?: string | undefined;
  /** The source file and function of the server that raised it: no language changes them. Poolers send none. */
  readonly file?: string | undefined;
  readonly routine?: string | undefined;
}

/** Whether an error is a PostgreSQL ErrorResponse: five characters of SQLSTATE, and a severity. */
export function isDatabaseError(error: unknown): error is Error & DatabaseError {
  if (typeof error !== 'object' || error === null) return false;
  const { code, severity, message } = error as Partial<Record<keyof DatabaseError, unknown>>;
  return (
    typeof severity === 'string' &&
    typeof message === 'string' &&
    typeof code === 'string' &&
    /^[0-9A-Z]{5}$/.test(code)
  );
}

/** What each language of PostgreSQL's catalogues puts names into. */
const QUOTED = /"[^"]*"|»[^»«]*«|«[^«»]*»/g;

/** The message without the names in quotes: a role may have any word in its own. */
export function unquoted(message: string): string {
  return message.replaceAll(QUOTED, '');
}

/** The names in quotes, without them. */
export function quotedNames(message: string): readonly string[] {
  return (message.match(QUOTED) ?? []).map((quoted) => quoted.slice(1, -1).trim());
}
