// Lists the spellings that a secret may have in a text: encoded, escaped, reversed, hashed. Pure.

import { createHash } from 'node:crypto';

/** One spelling of a secret, as bytes to look for. */
export interface Spelling {
  readonly bytes: Buffer;
  /** Whether case matters, as it does in base64. */
  readonly exact: boolean;
  /** Bytes of base64 before and after it that hold a part of the secret and a part of what stands beside it. */
  readonly before: 0 | 1;
  readonly after: 0 | 1;
}

/**
 * Every spelling to search for, beside those that `unescapeText` undoes. Case matters only in base64, so hex and
 * escapes are listed in one case.
 *
 * @param brief leaves out the spellings that keys and other long texts never have: reversed, in another case, hashed
 * @param users that PostgreSQL's md5 verifier, md5(password + user), may be made with
 */
export function spellingsOf(secret: string, users: readonly string[], brief: boolean): Spelling[] {
  const reversed = [...secret].reverse().join('');
  const texts = brief ? [secret] : unique([secret, reversed, secret.toLowerCase(), secret.toUpperCase()]);
  return [
    ...texts.flatMap((text) => [...folded(Buffer.from(text)), ...base64(Buffer.from(text))]),
    ...unique([JSON.stringify(secret).slice(1, -1), percent(secret)]).flatMap((text) => base64(Buffer.from(text))),
    ...(brief ? [] : [...nested(Buffer.from(secret)), ...listed(Buffer.from(secret))]),
    ...escaped(secret).map((text) => spelling(Buffer.from(text))),
    ...(brief ? [] : users.map((user) => spelling(Buffer.from(md5(secret + user))))),
  ];
}

function spelling(bytes: Buffer): Spelling {
  return { bytes, exact: false, before: 0, after: 0 };
}

/** As it is, as UTF-16 in both orders, in hex with and without separators. */
function folded(utf8: Buffer): Spelling[] {
  const little = Buffer.from(utf8.toString(), 'utf16le');
  const hex = utf8.toString('hex');
  const pairs = hex.match(/../g) ?? [];
  return [
    utf8,
    little,
    Buffer.from(little).swap16(),
    Buffer.from(hex),
    Buffer.from(pairs.join(' ')),
    Buffer.from(pairs.join(':')),
  ].map(spelling);
}

/** Encoded twice: base64 of UTF-16, as PowerShell takes commands, of hex and of base64; hex of base64. */
function nested(utf8: Buffer): Spelling[] {
  const once = base64(utf8).map(({ bytes }) => bytes);
  const inner = [Buffer.from(utf8.toString(), 'utf16le'), Buffer.from(utf8.toString('hex')), ...once];
  return [...inner.flatMap(base64), ...once.map((bytes) => spelling(Buffer.from(bytes.toString('hex'))))];
}

/** Byte by byte: as languages and dumps list them, and quoted-printable. */
function listed(utf8: Buffer): Spelling[] {
  const hex = utf8.toString('hex').match(/../g) ?? [];
  const lists = [
    ...['-', ',', ', ', '\n'].map((separator) => hex.join(separator)),
    ...[' ', ',', ', '].flatMap((separator) => [utf8.join(separator), hex.map((byte) => `0x${byte}`).join(separator)]),
    ...[4, 8].map(
      (digits) =>
        hex
          .join('')
          .match(new RegExp(`.{1,${digits}}`, 'g'))
          ?.join(' ') ?? '',
    ),
    hex.map((byte) => `=${byte}`).join(''),
  ];
  return lists.map((text) => spelling(Buffer.from(text)));
}

/**
 * In base64 and base64url, at each of the three places where it may begin in a group of three bytes. Characters that
 * also hold bits of what stands beside it cannot be looked for.
 */
function base64(bytes: Buffer): Spelling[] {
  const padded = Buffer.alloc(bytes.length + 2);
  bytes.copy(padded, 2);
  return [0, 1, 2].flatMap((offset) => {
    const bits = (offset + bytes.length) * 8;
    const [from, to] = [Math.ceil((offset * 8) / 6), Math.floor(bits / 6)];
    const text = padded.toString('base64', 2 - offset).slice(from, to);
    const [before, after] = [offset === 0 ? 0 : 1, bits % 6 === 0 ? 0 : 1] as const;
    const inAlphabet = (encoded: string): Spelling => ({
      bytes: Buffer.from(encoded, 'latin1'),
      exact: true,
      before,
      after,
    });
    // Most have none of the two characters in which the alphabets differ.
    if (!/[+/]/.test(text)) return [inAlphabet(text)];
    return [inAlphabet(text), inAlphabet(text.replaceAll('+', '-').replaceAll('/', '_'))];
  });
}

/** With everything escaped, and with what the usual functions escape. Mixtures are undone in the text instead. */
function escaped(secret: string): string[] {
  const everywhere = (spell: (code: string, character: string) => string): string =>
    [...secret].map((character) => spell((character.codePointAt(0) ?? 0).toString(16), character)).join('');
  const units = secret.split('').map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const whole = [...Buffer.from(secret)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  return unique([
    whole,
    whole.replaceAll('%', '%25'),
    percent(secret),
    percent(percent(secret)),
    encodeURI(secret.toWellFormed()),
    percent(secret).replaceAll('%20', '+'),
    JSON.stringify(secret).slice(1, -1),
    units.join(''),
    secret.replaceAll("'", "''"),
    secret.replaceAll('"', '""'),
    secret.replace(/[\\'"]/g, '\\$&'),
    secret.replace(/[\\']/g, '\\$&'),
    everywhere((code) => `&#x${code};`),
    everywhere((_, character) => `&#${character.codePointAt(0)};`),
    secret.replace(/[&<>"']/g, (character) => HTML[character] ?? character),
  ]);
}

const HTML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** `encodeURIComponent` throws for half a surrogate pair, which UTF-8 cannot hold either. */
function percent(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
