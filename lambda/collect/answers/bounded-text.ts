// Limits the length of texts from outside where they are read, so that every fact has a bounded size.

/**
 * Characters (UTF-16 code units) that each kind of text may have. PostgreSQL's own limits are far below: a name has 63
 * bytes, an address 45 characters, a version about 30.
 */
export const LONGEST = {
  /** Of a role, database, application, server, subscription, instance or host; of a protocol or a cipher suite. */
  name: 256,
  /** As `server_version` announces it. */
  version: 64,
  /** An IPv6 address with an IPv4 address in it has 45. */
  address: 64,
  /** `ssl_ciphers`, the longest that people write, has a few hundred. */
  setting: 8 * 1_024,
  /** A subject or an issuer, on one line. */
  distinguishedName: 1_024,
  /** One name of a subjectAltName: a DNS name has 253, a URI may have more. */
  subjectAltName: 1_024,
  /** A name, an address, an option or a regular expression in a line of pg_hba.conf. */
  hbaField: 2_048,
  /** pg_hba.conf as one JSON text: tens of thousands of lines. */
  hbaFile: 16 * 1_024 * 1_024,
} as const;

/** Stands at the end of a text that was cut. No name, version, cipher suite or setting has it, so that a cut text never
 * passes for a known one. */
const CUT = '…';

/**
 * Cuts a text that is only shown to that length, with a mark at its end. Cutting it again changes nothing. A text that
 * an evaluation depends on is not cut: its reader makes the fact `unknown` instead.
 */
export function boundedText(text: string, longest: number): string {
  if (text.length <= longest) return text;
  return `${text.slice(0, longest - CUT.length).replace(/[\ud800-\udbff]$/, '')}${CUT}`;
}

/** Why a value that is too long cannot be evaluated; undefined where its length is fine. Lengths in UTF-16 units. */
export function tooLong(what: string, text: string, longest: number): string | undefined {
  if (text.length <= longest) return undefined;
  return `${what} has ${text.length} characters, more than the ${longest} that are evaluated`;
}
