// Describes what answered before TLS. Never quotes it, because anyone on the network path can write those bytes. Pure.

/** SQLSTATEs that servers refuse connections with, in our words (PostgreSQL documentation, appendix A). */
const REFUSALS: ReadonlyMap<string, string> = new Map([
  ['08P01', 'a protocol violation'],
  ['0A000', 'not supported'],
  ['28000', 'not authorised'],
  ['28P01', 'a wrong password'],
  ['3D000', 'no such database'],
  ['53200', 'out of memory'],
  ['53300', 'too many connections'],
  ['57P01', 'shutting down'],
  ['57P02', 'shutting down after a crash'],
  ['57P03', 'not ready'],
]);

/** `an error (SQLSTATE 53300: too many connections)`. A code of another shape than five characters is left out. */
export function describeError(code: string | undefined): string {
  if (code === undefined || !/^[0-9A-Z]{5}$/.test(code)) return 'an error without an SQLSTATE';
  const meaning = REFUSALS.get(code);
  return `an error (SQLSTATE ${code}${meaning === undefined ? '' : `: ${meaning}`})`;
}

/** Fields of an ErrorResponse, from behind its length: one letter and a text each; a zero byte ends them. */
export function errorFields(body: Buffer): ReadonlyMap<string, string> {
  const texts = body.toString('utf8').split('\0');
  return new Map(texts.filter((text) => text !== '').map((text) => [text.slice(0, 1), text.slice(1)]));
}

/** How services begin that people reach by a wrong port. */
const BEGINNINGS: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/^HTTP\/\d/, 'an HTTP answer'],
  [/^SSH-\d/, 'an SSH banner'],
  // Three bytes of length, the number 0 of the first packet, and version 10 of the protocol or an error.
  [/^.{3}\0[\n\xff]/s, 'a greeting of MySQL or MariaDB'],
  [/^(-(ERR|NOAUTH|DENIED|WRONGPASS|MISCONF)|\+(OK|PONG))\b/, 'an answer of Redis, or of a mail server'],
  [/^\d{3}[ -]/, 'a greeting of a mail or file server'],
  [/^\* (OK|BYE|PREAUTH)\b/, 'a greeting of a mail server'],
  [/^RFB \d{3}/, 'a greeting of VNC'],
  [/^AMQP/, 'an answer of AMQP'],
  [/^\x16\x03/, 'a TLS handshake'],
];

/** e.g. `an SSH banner`, `17 bytes that are not PostgreSQL's`. */
export function describeForeignServer(bytes: Buffer): string {
  const start = bytes.subarray(0, 16).toString('latin1');
  const known = BEGINNINGS.find(([pattern]) => pattern.test(start))?.[1];
  if (known !== undefined) return known;
  return `${bytes.length} ${bytes.length === 1 ? 'byte that is' : 'bytes that are'} not PostgreSQL's`;
}
