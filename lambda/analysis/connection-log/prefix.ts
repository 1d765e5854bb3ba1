// Compiles a log_line_prefix to a reader of lines, and lists the prefixes of platforms.

import type { LogClock } from './time.ts';

/** What a prefix shows. Absent where it shows nothing of the kind. */
export interface PrefixFields {
  readonly time?: number | undefined;
  readonly connection?: string | undefined;
  readonly host?: string | undefined;
  readonly role?: string | undefined;
  readonly database?: string | undefined;
  readonly application?: string | undefined;
}

export interface PrefixedLine {
  readonly fields: PrefixFields;
  /** As the server writes it: `LOG`, `FATAL`, `DETAIL`. */
  readonly label: string;
  readonly message: string;
  /** Whether the line has what follows %q, too. */
  readonly isWhole: boolean;
}

export interface CompiledPrefix {
  readonly prefix: string;
  /** How many facts about a connection it shows: of two that fit, the one with more is the right one. */
  readonly shows: number;
  /** Undefined where the line does not begin with this prefix and a label. */
  readonly read: (line: string, clock: LogClock) => PrefixedLine | undefined;
}

/** A prefix that no line can be read by. */
export class PrefixError extends Error {
  override readonly name = 'PrefixError';
}

/** `log_line_prefix` of PostgreSQL itself and of the services and packages that set another one, with who does. */
export const KNOWN_PREFIXES: readonly (readonly [prefix: string, of: string])[] = [
  ['%m [%p] ', 'PostgreSQL'],
  ['%t:%r:%u@%d:[%p]:', 'Amazon RDS and Aurora'],
  ['%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a:', 'Amazon RDS and Aurora, extended'],
  ['%t:%r:%u@%d:[%p]:%a:', 'Amazon RDS and Aurora, with the application'],
  ['%m [%p] %q%u@%d ', 'Debian and Ubuntu'],
  ['%t [%p-%l] %q%u@%d ', 'Debian and Ubuntu, older'],
  ['%m [%p]: [%l-1] db=%d,user=%u ', 'Cloud SQL'],
  ['%t-%c-', 'Azure Database for PostgreSQL'],
  ['%h %m [%p] %q%u@%d ', 'Supabase'],
  ['%m [%p] %q[user=%u,db=%d,app=%a] ', 'Scaleway and others'],
  ['%m [%p][%b][%v][%x] %q[user=%u,db=%d,app=%a] ', 'Crunchy and others'],
  ['%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ', 'pgBadger'],
  ['%t [%p]: user=%u,db=%d,app=%a,client=%h ', 'pgBadger'],
  ['%t [%p]: [%l-1] user=%u,db=%d,remote=%r ', 'pgBadger, older'],
  ['%t [%p]: [%l-1] user=%u,db=%d ', 'pgBadger, older'],
  ['%t [%p]: [%l-1] ', 'pgBadger, older'],
  ['pid=%p,user=%u,db=%d,app=%a,client=%h ', 'Aiven'],
  ['%m [%p] %r %u@%d ', 'others'],
  ['%m [%p] %u@%d ', 'others'],
  ['%m [%p]: ', 'others'],
  ['%t [%p]: ', 'others'],
  ['%t [%p] ', 'others'],
  ['%m %c ', 'others'],
  ['[%p] ', 'others'],
  ['%t ', 'before PostgreSQL 10'],
  ['%m ', 'others'],
];

const LABELS =
  'LOG|FATAL|ERROR|WARNING|NOTICE|INFO|DEBUG[1-5]?|PANIC|DETAIL|HINT|STATEMENT|CONTEXT|QUERY|LOCATION|BACKTRACE';
/** LOG, FATAL and ERROR in the catalogues that PostgreSQL ships. */
const FOREIGN_LABELS =
  'FEHLER|ERREUR|FATALE|ERRORE|LOGG|FATALT|FEL|ჟურნალი|ფატალური|შეცდომა|로그|치명적오류|오류|СООБЩЕНИЕ|ВАЖНО|ОШИБКА|ЗАПИСУВАННЯ|ФАТАЛЬНО|ПОМИЛКА|日志|致命错误|错误';
const LABEL = `(?<label>${LABELS}|${FOREIGN_LABELS}) ?:  `;
const FOREIGN = new RegExp(`^(?:${FOREIGN_LABELS})$`);

/** Whether a severity is in another language than English: then the messages are, and nothing is read from them. */
export function isForeignLabel(label: string): boolean {
  return FOREIGN.test(label);
}

const MOMENT = '\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d';
const ZONE = '(?:[A-Za-z]{1,6}|[+-]\\d\\d(?::?\\d\\d)?)';
/** Never a time, which exports put before each line. */
const HOST = '(?!\\d{4}-\\d\\d-\\d\\dT)[\\w.:%-]{1,255}';

/** Escapes whose text has a form of its own. What is named is a fact; the rest only has to be passed over. */
const FIXED: Readonly<Record<string, string>> = {
  t: `(?<time>${MOMENT} ${ZONE})`,
  m: `(?<time>${MOMENT}\\.\\d{3} ${ZONE})`,
  n: '(?<time>\\d{9,11}\\.\\d{3})',
  s: `(?:${MOMENT} ${ZONE})`,
  p: '(?<pid>\\d{1,10})',
  P: '\\d{0,10}',
  c: '(?<session>[0-9a-f]{1,16}\\.[0-9a-f]{1,8})',
  l: '\\d{1,20}',
  h: `(?<host>\\[local\\]|${HOST}|)`,
  r: `(?:(?<host>\\[local\\]|${HOST})(?:\\(\\d{1,5}\\))?|)`,
  L: `(?:\\[local\\]|\\[unknown\\]|${HOST}|)`,
  e: '[0-9A-Z]{5}',
  v: '(?:-?\\d{1,10}/\\d{1,10}|)',
  x: '\\d{1,20}',
  Q: '-?\\d{1,20}',
};

/** Escapes that stand for any text: names that clients choose, and words of the server. */
const FREE: Readonly<Record<string, 'role' | 'database' | 'application' | undefined>> = {
  u: 'role',
  d: 'database',
  a: 'application',
  i: undefined,
  b: undefined,
};

type Token = { readonly pattern: string } | { readonly free: 'role' | 'database' | 'application' | undefined };

/** How many ways to read one line are tried, where names hold what separates them. */
const MOST_TRIALS = 64;
/** Names are 63 bytes unless a server is built otherwise; those of failed logins may be longer. */
const LONGEST_NAME = 1_024;

/**
 * @param prefix as `SHOW log_line_prefix` shows it
 * @throws PrefixError
 */
export function compilePrefix(prefix: string): CompiledPrefix {
  if (prefix.length > 1_000) throw new PrefixError('it is longer than 1,000 characters');
  const { session, everywhere } = tokenize(prefix);
  const whole = segmentsOf([...everywhere, ...session]);
  // What %q ends is not written by processes without a session.
  const alone = session.length === 0 ? undefined : segmentsOf(everywhere);
  const shows = [/%[0#-]?\d*[hr]/, /%-?\d*u/, /%-?\d*d/, /%-?\d*a/, /%-?\d*[pc]/, /%-?\d*[tmn]/].filter((shown) =>
    shown.test(prefix),
  ).length;
  return {
    prefix,
    shows,
    read: (line, clock) => {
      const found = match(whole, line);
      if (found !== undefined) return { ...prefixed(found, line, clock), isWhole: true };
      const short = alone === undefined ? undefined : match(alone, line);
      return short === undefined ? undefined : { ...prefixed(short, line, clock), isWhole: false };
    },
  };
}

function tokenize(prefix: string): { readonly everywhere: readonly Token[]; readonly session: readonly Token[] } {
  const everywhere: Token[] = [];
  const session: Token[] = [];
  let into = everywhere;
  for (const [text, padding, letter] of prefix.matchAll(/%(-?\d{0,4})(.)|[^%]+|%$/gs)) {
    if (letter === undefined) into.push({ pattern: literal(text) });
    else if (letter === '%') into.push({ pattern: '%' });
    else if (letter === 'q') into = session;
    else if (letter in FREE) into.push({ free: FREE[letter] });
    else {
      const pattern = FIXED[letter];
      if (pattern === undefined) throw new PrefixError(`it holds an escape that log_line_prefix does not have`);
      into.push({ pattern: padding === '' || padding === undefined ? pattern : ` {0,99}${pattern} {0,99}` });
    }
  }
  return { everywhere, session };
}

function literal(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}

/** What is named in a prefix, in the order in which a match holds it. */
const FACTS = ['time', 'pid', 'session', 'host', 'role', 'database', 'application', 'label'] as const;
type Fact = (typeof FACTS)[number];

/** Runs of fixed text, each with what free text is before it. The last one ends with the label. */
interface Segment {
  /** Whether free text is before it. */
  readonly isFree: boolean;
  /** Where that text belongs, as an index of FACTS; undefined where it is no fact. */
  readonly freeFact: number | undefined;
  readonly pattern: RegExp;
  /** Which facts the groups of the pattern are, in order. Named groups take several times as long. */
  readonly facts: readonly number[];
}

function segmentsOf(tokens: readonly Token[]): readonly Segment[] {
  const segments: Segment[] = [];
  let free: 'role' | 'database' | 'application' | 'other' | undefined;
  let pattern = '';
  const close = (): void => {
    const names: Fact[] = [];
    // A name may not stand for two things: the second is passed over.
    const numbered = pattern.replaceAll(/\(\?<(\w+)>/g, (_, name: Fact) => {
      if (names.includes(name)) return '(?:';
      names.push(name);
      return '(';
    });
    segments.push({
      isFree: free !== undefined,
      freeFact: free === undefined || free === 'other' ? undefined : FACTS.indexOf(free),
      pattern: new RegExp(numbered, free === undefined ? 'y' : 'g'),
      facts: names.map((name) => FACTS.indexOf(name)),
    });
  };
  for (const token of tokens) {
    if ('pattern' in token) pattern += token.pattern;
    // The boundary between two free texts side by side is not known: they are read as one, which is neither.
    else if (pattern === '' && free !== undefined) free = 'other';
    else {
      if (pattern !== '' || free !== undefined) close();
      free = token.free ?? 'other';
      pattern = '';
    }
  }
  pattern += LABEL;
  close();
  return segments;
}

interface Match {
  /** By the order of FACTS. */
  readonly facts: readonly (string | undefined)[];
  readonly end: number;
}

/** Reads from left to right; where the text after a name fits in several places, the first that lets the rest fit. */
function match(segments: readonly Segment[], line: string): Match | undefined {
  const facts: (string | undefined)[] = new Array(FACTS.length).fill(undefined);
  const end = matchFrom(segments, 0, line, 0, facts, { trials: MOST_TRIALS });
  return end === undefined ? undefined : { facts, end };
}

function matchFrom(
  segments: readonly Segment[],
  index: number,
  line: string,
  from: number,
  facts: (string | undefined)[],
  left: { trials: number },
): number | undefined {
  const segment = segments[index];
  if (segment === undefined) return from;
  const { isFree, freeFact, pattern } = segment;
  const within = isFree && line.length > from + LONGEST_NAME ? line.slice(0, from + 2 * LONGEST_NAME) : line;
  let searchFrom = from;
  while (left.trials > 0) {
    left.trials -= 1;
    pattern.lastIndex = searchFrom;
    const found = pattern.exec(within);
    if (found === null || found.index > from + LONGEST_NAME) return undefined;
    const end = matchFrom(segments, index + 1, line, found.index + found[0].length, facts, left);
    if (end !== undefined) {
      for (let group = 0; group < segment.facts.length; group += 1) facts[segment.facts[group] ?? 0] = found[group + 1];
      if (freeFact !== undefined) facts[freeFact] = line.slice(from, found.index);
      return end;
    }
    if (!isFree) return undefined;
    searchFrom = found.index + 1;
  }
  return undefined;
}

/** What the server writes for a name that it does not know yet. */
const UNKNOWN = '[unknown]';

function prefixed({ facts, end }: Match, line: string, clock: LogClock): Omit<PrefixedLine, 'isWhole'> {
  const [time, pid, session, host, role, database, application, label = ''] = facts;
  return {
    fields: {
      time: time === undefined ? undefined : clock.read(time),
      connection: session ?? pid,
      host: host === '' || host === UNKNOWN ? undefined : host,
      role: name(role),
      database: name(database),
      application: name(application),
    },
    label,
    message: line.slice(end),
  };
}

function name(text: string | undefined): string | undefined {
  const trimmed = text?.trim();
  return trimmed === '' || trimmed === UNKNOWN ? undefined : trimmed;
}

/**
 * The known prefix by which most of these lines can be read; undefined where none reads at least half of those that are
 * no continuation of another.
 */
export function guessPrefix(lines: readonly string[], clock: LogClock): CompiledPrefix | undefined {
  const heads = lines.filter((line) => line !== '' && !line.startsWith('\t'));
  const ranked = knownPrefixes()
    .map((compiled) => {
      const read = heads.flatMap((line) => compiled.read(line, clock) ?? []);
      return { compiled, fits: read.length, whole: read.filter(({ isWhole }) => isWhole).length };
    })
    .sort((a, b) => b.fits - a.fits || b.whole - a.whole || b.compiled.shows - a.compiled.shows);
  const best = ranked[0];
  return best === undefined || best.fits === 0 || best.fits * 2 < heads.length ? undefined : best.compiled;
}

let compiledPrefixes: readonly CompiledPrefix[] | undefined;

function knownPrefixes(): readonly CompiledPrefix[] {
  compiledPrefixes ??= KNOWN_PREFIXES.map(([prefix]) => compilePrefix(prefix));
  return compiledPrefixes;
}
