// Splits a secret or file into certificates, keys and revocation lists: PEM, DER, PKCS #7, base64 of these, or JSON
// with such texts. Decides nothing about them, and quotes nothing of them.

import {
  contextTag,
  type Der,
  INTEGER,
  OCTET_STRING,
  objectIdentifier,
  partsOf,
  readAllDer,
  readDer,
  SEQUENCE,
} from '../certificates/der.ts';

/** One piece, as it is to be handed to OpenSSL: PEM text or DER. */
export interface Piece {
  readonly kind: PieceKind;
  readonly content: string | Uint8Array;
}

/**
 * - `certificate-set`: PKCS #7 without a message, as Windows and many CAs give chains (`.p7b`)
 * - `key-store`: PKCS #12 (`.p12`, `.pfx`) or a Java key store
 * - `binary`: bytes that are none of these
 * - `other`: a PEM block of another kind, such as a request or parameters
 */
export type PieceKind =
  | 'certificate'
  | 'certificate-set'
  | 'revocation-list'
  | 'private-key'
  | 'encrypted-private-key'
  | 'key-store'
  | 'binary'
  | 'other';

const BLOCK = /^-----BEGIN ([A-Z0-9 #]+)-----([\s\S]*?)(?:-----END \1-----|$)/;
const BASE64 = /^[A-Za-z0-9+/]{40,}={0,2}$/;
/** Kubernetes stores base64, and so does who pastes that into a secret of bytes. */
const MOST_LAYERS = 3;

const PKCS7_SIGNED_DATA = '1.2.840.113549.1.7.2';
const PKCS7_TYPES = /^1\.2\.840\.113549\.1\.7\.\d+$/;
/** Of password-based encryption: PKCS #5 and PKCS #12. */
const ENCRYPTION = /^1\.2\.840\.113549\.1\.(5|12)\./;
const JAVA_KEY_STORE = Buffer.of(0xfe, 0xed, 0xfe, 0xed);

/** The pieces in order; none where the content is something else altogether. */
export function piecesOf(content: string | Uint8Array, layers = MOST_LAYERS): readonly Piece[] {
  const text = asText(content);
  const fields = jsonFields(text);
  if (fields !== undefined) return Object.values(fields).flatMap((value) => piecesOf(value, layers));
  if (text.includes('-----BEGIN ')) return pemPieces(text);
  const compact = text.replaceAll(/\\[nr]|\s/g, '');
  if (layers > 0 && BASE64.test(compact)) {
    const inner = piecesOf(Buffer.from(compact, 'base64'), layers - 1);
    if (inner.some(({ kind }) => kind !== 'binary')) return inner;
  }
  return typeof content === 'string' || content.length === 0 ? [] : [derPiece(content)];
}

/** One for each BEGIN, whole or not: what was cut off must be noticed, not dropped. */
function pemPieces(text: string): readonly Piece[] {
  // Consoles and scripts often store the two characters \n where a line ends.
  const lines = text.replaceAll('\\r', '').replaceAll('\\n', '\n');
  return lines.split(/(?=-----BEGIN )/).flatMap((part): readonly Piece[] => {
    const [pem, label, body = ''] = BLOCK.exec(part) ?? [];
    if (pem === undefined || label === undefined) return [];
    const end = `-----END ${label}-----`;
    // Forms of one line store a space where a line ends. Headers, which encrypted keys may have, hold spaces of their
    // own.
    const inner = body.includes(':') ? body : `\n${body.trim().replaceAll(/\s+/g, '\n')}\n`;
    const kind = kindOf(label, body);
    if (kind === 'certificate-set') return [{ kind, content: Buffer.from(body, 'base64') }];
    return [{ kind, content: `-----BEGIN ${label}-----${inner}${pem.endsWith(end) ? end : ''}` }];
  });
}

function kindOf(label: string, body: string): PieceKind {
  if (label.endsWith('CRL')) return 'revocation-list';
  if (label.endsWith('CERTIFICATE')) return 'certificate';
  if (label === 'CMS' || label.startsWith('PKCS7') || label.startsWith('PKCS #7')) return 'certificate-set';
  if (!label.endsWith('PRIVATE KEY')) return 'other';
  return label.startsWith('ENCRYPTED') || /Proc-Type:.*ENCRYPTED/.test(body) ? 'encrypted-private-key' : 'private-key';
}

function derPiece(content: Uint8Array): Piece {
  return {
    kind: Buffer.compare(content.subarray(0, 4), JAVA_KEY_STORE) === 0 ? 'key-store' : derKind(content),
    content,
  };
}

/** By the first fields of each structure: RFC 5280, 2315, 7292, 5958, 8017 and 5915. */
function derKind(content: Uint8Array): PieceKind {
  let fields: readonly Der[];
  try {
    fields = partsOf(readDer(content), SEQUENCE);
  } catch {
    return 'binary';
  }
  const [first, second] = fields;
  if (first?.tag === INTEGER) {
    if (second?.tag !== SEQUENCE) return second === undefined ? 'binary' : 'private-key';
    return PKCS7_TYPES.test(firstIdentifier(second) ?? '') ? 'key-store' : 'private-key';
  }
  if (objectIdentifier(first) === PKCS7_SIGNED_DATA) return 'certificate-set';
  if (first?.tag !== SEQUENCE || second === undefined) return 'binary';
  if (second.tag === OCTET_STRING)
    return ENCRYPTION.test(firstIdentifier(first) ?? '') ? 'encrypted-private-key' : 'binary';
  // Of a certificate and a revocation list the third field is the signature; the list's own fields begin with the
  // version, if any, and the algorithm; the certificate's with a tagged version, if any, and the serial number before
  // the algorithm.
  if (fields.length !== 3) return 'binary';
  return isRevocationList(first) ? 'revocation-list' : 'certificate';
}

function isRevocationList(toBeSigned: Der): boolean {
  try {
    const tags = readAllDer(toBeSigned.content).map(({ tag }) => tag);
    const [first, second] = tags;
    return (
      first === SEQUENCE || (first === INTEGER && second === SEQUENCE && tags[2] === SEQUENCE && tags[3] !== SEQUENCE)
    );
  } catch {
    return false;
  }
}

function firstIdentifier(sequence: Der): string | undefined {
  try {
    return objectIdentifier(readDer(sequence.content));
  } catch {
    return undefined;
  }
}

/**
 * The certificates of a set (RFC 2315, sections 7 and 9.1), DER of each.
 *
 * @throws DerError where it is none, or BER with indefinite lengths, which some tools write
 */
export function certificatesOfSet(set: Uint8Array): readonly Uint8Array[] {
  const [, explicit] = partsOf(readDer(set), SEQUENCE);
  const [signedData] = partsOf(explicit, contextTag(0, 'constructed'));
  const certificates = partsOf(signedData, SEQUENCE).find(({ tag }) => tag === contextTag(0, 'constructed'));
  if (certificates === undefined) return [];
  return readAllDer(certificates.content).flatMap(({ tag, whole }) => (tag === SEQUENCE ? [whole] : []));
}

/** The texts of a JSON object, or undefined when the text is no JSON object. */
export function jsonFields(text: string): Readonly<Record<string, string>> | undefined {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    const json: unknown = JSON.parse(text);
    return Object.fromEntries(
      Object.entries(json as object).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    );
  } catch {
    return undefined;
  }
}

export function asText(content: string | Uint8Array): string {
  return typeof content === 'string' ? content : new TextDecoder().decode(content);
}
