// Reads what node:crypto does not show of a certificate: names as bytes, and extensions.

import {
  contextTag,
  type Der,
  DerError,
  INTEGER,
  OCTET_STRING,
  objectIdentifier,
  partsOf,
  readAllDer,
  readDer,
  SEQUENCE,
} from './der.ts';

const BOOLEAN = 0x01;

export interface CertificateFields {
  /** DER of the names. */
  readonly issuer: Der;
  readonly subject: Der;
  /** In the certificate's order. */
  readonly extensions: readonly CertificateExtension[];
}

export interface CertificateExtension {
  /** Object identifier in dotted form. */
  readonly id: string;
  readonly critical: boolean;
  /** DER of the extension's own type. */
  readonly value: Uint8Array;
}

/** @param certificate DER (RFC 5280, section 4.1) @throws DerError where it has no such structure */
export function certificateFields(certificate: Uint8Array): CertificateFields {
  const [toBeSigned] = partsOf(readDer(certificate), SEQUENCE);
  const fields = partsOf(toBeSigned, SEQUENCE);
  // Before the serial number there may be a version.
  const serial = fields.findIndex(({ tag }) => tag === INTEGER);
  const [issuer, subject] = [fields[serial + 2], fields[serial + 4]];
  if (serial < 0 || issuer === undefined || subject === undefined) throw new DerError('a name is missing');
  const tagged = fields.find(({ tag }) => tag === contextTag(3, 'constructed'));
  return { issuer, subject, extensions: tagged === undefined ? [] : extensionsOf(tagged) };
}

function extensionsOf({ content }: Der): readonly CertificateExtension[] {
  return readAllDer(content)
    .flatMap((sequence) => partsOf(sequence, SEQUENCE))
    .map((extension) => {
      const [id, ...rest] = partsOf(extension, SEQUENCE);
      const value = rest.at(-1);
      const name = objectIdentifier(id);
      if (name === undefined || value?.tag !== OCTET_STRING) throw new DerError('an extension has no value');
      return { id: name, critical: rest[0]?.tag === BOOLEAN && rest[0].content[0] !== 0, value: value.content };
    });
}
