import { chmod, mkdir, mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createSourceReader, describeSource } from '../../../lambda/collect/secrets/sources.ts';
import type { SecretStore } from '../../../lambda/collect/secrets/store.ts';
import { AuditFailure } from '../../../lambda/model/failure.ts';
import { CANARY, everythingShownOf, failureOf } from '../canary.ts';

/** A store that answers with what was asked of it. */
const asked: SecretStore = {
  get: (id) => Promise.resolve(`get ${id}`),
  refresh: (id) => Promise.resolve(`refresh ${id}`),
};
/** A store nobody may ask. */
const untouched: SecretStore = {
  get: () => Promise.reject(new Error('Secrets Manager was asked')),
  refresh: () => Promise.reject(new Error('Secrets Manager was asked')),
};

describe('a secret', () => {
  const sources = createSourceReader(asked, {});

  test('is the one kept, unless a fresh one is wanted', async () => {
    expect(await sources.read({ secret: 'db' })).toBe('get db');
    expect(await sources.read({ secret: 'db' }, {})).toBe('get db');
    expect(await sources.read({ secret: 'db' }, { fresh: false })).toBe('get db');
    expect(await sources.read({ secret: 'db' }, { fresh: true })).toBe('refresh db');
  });

  test('that can not be read fails as the store says', async () => {
    const failure = new AuditFailure({ cause: 'secret-access-denied', phase: 'secrets', message: 'm', remedy: 'r' });
    const denied = createSourceReader({ ...asked, get: () => Promise.reject(failure) }, {});
    expect(await failureOf(() => denied.read({ secret: 'db' }))).toBe(failure);
  });
});

describe('an environment variable', () => {
  test('is that of the environment given, not of the process', async () => {
    const sources = createSourceReader(untouched, { LAPTOP_DSN: CANARY });
    expect(await sources.read({ env: 'LAPTOP_DSN' })).toBe(CANARY);
    expect(await sources.read({ env: 'LAPTOP_DSN' }, { fresh: true })).toBe(CANARY);
    expect(process.env.PATH).toBeDefined();
    await failureOf(() => sources.read({ env: 'PATH' }));
  });

  test.each([
    ['missing', {}],
    ['undefined', { LAPTOP_DSN: undefined }],
    ['empty', { LAPTOP_DSN: '' }],
    ['spelt in another way', { laptop_dsn: CANARY }],
  ])('that is %s is named, with what to do', async (_how, environment) => {
    const error = await failureOf(() => createSourceReader(untouched, environment).read({ env: 'LAPTOP_DSN' }));
    expect(error.failure).toEqual({
      cause: 'secret-not-found',
      phase: 'secrets',
      message: 'The environment variable LAPTOP_DSN is not set',
      remedy: 'export LAPTOP_DSN=…',
    });
    expect(everythingShownOf(error)).not.toContain(CANARY);
  });
});

describe('an option', () => {
  test('is that of the command line, and nothing where it was not given', async () => {
    const sources = createSourceReader(untouched, { '--url': 'of the environment' }, { '--url': CANARY });
    expect(await sources.read({ option: '--url' })).toBe(CANARY);
    expect(await sources.read({ option: '--other' })).toBe('');
    expect(await createSourceReader(untouched, {}).read({ option: '--url' })).toBe('');
  });
});

describe('a file', () => {
  const sources = createSourceReader(untouched, {});

  test('is read again each time, byte by byte', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'sources-'));
    const file = join(folder.path, 'dsn');
    await writeFile(file, Buffer.of(0, 255, 7));
    expect([...(await sources.read({ file }))]).toEqual([0, 255, 7]);
    await writeFile(file, CANARY);
    expect(String(await sources.read({ file }))).toBe(CANARY);
  });

  test.each<[string, (folder: string) => string, string]>([
    ['does not exist', (folder) => join(folder, 'nothing'), 'ENOENT'],
    ['is a folder', (folder) => folder, 'EISDIR'],
    ['lies in a file', (folder) => join(folder, 'dsn', 'x'), 'ENOTDIR'],
  ])('that %s is named, with the reason', async (_what, path, code) => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'sources-'));
    await writeFile(join(folder.path, 'dsn'), CANARY);
    const file = path(folder.path);
    const error = await failureOf(() => sources.read({ file }));
    expect(error.failure).toMatchObject({
      cause: 'secret-not-found',
      phase: 'secrets',
      message: `The file ${file} cannot be read (${code})`,
    });
    expect(error.cause).toMatchObject({ code });
    expect(error.transient).toBe(false);
  });

  test('that may not be read is distinguished from one that does not exist', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'sources-'));
    const locked = join(folder.path, 'locked');
    await mkdir(locked, { mode: 0o700 });
    const file = join(locked, 'dsn');
    await writeFile(file, CANARY);
    await chmod(file, 0o000);
    const { failure } = await failureOf(() => asUnprivilegedUser(() => sources.read({ file })));
    expect(failure).toMatchObject({
      cause: 'secret-access-denied',
      message: `The file ${file} may not be read (EACCES)`,
      remedy: 'check its permissions',
    });
  });
});

/** Root may read every file, so as root the read is made as another user. */
async function asUnprivilegedUser<T>(read: () => Promise<T>): Promise<T> {
  const root = process.geteuid?.() === 0;
  if (root) process.seteuid?.(65_534);
  try {
    return await read();
  } finally {
    if (root) process.seteuid?.(0);
  }
}

test.each([
  [{ secret: 'prod/orders' }, 'secret prod/orders'],
  [{ secret: 'prod/orders', key: 'ca' }, 'secret prod/orders'],
  [{ env: 'LAPTOP_DSN' }, 'environment variable LAPTOP_DSN'],
  [{ file: './ca.pem' }, 'file ./ca.pem'],
  [{ option: '--url' }, 'option --url'],
])('%j is called %s', (source, name) => {
  expect(describeSource(source)).toBe(name);
});
