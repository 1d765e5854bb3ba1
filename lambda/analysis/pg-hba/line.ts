// Writes parsed rules of pg_hba.conf as lines of the file.

import type { HbaPlace, HbaRule } from '../../model/hba.ts';
import { parseBlock, prefixLength } from './address-block.ts';
import { isKeyword } from './names.ts';

/**
 * The line of a rule, with one space between fields, and names in quotes where they need them. Values of options that
 * the facts leave out are `…`.
 */
export function hbaLine(rule: HbaRule): string {
  const { type, databases, users, address, netmask, method, options, quotes } = rule;
  return [
    type,
    databases.map((text, index) => token(text, 'databases', quotes?.databases?.[index] ?? undefined)).join(','),
    users.map((text, index) => token(text, 'users', quotes?.users?.[index] ?? undefined)).join(','),
    ...(address === undefined ? [] : [addressField(address, netmask, quotes?.address)]),
    method,
    ...options.map((option) => (option.includes('=') ? option : `${option}=…`)),
  ].join(' ');
}

/** Where to find a line, e.g. `line 12 of /etc/postgresql/18/main/pg_hba.conf`. */
export function describePlace({ fileName = 'pg_hba.conf', lineNumber }: HbaPlace): string {
  return `line ${lineNumber} of ${fileName}`;
}

function addressField(address: string, netmask: string | undefined, isQuoted: boolean | undefined): string {
  if (netmask === undefined) return isQuoted === true ? quoted(address) : address;
  const block = parseBlock(address, netmask);
  const length = block === undefined ? undefined : prefixLength(block);
  return length === undefined ? `${address} ${netmask}` : `${address}/${length}`;
}

/** In quotes where it would be read as several tokens, a comment or a file to include, or where a keyword is a name. */
function token(text: string, field: 'databases' | 'users', isQuoted: boolean | undefined): string {
  if (isQuoted === true && isKeyword(field, text)) return quoted(text);
  // Quoted as a whole, `+group` would be a name.
  if (field === 'users' && text.startsWith('+') && NEEDS_QUOTES.test(text)) return `+${quoted(text.slice(1))}`;
  return text === '' || text.startsWith('@') || NEEDS_QUOTES.test(text) ? quoted(text) : text;
}

const NEEDS_QUOTES = /[\s,#"]/;

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
