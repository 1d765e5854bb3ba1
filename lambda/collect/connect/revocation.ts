// Reads certificate revocation lists (RFC 5280, section 5), which OpenSSL enforces, and explains a refusal by them.

import type { X509Certificate } from 'node:crypto';
import { AuditFailure } from '../../model/failure.ts';
import { certificateFields } from '../certificates/certificate-der.ts';
import {
  type Der,
  DerError,
  GENERALIZED_TIME,
  INTEGER,
  partsOf,
  readDer,
  SEQUENCE,
  UTC_TIME,
} from '../certificates/der.ts';
import { type Piece, piecesOf } from '../secrets/stored-pieces.ts';

export interface RevocationList {
  readonly pem: string;
  /** DER of the name of the CA that signed it. */
  readonly issuer: Uint8Array;
  readonly thisUpdate: Date;
  /** Undefined where the CA does not say when the next list comes. */
  readonly nextUpdate: Date | undefined;
  /** When each certificate was revoked, by serial number as node:crypto writes it. */
  readonly revoked: ReadonlyMap<string, Date>;
}

/**
 * Every list of a text: PEM, one DER list, or base64 of these. Certificates beside them are left aside.
 *
 * @param source for people, e.g. `CRL in secret shared/crl`
 * @throws AuditFailure with the cause `crl-unusable`
 */
export function parseRevocationLists(content: string | Uint8Array, source: string): readonly RevocationList[] {
  const fail = (problem: string, remedy: string, cause?: unknown): AuditFailure =>
    new AuditFailure(
      { cause: 'crl-unusable', phase: 'secrets', message: `The ${source} ${problem}`, remedy },
      { cause },
    );
  const pieces = piecesOf(content);
  if (pieces.some(({ kind }) => kind === 'private-key' || kind === 'encrypted-private-key')) {
    throw fail(
      'holds a private key: revocation lists are public',
      'remove the key from it, and replace that key if others could read it',
    );
  }
  const lists = pieces.filter(({ kind }) => kind === 'revocation-list');
  if (lists.length === 0) {
    throw fail(
      'holds no certificate revocation list',
      "store the PEM text of the CA's list, from -----BEGIN X509 CRL----- on: openssl crl -inform DER -in <file> where it is binary",
    );
  }
  return lists.map((piece, index) => {
    try {
      return readList(piece);
    } catch (error) {
      throw fail(
        `holds a broken revocation list (number ${index + 1} of ${lists.length})`,
        'store it again, whole',
        error,
      );
    }
  });
}

/** The lists by the issuer of that certificate. */
export function listsFor(certificate: X509Certificate, lists: readonly RevocationList[]): readonly RevocationList[] {
  const issuer = issuerOf(certificate);
  return issuer === undefined ? [] : lists.filter((list) => Buffer.compare(list.issuer, issuer) === 0);
}

function issuerOf({ raw }: X509Certificate): Uint8Array | undefined {
  try {
    return certificateFields(raw).issuer.whole;
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

/** @throws DerError */
function readList({ content }: Piece): RevocationList {
  const der = typeof content === 'string' ? derOf(content) : content;
  const outer = readDer(der);
  if (outer.whole.length !== der.length) throw new DerError('something follows the list');
  const [toBeSigned] = partsOf(outer, SEQUENCE);
  const fields = partsOf(toBeSigned, SEQUENCE);
  const [, issuer, thisUpdate, ...rest] = fields[0]?.tag === INTEGER ? fields.slice(1) : fields;
  if (issuer?.tag !== SEQUENCE) throw new DerError('the issuer is missing');
  const begins = timeOf(thisUpdate);
  if (begins === undefined) throw new DerError('the time is missing');
  const [next] = rest;
  const entries = rest.find(({ tag }) => tag === SEQUENCE);
  const body =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return {
    pem: ['-----BEGIN X509 CRL-----', ...body, '-----END X509 CRL-----', ''].join('\n'),
    issuer: issuer.whole,
    thisUpdate: begins,
    nextUpdate: timeOf(next),
    revoked: new Map(entries === undefined ? [] : partsOf(entries, SEQUENCE).map(revokedOf)),
  };
}

function revokedOf(entry: Der): readonly [serialNumber: string, at: Date] {
  const [serial, date] = partsOf(entry, SEQUENCE);
  const at = timeOf(date);
  if (serial?.tag !== INTEGER || at === undefined) throw new DerError('an entry is incomplete');
  return [
    Buffer.from(serial.content)
      .toString('hex')
      .replace(/^(?:00)+(?=..)/, '')
      .toUpperCase(),
    at,
  ];
}

function derOf(pem: string): Uint8Array {
  if (!pem.includes('-----END ')) throw new DerError('the list is cut off');
  return Buffer.from(pem.replaceAll(/-----[^-]*-----/g, ''), 'base64');
}

/** RFC 5280, section 5.1.2.4; undefined when the value is no time. */
function timeOf(value: Der | undefined): Date | undefined {
  if (value?.tag !== UTC_TIME && value?.tag !== GENERALIZED_TIME) return undefined;
  const text = Buffer.from(value.content).toString('latin1');
  const [, year = '', month, day, hour, minute, second] =
    /^(\d{2}|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? [];
  const century = year.length === 4 ? '' : Number(year) < 50 ? '20' : '19';
  const date = new Date(`${century}${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(date.getTime())) throw new DerError('a time cannot be read');
  return date;
}
