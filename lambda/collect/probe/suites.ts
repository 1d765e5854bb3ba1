// Offers a server only cipher suites that protect nothing, and reads which one it chooses.
//
// The ClientHello is our own: Node's OpenSSL is built without most of these suites. The handshake ends at that choice.

import { randomBytes } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import type { Endpoint } from '../../model/endpoint.ts';
import { known, type Observed, unknown } from '../../model/observed.ts';
import type { BrokenSuiteAnswer } from '../../model/probe.ts';
import { socketEvent } from '../connect/network.ts';
import { ALPN } from '../connect/tls.ts';
import { refusalOf } from './answers.ts';
import { readServerFlight, type ServerFlight } from './server-flight.ts';

/** IANA's numbers and OpenSSL's names: without encryption, without authentication, of export grade. */
const BROKEN_SUITES: ReadonlyMap<number, string> = new Map([
  [0x0001, 'NULL-MD5'],
  [0x0002, 'NULL-SHA'],
  [0x003b, 'NULL-SHA256'],
  [0xc006, 'ECDHE-ECDSA-NULL-SHA'],
  [0xc010, 'ECDHE-RSA-NULL-SHA'],
  [0xc015, 'AECDH-NULL-SHA'],
  [0x0018, 'ADH-RC4-MD5'],
  [0x001a, 'ADH-DES-CBC-SHA'],
  [0x001b, 'ADH-DES-CBC3-SHA'],
  [0x0034, 'ADH-AES128-SHA'],
  [0x003a, 'ADH-AES256-SHA'],
  [0x0046, 'ADH-CAMELLIA128-SHA'],
  [0x0089, 'ADH-CAMELLIA256-SHA'],
  [0x006c, 'ADH-AES128-SHA256'],
  [0x006d, 'ADH-AES256-SHA256'],
  [0x00bf, 'ADH-CAMELLIA128-SHA256'],
  [0x00c5, 'ADH-CAMELLIA256-SHA256'],
  [0x00a6, 'ADH-AES128-GCM-SHA256'],
  [0x00a7, 'ADH-AES256-GCM-SHA384'],
  [0x009b, 'ADH-SEED-SHA'],
  [0xc016, 'AECDH-RC4-SHA'],
  [0xc017, 'AECDH-DES-CBC3-SHA'],
  [0xc018, 'AECDH-AES128-SHA'],
  [0xc019, 'AECDH-AES256-SHA'],
  [0x0003, 'EXP-RC4-MD5'],
  [0x0006, 'EXP-RC2-CBC-MD5'],
  [0x0008, 'EXP-DES-CBC-SHA'],
  [0x0014, 'EXP-EDH-RSA-DES-CBC-SHA'],
  [0x0017, 'EXP-ADH-RC4-MD5'],
  [0x0019, 'EXP-ADH-DES-CBC-SHA'],
]);

/** TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746, section 3.3): a signal in the place of a suite. */
const RENEGOTIATION_INFO = 0x00ff;
/** secp256r1, secp384r1, secp521r1, x25519, ffdhe2048, ffdhe3072. */
const GROUPS = [23, 24, 25, 29, 256, 257];
/** ECDSA, RSA-PSS and RSA with SHA-2, then with SHA-1. */
const SIGNATURES = [0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201];

const TLS_1_2 = 0x0303;
/** The most that is read of an answer: a choice is far shorter. */
const LONGEST_ANSWER = 32 * 1024;

/** Asks on a socket that is ready for a handshake. @throws what the socket throws, or the signal's reason */
export async function offerBrokenSuites(
  socket: Socket,
  { verifiedName, sslNegotiation }: Endpoint,
  signal: AbortSignal,
): Promise<Observed<BrokenSuiteAnswer>> {
  socket.write(clientHello(verifiedName, sslNegotiation === 'direct'));
  const { hello, alert } = await firstFlight(socket, signal);
  if (alert !== undefined) return refusalOf(alert);
  const suite = hello === undefined ? undefined : BROKEN_SUITES.get(hello.suite);
  if (suite === undefined) return unknown('the server chose a suite that it was not offered, or did not speak TLS');
  return known({ accepted: true, suite });
}

async function firstFlight(socket: Socket, signal: AbortSignal): Promise<ServerFlight> {
  let bytes = Buffer.alloc(0);
  for (;;) {
    socket.resume();
    const [chunk] = (await socketEvent(socket, 'data', signal)) as [Buffer];
    socket.pause();
    bytes = Buffer.concat([bytes, chunk]);
    const flight = readServerFlight(bytes);
    if (flight.hello !== undefined || flight.alert !== undefined || bytes.length > LONGEST_ANSWER) return flight;
  }
}

/** RFC 5246, section 7.4.1.2, with the extensions without which servers leave out suites. */
function clientHello(serverName: string, direct: boolean): Buffer {
  const extensions = [
    // An IP address is no server name (RFC 6066, section 3).
    ...(isIP(serverName) === 0
      ? [extension(0, sized(2, Buffer.concat([Buffer.of(0), sized(2, text(serverName))])))]
      : []),
    extension(10, sized(2, numbers(GROUPS))),
    extension(11, Buffer.of(1, 0)),
    extension(13, sized(2, numbers(SIGNATURES))),
    ...(direct ? [extension(16, sized(2, sized(1, text(ALPN))))] : []),
  ];
  const body = Buffer.concat([
    numbers([TLS_1_2]),
    randomBytes(32),
    Buffer.of(0),
    sized(2, numbers([...BROKEN_SUITES.keys(), RENEGOTIATION_INFO])),
    Buffer.of(1, 0),
    sized(2, Buffer.concat(extensions)),
  ]);
  const message = Buffer.concat([Buffer.of(1), sized(3, body)]);
  return Buffer.concat([Buffer.of(22, 3, 1), sized(2, message)]);
}

function extension(type: number, content: Buffer): Buffer {
  return Buffer.concat([numbers([type]), sized(2, content)]);
}

function numbers(values: readonly number[]): Buffer {
  return Buffer.from(values.flatMap((value) => [value >> 8, value & 0xff]));
}

function text(value: string): Buffer {
  return Buffer.from(value, 'latin1');
}

/** The content after its length in so many bytes. */
function sized(bytes: number, content: Buffer): Buffer {
  const length = Buffer.alloc(bytes);
  length.writeUIntBE(content.length, 0, bytes);
  return Buffer.concat([length, content]);
}
