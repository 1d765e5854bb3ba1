// Undoes percent encoding, backslashes, HTML entities and doubled quotes in a text, and keeps the positions.

/** The bytes that an escaped text stands for, and where each of them stood. */
export interface Unescaped {
  readonly bytes: Buffer;
  /** Of each byte: the offset at which its escape begins. One more than there are bytes: the last is the end. */
  readonly offsets: Uint32Array;
}

/** Percent escapes and entities of HTML. */
const REFERENCES = [
  '%(?<percent>[0-9a-f]{2})',
  '&#x0{0,8}(?<hexEntity>[0-9a-f]{1,6});?',
  '&#0{0,8}(?<decimal>[0-9]{1,7});?',
  '&(?<entity>[a-z]{2,7});',
];

/** A backslash with what it escapes, a doubled quote, the colon that `displayText` puts in brackets. */
const QUOTING = [
  String.raw`\\u(?<high>d[89ab][0-9a-f]{2})\\u(?<low>d[c-f][0-9a-f]{2})`,
  String.raw`\\u(?<unit>[0-9a-f]{4})`,
  String.raw`\\u\{(?<point>[0-9a-f]{1,6})\}`,
  String.raw`\\U(?<long>[0-9a-f]{8})`,
  String.raw`\\x(?<hex>[0-9a-f]{2})`,
  String.raw`\\(?<octal>[0-3][0-7]{2})`,
  String.raw`\\(?<short>.)`,
  `(?<quote>''|"")`,
  String.raw`(?<colon>\[:\])`,
];

/** `references` leaves quoting alone, as texts of the web do: a backslash there is one. */
export type Escapes = 'all' | 'references';

const ESCAPES: Readonly<Record<Escapes, RegExp>> = {
  all: new RegExp([...REFERENCES, ...QUOTING].join('|'), 'gis'),
  references: new RegExp(REFERENCES.join('|'), 'gi'),
};

/** By byte: 1 for what an escape begins with. Most texts hold none. */
const OPENERS = Uint8Array.from({ length: 256 }, (_, byte) => ('%\\&\'"['.includes(String.fromCharCode(byte)) ? 1 : 0));

/** What stands after a backslash for a control character. */
const CONTROLS: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, b: 8, f: 12, v: 11 };

/** The named entities of HTML for the characters of ASCII, by their names in lower case. */
const ENTITIES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ...{ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", excl: '!', num: '#', dollar: '$', percnt: '%', lpar: '(' },
    ...{ rpar: ')', ast: '*', plus: '+', comma: ',', period: '.', sol: '/', colon: ':', semi: ';', equals: '=' },
    ...{ quest: '?', commat: '@', lsqb: '[', lbrack: '[', bsol: '\\', rsqb: ']', rbrack: ']', hat: '^', lowbar: '_' },
    ...{ grave: '`', lcub: '{', lbrace: '{', verbar: '|', vert: '|', rcub: '}', rbrace: '}', tab: '\t', newline: '\n' },
  }),
);

/** Undefined where nothing is escaped. One layer: what was escaped twice is still escaped once. */
export function unescapeText(bytes: Buffer, escapes: Escapes): Unescaped | undefined {
  const text = bytes.toString('latin1');
  const decoded = Buffer.allocUnsafe(bytes.length);
  const offsets = new Uint32Array(bytes.length + 1);
  let [length, at] = [0, 0];
  const put = (byte: number, offset: number): void => {
    decoded[length] = byte;
    offsets[length] = offset;
    length += 1;
  };
  const putUpTo = (end: number): void => {
    for (; at < end; at += 1) put(bytes[at] ?? 0, at);
  };
  for (const { index, 0: found, groups = {} } of text.matchAll(ESCAPES[escapes])) {
    const meant = bytesMeant(groups);
    if (meant === undefined) continue;
    putUpTo(index);
    for (const byte of meant) put(byte, index);
    at = index + found.length;
  }
  if (at === 0) return undefined;
  putUpTo(bytes.length);
  offsets[length] = bytes.length;
  return { bytes: decoded.subarray(0, length), offsets: offsets.subarray(0, length + 1) };
}

/** Whether it is worth looking for escapes: far cheaper than looking. */
export function mayHoldEscapes(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += 1) if (mayBeginEscape(bytes[at] ?? 0)) return true;
  return false;
}

export function mayBeginEscape(byte: number): boolean {
  return OPENERS[byte] === 1;
}

type Groups = Readonly<Record<string, string | undefined>>;

/** Never more bytes than the escape has itself. */
function bytesMeant(groups: Groups): Uint8Array | undefined {
  const { percent, high, low, unit, hex, octal, short, decimal, entity, quote, colon } = groups;
  const point = groups.point ?? groups.long ?? groups.hexEntity ?? unit;
  if (percent !== undefined) return Uint8Array.of(Number.parseInt(percent, 16));
  if (hex !== undefined) return Uint8Array.of(Number.parseInt(hex, 16));
  if (octal !== undefined) return Uint8Array.of(Number.parseInt(octal, 8));
  if (short !== undefined) return Uint8Array.of(CONTROLS[short] ?? short.charCodeAt(0));
  if (quote !== undefined) return Buffer.from(quote.slice(1));
  if (colon !== undefined) return Buffer.from(':');
  if (high !== undefined && low !== undefined) {
    return Buffer.from(String.fromCharCode(Number.parseInt(high, 16), Number.parseInt(low, 16)));
  }
  if (entity !== undefined) {
    const character = ENTITIES.get(entity.toLowerCase());
    return character === undefined ? undefined : Buffer.from(character);
  }
  const code = point === undefined ? Number(decimal) : Number.parseInt(point, 16);
  return code <= 0x10ffff ? Buffer.from(String.fromCodePoint(code)) : undefined;
}
