import { isIPv4 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type TransportFacts, transportOf } from '../../../lambda/collect/connect/transport.ts';

/** A plaintext session over the network, with one thing changed. */
const row = (changed: Partial<TransportFacts> = {}): TransportFacts => ({
  kind: 'client backend',
  ssl: false,
  gssEncrypted: false,
  clientAddress: '10.0.0.1',
  clientPort: 50_000,
  ...changed,
});

const UNIX_SOCKET = { clientAddress: undefined, clientPort: -1 };

describe('encrypted', () => {
  test.each(['10.0.0.1', '127.0.0.1', '::1', 'fe80::1', 'not an address'])(
    'TLS is TLS, also over %s',
    (clientAddress) => {
      expect(transportOf(row({ ssl: true, clientAddress }))).toBe('tls');
      expect(transportOf(row({ ssl: true, gssEncrypted: true, clientAddress }))).toBe('tls');
    },
  );

  test.each(['10.0.0.1', '127.0.0.1', '::1'])('GSSAPI is GSSAPI, also over %s', (clientAddress) => {
    expect(transportOf(row({ gssEncrypted: true, clientAddress }))).toBe('gss');
  });

  test('the kind of session changes nothing', () => {
    expect(transportOf(row({ kind: 'walsender', ssl: true }))).toBe('tls');
    expect(transportOf(row({ kind: 'walsender' }))).toBe('plaintext');
  });
});

describe('not encrypted', () => {
  test('a Unix socket has no address, and -1 for a port', () => {
    expect(transportOf(row(UNIX_SOCKET))).toBe('unix-socket');
  });

  test.each([
    '127.0.0.1',
    '127.0.0.0',
    '127.1.2.3',
    '127.255.255.255',
    '::1',
    '0:0:0:0:0:0:0:1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::FFFF:127.255.255.255',
  ])('%s is loopback', (clientAddress) => {
    expect(transportOf(row({ clientAddress }))).toBe('loopback');
  });

  test.each([
    '10.0.0.1',
    '126.255.255.255',
    '128.0.0.0',
    '128.0.0.1',
    '0.0.0.0',
    '169.254.1.1',
    '172.17.0.1',
    '192.168.0.1',
    '255.255.255.255',
    '::',
    '::2',
    '::ffff:10.0.0.1',
    '::ffff:0.0.0.0',
    '::ffff:128.0.0.1',
    '::127.0.0.1',
    '64:ff9b::127.0.0.1',
    '::ffff:0:127.0.0.1',
    '2002:7f00:1::',
    'fe80::1',
    'fe80::1%lo',
    'fd00::1',
    '2001:db8::1',
  ])('%s is plaintext', (clientAddress) => {
    expect(transportOf(row({ clientAddress }))).toBe('plaintext');
  });

  test.each([
    '',
    ' ',
    'localhost',
    '127.0.0.1.example.com',
    '127.0.0.1/8',
    ' 127.0.0.1',
    '127.0.0.1, 10.0.0.1',
    '???',
    '127.0.0.256',
  ])('%j, which is no address, is plaintext', (clientAddress) => {
    expect(transportOf(row({ clientAddress }))).toBe('plaintext');
  });

  test.each([-1, 0, 1, 5432])('an address with the port %i is not a Unix socket', (clientPort) => {
    expect(transportOf(row({ clientPort }))).toBe('plaintext');
  });
});

describe('not shown', () => {
  test.each<[string, Partial<TransportFacts>]>([
    ['all is NULL', { kind: undefined, ssl: undefined, clientAddress: undefined, clientPort: undefined }],
    ['all is NULL but the row of pg_stat_ssl', { kind: undefined, clientAddress: undefined, clientPort: undefined }],
    ['the kind is NULL', { kind: undefined }],
    ['the kind of a Unix socket is NULL', { kind: undefined, ...UNIX_SOCKET }],
    ['the kind of a TLS session is NULL', { kind: undefined, ssl: true }],
    ['address and port are NULL', { clientAddress: undefined, clientPort: undefined }],
    ['the port is NULL', { clientPort: undefined }],
    ['the address is NULL and the port is none of a Unix socket', { clientAddress: undefined, clientPort: 50_000 }],
    ['pg_stat_ssl has no row', { ssl: undefined }],
    ['pg_stat_ssl has no row for a Unix socket', { ssl: undefined, ...UNIX_SOCKET }],
    ['pg_stat_ssl has no row for a loopback address', { ssl: undefined, clientAddress: '127.0.0.1' }],
    ['pg_stat_ssl has no row for a session of GSSAPI', { ssl: undefined, gssEncrypted: true }],
  ])('when %s, it is not known', (_what, facts) => {
    expect(transportOf(row(facts))).toBeUndefined();
  });
});

describe('for any row', () => {
  /** By the one spelling that WHATWG's URLs give an address. */
  const isLoopback = (address: string): boolean =>
    isIPv4(address)
      ? address.startsWith('127.')
      : /^\[::1\]$|^\[::ffff:7f..:/.test(new URL(`http://[${address}]`).hostname);

  const near = fc.tuple(fc.constantFrom('127', '126', '128', '0', '10'), fc.nat(255), fc.nat(255), fc.nat(255));
  const dotted = near.map((parts) => parts.join('.'));
  const ip = fc.oneof(
    dotted,
    dotted.map((address) => `::ffff:${address}`),
    dotted.map((address) => `::${address}`),
    fc.ipV4(),
    fc.ipV6(),
    fc.constantFrom('::1', '::', '127.0.0.1'),
  );
  const port = fc.oneof(fc.constant(-1), fc.integer({ min: 0, max: 65_535 }));
  const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

  test('however it is spelt, loopback is 127.0.0.0/8 and ::1, and all else without encryption is plaintext', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(ip, port, (clientAddress, clientPort) => {
        const expected = isLoopback(clientAddress) ? 'loopback' : 'plaintext';
        seen.add(expected);
        expect(transportOf(row({ clientAddress, clientPort }))).toBe(expected);
      }),
      { numRuns: 5_000 },
    );
    expect([...seen].toSorted()).toEqual(['loopback', 'plaintext']);
  });

  test('text that is no address is plaintext', () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !/^[\s\da-fA-Fx.:%]*$/.test(text)),
        (clientAddress) => {
          expect(transportOf(row({ clientAddress }))).toBe('plaintext');
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test('nothing is called safer than its row shows, and every row that shows it all has a transport', () => {
    const facts: fc.Arbitrary<TransportFacts> = fc.record({
      kind: maybe(fc.constantFrom('client backend', 'walsender')),
      ssl: maybe(fc.boolean()),
      gssEncrypted: fc.boolean(),
      clientAddress: maybe(ip),
      clientPort: maybe(port),
    });
    fc.assert(
      fc.property(facts, (one) => {
        const transport = transportOf(one);
        if (transport === 'tls') expect(one.ssl).toBe(true);
        else if (transport !== undefined) expect(one.ssl).toBe(false);
        if (transport === 'gss') expect(one.gssEncrypted).toBe(true);
        if (transport === 'unix-socket') expect(one).toMatchObject(UNIX_SOCKET);
        if (one.kind === undefined || one.ssl === undefined || one.clientPort === undefined) {
          expect(transport).toBeUndefined();
        } else if (one.clientAddress !== undefined) {
          expect(transport).toBeDefined();
        }
      }),
      { numRuns: 3_000 },
    );
  });
});
