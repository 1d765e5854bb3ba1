// The state in a file: whose files are left alone, how it is replaced, and whose lock is taken over.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createFileState } from '../../../lambda/deliver/state/file.ts';
import { StateError } from '../../../lambda/deliver/state/store.ts';
import { EMPTY_STATE } from '../../../lambda/model/lifecycle.ts';
import { daysBefore, NOW, openFinding, stateWith, waitLimit } from './states.ts';

const SAVED = stateWith({ findings: [openFinding(1)], targets: [{ name: 'orders', takenAt: daysBefore(0) }] });

function makeFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'state-'));
  return {
    folder,
    path: join(folder, 'state.json'),
    lock: join(folder, 'state.json.lock'),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

const storeAt = (path: string) => createFileState(path, { clock: () => NOW });

async function save(path: string, state = SAVED): Promise<void> {
  await using lease = await storeAt(path).acquire(waitLimit());
  await lease.save(state);
}

describe('the file', () => {
  test('is one document, for its owner only, with nothing left beside it', async () => {
    using place = makeFolder();
    await save(place.path);
    expect(JSON.parse(readFileSync(place.path, 'utf8'))).toEqual({
      schemaVersion: 1,
      findings: [openFinding(1)],
      targets: [{ name: 'orders', takenAt: daysBefore(0) }],
      mutes: [],
    });
    expect(statSync(place.path).mode & 0o777).toBe(0o600);
    expect(readdirSync(place.folder)).toEqual(['state.json']);
  });

  test('is not written when nothing changed, and not made for an empty state', async () => {
    using place = makeFolder();
    await save(place.path, EMPTY_STATE);
    expect(readdirSync(place.folder)).toEqual([]);
    await save(place.path);
    const { ino } = statSync(place.path);
    await save(place.path);
    expect(statSync(place.path).ino, 'the same file, not one that took its place').toBe(ino);
  });

  test('behind a symbolic link is the one that is replaced', async () => {
    using place = makeFolder();
    mkdirSync(join(place.folder, 'real'));
    await save(join(place.folder, 'real', 'state.json'));
    symlinkSync(join('real', 'state.json'), place.path);
    await save(place.path, EMPTY_STATE);
    expect(await storeAt(join(place.folder, 'real', 'state.json')).read()).toEqual(EMPTY_STATE);
    expect(readdirSync(place.folder).toSorted()).toEqual(['real', 'state.json']);
  });

  test.each([
    [
      'nothing',
      '',
      /state\.json is not a state file of this auditor: it is not JSON\. It was left as it is: name another/,
    ],
    ['half a document', '{"schemaVersion":1,"findings":[{"find', /it is not JSON/],
    ['another text', 'password=hunter2', /it is not JSON/],
    ['a foreign document', '{"password":"hunter2"}', /it has no schemaVersion/],
    ['a list', '[]', /it has no schemaVersion/],
    ['a document without its parts', '{"schemaVersion":1}', /: findings: /],
    [
      'a record that is none',
      `{"schemaVersion":1,"findings":[],"targets":[{"name":"a","takenAt":"${daysBefore(0)}"},{"name":"hunter2"}],"mutes":[]}`,
      /: targets\.1\.takenAt: /,
    ],
    [
      'a name of control characters',
      JSON.stringify({
        schemaVersion: 1,
        findings: [{ ...openFinding(1), finding: { ...openFinding(1).finding, evidence: { '\u0000\u202e': null } } }],
        targets: [],
        mutes: [],
      }),
      /: findings\.0\.finding\.evidence\.\\u\{0\}\\u\{202e\}: /,
    ],
    [
      'a newer schema',
      '{"schemaVersion":2,"everything":"else"}',
      /state\.json was written by a newer version of the auditor \(schemaVersion 2, this one knows 1\): run the newer version/,
    ],
  ])('that holds %s is refused, not quoted, and left as it is', async (_, text, message) => {
    using place = makeFolder();
    writeFileSync(place.path, text);
    await expect(storeAt(place.path).read()).rejects.toThrow(StateError);
    const failure = (await storeAt(place.path)
      .acquire(waitLimit())
      .catch((error: unknown) => error)) as StateError;
    expect(failure).toBeInstanceOf(StateError);
    expect(failure.message).toMatch(message);
    expect(failure.message).not.toContain('hunter2');
    expect(readFileSync(place.path, 'utf8')).toBe(text);
    expect(readdirSync(place.folder), 'the turn is given back').toEqual(['state.json']);
  });

  test('that was spoilt during a turn is not overwritten', async () => {
    using place = makeFolder();
    await using lease = await storeAt(place.path).acquire(waitLimit());
    writeFileSync(place.path, 'somebody was here');
    await expect(lease.save(SAVED)).rejects.toThrow(/it is not JSON/);
    expect(readFileSync(place.path, 'utf8')).toBe('somebody was here');
  });

  test('that is a folder, or in none, is an error that says so', async () => {
    using place = makeFolder();
    const isFolder = storeAt(place.folder);
    await expect(isFolder.read()).rejects.toThrow(/could not be read \(EISDIR\)\. It is a folder: name a file/);
    await expect(isFolder.acquire(waitLimit())).rejects.toThrow(StateError);
    const nowhere = storeAt(join(place.folder, 'missing', 'state.json'));
    expect(await nowhere.read()).toEqual(EMPTY_STATE);
    await expect(nowhere.acquire(waitLimit())).rejects.toThrow(
      /state\.json\.lock could not be created \(ENOENT\)\. Its folder does not exist/,
    );
    writeFileSync(place.path, '');
    await expect(storeAt(join(place.path, 'state.json')).read()).rejects.toThrow(
      /\(ENOTDIR\)\. Part of its path is a file/,
    );
    expect(existsSync(`${place.folder}.lock`)).toBe(false);
  });

  test('that can not be replaced stays as it was, and is an error', async () => {
    using place = makeFolder();
    await save(place.path);
    await using lease = await storeAt(place.path).acquire(waitLimit());
    rmSync(place.path);
    mkdirSync(place.path);
    await expect(lease.save(EMPTY_STATE)).rejects.toThrow(StateError);
    expect(readdirSync(place.folder).toSorted()).toEqual(['state.json', 'state.json.lock']);
  });

  // Root may do everything.
  test.runIf(process.getuid?.() !== 0)('that we may not read or replace is an error that says so', async () => {
    using place = makeFolder();
    await save(place.path);
    chmodSync(place.path, 0o000);
    await expect(storeAt(place.path).read()).rejects.toThrow(/\(EACCES\)\. Allow the user that runs the auditor/);
    chmodSync(place.folder, 0o500);
    await expect(storeAt(place.path).acquire(waitLimit())).rejects.toThrow(
      /\(EACCES\)\. Allow the user that runs the auditor/,
    );
    chmodSync(place.folder, 0o700);
  });
});

describe('the lock of a run that died', () => {
  const lockOf = (pid: number, host = hostname()): string =>
    JSON.stringify({ token: 'of the dead', pid, host, since: daysBefore(0) });
  const hoursAgo = (hours: number): Date => new Date(Date.now() - hours * 3_600_000);

  test('is taken over by the next one at once', async () => {
    using place = makeFolder();
    await save(place.path);
    const module = join(import.meta.dirname, '..', '..', '..', 'lambda', 'deliver', 'state', 'file.ts');
    const { signal } = spawnSync(process.execPath, [
      '--input-type=module',
      '--eval',
      `const { createFileState } = await import(${JSON.stringify(module)});
       await createFileState(${JSON.stringify(place.path)}, { clock: () => new Date() }).acquire(AbortSignal.timeout(30_000));
       process.kill(process.pid, 'SIGKILL');`,
    ]);
    expect(signal).toBe('SIGKILL');
    expect(existsSync(place.lock)).toBe(true);
    await using lease = await storeAt(place.path).acquire(waitLimit());
    expect(lease.state).toEqual(SAVED);
  });

  test.each([
    ['on another machine', lockOf(1, 'elsewhere')],
    ['whose number another process has now', lockOf(process.pid)],
    ['before it wrote its name', ''],
  ])('%s is taken over a minute after it was last renewed, and not before', async (_, text) => {
    using place = makeFolder();
    writeFileSync(place.lock, text);
    await expect(storeAt(place.path).acquire(AbortSignal.timeout(600))).rejects.toThrow(StateError);
    expect(readFileSync(place.lock, 'utf8')).toBe(text);
    utimesSync(place.lock, hoursAgo(1), hoursAgo(1));
    await using _lease = await storeAt(place.path).acquire(waitLimit());
  });

  test.each([0.1, 24, 24 * 365])(
    'renewed by a clock that stood %d hours ahead is taken over at once',
    async (hours) => {
      using place = makeFolder();
      writeFileSync(place.lock, lockOf(1, 'elsewhere'));
      utimesSync(place.lock, hoursAgo(-hours), hoursAgo(-hours));
      await using _lease = await storeAt(place.path).acquire(AbortSignal.timeout(5_000));
    },
  );

  test('goes to one of many that wait for it, whatever a helper of theirs left behind', async () => {
    using place = makeFolder();
    writeFileSync(place.lock, lockOf(1, 'elsewhere'));
    writeFileSync(`${place.lock}.takeover`, '');
    for (const file of [place.lock, `${place.lock}.takeover`]) utimesSync(file, hoursAgo(1), hoursAgo(1));
    let inside = 0;
    const run = async (): Promise<void> => {
      await using _ = await storeAt(place.path).acquire(waitLimit());
      inside += 1;
      expect(inside).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inside -= 1;
    };
    await Promise.all([run(), run(), run(), run(), run(), run(), run(), run()]);
    expect(readdirSync(place.folder)).toEqual([]);
  });
});

describe('a lock that many take over, on a machine where every step takes its time,', () => {
  test('has one holder at a time', () => {
    using place = makeFolder();
    const module = join(import.meta.dirname, '..', '..', '..', 'lambda', 'deliver', 'state', 'file-lock.ts');
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [
        '--input-type=module',
        '--eval',
        `const { promises, utimesSync, writeFileSync } = await import('node:fs');
         for (const name of ['open', 'readFile', 'readdir', 'rm', 'stat']) {
           const real = promises[name];
           promises[name] = async (...args) => {
             await new Promise((resolve) => setTimeout(resolve, Math.random() < 0.7 ? 1 : 60 * Math.random()));
             return real(...args);
           };
         }
         (await import('node:module')).syncBuiltinESMExports();
         const { acquireFileLock } = await import(${JSON.stringify(module)});
         const long = new Date(Date.now() - 3_600_000);
         let most = 0;
         const round = async (number) => {
           const lock = ${JSON.stringify(place.lock)} + number;
           for (const file of [lock, lock + '.takeover']) {
             writeFileSync(file, '');
             utimesSync(file, long, long);
           }
           let inside = 0;
           const run = async () => {
             const held = await acquireFileLock(lock, { store: 'x', leaseMs: 60_000 }, AbortSignal.timeout(60_000));
             inside += 1;
             most = Math.max(most, inside);
             await new Promise((resolve) => setTimeout(resolve, 3));
             inside -= 1;
             await held[Symbol.asyncDispose]();
           };
           await Promise.all(Array.from({ length: 24 }, run));
         };
         await Promise.all(Array.from({ length: 60 }, (_, number) => round(number)));
         console.log(most);`,
      ],
      { encoding: 'utf8' },
    );
    expect({ most: stdout.trim(), stderr }).toEqual({ most: '1', stderr: '' });
    expect(readdirSync(place.folder)).toEqual([]);
  });
});

describe('what a run left behind that was killed while it saved', () => {
  test("is gone after the next run, and what is not the auditor's stays", async () => {
    using place = makeFolder();
    await save(place.path);
    const module = join(import.meta.dirname, '..', '..', '..', 'lambda', 'deliver', 'state', 'file.ts');
    const { signal } = spawnSync(process.execPath, [
      '--input-type=module',
      '--eval',
      `const { promises } = await import('node:fs');
       promises.rename = () => process.kill(process.pid, 'SIGKILL');
       (await import('node:module')).syncBuiltinESMExports();
       const { createFileState } = await import(${JSON.stringify(module)});
       const lease = await createFileState(${JSON.stringify(place.path)}, { clock: () => new Date() }).acquire(AbortSignal.timeout(30_000));
       await lease.save({ findings: new Map(), targets: new Map(), mutes: new Map() });`,
    ]);
    expect(signal).toBe('SIGKILL');
    expect(readdirSync(place.folder).toSorted()).toEqual([
      'state.json',
      expect.stringMatching(/^state\.json\..+\.tmp$/),
      'state.json.lock',
    ]);
    // Of a process that took a dead lock away and died; and files of other people.
    writeFileSync(
      `${place.lock}.takeover`,
      JSON.stringify({ token: 'x', pid: 2 ** 22 + 1, host: hostname(), since: '' }),
    );
    for (const name of ['state.json.bak', 'state.json.tmp', 'other.tmp']) writeFileSync(join(place.folder, name), '');
    await save(place.path);
    expect(readdirSync(place.folder).toSorted()).toEqual([
      'other.tmp',
      'state.json',
      'state.json.bak',
      'state.json.tmp',
    ]);
    expect(await storeAt(place.path).read()).toEqual(SAVED);
  });
});
