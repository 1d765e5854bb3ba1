// Reads the DER (X.690) of certificates, revocation lists and PKCS #7 that node:crypto does not show.

/** One value: its identifier octet, its content, and both with the length between them. */
export interface Der {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly whole: Uint8Array;
}

export const SEQUENCE = 0x30;
export const SET = 0x31;
export const INTEGER = 0x02;
export const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
export const UTC_TIME = 0x17;
export const GENERALIZED_TIME = 0x18;

/** Identifier octet of the context-specific tag `[number]`. */
export function contextTag(number: number, form: 'primitive' | 'constructed'): number {
  return (form === 'primitive' ? 0x80 : 0xa0) | number;
}

/** Not DER, or not of the structure that was expected. Says nothing of the content. */
export class DerError extends Error {
  override readonly name = 'DerError';
}

/**
 * The first value of `bytes`; more may follow it.
 *
 * @throws DerError for an indefinite length, a tag above 30, or bytes that end too early
 */
export function readDer(bytes: Uint8Array): Der {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined) throw new DerError('the value is cut off');
  if ((tag & 0x1f) === 0x1f) throw new DerError('the tag has several bytes');
  let start = 2;
  let length = first;
  if (first >= 0x80) {
    const size = first & 0x7f;
    if (size === 0 || size > 4) throw new DerError('the length is indefinite or too large');
    const octets = bytes.subarray(2, 2 + size);
    if (octets.length < size) throw new DerError('the value is cut off');
    length = octets.reduce((sum, octet) => sum * 256 + octet, 0);
    start += size;
  }
  const end = start + length;
  if (end > bytes.length) throw new DerError('the value is cut off');
  return { tag, content: bytes.subarray(start, end), whole: bytes.subarray(0, end) };
}

/** Every value of a constructed one's content, in order. @throws DerError */
export function readAllDer(content: Uint8Array): readonly Der[] {
  const values: Der[] = [];
  for (let rest = content; rest.length > 0; ) {
    const value = readDer(rest);
    values.push(value);
    rest = rest.subarray(value.whole.length);
  }
  return values;
}

/** The parts of a value that must have that tag. @throws DerError */
export function partsOf(value: Der | undefined, tag: number): readonly Der[] {
  if (value?.tag !== tag) throw new DerError('another type was expected');
  return readAllDer(value.content);
}

/** An object identifier in dotted form (X.690, section 8.19); undefined when the value is none. */
export function objectIdentifier(value: Der | undefined): string | undefined {
  if (value?.tag !== OBJECT_IDENTIFIER) return undefined;
  const arcs: number[] = [];
  let arc = 0;
  for (const octet of value.content) {
    arc = arc * 128 + (octet & 0x7f);
    if (octet >= 0x80) continue;
    if (arcs.length > 0) arcs.push(arc);
    else arcs.push(Math.min(Math.floor(arc / 40), 2), arc - 40 * Math.min(Math.floor(arc / 40), 2));
    arc = 0;
  }
  return arcs.join('.');
}
