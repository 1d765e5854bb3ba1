// Builds the startup message of a plaintext login, and parses the server's first answer.
//
// No password ever follows it.

import { known, type Observed, unknown } from '../../model/observed.ts';
import type { PlaintextAnswer, PlaintextAuthentication } from '../../model/probe.ts';
import { APPLICATION_NAME } from '../connect/session.ts';
import { describeError, describeForeignServer, errorFields } from '../failures/foreign-server.ts';

/** Version 3.0 of the protocol (protocol documentation, "Message Formats"). */
const PROTOCOL = 0x0003_0000;

/** The most that is read of an answer: error messages with their context stay far below. */
export const LONGEST_ANSWER = 16 * 1024;

/** The message Terminate, for a server that let us in. */
export const TERMINATE = Buffer.from([0x58, 0, 0, 0, 4]);

export function startupMessage(role: string, database: string): Buffer {
  const parameters = ['user', role, 'database', database, 'application_name', APPLICATION_NAME];
  const body = Buffer.from(`${parameters.map((text) => `${text}\0`).join('')}\0`);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8, 0);
  head.writeUInt32BE(PROTOCOL, 4);
  return Buffer.concat([head, body]);
}

/** What the bytes so far mean; undefined as long as that depends on more bytes. */
export function readStartupAnswer(bytes: Buffer): Observed<PlaintextAnswer> | undefined {
  if (bytes.length === 0) return undefined;
  const type = String.fromCharCode(bytes.readUInt8(0));
  if (bytes.readUInt8(0) === TLS_ALERT) return bytes.length < 2 ? undefined : readTlsAlert(bytes);
  if (type !== 'R' && type !== 'E') return notPostgres(bytes);
  if (bytes.length < 5) return undefined;
  const length = bytes.readUInt32BE(1);
  // Errors before the protocol is settled have no length, but words; both are no answer to the question.
  if (length < 8 || length > LONGEST_ANSWER) return notPostgres(bytes);
  if (bytes.length < length + 1) return undefined;
  const body = bytes.subarray(5, length + 1);
  return type === 'R' ? known({ accepted: true, authentication: readAuthentication(body) }) : readError(body);
}

/** The record type of an alert, before the major version 3 (RFC 5246, section 6.2.1). */
const TLS_ALERT = 21;

/** Of a port that takes nothing but TLS. */
function readTlsAlert(bytes: Buffer): Observed<PlaintextAnswer> {
  if (bytes.readUInt8(1) !== 3) return notPostgres(bytes);
  return known({ accepted: false, said: 'an alert of TLS; this port takes direct TLS only' });
}

/** By the codes of the Authentication… messages. */
function readAuthentication(body: Buffer): PlaintextAuthentication {
  switch (body.readUInt32BE(0)) {
    case 0:
      return 'none';
    case 3:
      return 'password';
    case 5:
      return 'md5';
    case 7:
    case 8:
      return 'gss';
    case 9:
      return 'sspi';
    case 10:
      return 'sasl';
    default:
      return 'other';
  }
}

/**
 * The rule that matches is reject, or there is none. By the routine, because the words are in the server's language.
 */
const REFUSED_BY_RULES = { code: '28000', routine: 'ClientAuthentication' } as const;

/**
 * How proxies and providers say that it takes TLS: PgBouncer "SSL required", Neon "connection is insecure (try using
 * `sslmode=require`)", Azure "SSL connection is required", RDS Proxy "This RDS Proxy requires TLS connections". RDS
 * itself and Cloud SQL answer like PostgreSQL, some without the routine.
 */
const WANTS_TLS =
  /\b(SSL|TLS)\b.{0,40}\brequired\b|\brequires?\b.{0,40}\b(SSL|TLS|encryp\w+)\b|connection is insecure|no encryption|SSL off/i;

/** The words decide here and are not shown: nothing is encrypted, and anyone on the path can write them. */
function readError(body: Buffer): Observed<PlaintextAnswer> {
  const fields = errorFields(body);
  const [code, message, routine] = [fields.get('C'), fields.get('M') ?? '', fields.get('R')];
  const byRules = code === REFUSED_BY_RULES.code && routine === REFUSED_BY_RULES.routine;
  if (byRules)
    return known({ accepted: false, said: `${describeError(code)}, by a rule of pg_hba.conf or for want of one` });
  if (WANTS_TLS.test(message)) return known({ accepted: false, said: `${describeError(code)} that asks for TLS` });
  return unknown(`the server answered a plaintext login with another error: ${describeError(code)}`);
}

function notPostgres(bytes: Buffer): Observed<PlaintextAnswer> {
  return unknown(`the answer to a plaintext login is not of the PostgreSQL protocol: ${describeForeignServer(bytes)}`);
}
