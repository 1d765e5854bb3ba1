// Generates fuzz inputs: texts from outside, mutated bytes and mutated documents.

import fc from 'fast-check';

/** Pieces that mean something to a terminal, a chat, a mail client, SQL, JSON or a URL. */
const PIECES = [
  ...['\u0000', '\u001b[31m', '\u001b]8;;http://x\u0007', '\r\n', '\t', '\u202e', '\u2066', '\u200b', '\ufeff'],
  ...[
    '<!channel>',
    '<@U1>',
    '<http://x|y>',
    '[x](http://y)',
    '![x](//y)',
    '<b>',
    '<mailto:a@b|c>',
    '&amp;',
    '`',
    '```',
  ],
  ...[
    '|',
    '*',
    '_',
    '~',
    '#',
    '> ',
    '- ',
    '://',
    '@',
    '%',
    '%00',
    '%2',
    '?',
    '=',
    '&',
    ';',
    ',',
    ':',
    '/',
    '\\',
    "'",
    '"',
  ],
  ...[
    '{',
    '}',
    '[',
    ']',
    'null',
    '-1',
    '0',
    '1e400',
    '99999999999999999999',
    'NaN',
    'true',
    '__proto__',
    'constructor',
  ],
  ...[
    '👨‍👩‍👧‍👦',
    '\ud83d',
    'e\u0301\u0301\u0301\u0301\u0301\u0301',
    'ﷺ',
    'ß',
    'İ',
    '字',
    'a',
    'B',
    ' ',
    'x'.repeat(300),
  ],
] as const;

/** A text from outside. */
export const strangeText: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((parts) => parts.join('')) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 60 }) },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 })
      .map((units) => String.fromCharCode(...units)),
  },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 200_000 }).map((length) => 'x'.repeat(length)) },
);

export const anyJson: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  strangeText,
  fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 1e308, Number.MAX_SAFE_INTEGER, [], {}, [[]], [null], ''),
);

/** One change of some bytes. Places are from 0 to 1, so that they mean something whatever the length. */
export interface ByteChange {
  readonly kind: 'flip' | 'set' | 'delete' | 'duplicate' | 'insert' | 'truncate' | 'swap';
  readonly at: number;
  readonly length: number;
  readonly byte: number;
}

/** From 0 to 1, without the end. */
export const place: fc.Arbitrary<number> = fc.nat(9_999).map((part) => part / 10_000);

export const byteChange: fc.Arbitrary<ByteChange> = fc.record({
  kind: fc.constantFrom<ByteChange['kind']>('flip', 'set', 'delete', 'duplicate', 'insert', 'truncate', 'swap'),
  at: place,
  length: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 2_000 })),
  byte: fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.integer({ min: 0, max: 255 })),
});

export function changeBytes(bytes: Buffer, changes: readonly ByteChange[]): Buffer {
  return changes.reduce(changed, bytes);
}

function changed(bytes: Buffer, { kind, at, length, byte }: ByteChange): Buffer {
  const start = Math.floor(at * bytes.length);
  const [before, from] = [bytes.subarray(0, start), bytes.subarray(start)];
  switch (kind) {
    case 'flip':
      return Buffer.concat([
        before,
        Buffer.from(from.subarray(0, 1)).map((one) => one ^ (byte || 1)),
        from.subarray(1),
      ]);
    case 'set':
      return Buffer.concat([before, Buffer.alloc(Math.min(length, from.length), byte), from.subarray(length)]);
    case 'delete':
      return Buffer.concat([before, from.subarray(length)]);
    case 'duplicate':
      return Buffer.concat([before, from.subarray(0, length), from]);
    case 'insert':
      return Buffer.concat([before, Buffer.alloc(length, byte), from]);
    case 'truncate':
      return Buffer.from(before);
    case 'swap':
      return Buffer.concat([
        before,
        from.subarray(length, 2 * length),
        from.subarray(0, length),
        from.subarray(2 * length),
      ]);
  }
}

/** Bytes like those given, and some of nothing. */
export function bytesLike(...examples: readonly Buffer[]): fc.Arbitrary<Buffer> {
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .tuple(fc.constantFrom(...examples), fc.array(byteChange, { maxLength: 5 }))
        .map(([example, changes]) => changeBytes(example, changes)),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)) },
  );
}

/** One change of a document: what stands at the place, counted in all values, becomes something else. */
interface DocumentChange {
  readonly at: number;
  readonly kind: 'replace' | 'remove' | 'add' | 'rename' | 'repeat';
  readonly value: unknown;
  readonly key: string;
}

const documentChange: fc.Arbitrary<DocumentChange> = fc.record({
  at: place,
  kind: fc.constantFrom<DocumentChange['kind']>('replace', 'replace', 'remove', 'add', 'rename', 'repeat'),
  value: anyJson,
  key: fc.oneof(strangeText, fc.constantFrom('name', 'secret', 'targets', 'toString', '__proto__')),
});

/** JSON values like those given. */
export function documentLike(...examples: readonly unknown[]): fc.Arbitrary<unknown> {
  return fc.oneof(
    {
      weight: 6,
      arbitrary: fc
        .tuple(fc.constantFrom(...examples), fc.array(documentChange, { maxLength: 4 }))
        .map(([example, changes]) => changes.reduce(changedDocument, example)),
    },
    { weight: 1, arbitrary: anyJson },
  );
}

function changedDocument(document: unknown, change: DocumentChange): unknown {
  let countdown = Math.floor(change.at * countValues(document));
  const walk = (value: unknown): unknown => {
    countdown -= 1;
    if (countdown === -1) return changedValue(value, change);
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, walk(member)]));
  };
  return walk(document);
}

function countValues(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce((sum: number, member) => sum + countValues(member), 1);
}

function changedValue(value: unknown, { kind, value: other, key }: DocumentChange): unknown {
  if (kind === 'replace' || typeof value !== 'object' || value === null) return other;
  if (Array.isArray(value)) {
    if (kind === 'remove') return value.slice(1);
    if (kind === 'add') return [...value, other];
    return [...value, ...value];
  }
  const [first, ...rest] = Object.entries(value);
  if (kind === 'add' || first === undefined) return Object.fromEntries([...Object.entries(value), [key, other]]);
  if (kind === 'rename') return Object.fromEntries([[key, first[1]], ...rest]);
  return Object.fromEntries(rest);
}

const MOST_PIECES = 10_000;

/** The bytes in pieces of those sizes, in turn; of many bytes not so many that it would take long. */
export function* pieces(bytes: Buffer, sizes: readonly number[]): Iterable<Buffer> {
  const least = Math.ceil(bytes.length / MOST_PIECES);
  let at = 0;
  for (let turn = 0; at < bytes.length; turn += 1) {
    const size = Math.max(least, sizes[turn % sizes.length] ?? bytes.length);
    yield bytes.subarray(at, at + size);
    at += size;
  }
}
