// Rules of pg_hba.conf as lines of it again.

import type { HbaPlace, HbaRule } from '../../model/hba.ts';
import { parseBlock, prefixLength } from './address-block.ts';

/**
 * The line of a rule, with one space between fields, and names in quotes where they need them. Values of options that
 * the facts leave out are `…`.
 */
export function hbaLine({ type, databases, users, address, netmask, method, options }: HbaRule): string {
  return [
    type,
    databases.map(token).join(','),
    users.map(token).join(','),
    ...(address === undefined ? [] : [addressField(address, netmask)]),
    method,
    ...options.map((option) => (option.includes('=') ? option : `${option}=…`)),
  ].join(' ');
}

/** Where to find a line, e.g. `line 12 of /etc/postgresql/18/main/pg_hba.conf`. */
export function describePlace({ fileName = 'pg_hba.conf', lineNumber }: HbaPlace): string {
  return `line ${lineNumber} of ${fileName}`;
}

function addressField(address: string, netmask: string | undefined): string {
  if (netmask === undefined) return address;
  const block = parseBlock(address, netmask);
  const length = block === undefined ? undefined : prefixLength(block);
  return length === undefined ? `${address} ${netmask}` : `${address}/${length}`;
}

/** In quotes where it would be read as several tokens, a comment or a file to include. */
function token(text: string): string {
  // Quoted as a whole, `+group` would be a name.
  if (text.startsWith('+') && NEEDS_QUOTES.test(text)) return `+${quoted(text.slice(1))}`;
  return text === '' || text.startsWith('@') || NEEDS_QUOTES.test(text) ? quoted(text) : text;
}

const NEEDS_QUOTES = /[\s,#"]/;

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
