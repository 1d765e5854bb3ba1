// Expands a cipher list with Node's OpenSSL: a client with that list names its suites in its ClientHello.

import { Duplex } from 'node:stream';
import { connect } from 'node:tls';

/** TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746): a signal in the place of a suite. */
const RENEGOTIATION_INFO = 0xff;

/** The record type; with no suite at all left, the first message is an alert. */
const HANDSHAKE = 22;

/**
 * The numbers of the suites of TLSv1.2 and older in a list, in its order. Empty where OpenSSL refuses the list or finds
 * no suite in it.
 */
export async function suitesByOpenssl(ciphers: string): Promise<readonly number[]> {
  const hello = Promise.withResolvers<Buffer | undefined>();
  const wire = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      hello.resolve(chunk);
      done();
    },
  });
  try {
    const client = connect({ socket: wire, ciphers, minVersion: 'TLSv1', maxVersion: 'TLSv1.2' });
    client.on('error', () => hello.resolve(undefined));
    const message = await hello.promise;
    client.destroy();
    return message?.[0] === HANDSHAKE ? suitesIn(message) : [];
  } catch (error) {
    if (/no cipher match|invalid command|library has no ciphers/i.test(String(error))) return [];
    throw error;
  } finally {
    wire.destroy();
  }
}

/** RFC 5246, section 7.4.1.2: record and handshake headers, version and random, session id, then the suites. */
function suitesIn(hello: Buffer): readonly number[] {
  const session = 5 + 4 + 2 + 32;
  const start = session + 1 + hello.readUInt8(session);
  const count = hello.readUInt16BE(start) / 2;
  return Array.from({ length: count }, (_, index) => hello.readUInt16BE(start + 2 + 2 * index)).filter(
    (suite) => suite !== RENEGOTIATION_INFO,
  );
}
