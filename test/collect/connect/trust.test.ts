import { once } from 'node:events';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls, { connect, createServer, type SecureContext, type TlsOptions } from 'node:tls';
import { afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type Authority, createAuthority, type IssuedCertificate } from '../../../lab/certificates.ts';
import { createTrustStore, MIN_VERSION, type TrustStore } from '../../../lambda/collect/connect/trust.ts';
import { createSourceReader } from '../../../lambda/collect/secrets/sources.ts';
import type { SecretContent } from '../../../lambda/collect/secrets/store.ts';
import { AuditFailure } from '../../../lambda/model/failure.ts';
import { everythingShownOf, failureOf } from '../canary.ts';

let root: Authority;
let other: Authority;
let system: Authority;
let server: IssuedCertificate;
let otherServer: IssuedCertificate;
let client: IssuedCertificate;

beforeAll(async () => {
  [root, other, system] = await Promise.all([createAuthority(), createAuthority(), createAuthority()]);
  server = await root.issue();
  otherServer = await other.issue();
  client = await root.issue({ clientAuth: true, commonName: 'tls_auditor' });
});

afterEach(() => vi.unstubAllEnvs());

interface Store extends TrustStore {
  /** The sources read, in order. */
  readonly reads: readonly string[];
}

function storeOf(secrets: Record<string, SecretContent>): Store {
  const reads: string[] = [];
  const get = async (id: string): Promise<SecretContent> => {
    reads.push(id);
    const value = secrets[id];
    if (value !== undefined) return value;
    throw new AuditFailure({ cause: 'secret-not-found', phase: 'secrets', message: `no ${id}`, remedy: 'create it' });
  };
  return { ...createTrustStore(createSourceReader({ get, refresh: get }, {})), reads };
}

/**
 * What comes of a handshake by that context with a server that shows that certificate: `verified`, or an error's code.
 */
async function handshake(
  context: SecureContext,
  { chainPem, keyPem }: Pick<IssuedCertificate, 'chainPem' | 'keyPem'>,
  options: TlsOptions = {},
): Promise<string> {
  const listener = createServer({ cert: chainPem, key: keyPem, ...options }, (socket) => {
    socket.on('error', () => {});
    socket.end(String(socket.getPeerCertificate().subject?.CN ?? 'verified'));
  });
  listener.on('tlsClientError', () => {});
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const socket = connect({ host: '127.0.0.1', port, secureContext: context, checkServerIdentity: () => undefined });
  try {
    const [answer] = (await once(socket, 'data')) as [Buffer];
    return answer.toString();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? (error as Error).message;
  } finally {
    socket.destroy();
    listener.close();
  }
}

/**
 * Puts certificates where Node reads the operating system's store from. It reads once a process: of this file, one
 * test.
 */
async function systemStoreOf(pem: string): Promise<string> {
  const folder = await mkdtempDisposable(join(tmpdir(), 'trust-'));
  onTestFinished(() => folder[Symbol.asyncDispose]());
  const file = join(folder.path, 'system.pem');
  await writeFile(file, pem);
  vi.stubEnv('SSL_CERT_FILE', file);
  return file;
}

const noSources = createSourceReader(
  { get: () => Promise.reject(new Error()), refresh: () => Promise.reject(new Error()) },
  {},
);

const UNKNOWN = 'UNABLE_TO_VERIFY_LEAF_SIGNATURE';

describe('what is trusted', () => {
  test('a bundle: its authorities, and no others', async () => {
    const { context, bundle } = await storeOf({ ca: root.certificatePem }).trustFor([{ secret: 'ca' }], undefined);
    expect(await handshake(context, server)).toBe('verified');
    expect(await handshake(context, otherServer)).toBe(UNKNOWN);
    expect(bundle?.map(({ subject }) => subject)).toEqual([`CN=${root.name}`]);
  });

  test('several bundles: the authorities of each', async () => {
    const store = storeOf({ a: root.certificatePem, b: other.certificatePem });
    const { context, bundle } = await store.trustFor([{ secret: 'a' }, { secret: 'b' }], undefined);
    expect(await handshake(context, server)).toBe('verified');
    expect(await handshake(context, otherServer)).toBe('verified');
    expect(bundle).toHaveLength(2);
  });

  test('no source: no authority', async () => {
    const { context } = await storeOf({}).trustFor([], undefined);
    expect(await handshake(context, server)).toBe(UNKNOWN);
  });

  test('the system, where a variable replaces the operating system’s store: Node’s own roots alone, and said so', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'trust-'));
    const file = join(folder.path, 'system.pem');
    await writeFile(file, system.certificatePem);
    // Node reads the store once a process.
    vi.stubEnv('SSL_CERT_FILE', file);
    const store = storeOf({ ca: root.certificatePem });
    const systemServer = await system.issue();

    const alone = await store.trustFor(['system'], undefined);
    expect(await handshake(alone.context, systemServer)).toBe(UNKNOWN);
    expect(alone.roots.length).toBeGreaterThan(50);
    // What a bundle lacks can't be told where the system's roots are trusted too.
    expect(alone.bundle).toBeUndefined();
    expect(alone.facts).toEqual({ system: true, systemStoreLeftOut: 'SSL_CERT_FILE', bundle: [] });
    expect(store.reads).toEqual([]);

    const both = await store.trustFor(['system', { secret: 'ca' }], undefined);
    expect(await handshake(both.context, systemServer)).toBe(UNKNOWN);
    expect(await handshake(both.context, server)).toBe('verified');
    expect(await handshake(both.context, otherServer)).toBe(UNKNOWN);
    expect(both.bundle).toBeUndefined();
    expect((await store.trustFor([{ secret: 'ca' }], undefined)).facts.systemStoreLeftOut).toBeUndefined();
  });

  test('the system, where no variable replaces it: the operating system’s store too', async () => {
    const file = await systemStoreOf(system.certificatePem);
    const store = createTrustStore(noSources, {});
    expect(file).toMatch(/system.pem$/);
    const { context, facts } = await store.trustFor(['system'], undefined);
    expect(await handshake(context, await system.issue())).toBe('verified');
    expect(facts.systemStoreLeftOut).toBeUndefined();
  });

  test('no other cipher than our own list has, whatever the process was started with', async () => {
    const { DEFAULT_CIPHERS } = tls;
    tls.DEFAULT_CIPHERS = 'ALL:@SECLEVEL=0';
    onTestFinished(() => {
      tls.DEFAULT_CIPHERS = DEFAULT_CIPHERS;
    });
    const { context } = await storeOf({ ca: root.certificatePem }).trustFor([{ secret: 'ca' }], undefined);
    const anonymous: TlsOptions = { maxVersion: 'TLSv1.2', ciphers: 'aNULL:@SECLEVEL=0' };
    expect(await handshake(context, server, anonymous)).toMatch(/HANDSHAKE_FAILURE|EPROTO/);
    const weak = await root.issue({ keyType: 'rsa-1024' });
    expect(await handshake(context, weak, { ciphers: 'ALL:@SECLEVEL=0' })).toMatch(/TOO_SMALL|TOO_WEAK|UNSPECIFIED/);
  });

  test('no server that speaks less than TLSv1.2', async () => {
    // Security level 2, Node's default, rules older versions out by itself: here the rule of the context is on trial.
    const { DEFAULT_CIPHERS } = tls;
    tls.DEFAULT_CIPHERS = 'ALL:@SECLEVEL=0';
    onTestFinished(() => {
      tls.DEFAULT_CIPHERS = DEFAULT_CIPHERS;
    });
    const { context } = await storeOf({ ca: root.certificatePem }).trustFor([{ secret: 'ca' }], undefined);
    const old: TlsOptions = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' };
    expect(MIN_VERSION).toBe('TLSv1.2');
    expect(await handshake(context, server, old)).toMatch(/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|EPROTO/);
    expect(await handshake(context, server, { maxVersion: 'TLSv1.2' })).toBe('verified');
  });
});

describe('a bundle in a secret', () => {
  test.each<[string, () => SecretContent, string | undefined]>([
    ['as bytes', () => Buffer.from(root.certificatePem), undefined],
    ['as a field', () => JSON.stringify({ ca: root.certificatePem, password: 'x' }), 'ca'],
    ['as a field of bytes', () => Buffer.from(JSON.stringify({ ca: root.certificatePem })), 'ca'],
    ['as one of several fields', () => JSON.stringify({ a: other.certificatePem, b: root.certificatePem }), 'b'],
    ['as a field that is not named', () => JSON.stringify({ engine: 'postgres', ca: root.certificatePem }), undefined],
    [
      'in a field with escaped line ends',
      () => JSON.stringify({ ca: root.certificatePem.replaceAll('\n', '\\n') }),
      'ca',
    ],
  ])('%s', async (_how, content, key) => {
    const { bundle } = await storeOf({ ca: content() }).trustFor([{ secret: 'ca', key }], undefined);
    expect(bundle?.map(({ subject }) => subject)).toEqual([`CN=${root.name}`]);
  });

  test.each<[string, string, () => string, { message: RegExp; remedy: RegExp }]>([
    [
      'has no such field',
      'cert',
      () => JSON.stringify({ ca: root.certificatePem, b: '' }),
      { message: /secret ca has no field cert/, remedy: /^it has: ca, b$/ },
    ],
    ['has no field at all', 'cert', () => '{}', { message: /has no field cert/, remedy: /it has none/ }],
    [
      'has that field of another type',
      'ca',
      () => JSON.stringify({ ca: [root.certificatePem] }),
      { message: /has no field ca/, remedy: /it has none/ },
    ],
    [
      'has a field by inheritance only',
      'constructor',
      () => '{"ca":""}',
      { message: /has no field constructor/, remedy: /^it has: ca$/ },
    ],
    ['is no JSON', 'ca', () => root.certificatePem, { message: /has no field ca/, remedy: /no JSON: remove "key"/ }],
    [
      'has no certificate in the field',
      'ca',
      () => '{"ca":"x"}',
      { message: /holds no certificate/, remedy: /BEGIN CERTIFICATE/ },
    ],
  ])('that %s is refused', async (_what, key, content, expected) => {
    const { failure } = await failureOf(() => storeOf({ ca: content() }).trustFor([{ secret: 'ca', key }], undefined));
    expect(failure.cause).toBe('ca-bundle-unusable');
    expect(failure.message).toMatch(expected.message);
    expect(failure.remedy).toMatch(expected.remedy);
  });

  test('with a key in another field is refused, and the key is not shown', async () => {
    const content = JSON.stringify({ ca: root.certificatePem, key: root.keyPem });
    const failure = await failureOf(() => storeOf({ ca: content }).trustFor([{ secret: 'ca' }], undefined));
    expect(failure.message).toMatch(/holds a private key/);
    expect(everythingShownOf(failure)).not.toContain(root.keyPem.split('\n')[1]);
  });

  test('that can not be read fails with the reason', async () => {
    const { failure } = await failureOf(() => storeOf({}).trustFor([{ secret: 'ca' }], undefined));
    expect(failure.cause).toBe('secret-not-found');
  });
});

describe('a client certificate', () => {
  const wantsClients = (): TlsOptions => ({ requestCert: true, ca: root.certificatePem });

  test('from a secret is shown to servers that want one', async () => {
    const store = storeOf({ ca: root.certificatePem, mtls: client.chainPem + client.keyPem });
    const { context } = await store.trustFor([{ secret: 'ca' }], { secret: 'mtls' });
    expect(await handshake(context, server, wantsClients())).toBe('tls_auditor');
    const without = await store.trustFor([{ secret: 'ca' }], undefined);
    expect(await handshake(without.context, server, wantsClients())).toMatch(/CERTIFICATE_REQUIRED/);
  });

  test('from files, as the bundle', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'trust-'));
    const [ca, certificateFile, keyFile] = ['ca.pem', 'client.pem', 'client.key'].map((name) =>
      join(folder.path, name),
    );
    if (ca === undefined || certificateFile === undefined || keyFile === undefined) throw new Error('three names');
    await Promise.all([
      writeFile(ca, root.certificatePem),
      writeFile(certificateFile, client.chainPem),
      writeFile(keyFile, client.keyPem),
    ]);
    const { context } = await storeOf({}).trustFor([{ file: ca }], { certificateFile, keyFile });
    expect(await handshake(context, server, wantsClients())).toBe('tls_auditor');

    await writeFile(keyFile, server.keyPem);
    const failure = await failureOf(() => storeOf({}).trustFor([{ file: ca }], { certificateFile, keyFile }));
    expect(failure.message).toBe(
      `The client certificate in files ${certificateFile} and ${keyFile} holds a private key of another certificate`,
    );
  });

  test('that OpenSSL finds too weak is refused, and its key is not shown', async () => {
    const weak = await root.issue({ clientAuth: true, keyType: 'rsa-1024' });
    const store = storeOf({ ca: root.certificatePem, mtls: weak.chainPem + weak.keyPem });
    const failure = await failureOf(() => store.trustFor([{ secret: 'ca' }], { secret: 'mtls' }));
    expect(failure.failure.cause).toBe('client-certificate-unusable');
    expect(failure.failure.remedy).toMatch(/RSA under 2048/);
    expect(everythingShownOf(failure)).not.toContain(weak.keyPem.split('\n')[1]);
  });
});

describe('a file that is not there', () => {
  test('is an unusable bundle with its path: no secret is missing', async () => {
    const store = storeOf({});
    const { failure } = await failureOf(() => store.trustFor([{ file: '/nope/ca.pem' }], undefined));
    expect(failure).toEqual({
      cause: 'ca-bundle-unusable',
      phase: 'secrets',
      message: 'The CA bundle in file /nope/ca.pem cannot be read (ENOENT)',
      remedy: expect.stringContaining('path'),
    });
  });

  test('is an unusable client certificate, or its key', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'trust-'));
    const certificateFile = join(folder.path, 'client.pem');
    await writeFile(certificateFile, client.chainPem);
    const store = storeOf({ ca: root.certificatePem });
    const { failure } = await failureOf(() =>
      store.trustFor([{ secret: 'ca' }], { certificateFile, keyFile: '/nope/client.key' }),
    );
    expect(failure).toMatchObject({
      cause: 'client-certificate-unusable',
      message: 'The key of the client certificate in file /nope/client.key cannot be read (ENOENT)',
    });
  });

  test('of a secret stays a matter of secrets', async () => {
    const { failure } = await failureOf(() => storeOf({}).trustFor([{ secret: 'ca' }], undefined));
    expect(failure.cause).toBe('secret-not-found');
  });
});

describe('sharing', () => {
  test('a context is built once for all who ask for the same, at once or later', async () => {
    const store = storeOf({ ca: root.certificatePem, mtls: client.chainPem + client.keyPem });
    const ask = () => store.trustFor([{ secret: 'ca' }], { secret: 'mtls' });
    const [first, second] = await Promise.all([ask(), ask()]);
    expect(second).toBe(first);
    expect(await ask()).toBe(first);
    expect(store.reads.toSorted()).toEqual(['ca', 'mtls']);
  });

  test('who asks for something else gets something else', async () => {
    const store = storeOf({
      ca: root.certificatePem,
      b: JSON.stringify({ x: root.certificatePem, y: other.certificatePem }),
      mtls: client.chainPem + client.keyPem,
    });
    const trusts = await Promise.all([
      store.trustFor([{ secret: 'ca' }], undefined),
      store.trustFor([{ secret: 'ca' }], { secret: 'mtls' }),
      store.trustFor([{ secret: 'b', key: 'x' }], undefined),
      store.trustFor([{ secret: 'b', key: 'y' }], undefined),
      store.trustFor([{ secret: 'ca' }, { secret: 'b', key: 'y' }], undefined),
    ]);
    const [ca, , copy, ...others] = trusts.map(({ context }) => context);
    expect(copy, 'of the same CA, wherever it is stored').toBe(ca);
    expect(new Set(trusts.map(({ context }) => context)).size).toBe(trusts.length - 1);
    expect(others).not.toContain(ca);
  });

  test('a context outlasts its store, but not one with a key', async () => {
    const secrets = { ca: root.certificatePem, mtls: client.chainPem + client.keyPem };
    const contextOf = async (certificate?: { readonly secret: string }) =>
      (await storeOf(secrets).trustFor([{ secret: 'ca' }], certificate)).context;
    expect(await contextOf()).toBe(await contextOf());
    expect(await contextOf({ secret: 'mtls' })).not.toBe(await contextOf({ secret: 'mtls' }));
  });

  test('a failure reaches all who asked, and is not kept: the next one asks again', async () => {
    const secrets: Record<string, SecretContent> = {};
    const store = storeOf(secrets);
    const ask = () => store.trustFor([{ secret: 'ca' }], undefined);
    const outcomes = await Promise.allSettled([ask(), ask()]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(store.reads).toEqual(['ca']);
    secrets.ca = root.certificatePem;
    expect(await handshake((await ask()).context, server)).toBe('verified');
    expect(store.reads).toEqual(['ca', 'ca']);
  });
});
