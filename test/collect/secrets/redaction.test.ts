// No spelling of a secret survives a redaction, and nothing else changes.

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { processorTime } from '../../../lab/processor-time.ts';
import { Redacted } from '../../../lambda/collect/secrets/redacted.ts';
import { Redaction } from '../../../lambda/collect/secrets/redaction.ts';
import { spellingsOf } from '../../../lambda/collect/secrets/secret-spellings.ts';
import { unescapeText } from '../../../lambda/collect/secrets/unescape.ts';

const redactionOf = (...secrets: string[]): Redaction => new Redaction(secrets.map((secret) => new Redacted(secret)));

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, '0');
const each = (text: string, spell: (character: string) => string): string => [...text].map(spell).join('');
const point = (character: string): number => character.codePointAt(0) ?? 0;
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const percentAll = (text: string): string => Buffer.from(text).toString('hex').replaceAll(/../g, '%$&');
const html = (text: string): string =>
  text.replace(
    /[&<>"']/g,
    (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[character] ?? '&#039;',
  );
const units = (text: string): string =>
  text
    .split('')
    .map((unit) => `\\u${hex(unit.charCodeAt(0), 4)}`)
    .join('');

/** Every encoding, as bytes. Between `before` and `after`, which base64 may mix with it. */
const ENCODINGS: Readonly<Record<string, (secret: string) => string | Buffer>> = {
  raw: (secret) => secret,
  'upper case': (secret) => secret.toUpperCase(),
  'lower case': (secret) => secret.toLowerCase(),
  reversed: (secret) => [...secret].reverse().join(''),
  'percent, what needs it': (secret) => encodeURIComponent(secret),
  'percent, what needs it, as a whole URI': (secret) => encodeURI(secret),
  'percent, lower case': (secret) => encodeURIComponent(secret).replace(/%../g, (code) => code.toLowerCase()),
  'percent, everything': percentAll,
  'percent, everything, upper case': (secret) => percentAll(secret).toUpperCase(),
  'percent, twice': (secret) => encodeURIComponent(encodeURIComponent(secret)),
  'percent, everything, twice': (secret) => encodeURIComponent(percentAll(secret)),
  'percent, three times': (secret) => encodeURIComponent(encodeURIComponent(encodeURIComponent(secret))),
  form: (secret) => new URLSearchParams({ p: secret }).toString(),
  base64: (secret) => Buffer.from(secret).toString('base64'),
  'base64 of user:secret': (secret) => Buffer.from(`user:${secret}`).toString('base64'),
  'base64 of ab:secret:more': (secret) => Buffer.from(`ab:${secret}:more`).toString('base64'),
  'base64 of x:secret@': (secret) => Buffer.from(`x:${secret}@`).toString('base64'),
  'base64url of user:secret': (secret) => Buffer.from(`user:${secret}`).toString('base64url'),
  'base64url of a:secret': (secret) => Buffer.from(`a:${secret}`).toString('base64url'),
  'base64 of JSON': (secret) => Buffer.from(JSON.stringify({ password: secret })).toString('base64'),
  'base64 of a URL': (secret) => Buffer.from(`postgres://u:${encodeURIComponent(secret)}@h`).toString('base64'),
  'base64, percent-encoded': (secret) => encodeURIComponent(Buffer.from(secret).toString('base64')),
  hex: (secret) => Buffer.from(secret).toString('hex'),
  'hex, upper case': (secret) => Buffer.from(secret).toString('hex').toUpperCase(),
  'hex with spaces': (secret) =>
    Buffer.from(secret)
      .toString('hex')
      .replaceAll(/..(?=.)/g, '$& '),
  'hex as bytea': (secret) => `\\x${Buffer.from(secret).toString('hex')}`,
  'hex with dashes': (secret) =>
    Buffer.from(secret)
      .toString('hex')
      .replaceAll(/..(?=.)/g, '$&-'),
  'hex as C writes it': (secret) => [...Buffer.from(secret)].map((byte) => `0x${hex(byte, 2)}`).join(', '),
  'bytes in JSON': (secret) => JSON.stringify(Buffer.from(secret)),
  'quoted-printable, everything': (secret) => [...Buffer.from(secret)].map((byte) => `=${hex(byte, 2)}`).join(''),
  'base64 of UTF-16': (secret) => Buffer.from(secret, 'utf16le').toString('base64'),
  'base64 of base64': (secret) => base64(base64(secret)),
  'base64 of base64 of user:secret': (secret) => base64(base64(`user:${secret}`)),
  'base64 of hex': (secret) => base64(Buffer.from(secret).toString('hex')),
  'hex of base64': (secret) => Buffer.from(base64(secret)).toString('hex'),
  JSON: (secret) => JSON.stringify(secret),
  'JSON in JSON': (secret) => JSON.stringify(JSON.stringify(secret)),
  'JSON, everything': units,
  'JSON, everything, upper case': (secret) => units(secret).toUpperCase().replaceAll('\\U', '\\u'),
  'JSON, beyond ASCII': (secret) => JSON.stringify(secret).replace(/[\u0080-\uffff]/g, units),
  'SQL, single quotes': (secret) => `'${secret.replaceAll("'", "''")}'`,
  'SQL, double quotes': (secret) => `"${secret.replaceAll('"', '""')}"`,
  'SQL, escape string': (secret) => `E'${secret.replace(/[\\']/g, '\\$&')}'`,
  'backslashes before everything but letters and digits': (secret) =>
    secret.replace(/[^A-Za-z0-9\u0080-\u{10ffff}]/gu, '\\$&'),
  HTML: html,
  'HTML, decimal': (secret) => each(secret, (character) => `&#${point(character)};`),
  'HTML, hexadecimal': (secret) => each(secret, (character) => `&#x${hex(point(character), 1)};`),
  'HTML, hexadecimal with zeros': (secret) =>
    each(secret, (character) => `&#X${hex(point(character), 6).toUpperCase()};`),
  'HTML of JSON': (secret) => html(JSON.stringify(secret)),
  'JSON of percent': (secret) => JSON.stringify(encodeURIComponent(secret)),
  'UTF-16LE': (secret) => Buffer.from(secret, 'utf16le'),
  'UTF-16BE': (secret) => Buffer.from(secret, 'utf16le').swap16(),
};

const STAR = '*'.charCodeAt(0);

/** What stands in for a secret: no piece of ours, no white space at its ends, which encodings of forms would trim. */
const secrets = fc.oneof(
  fc.string({ minLength: 8, maxLength: 40, unit: 'grapheme-ascii' }),
  fc.string({ minLength: 8, maxLength: 20, unit: 'grapheme' }),
  fc.string({ minLength: 8, maxLength: 20, unit: fc.constantFrom(...'\'"\\%&+ ;<>=/?#@:a1Zü€😀') }),
);

/** Bytes of base64 that hold a part of the secret are masked too, at most one on each side. */
function masked(bytes: Buffer, original: Buffer): { readonly first: number; readonly last: number } {
  const changed = [...bytes.keys()].filter((at) => bytes[at] !== original[at]);
  for (const at of changed) expect(bytes[at]).toBe(STAR);
  return { first: changed[0] ?? -1, last: changed.at(-1) ?? -1 };
}

describe.each(Object.entries(ENCODINGS))('%s', (_name, encode) => {
  test('does not survive in bytes, whose length stays', () => {
    fc.assert(
      fc.property(secrets, fc.constantFrom('text', 'fact'), (secret, what) => {
        const spelled = Buffer.from(encode(secret));
        const original = Buffer.concat([Buffer.from('before ('), spelled, Buffer.from(') after')]);
        const bytes = Buffer.from(original);
        redactionOf(secret).mask(bytes, what);
        expect(bytes).toHaveLength(original.length);
        // A secret that is made of stars is one already.
        if (!/^[*\s]+$/.test(secret)) expect(bytes.includes(spelled)).toBe(false);
        const { first, last } = masked(bytes, original);
        expect(first === -1 || first >= 8).toBe(true);
        expect(last < original.length - 7).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test('does not survive in a text', () => {
    fc.assert(
      fc.property(secrets, (secret) => {
        const spelled = Buffer.from(encode(secret));
        if (!spelled.equals(Buffer.from(spelled.toString()))) return;
        const shown = redactionOf(secret).text(`before (${spelled}) after`);
        expect(shown.startsWith('before (')).toBe(true);
        expect(shown.endsWith(') after')).toBe(true);
        expect(shown).toContain('(redacted)');
      }),
      { numRuns: 20 },
    );
  });
});

test('the verifier that md5 authentication stores does not survive', () => {
  const verifier = createHash('md5')
    .update('correct horse' + 'tls_auditor')
    .digest('hex');
  const redaction = new Redaction([new Redacted('correct horse')], ['db.example.com', 'tls_auditor']);
  expect(redaction.text(`stored: md5${verifier}`)).toBe('stored: md5(redacted)');
});

test('what holds no secret stays as it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.uint8Array({ maxLength: 300 }), (text, array) => {
      const redaction = redactionOf('canary-7c1f', 'Tr0ub4dor&3', 'пароль-всех');
      expect(redaction.text(text)).toBe(text);
      const bytes = Buffer.from(array);
      redaction.mask(bytes, 'text');
      expect(bytes).toEqual(Buffer.from(array));
      const value = { text, list: [text, 1, null, undefined, true], map: new Map([[text, new Set([text])]]) };
      expect(redaction.everywhere(value)).toBe(value);
    }),
  );
});

test('facts are searched for secrets of 8 bytes or more, texts for those of 4 or more', () => {
  const shown = (secret: string, what: 'text' | 'fact'): string => {
    const bytes = Buffer.from(`a ${secret} b`);
    redactionOf(secret).mask(bytes, what);
    return bytes.toString();
  };
  expect(shown('quak', 'fact')).toBe('a quak b');
  expect(shown('quakers', 'fact')).toBe('a quakers b');
  expect(shown('quakers!', 'fact')).toBe('a ******** b');
  expect(shown('qua', 'text')).toBe('a qua b');
  expect(shown('quak', 'text')).toBe('a **** b');
});

test('what is shown anyway is no secret, and neither is a word that facts are compared by', () => {
  const redaction = new Redaction([new Redacted('app_user_1'), new Redacted('plaintext')], ['app_user_1', 'orders']);
  expect(redaction.text('role "app_user_1" may not')).toBe('role "app_user_1" may not');
  const session = { transport: 'plaintext', role: 'app_user_1' };
  expect(redaction.everywhere(session)).toBe(session);
});

test('of a key, each line and each part is hidden, also without line ends', () => {
  const lines = Array.from({ length: 20 }, (_, index) => createHash('sha256').update(`${index}`).digest('base64'));
  const pem = `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
  const redaction = redactionOf(pem);
  for (const text of [pem, JSON.stringify(pem), lines.join(''), lines[3] ?? '', `x${lines[7]}`]) {
    const shown = redaction.text(text);
    for (const line of lines) expect(shown).not.toContain(line.slice(0, 32));
  }
  expect(redaction.text(pem)).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
});

test('values are searched however deep, and only what holds a secret is copied', () => {
  const redaction = redactionOf('canary-7c1f');
  const [kept, at] = [{ fine: ['x'] }, new Date(0)];
  const value = {
    kept,
    at,
    list: ['a', 'the canary-7c1f', { deeper: new Set(['CANARY-7C1F']) }],
    map: new Map([['key canary-7c1f', 'x']]),
    'canary-7c1f': 1,
  };
  const shown = redaction.everywhere(value);
  expect(shown).toEqual({
    kept,
    at,
    list: ['a', 'the (redacted)', { deeper: new Set(['(redacted)']) }],
    map: new Map([['key (redacted)', 'x']]),
    '(redacted)': 1,
  });
  expect(shown.kept).toBe(kept);
  expect(shown.at).toBe(at);
});

describe('cost', () => {
  const milliseconds = (work: () => void): number => processorTime(work, 3);
  const redaction = redactionOf('correct horse battery staple', 'aaaaaaaaaaaaaaab');

  test.each([
    ['ordinary text', 'the quick brown fox '],
    ['the beginning of a secret, again and again', 'aaaaaaaaaaaaaaaaaaaa'],
    ['percent signs', '%%2525%25%2'],
    ['backslashes', '\\\\\\\\\\u'],
    ['ampersands', '&&&&&#x0000'],
  ])('of %s grows with its length only', (_what, text) => {
    const timeOf = (length: number): number => {
      const bytes = Buffer.from(text.repeat(length / 10));
      return milliseconds(() => redaction.mask(bytes, 'text'));
    };
    timeOf(20_000);
    expect(timeOf(800_000) / timeOf(80_000)).toBeLessThan(40);
  });

  test('of rows is small beside that of reading them', () => {
    const rows = Array.from({ length: 100_000 }, (_, index) =>
      Buffer.from(`4711|app_${index}|orders|psql|10.0.0.7|TLSv1.3`),
    );
    const read = milliseconds(() => {
      for (const row of rows) row.toString('utf8').split('|');
    });
    const masking = milliseconds(() => {
      for (const row of rows) redaction.mask(row, 'fact');
    });
    expect(masking / read).toBeLessThan(10);
  });
});

test('of a plain password every spelling is found, and what is left of it when escapes are undone', () => {
  const ascii = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index));
  const plain = ascii.filter((character) => !'%\\&\'"['.includes(character));
  const password = fc.string({ unit: fc.constantFrom(...plain), minLength: 8, maxLength: 40 });
  fc.assert(
    fc.property(password, (secret) => {
      const redaction = redactionOf(secret);
      for (const { bytes } of spellingsOf(secret, [], false)) {
        for (const escapes of ['all', 'references'] as const) {
          for (let text: Buffer | undefined = bytes; text !== undefined; text = unescapeText(text, escapes)?.bytes) {
            const masked = Buffer.from(text);
            redaction.mask(masked, 'text');
            expect(masked.every((byte) => byte === 0x2a || text.length < 4)).toBe(true);
          }
        }
      }
    }),
    { numRuns: 25 },
  );
});
