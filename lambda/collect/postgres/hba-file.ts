// Reads from the text of pg_hba.conf which words are quoted, as hba.c reads them: next_token, next_field_expand and
// tokenize_auth_file. Pure. What does not fit the rules that the server shows stays unknown.

import type { HbaQuotes, HbaRule } from '../../model/hba.ts';

/** From here on a line that ends in a backslash goes on in the next. */
const CONTINUED_SINCE = 14;

/** The rules with their quotes, as far as the texts show them. */
export function withQuotes(
  rules: readonly HbaRule[],
  files: ReadonlyMap<string, string>,
  major: number,
): readonly HbaRule[] {
  const lines = new Map([...files].map(([path, text]) => [path, logicalLines(text, major)]));
  // Before PostgreSQL 16 there is one file, and the view does not name it.
  const [only] = files.size === 1 ? lines.values() : [];
  return rules.map((rule) => {
    const line = (rule.fileName === undefined ? only : lines.get(rule.fileName))?.get(rule.lineNumber);
    const quotes = line === undefined ? undefined : quotesOf(rule, fieldsOf(line));
    return quotes === undefined ? rule : { ...rule, quotes };
  });
}

/** By the number of the line where each begins, from 1. */
function logicalLines(text: string, major: number): ReadonlyMap<number, string> {
  const lines = new Map<number, string>();
  let start = 1;
  let sofar = '';
  for (const [index, physical] of text.split('\n').entries()) {
    const line = physical.replace(/\r+$/, '');
    // A second backslash right after a continuation is one again only where something stands before it.
    if (major >= CONTINUED_SINCE && line.endsWith('\\')) {
      sofar += line.slice(0, -1);
      continue;
    }
    lines.set(start, sofar + line);
    sofar = '';
    start = index + 2;
  }
  return lines;
}

interface Token {
  readonly text: string;
  readonly quoted: boolean;
}

/** Tokens that commas join are one field; blanks separate fields. A `#` outside quotes ends the line. */
function fieldsOf(line: string): readonly (readonly Token[])[] {
  const fields: Token[][] = [];
  let at = 0;
  while (at < line.length) {
    const field: Token[] = [];
    for (;;) {
      const { token, next, comma } = nextToken(line, at);
      at = next;
      if (token === undefined) break;
      field.push(token);
      if (!comma) break;
    }
    if (field.length === 0) break;
    fields.push(field);
  }
  return fields;
}

const isBlank = (character: string | undefined): boolean =>
  character === ' ' || character === '\t' || character === '\r';

function nextToken(
  line: string,
  from: number,
): { readonly token: Token | undefined; readonly next: number; readonly comma: boolean } {
  let at = from;
  while (isBlank(line[at]) || line[at] === ',') at += 1;
  let text = '';
  let inQuote = false;
  let wasQuote = false;
  let sawQuote = false;
  let quoted = false;
  let comma = false;
  for (; at < line.length && (inQuote || !isBlank(line[at])); at += 1) {
    const character = line[at] ?? '';
    if (character === '#' && !inQuote) {
      at = line.length;
      break;
    }
    if (character === ',' && !inQuote) {
      comma = true;
      at += 1;
      break;
    }
    // Two quotes within quotes are one.
    if (character !== '"' || wasQuote) text += character;
    wasQuote = inQuote && character === '"' ? !wasQuote : false;
    if (character !== '"') continue;
    inQuote = !inQuote;
    sawQuote = true;
    if (text === '') quoted = true;
  }
  return { token: sawQuote || text !== '' ? { text, quoted } : undefined, next: at, comma };
}

/** Undefined where the line is not the rule's: the file was changed between the two readings. */
function quotesOf(rule: HbaRule, fields: readonly (readonly Token[])[]): HbaQuotes | undefined {
  const [type, databases = [], users = [], address = []] = fields;
  if (type?.length !== 1 || type[0]?.text !== rule.type) return undefined;
  const quotes = { databases: quotesIn(rule.databases, databases), users: quotesIn(rule.users, users) };
  if (quotes.databases === undefined || quotes.users === undefined) return undefined;
  const [host] = address;
  // Others are addresses or names of hosts, quoted or not.
  const isWord = rule.netmask === undefined && rule.address !== undefined;
  if (isWord && (address.length !== 1 || host?.text !== rule.address)) return undefined;
  return { ...quotes, address: isWord ? host?.quoted : undefined };
}

/** A file of names: the server shows what it holds, of which the line has the name only. */
function isFile({ text, quoted }: Token): boolean {
  return !quoted && text.startsWith('@') && text !== '@';
}

/**
 * Whether each of the names that are shown is quoted; of those from files it is not known. Undefined where the line
 * does not have these names.
 */
function quotesIn(shown: readonly string[], tokens: readonly Token[]): readonly (boolean | null)[] | undefined {
  const first = tokens.findIndex(isFile);
  if (first < 0 && tokens.length !== shown.length) return undefined;
  const before = first < 0 ? tokens : tokens.slice(0, first);
  const after = first < 0 ? [] : tokens.slice(tokens.findLastIndex(isFile) + 1);
  const fromFiles = shown.length - before.length - after.length;
  if (fromFiles < 0) return undefined;
  const lined = [...before, ...Array.from({ length: fromFiles }, () => undefined), ...after];
  return lined.every((token, index) => token === undefined || token.text === shown[index])
    ? lined.map((token) => token?.quoted ?? null)
    : undefined;
}
