// Decides whether a certificate is valid for a server's name or address: libpq's rule for verify-full, or stricter.
// Reads the certificate's DER, because the text forms of its names are ambiguous.

import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { displayText } from '../../model/display.ts';
import { type CertificateExtension, certificateFields } from './certificate-der.ts';
import { contextTag, type Der, DerError, objectIdentifier, partsOf, readDer, SEQUENCE, SET } from './der.ts';

const COMMON_NAME = '2.5.4.3';
const SUBJECT_ALT_NAME = '2.5.29.17';

/** Tags of GeneralName (RFC 5280, section 4.2.1.6). */
const DNS_NAME = contextTag(2, 'primitive');
const IP_ADDRESS = contextTag(7, 'primitive');

/** The names that a certificate carries, as far as a host can be compared with them. */
interface PresentedNames {
  /** In the certificate's order. Names one byte a character. */
  readonly alternatives: readonly (
    | { readonly type: 'dns'; readonly name: string }
    | { readonly type: 'ip'; readonly address: Uint8Array }
  )[];
  /** The first common name of the subject, one byte a character: libpq looks at no other. */
  readonly commonName: string | undefined;
}

/** Why a certificate is not accepted for a name. */
export interface NameMismatch {
  /** What is true of the certificate, to follow "The certificate of <host> ", e.g. `is not for a: it carries DNS:b`. */
  readonly what: string;
  /** What to do, where it is not the usual. */
  readonly remedy?: string | undefined;
}

/** A certificate that is valid, but not for the server's name. */
export class ServerNameError extends Error {
  override readonly name = 'ServerNameError';
  /** Node's, for the same. */
  readonly code = 'ERR_TLS_CERT_ALTNAME_INVALID';
  readonly mismatch: NameMismatch;

  constructor(mismatch: NameMismatch) {
    super(`the certificate ${mismatch.what}`);
    this.mismatch = mismatch;
  }
}

/**
 * Undefined when the certificate is for that name or address.
 *
 * The rule is libpq's (PostgreSQL 18, `pgtls_verify_peer_name_matches_certificate_guts` in fe-secure-openssl.c and
 * `wildcard_certificate_match` in fe-secure-common.c): the alternative names in order; the subject's first common name
 * only where there is no alternative name of the host's kind; `*.` stands for one whole label at the start; letters of
 * ASCII in any case; a name with a null byte, or an address of a wrong length, refuses the certificate. Narrower than
 * libpq in this: an address counts only as an iPAddress (RFC 9525, section 6.1), in the usual spelling.
 *
 * @param host as it is dialled or configured
 */
export function nameMismatch(host: string, certificate: Pick<X509Certificate, 'raw'>): NameMismatch | undefined {
  const shown = displayText(host, 100);
  if (isIP(host) === 0 && ODD_ADDRESS.test(host)) {
    return {
      what: `can't be compared with ${shown}: that is an unusual spelling of an IPv4 address`,
      remedy: 'write the address as four decimal numbers without leading zeros, such as 127.0.0.1',
    };
  }
  if (host.includes('%')) {
    return {
      what: `can't be compared with ${shown}: a certificate carries no address with a zone, nor a name with %`,
      remedy: 'set "tlsServerName" to a name or address that the certificate carries',
    };
  }
  let names: PresentedNames;
  try {
    names = presentedNames(certificate.raw);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return { what: `is not for ${shown}: its names can't be read`, remedy: REISSUE };
  }
  const verdict = isIP(host) === 0 ? compareName(host, names) : compareAddress(host, names);
  if (verdict === 'match') return undefined;
  if (verdict === 'malformed') {
    return {
      what: `is not for ${shown}: it carries a name with a null byte or an address of a wrong length, as forged ones do`,
      remedy: REISSUE,
    };
  }
  return describe(host, names);
}

const REISSUE = "have the certificate issued anew, with the server's names as subjectAltName";

/**
 * What inet_aton takes for an IPv4 address beside the usual form: fewer numbers, octal, hexadecimal, text behind a
 * space.
 */
const ODD_ADDRESS = /^(0x[0-9a-f]*|\d+)(\.(0x[0-9a-f]*|\d+)){0,3}(\s.*)?$/is;

type Comparison = 'match' | 'other' | 'malformed';

function compareName(host: string, { alternatives, commonName }: PresentedNames): Comparison {
  for (const alternative of alternatives) {
    if (alternative.type === 'ip') {
      if (!isAddressLength(alternative.address)) return 'malformed';
      continue;
    }
    if (alternative.name.includes('\0')) return 'malformed';
    if (matches(alternative.name, host)) return 'match';
  }
  if (commonName === undefined || alternatives.some(({ type }) => type === 'dns')) return 'other';
  if (commonName.includes('\0')) return 'malformed';
  return matches(commonName, host) ? 'match' : 'other';
}

function compareAddress(host: string, { alternatives }: PresentedNames): Comparison {
  const address = canonicalAddress(host);
  for (const alternative of alternatives) {
    if (alternative.type === 'dns') {
      if (alternative.name.includes('\0')) return 'malformed';
      continue;
    }
    if (!isAddressLength(alternative.address)) return 'malformed';
    if (address === canonicalAddress(addressText(alternative.address))) return 'match';
  }
  return 'other';
}

/** The one spelling that the URL standard gives each IPv6 address; those of IPv4 have but one here. */
function canonicalAddress(address: string): string {
  return address.includes(':') ? new URL(`http://[${address}]/`).hostname : address;
}

function isAddressLength({ length }: Uint8Array): boolean {
  return length === 4 || length === 16;
}

/** Whether a name of a certificate is, or covers, a host. */
function matches(presented: string, host: string): boolean {
  const [pattern, name] = [lowerCase(presented), lowerCase(latin1(Buffer.from(host)))];
  if (name === '') return false;
  if (pattern === name) return true;
  if (!pattern.startsWith('*.') || pattern.length < 3) return false;
  const dot = name.indexOf('.');
  return dot > 0 && name.slice(dot) === pattern.slice(1);
}

/** The letters of ASCII only. */
function lowerCase(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

/** The text of a name of one byte a character. */
function utf8(name: string): string {
  return Buffer.from(name, 'latin1').toString();
}

/** What is carried instead, and what about it comes closest. */
function describe(host: string, names: PresentedNames): NameMismatch {
  const shown = displayText(host, 100);
  const carried = names.alternatives.map((name) =>
    name.type === 'dns' ? `DNS:${displayText(name.name, 100)}` : `IP Address:${addressText(name.address)}`,
  );
  const subject =
    names.commonName === undefined ? 'no common name' : `the common name ${displayText(utf8(names.commonName), 120)}`;
  const carries = carried.length === 0 ? `no DNS name or address as subjectAltName, only ${subject}` : list(carried);
  const dnsNames = names.alternatives.flatMap((name) => (name.type === 'dns' ? name.name : []));
  if (isIP(host) !== 0) {
    const asName = dnsNames.some((name) => matches(name, host));
    const asCommonName = names.commonName !== undefined && matches(names.commonName, host);
    if (!asName && !asCommonName) return { what: `is not for ${shown}: it carries ${carries}` };
    return {
      what: `carries the address ${shown} ${asName ? 'as a DNS name' : 'as its common name'} only, where the auditor wants it as an iPAddress (RFC 9525); it carries ${carries}`,
      remedy: `issue the certificate with subjectAltName IP:${shown}, or set "host" or "tlsServerName" to a DNS name that it carries`,
    };
  }
  const why = closest(host, dnsNames.length > 0 ? dnsNames : names.commonName === undefined ? [] : [names.commonName]);
  const beside =
    dnsNames.length > 0 && names.commonName !== undefined && matches(names.commonName, host)
      ? `; ${shown} is its common name, which does not count beside DNS names`
      : '';
  return { what: `is not for ${shown}: it carries ${carries}${why}${beside}` };
}

/** Why the name that looks most like the host does not cover it. */
function closest(host: string, names: readonly string[]): string {
  const [name, dotless] = [lowerCase(host), lowerCase(host).replace(/\.$/, '')];
  for (const presented of names.map(lowerCase)) {
    if (presented.replace(/\.$/, '') === dotless) return '; one of both ends in a dot and the other does not';
    if (!presented.includes('*')) continue;
    const shown = displayText(presented, 100);
    if (/^\*\.[^*]+$/.test(presented)) {
      if (name.endsWith(presented.slice(1))) return `; in ${shown} the * stands for exactly one label`;
    } else return `; in ${shown} the * counts only as the whole first label`;
  }
  return '';
}

/** As node:crypto writes addresses, so that a report calls one address by one name. */
function addressText(address: Uint8Array): string {
  if (address.length === 4) return address.join('.');
  if (address.length !== 16) return `of ${address.length} bytes`;
  const view = new DataView(address.buffer, address.byteOffset, address.length);
  return Array.from({ length: 8 }, (_, index) =>
    view
      .getUint16(index * 2)
      .toString(16)
      .toUpperCase(),
  ).join(':');
}

/** At most eight, then how many more. */
function list(names: readonly string[]): string {
  const shown = names.slice(0, 8).join('; ');
  return names.length > 8 ? `${shown}; and ${names.length - 8} more` : shown;
}

/** @throws DerError where the certificate has no such structure, or several extensions for its names */
function presentedNames(certificate: Uint8Array): PresentedNames {
  const { subject, extensions } = certificateFields(certificate);
  return { alternatives: alternativeNames(extensions), commonName: firstCommonName(subject) };
}

function alternativeNames(extensions: readonly CertificateExtension[]): PresentedNames['alternatives'] {
  const [extension, ...more] = extensions.filter(({ id }) => id === SUBJECT_ALT_NAME);
  if (extension === undefined) return [];
  if (more.length > 0) throw new DerError('the names are given twice');
  const names = partsOf(readDer(extension.value), SEQUENCE);
  return names.flatMap(({ tag, content }): PresentedNames['alternatives'][number][] => {
    if (tag === DNS_NAME) return [{ type: 'dns', name: latin1(content) }];
    if (tag === IP_ADDRESS) return [{ type: 'ip', address: content }];
    // The same types in pieces, which DER does not allow.
    if ((tag & 0x1f) === (DNS_NAME & 0x1f) || (tag & 0x1f) === (IP_ADDRESS & 0x1f)) {
      throw new DerError('a name in pieces');
    }
    return [];
  });
}

function firstCommonName(subject: Der): string | undefined {
  const attributes = partsOf(subject, SEQUENCE)
    .flatMap((set) => partsOf(set, SET))
    .map((attribute) => partsOf(attribute, SEQUENCE));
  const value = attributes.find(([id]) => objectIdentifier(id) === COMMON_NAME)?.[1];
  return value === undefined ? undefined : latin1(value.content);
}
