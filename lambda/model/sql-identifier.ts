// Quotes identifiers for SQL that people copy.

import { displayText } from './display.ts';

/** More than the 63 bytes that PostgreSQL lets a name have, with room for escapes. */
const MAX_LENGTH = 200;

/**
 * The name as an identifier in a statement: bare where SQL reads it so, else in quotes with its own quotes doubled.
 * Names are chosen by clients: what must not be shown raw is escaped, and such a statement does not run as it stands.
 */
export function quoteIdentifier(name: string): string {
  if (name.length <= MAX_LENGTH && /^[a-z_][a-z0-9_$]*$/.test(name) && !RESERVED.has(name)) return name;
  return `"${displayText(name, MAX_LENGTH).replaceAll('"', '""')}"`;
}

/**
 * Words that PostgreSQL reads as syntax where the name of a role or object belongs: those marked reserved in appendix C
 * of its documentation, and the words for roles.
 */
const RESERVED: ReadonlySet<string> = new Set(
  `all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation column
concurrently constraint create cross current_catalog current_date current_role current_schema current_time current_timestamp
current_user default deferrable desc distinct do else end except false fetch for foreign freeze from full grant group having
ilike in initially inner intersect into is isnull join lateral leading left like limit localtime localtimestamp natural none
not notnull null offset on only or order outer overlaps placing primary public references returning right select session_user
similar some symmetric system_user table tablesample then to trailing true union unique user using variadic verbose when
where window with`.split(/\s+/),
);
