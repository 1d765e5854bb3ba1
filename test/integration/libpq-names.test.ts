// Our rule for names beside libpq's own: psql with verify-full and the auditor's handshake, against the same
// certificates.

import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import pMap from 'p-map';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Authority,
  type CertificateOptions,
  createAuthority,
  encoded,
  generalName,
} from '../../lab/certificates.ts';
import { failingPostgres } from '../../lab/faulty-servers.ts';
import { askLibpq, reasonWithoutPsql } from '../../lab/libpq.ts';
import { openTcp, requestTls } from '../../lambda/collect/connect/network.ts';
import { handshake, IdentityError } from '../../lambda/collect/connect/tls.ts';
import { OFFER } from '../../lambda/collect/connect/trust.ts';
import type { Endpoint } from '../../lambda/model/endpoint.ts';

const reason = reasonWithoutPsql();
if (reason !== undefined) process.stderr.write(`skipped: names beside libpq's: ${reason}\n`);

const dns = (name: string | Uint8Array): Uint8Array => generalName(2, name);
const ip = (...bytes: number[]): Uint8Array => generalName(7, Buffer.from(bytes));
const utf8 = (name: string): Uint8Array => encoded(0x0c, name);
const LOOPBACK_6 = [...Array.from({ length: 15 }, () => 0), 1];
const MAPPED = [...Array.from({ length: 10 }, () => 0), 255, 255, 127, 0, 0, 1];

/** `both`: libpq and the auditor accept. `neither`. `libpq`: only it does; we say why. */
type Expected = 'both' | 'neither' | 'libpq';
type Row = readonly [what: string, certificate: CertificateOptions, names: Readonly<Record<string, Expected>>];

const names = (...raw: Uint8Array[]): CertificateOptions => ({ rawNames: raw, rawCommonNames: [] });

const ROWS: readonly Row[] = [
  [
    'a DNS name',
    names(dns('db.example.com')),
    {
      'db.example.com': 'both',
      'DB.Example.COM': 'both',
      'db.example.com.': 'neither',
      'example.com': 'neither',
      'a.db.example.com': 'neither',
      'db.example.co': 'neither',
      '127.0.0.1': 'neither',
      '*.example.com': 'neither',
    },
  ],
  ['a DNS name in capitals', names(dns('DB.EXAMPLE.COM')), { 'db.example.com': 'both' }],
  [
    'several DNS names',
    names(dns('a.example.com'), dns('b.example.com')),
    {
      'a.example.com': 'both',
      'b.example.com': 'both',
      'c.example.com': 'neither',
    },
  ],
  [
    'a DNS name that looks like two',
    names(dns('a.example.com, DNS:b.example.com')),
    {
      'b.example.com': 'neither',
      'a.example.com': 'neither',
    },
  ],
  [
    'a DNS name with a dot at its end',
    names(dns('db.example.com.')),
    { 'db.example.com': 'neither', 'db.example.com.': 'both' },
  ],
  ['an empty DNS name', names(dns('')), { 'db.example.com': 'neither' }],
  [
    'a wildcard',
    names(dns('*.example.com')),
    {
      'db.example.com': 'both',
      'DB.EXAMPLE.com': 'both',
      'a.b.example.com': 'neither',
      'example.com': 'neither',
      '.example.com': 'neither',
      'db.example.com.': 'neither',
      'xn--bcher-kva.example.com': 'both',
      'db.example.org': 'neither',
    },
  ],
  [
    'a wildcard of one label',
    names(dns('*.internal')),
    { 'db.internal': 'both', 'a.db.internal': 'neither', internal: 'neither' },
  ],
  [
    'a wildcard with a dot at its end',
    names(dns('*.example.com.')),
    { 'db.example.com': 'neither', 'db.example.com.': 'both' },
  ],
  ['a partial wildcard', names(dns('db*.example.com')), { 'db1.example.com': 'neither', 'db.example.com': 'neither' }],
  ['a wildcard within a label', names(dns('d*b.example.com')), { 'dxb.example.com': 'neither' }],
  ['a wildcard at a label’s end', names(dns('*db.example.com')), { 'mydb.example.com': 'neither' }],
  ['a wildcard further on', names(dns('db.*.com')), { 'db.example.com': 'neither' }],
  ['two wildcards', names(dns('*.*.com')), { 'db.example.com': 'neither' }],
  ['only a wildcard', names(dns('*')), { localhost: 'neither', 'db.example.com': 'neither' }],
  ['a wildcard and nothing behind', names(dns('*.')), { 'localhost.': 'neither', localhost: 'neither' }],
  ['a wildcard of A-labels', names(dns('xn--*.example.com')), { 'xn--bcher-kva.example.com': 'neither' }],
  [
    'an internationalised name',
    names(dns('xn--bcher-kva.example')),
    { 'xn--bcher-kva.example': 'both', 'XN--BCHER-KVA.example': 'both' },
  ],
  [
    'a name in UTF-8',
    names(dns('bücher.example')),
    { 'xn--bcher-kva.example': 'neither', 'bücher.example': 'both', 'BÜCHER.example': 'neither' },
  ],
  ['an underscore', names(dns('my_db.example.com')), { 'my_db.example.com': 'both' }],
  [
    'a null byte',
    names(dns('db.example.com\0.evil.example')),
    { 'db.example.com': 'neither', 'evil.example': 'neither' },
  ],
  [
    'a null byte after the right name',
    names(dns('db.example.com'), dns('x\0')),
    { 'db.example.com': 'both', x: 'neither' },
  ],
  ['a null byte before the right name', names(dns('x\0'), dns('db.example.com')), { 'db.example.com': 'neither' }],
  [
    'an IPv4 address',
    names(ip(127, 0, 0, 1)),
    {
      '127.0.0.1': 'both',
      '127.0.0.2': 'neither',
      localhost: 'neither',
      '::ffff:127.0.0.1': 'neither',
      '127.1': 'libpq',
      '0x7f.1': 'libpq',
      '2130706433': 'libpq',
      '0177.0.0.1': 'libpq',
      '127.0.0.01': 'libpq',
      '127.0.0.1 x': 'libpq',
      '127.0.0.1.': 'neither',
      '127.0.0.256': 'neither',
      '1.0.0.127': 'neither',
    },
  ],
  [
    'an IPv6 address',
    names(ip(...LOOPBACK_6)),
    {
      '::1': 'both',
      '0:0:0:0:0:0:0:1': 'both',
      '0000::0001': 'both',
      '::2': 'neither',
      '::1%lo': 'neither',
      '::0.0.0.1': 'both',
      '0.0.0.1': 'neither',
    },
  ],
  [
    'a mapped IPv4 address',
    names(ip(...MAPPED)),
    { '::ffff:127.0.0.1': 'both', '::FFFF:7f00:1': 'both', '127.0.0.1': 'neither' },
  ],
  ['an address of three bytes', names(ip(127, 0, 0)), { '127.0.0.1': 'neither', 'db.example.com': 'neither' }],
  ['a network', names(ip(127, 0, 0, 1, 255, 255, 255, 255)), { '127.0.0.1': 'neither' }],
  [
    'an address of three bytes before the right name',
    names(ip(127, 0, 0), dns('db.example.com')),
    { 'db.example.com': 'neither' },
  ],
  [
    'an address of three bytes after the right name',
    names(dns('db.example.com'), ip(127, 0, 0)),
    { 'db.example.com': 'both' },
  ],
  ['an address as a DNS name', names(dns('127.0.0.1')), { '127.0.0.1': 'libpq', '127.1': 'neither' }],
  ['an IPv6 address as a DNS name', names(dns('::1')), { '::1': 'libpq' }],
  ['a wildcard that covers addresses', names(dns('*.0.0.1')), { '127.0.0.1': 'libpq' }],
  ['an odd address as a DNS name', names(dns('127.1')), { '127.1': 'libpq', '127.0.0.1': 'neither' }],
  [
    'a common name alone',
    { rawNames: [], rawCommonNames: [utf8('db.example.com')] },
    {
      'db.example.com': 'both',
      'DB.example.com': 'both',
      'a.example.com': 'neither',
    },
  ],
  [
    'a wildcard as common name',
    { rawNames: [], rawCommonNames: [utf8('*.example.com')] },
    { 'db.example.com': 'both', 'a.b.example.com': 'neither' },
  ],
  ['no name at all', { rawNames: [], rawCommonNames: [] }, { 'db.example.com': 'neither' }],
  [
    'two common names',
    { rawNames: [], rawCommonNames: [utf8('a.example.com'), utf8('b.example.com')] },
    {
      'a.example.com': 'both',
      'b.example.com': 'neither',
    },
  ],
  [
    'a common name with a null byte',
    { rawNames: [], rawCommonNames: [utf8('db.example.com\0.evil.example')] },
    { 'db.example.com': 'neither' },
  ],
  [
    'a common name of two bytes a letter',
    { rawNames: [], rawCommonNames: [encoded(0x1e, '\0d\0b')] },
    { db: 'neither' },
  ],
  [
    'a printable common name',
    { rawNames: [], rawCommonNames: [encoded(0x13, 'db.example.com')] },
    { 'db.example.com': 'both' },
  ],
  ['a common name in UTF-8', { rawNames: [], rawCommonNames: [utf8('bücher.example')] }, { 'bücher.example': 'both' }],
  [
    'a common name beside another DNS name',
    { rawNames: [dns('a.example.com')], rawCommonNames: [utf8('b.example.com')] },
    {
      'a.example.com': 'both',
      'b.example.com': 'neither',
    },
  ],
  [
    'a common name beside an address',
    { rawNames: [ip(127, 0, 0, 1)], rawCommonNames: [utf8('db.example.com')] },
    {
      'db.example.com': 'both',
      '127.0.0.1': 'both',
    },
  ],
  [
    'a common name beside an email address',
    { rawNames: [generalName(1, 'a@example.com')], rawCommonNames: [utf8('db.example.com')] },
    {
      'db.example.com': 'both',
      'example.com': 'neither',
    },
  ],
  [
    'a common name beside a URI',
    { rawNames: [generalName(6, 'https://a.example.com/')], rawCommonNames: [utf8('db.example.com')] },
    {
      'db.example.com': 'both',
      'a.example.com': 'neither',
    },
  ],
  [
    'an address as common name',
    { rawNames: [], rawCommonNames: [utf8('127.0.0.1')] },
    { '127.0.0.1': 'libpq', '127.1': 'neither' },
  ],
  [
    'an address as common name beside another',
    { rawNames: [ip(127, 0, 0, 2)], rawCommonNames: [utf8('127.0.0.1')] },
    {
      '127.0.0.1': 'neither',
      '127.0.0.2': 'both',
    },
  ],
  [
    'an odd address as common name beside another',
    { rawNames: [ip(10, 0, 0, 1)], rawCommonNames: [utf8('127.1')] },
    { '127.1': 'neither' },
  ],
  [
    'an address as common name beside a DNS name',
    { rawNames: [dns('a.example.com')], rawCommonNames: [utf8('127.0.0.1')] },
    {
      '127.0.0.1': 'libpq',
      'a.example.com': 'both',
    },
  ],
];

let authority: Authority;
let context: SecureContext;
let folder: Awaited<ReturnType<typeof mkdtempDisposable>>;
let rootFile: string;

beforeAll(async () => {
  authority = await createAuthority();
  context = createSecureContext({ ca: authority.rootPem, ...OFFER });
  folder = await mkdtempDisposable(join(tmpdir(), 'libpq-'));
  rootFile = join(folder.path, 'root.pem');
  await writeFile(rootFile, authority.rootPem);
});

afterAll(() => folder[Symbol.asyncDispose]());

/** What the auditor's handshake says: `accepted`, or why not. */
async function askAuditor(verifiedName: string, port: number): Promise<string> {
  const endpoint: Endpoint = { host: '127.0.0.1', port, verifiedName, sslNegotiation: 'postgres' };
  const { signal } = new AbortController();
  const socket = await openTcp(endpoint, signal);
  try {
    await requestTls(socket, endpoint, signal);
    await handshake(socket, endpoint, { context, anchors: [] }, signal);
    return 'accepted';
  } catch (error) {
    if (error instanceof IdentityError) return error.message;
    throw error;
  } finally {
    socket.destroy();
  }
}

const LOGIN_ERROR = 'nobody logs in here';

describe(`names beside libpq’s verify-full${reason === undefined ? '' : ` (libpq's side is skipped: ${reason})`}`, () => {
  test('the table is long enough to mean something', () => {
    expect(ROWS.flatMap(([, , asked]) => Object.keys(asked)).length).toBeGreaterThanOrEqual(60);
  });

  test.each(ROWS)('%s', async (_what, options, asked) => {
    const certificate = await authority.issue(options);
    await using server = await failingPostgres({ certificate, errors: [{ code: '28000', message: LOGIN_ERROR }] });
    const answers = await pMap(
      Object.entries(asked),
      async ([host, expected]) => {
        const auditor = await askAuditor(host, server.port);
        const libpq =
          reason === undefined
            ? await askLibpq({ host, port: server.port, rootCertificates: rootFile }, LOGIN_ERROR)
            : undefined;
        return { host, expected, auditor, libpq };
      },
      { concurrency: 2 },
    );
    for (const { host, expected, auditor, libpq } of answers) {
      expect(auditor === 'accepted', `the auditor of ${host}: ${auditor}`).toBe(expected === 'both');
      if (libpq === undefined) continue;
      expect(libpq === 'accepted', `libpq of ${host}: ${libpq}`).toBe(expected !== 'neither');
    }
    // Where we are narrower we say what to do instead, and never that a name is not the one it is.
    for (const { host, auditor } of answers.filter(({ expected }) => expected === 'libpq')) {
      expect(auditor).toMatch(/unusual spelling|as an iPAddress/);
      expect(auditor).not.toContain(`is not for ${host}: it carries`);
    }
  });
});
