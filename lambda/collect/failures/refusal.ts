// Defines a refused login, from which the tables of refusals of PostgreSQL, providers and poolers are built.

import { displayText } from '../../model/display.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import { hostPort } from '../../model/endpoint.ts';
import type { FailureCause } from '../../model/failure.ts';
import { quoteIdentifier } from '../../model/sql-identifier.ts';

/** What to do: the same for every target, or one text for configured ones and one for a server that --url names. */
export type Advice = string | { readonly configured: string; readonly url: string };

export interface Refusal {
  readonly cause: FailureCause;
  /** Without the server's own words, which follow it. */
  readonly message: string;
  readonly advice: Advice;
  /** Whether the same login may succeed a moment later. @default false */
  readonly transient?: boolean;
}

/** The login that was tried: server, role and database, as messages and SQL statements name them. */
export interface Attempt {
  readonly endpoint: Endpoint;
  readonly place: string;
  /** For sentences. */
  readonly role: string;
  readonly database: string;
  /** For statements. */
  readonly sqlRole: string;
  readonly sqlDatabase: string;
}

export function attemptOf(endpoint: Endpoint, user: string, database: string): Attempt {
  return {
    endpoint,
    place: hostPort(endpoint),
    role: displayText(user),
    database: displayText(database),
    sqlRole: quoteIdentifier(user),
    sqlDatabase: quoteIdentifier(database),
  };
}

/** The two fields of a failure that hold the advice. */
export function remediesOf(advice: Advice): { readonly remedy: string; readonly remedyForUrl?: string } {
  return typeof advice === 'string' ? { remedy: advice } : { remedy: advice.configured, remedyForUrl: advice.url };
}

/** A name as SQL writes it between single quotes. */
export function sqlText(shown: string): string {
  return `'${shown.replaceAll("'", "''")}'`;
}

/** Where the password is kept, by where the target comes from. */
export function storePassword(role: string): Advice {
  return {
    configured: `store the present password of ${role} in the secret, variable or file that the target's credentials come from`,
    url: `put the present password of ${role} into PGPASSWORD`,
  };
}

/** The same advice followed by more of it. */
export function followedBy(advice: Advice, more: string): Advice {
  if (typeof advice === 'string') return `${advice}${more}`;
  return { configured: `${advice.configured}${more}`, url: `${advice.url}${more}` };
}
