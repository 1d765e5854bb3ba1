// Reading a TLS server's first bytes: flights of real handshakes, and bytes of somebody who means no good.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import { createAuthority, type IssuedCertificate } from '../../../lab/certificates.ts';
import { RecordingSocket } from '../../../lambda/collect/probe/recording-socket.ts';
import { alertName, groupName, isPostQuantum, readServerFlight } from '../../../lambda/collect/probe/server-flight.ts';

const EVERY_CIPHER = 'TLS_AES_256_GCM_SHA384:ALL:@SECLEVEL=0';

let certificate: IssuedCertificate;
beforeAll(async () => {
  certificate = await (await createAuthority()).issue();
});

/** What a server said to a client, up to the end of their handshake. */
async function flightOf(server: tls.TlsOptions, client: tls.SecureContextOptions): Promise<Buffer> {
  const listener = tls.createServer({ cert: certificate.chainPem, key: certificate.keyPem, ...server });
  listener.on('tlsClientError', () => {});
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const socket = net.connect((listener.address() as net.AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  const tap = new RecordingSocket(socket);
  const secure = tls.connect({ socket: tap, secureContext: tls.createSecureContext(client), host: 'localhost' });
  secure.on('error', () => {}).once('secure', () => secure.destroy());
  // Not events.once(): the certificate does not pass, which is no matter here.
  await new Promise((resolve) => secure.once('close', resolve));
  const closed = once(listener, 'close');
  listener.close();
  await closed;
  return tap.received;
}

describe('a real server’s flight', () => {
  test.each([
    ['TLSv1', 0x0301],
    ['TLSv1.1', 0x0302],
    ['TLSv1.2', 0x0303],
  ] as const)('shows that it chose %s, and all that it says before encryption', async (version, code) => {
    const options = { minVersion: version, maxVersion: version, ciphers: EVERY_CIPHER };
    const flight = readServerFlight(await flightOf(options, options));
    expect(flight).toEqual({
      hello: { version: code, suite: expect.any(Number), group: undefined },
      helloDone: true,
      alert: undefined,
    });
  });

  test.each([
    ['X25519MLKEM768', 'X25519MLKEM768', true],
    ['SecP256r1MLKEM768', 'SecP256r1MLKEM768', true],
    ['SecP384r1MLKEM1024', 'SecP384r1MLKEM1024', true],
    ['X25519', 'x25519', false],
    ['P-256', 'secp256r1', false],
    ['P-521', 'secp521r1', false],
  ])('shows that it chose the group %s, at once or by asking again', async (curve, name, postQuantum) => {
    const client = { ecdhCurve: 'X25519MLKEM768:SecP256r1MLKEM768:SecP384r1MLKEM1024:X25519:P-256:P-384:P-521' };
    const { hello } = readServerFlight(await flightOf({ ecdhCurve: curve }, client));
    expect(hello?.version).toBe(0x0304);
    expect(groupName(hello?.group ?? 0)).toBe(name);
    expect(isPostQuantum(name)).toBe(postQuantum);
  });

  test('shows the alert by which it refuses a version', async () => {
    const client = { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: EVERY_CIPHER } as const;
    const flight = readServerFlight(await flightOf({ minVersion: 'TLSv1.2' }, client));
    expect(flight).toEqual({ hello: undefined, helloDone: false, alert: 70 });
    expect(alertName(70)).toBe('protocol_version');
  });
});

describe('other bytes', () => {
  const NOTHING = { hello: undefined, helloDone: false, alert: undefined };

  test.each([
    ['none', Buffer.alloc(0)],
    ['HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['zeros', Buffer.alloc(10_000)],
    ['a record longer than one may be', Buffer.concat([Buffer.from([22, 3, 3, 0xff, 0xff]), Buffer.alloc(70_000)])],
    ['an alert that is only a warning', Buffer.from([21, 3, 3, 0, 2, 1, 70])],
    ['an encrypted alert', Buffer.concat([Buffer.from([21, 3, 3, 0, 26]), Buffer.alloc(26, 2)])],
    ['a ServerHello that is shorter than it says', Buffer.from([22, 3, 3, 0, 6, 2, 0, 0, 200, 3, 3])],
    ['a ServerHello without its fields', Buffer.from([22, 3, 3, 0, 6, 2, 0, 0, 2, 3, 3])],
  ])('that are %s show nothing', (_what, bytes) => {
    expect(readServerFlight(bytes)).toEqual(NOTHING);
  });

  test('cut off anywhere, or with a byte changed, never throw', async () => {
    const whole = await flightOf({ ecdhCurve: 'P-256' }, { ecdhCurve: 'X25519:P-256' });
    for (let length = 0; length < whole.length; length += 1) readServerFlight(whole.subarray(0, length));
    for (let at = 0; at < Math.min(whole.length, 400); at += 1) {
      const spoilt = Buffer.from(whole);
      spoilt[at] = (spoilt[at] ?? 0) ^ 0xff;
      readServerFlight(spoilt);
    }
    for (let round = 0; round < 200; round += 1) {
      readServerFlight(Buffer.concat([Buffer.from([22, 3, 3, 1, 0]), randomBytes(256)]));
    }
    // What all of that is worth: the flight that was spoilt is one that can be read.
    expect(readServerFlight(whole).hello).toEqual({ version: 0x0304, suite: 0x1302, group: 23 });
  });
});

test.each([
  ['a group', groupName(9999), 'group 9999'],
  ['an alert', alertName(200), 'number 200'],
])('%s without a name is reported by its number', (_what, name, expected) => {
  expect(name).toBe(expected);
});
