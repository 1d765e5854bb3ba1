// Removes secrets from texts of the server, which may send a password back in any spelling.

import { FAILURE_CAUSES } from '../../model/failure.ts';
import { VERDICTS } from '../../model/finding.ts';
import { HBA_RULE_TYPES } from '../../model/hba.ts';
import { SETTING_NAMES } from '../../model/posture.ts';
import { SEVERITIES } from '../../model/severity.ts';
import { TLS_VERSIONS } from '../../model/tls.ts';
import { TRANSPORTS } from '../../model/transport.ts';
import type { Redacted } from './redacted.ts';
import { type Spelling, spellingsOf } from './secret-spellings.ts';
import { mayBeginEscape, mayHoldEscapes, unescapeText } from './unescape.ts';

const PLACEHOLDER = '(redacted)';
const STAR = 0x2a;

/** What is searched: the text of an error or notice, or a row of facts, whose words checks compare. */
export type Searched = 'text' | 'fact';

/**
 * Bytes that a secret must have to be searched for. Shorter ones are parts of ordinary words: hiding them in facts
 * would change outcomes, and hiding them in errors would garble messages.
 */
const SHORTEST: Readonly<Record<Searched, number>> = { text: 4, fact: 8 };

/** Of a longer secret each part is looked for, so that a part of it is not shown either. In code points. */
const LONGEST_WHOLE = 48;
const PART = 32;

/** Layers of escapes that are undone: JSON in JSON in a URL. */
const LAYERS = 3;

/**
 * Words that facts are compared by. A password that is one of them, or a piece of one, cannot be distinguished; hiding
 * it would hide `plaintext` from every session that is not encrypted.
 */
const VOCABULARY: readonly string[] = [
  ...[
    ...TRANSPORTS,
    ...SEVERITIES,
    ...VERDICTS,
    ...FAILURE_CAUSES,
    ...HBA_RULE_TYPES,
    ...SETTING_NAMES,
    ...TLS_VERSIONS,
  ],
  ...[
    'scram-sha-256-plus',
    'password authentication failed for user',
    'client-certificate',
    'not-tls',
    'not-applicable',
  ],
  ...['replication', 'samehost', 'samenet', 'reject', 'verify-full', 'verify-ca', 'no-verify', 'prefer', 'require'],
  ...['disable', 'subscription', 'foreign-server', 'postgresql', 'pgbouncer', 'superuser', 'default'],
].map((word) => word.toLowerCase());

/** Purges secrets from what came from outside, in every common encoding. */
export class Redaction {
  readonly #secrets: readonly Form[];
  readonly #users: readonly string[];
  readonly #finders = new Map<Searched, Finder>();

  /**
   * @param secrets - What must never be shown: passwords, keys, passphrases. Not a whole connection string, whose host
   *   is
   *   shown anyway. Of a long one, such as a key, each line and part is looked for.
   * @param publicTexts - What the report shows anyway (user, host, database, target): a secret equal to one is left
   *   out.
   */
  constructor(secrets: readonly Redacted[], publicTexts: readonly string[] = []) {
    this.#users = publicTexts;
    this.#secrets = secrets
      .flatMap((secret) => formsOf(secret.reveal()))
      .filter(({ text }) => !publicTexts.includes(text));
  }

  /** Lists the spellings of the secrets now, at a time when there is nothing else to do. */
  prepare(): void {
    this.#finder('text');
  }

  /**
   * Overwrites each occurrence with as many `*`, so that the framing of a message stays right. In time that grows with
   * the length of the bytes only.
   *
   * @param what - `fact` looks for secrets of 8 bytes or more, `text` for those of 4 or more.
   */
  mask(bytes: Buffer, what: Searched): void {
    for (const [start, end] of this.#finder(what)?.find(bytes) ?? []) bytes.fill(STAR, start, end);
  }

  /** With `(redacted)` in the place of each occurrence of a secret of 4 bytes or more. */
  text(text: string): string {
    return this.#replace(text, 'text');
  }

  /**
   * Texts, keys and members of plain values, lists, maps and sets, however deep, with `(redacted)` in the place of each
   * occurrence of a secret of 8 bytes or more, as in facts: these values are compared, not only read. Whatever holds
   * none is returned as the same object; other objects (dates, buffers, errors) are left alone.
   */
  everywhere<T>(value: T): T {
    const finder = this.#finder('fact');
    return finder === undefined ? value : (this.#walk(value, finder) as T);
  }

  #walk(value: unknown, finder: Finder): unknown {
    if (typeof value === 'string') return this.#replace(value, 'fact');
    if (typeof value !== 'object' || value === null || isClean(value, finder)) return value;
    if (Array.isArray(value)) return sameUnless(value, this.#walkList(value, finder), (list) => list);
    if (value instanceof Set) return sameUnless(value, this.#walkList([...value], finder), (list) => new Set(list));
    if (value instanceof Map) {
      return sameUnless(value, this.#walkList([...value].flat(), finder), (list) => new Map(pairs(list)));
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return value;
    return sameUnless(value, this.#walkList(Object.entries(value).flat(), finder), (list) =>
      Object.fromEntries(pairs(list) as [string, unknown][]),
    );
  }

  /** Undefined where nothing changes. */
  #walkList(list: readonly unknown[], finder: Finder): unknown[] | undefined {
    const walked = list.map((member) => this.#walk(member, finder));
    return walked.some((member, index) => member !== list[index]) ? walked : undefined;
  }

  #replace(text: string, what: Searched): string {
    const finder = this.#finder(what);
    if (finder === undefined || text.length < SHORTEST.text || finder.isClean(text)) return text;
    const bytes = Buffer.from(text);
    const found = finder.find(bytes);
    if (found.length === 0) return text;
    const kept = [...found, [bytes.length, bytes.length] as const].map(([start], index) =>
      bytes.toString('utf8', found[index - 1]?.[1] ?? 0, start),
    );
    return kept.join(PLACEHOLDER);
  }

  /**
   * Made when it is first wanted: most targets never send what needs it. Undefined where there is nothing to look for.
   */
  #finder(what: Searched): Finder | undefined {
    if (this.#secrets.length === 0) return undefined;
    const existing = this.#finders.get(what);
    if (existing !== undefined) return existing;
    const wanted = this.#secrets.filter(
      ({ text }) => Buffer.byteLength(text) >= SHORTEST[what] && !(what === 'fact' && isVocabulary(text)),
    );
    // Of most secrets both look for the same.
    const same = [...this.#finders.values()].find((other) => other.isFor(wanted));
    const finder = same ?? new Finder(wanted, this.#users);
    this.#finders.set(what, finder);
    return finder;
  }
}

/** Whether it is certain that nothing in a value would be replaced. */
function isClean(value: unknown, finder: Finder): boolean {
  if (typeof value === 'string') return finder.isClean(value);
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every((member) => isClean(member, finder));
  if (value instanceof Map || value instanceof Set) return false;
  return Object.entries(value).every(([key, member]) => finder.isClean(key) && isClean(member, finder));
}

function isVocabulary(secret: string): boolean {
  const piece = secret.toLowerCase();
  return VOCABULARY.some((word) => word.includes(piece));
}

function sameUnless<T>(value: T, changed: unknown[] | undefined, build: (members: unknown[]) => unknown): unknown {
  return changed === undefined ? value : build(changed);
}

function pairs(flat: readonly unknown[]): [unknown, unknown][] {
  return Array.from({ length: flat.length / 2 }, (_, index) => [flat[2 * index], flat[2 * index + 1]]);
}

/** What is looked for of a secret. */
interface Form {
  readonly text: string;
  /** Whether it is a part of a long one. */
  readonly isPart: boolean;
}

/**
 * The secret itself, without white space around it, and as SCRAM normalises it; of a long one its parts, line by line.
 */
function formsOf(secret: string): Form[] {
  if ([...secret].length <= LONGEST_WHOLE) {
    const texts = new Set([secret, secret.trim(), secret.normalize('NFC'), secret.normalize('NFKC')]);
    return [...texts].map((text) => ({ text, isPart: false }));
  }
  return secret
    .split(/[\r\n]+/)
    .map((line) => [...line.trim()])
    .filter((line) => line.length >= SHORTEST.fact && !line.join('').startsWith('-----'))
    .flatMap(partsOf)
    .map((text) => ({ text, isPart: true }));
}

/** Parts of 32 characters, the last of them up to the end. */
function partsOf(characters: readonly string[]): string[] {
  const parts = Math.ceil(characters.length / PART);
  return Array.from({ length: parts }, (_, index) => {
    const start = Math.max(0, Math.min(index * PART, characters.length - PART));
    return characters.slice(start, start + PART).join('');
  });
}

/** Start and end of an occurrence, in bytes. */
type Range = [start: number, end: number];

/** Bytes by which an occurrence is suspected before it is compared. */
const PREFIX = 4;
const BUCKETS = 1 << 15;

/** Bytes with upper case as lower case, and + as the space that it stands for in forms. */
const FOLD = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte === 0x2b) return 0x20;
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
});

interface Layer {
  readonly bytes: Buffer;
  /** Where a byte of it stood in the text that was given. */
  readonly hostPort: (at: number) => number;
}

/** A text without its outermost escapes, without those below them, and so on. Nothing where it holds none. */
function* layersOf(text: Buffer): Iterable<Layer> {
  if (!mayHoldEscapes(text)) return;
  for (const escapes of ['all', 'references'] as const) {
    let layer: Layer = { bytes: text, hostPort: (at) => at };
    for (let depth = 0; depth < LAYERS; depth += 1) {
      const unescaped = unescapeText(layer.bytes, escapes);
      if (unescaped === undefined) break;
      const { hostPort } = layer;
      layer = { bytes: unescaped.bytes, hostPort: (at) => hostPort(unescaped.offsets[at] ?? 0) };
      yield layer;
    }
  }
}

/** Characters of ASCII that neither begin an escape nor are written as one by all. */
const PLAIN = /^[ !#$(-Z\]-~]*$/;

/** Finds many spellings in one pass: by the first four bytes, then by comparing. */
class Finder {
  /** Whether some spelling's first four bytes have that hash, a bit for each: every target has such a list. */
  readonly #suspects = new Uint8Array(BUCKETS / 8);
  readonly #byPrefix = new Map<number, Spelling[]>();
  readonly #secrets: readonly Form[];

  constructor(secrets: readonly Form[], users: readonly string[]) {
    this.#secrets = secrets;
    for (const { text, isPart } of secrets) {
      // Of a plain secret a spelling without its escapes is another of its spellings.
      const isPlain = PLAIN.test(text);
      for (const spelling of spellingsOf(text, users, isPart)) {
        this.#add(spelling);
        if (isPlain) continue;
        // What in the secret looks like an escape is undone too where a text's escapes are.
        for (const { bytes } of layersOf(spelling.bytes)) this.#add({ ...spelling, bytes });
      }
    }
  }

  /** Whether it looks for these secrets and for no others. */
  isFor(secrets: readonly Form[]): boolean {
    return secrets.length === this.#secrets.length && secrets.every((secret, at) => secret === this.#secrets[at]);
  }

  #add(spelling: Spelling): void {
    if (spelling.bytes.length < PREFIX) return;
    const prefix = prefixAt(spelling.bytes, 0);
    const others = this.#byPrefix.get(prefix);
    if (others === undefined) {
      const bucket = bucketOf(prefix);
      this.#suspects[bucket >>> 3] = (this.#suspects[bucket >>> 3] ?? 0) | (1 << (bucket & 7));
      this.#byPrefix.set(prefix, [spelling]);
    } else if (!others.some((other) => isSame(other, spelling))) {
      others.push(spelling);
    }
  }

  /** Whether it is certain that nothing is found in a text: so it is of nearly all, and without a copy of them. */
  isClean(text: string): boolean {
    const suspects = this.#suspects;
    let prefix = 0;
    for (let next = 0; next < text.length; next += 1) {
      const unit = text.charCodeAt(next);
      if (unit > 0x7f || mayBeginEscape(unit)) return false;
      prefix = (prefix >>> 8) | ((FOLD[unit] ?? 0) << 24);
      if (isSuspect(suspects, prefix)) return false;
    }
    return true;
  }

  /** In order, none touching another. */
  find(bytes: Buffer): readonly Range[] {
    const found: Range[] = [];
    this.#search(bytes, (start, end) => add(found, start, end));
    for (const { bytes: layer, hostPort } of layersOf(bytes)) {
      this.#search(layer, (start, end) => add(found, hostPort(start), hostPort(end)));
    }
    const inOrder: Range[] = [];
    for (const [start, end] of found.sort((a, b) => a[0] - b[0])) add(inOrder, start, end);
    return inOrder;
  }

  #search(bytes: Buffer, report: (start: number, end: number) => void): void {
    const suspects = this.#suspects;
    // The four bytes up to `next`, as a number; those before the first are not there yet.
    let prefix = 0;
    for (let next = 0; next < bytes.length; next += 1) {
      prefix = (prefix >>> 8) | ((FOLD[bytes[next] ?? 0] ?? 0) << 24);
      const at = next - PREFIX + 1;
      if (at < 0 || !isSuspect(suspects, prefix)) continue;
      for (const { bytes: wanted, exact, before, after } of this.#byPrefix.get(prefix) ?? []) {
        if (!isAt(bytes, at, wanted, exact)) continue;
        const end = at + wanted.length;
        report(at - (isBase64(bytes[at - before]) ? before : 0), end + (isBase64(bytes[end]) ? after : 0));
      }
    }
  }
}

function isSame(a: Spelling, b: Spelling): boolean {
  return a.exact === b.exact && a.before === b.before && a.after === b.after && a.bytes.equals(b.bytes);
}

function prefixAt(bytes: Buffer, at: number): number {
  let prefix = 0;
  for (let index = PREFIX - 1; index >= 0; index -= 1) prefix = (prefix << 8) | (FOLD[bytes[at + index] ?? 0] ?? 0);
  return prefix;
}

function bucketOf(prefix: number): number {
  return Math.imul(prefix, 0x9e3779b1) >>> 17;
}

function isSuspect(suspects: Uint8Array, prefix: number): boolean {
  const bucket = bucketOf(prefix);
  return (((suspects[bucket >>> 3] ?? 0) >>> (bucket & 7)) & 1) === 1;
}

function isAt(bytes: Buffer, at: number, wanted: Buffer, exact: boolean): boolean {
  if (at + wanted.length > bytes.length) return false;
  if (exact) return wanted.compare(bytes, at, at + wanted.length) === 0;
  for (let index = 0; index < wanted.length; index += 1) {
    if (FOLD[bytes[at + index] ?? 0] !== FOLD[wanted[index] ?? 0]) return false;
  }
  return true;
}

function isBase64(byte: number | undefined): boolean {
  return byte !== undefined && /[\w+/-]/.test(String.fromCharCode(byte));
}

/** As a range of its own, or as a part of the last one where they touch. */
function add(ranges: Range[], start: number, end: number): void {
  const last = ranges.at(-1);
  if (last !== undefined && last[0] <= start && start <= last[1]) last[1] = Math.max(last[1], end);
  else ranges.push([start, end]);
}
