// Parses lists of names with values: connection strings of Npgsql and ODBC, and files of environment variables. Pure.

/** A name as it stands there, with its value. */
export type Pair = readonly [name: string, value: string];

/** A list that tools read in different ways. Its message names the entry by a name, and quotes no value. */
export class KeywordListError extends Error {
  override readonly name = 'KeywordListError';
}

const NAME = /^\s*([A-Za-z][\w ]*?)\s*=\s*/;

/** Names with which such strings begin or go on where they lead to a PostgreSQL server. */
const SERVER_NAME = /^(?:host|server|data ?source|driver|dsn)$/i;

/**
 * The pairs of `Host=db;Port=5432;Username=u;Password=x` (ADO.NET, as Npgsql reads it: values with ; in single or
 * double quotes, their own quotes doubled) or `Driver={…};Server=db;Uid=u;Pwd=x` (ODBC: in braces). Undefined where the
 * text is no such string, so that a libpq string with ; in its password is none.
 */
export function semicolonPairs(text: string): Pair[] | undefined {
  const pairs: Pair[] = [];
  let rest = text.trim();
  while (rest !== '') {
    const [start, name] = NAME.exec(rest) ?? [];
    if (start === undefined || name === undefined) return undefined;
    const [whole, value] = valueAt(rest.slice(start.length)) ?? [];
    if (whole === undefined || value === undefined) return undefined;
    pairs.push([name, value]);
    rest = rest.slice(start.length + whole.length).replace(/^\s*;?\s*/, '');
  }
  const leads = pairs.some(([name, value]) => SERVER_NAME.test(name) && !/\s\w+\s*=/.test(value));
  return pairs.length > 1 && leads ? pairs : undefined;
}

/** A value as it stands there, and what it means. */
function valueAt(text: string): readonly [whole: string, value: string] | undefined {
  const [quoted, single, double, braced] =
    /^(?:'((?:[^']|'')*)'|"((?:[^"]|"")*)"|\{((?:[^}]|\}\})*)\})(?=\s*(?:;|$))/.exec(text) ?? [];
  if (quoted !== undefined) {
    const value = single?.replaceAll("''", "'") ?? double?.replaceAll('""', '"') ?? braced?.replaceAll('}}', '}') ?? '';
    return [quoted, value];
  }
  // Begun with a quote and not ended: where the value ends is not certain.
  if (/^['"{]/.test(text)) return undefined;
  const [plain = ''] = /^[^;]*/.exec(text) ?? [];
  return [plain, plain.trim()];
}

const ASSIGNMENT = /^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)$/;

/**
 * The variables of a file such as `.env`: one `NAME=value` a line, comments and empty lines. Undefined where the text
 * is no such file; a single line in lower case is libpq's form.
 *
 * @throws KeywordListError where a value is one that shells, Docker and dotenv libraries read differently
 */
export function environmentPairs(text: string): Pair[] | undefined {
  const lines = text.split(/\r?\n/).filter((line) => !/^\s*(?:#|$)/.test(line));
  const assignments = lines.map((line) => ASSIGNMENT.exec(line));
  const named = assignments.some((found) => /^[A-Z][A-Z0-9_]*$/.test(found?.[1] ?? ''));
  if (!named || assignments.includes(null)) return undefined;
  return assignments.map((found) => {
    const [, name = '', value = ''] = found ?? [];
    return [name, environmentValue(name, value.trim())];
  });
}

function environmentValue(name: string, value: string): string {
  const [, single] = /^'([^']*)'$/.exec(value) ?? [];
  if (single !== undefined) return single;
  const [, double] = /^"([^"]*)"$/.exec(value) ?? [];
  const plain = double ?? value;
  if (/[\\$`'"]/.test(plain) || (double === undefined && /#|\s/.test(plain))) {
    throw new KeywordListError(`${name} holds a character that shells and dotenv libraries read in different ways`);
  }
  return plain;
}
