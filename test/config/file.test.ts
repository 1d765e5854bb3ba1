// Where the mistake in a configuration file is that is not JSON.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigFileError, readConfigDocument } from '../../lambda/config/file.ts';

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-file-'));
  file = join(folder, 'config.json');
});
afterAll(() => rm(folder, { recursive: true }));

function readIt(): unknown {
  return readConfigDocument(file, { shownAs: 'config.json', whenMissing: 'make one' });
}

async function complaint(text: string): Promise<ConfigFileError> {
  await writeFile(file, text);
  try {
    readIt();
  } catch (error) {
    if (error instanceof ConfigFileError) return error;
  }
  throw new Error('the text was accepted');
}

describe('a file that is not JSON', () => {
  test.each([
    ['a comma after the last entry of a list', '{ "targets": [\n  { "name": "a" },\n] }', 3, 1],
    ['a comma after the last setting', '{\n  "targets": [],\n}', 3, 1],
    ['a comment', '// ours\n{}', 1, 1],
    ['a comment further on', '{\n  "targets": [] // ours\n}', 2, 17],
    ['a name without quotes', '{\n  targets: []\n}', 2, 3],
    ['a misspelt literal', '{ "a": ture }', 1, 9],
    ['text after the end', '{}\n{}', 2, 1],
    ['an end that is missing', '{ "targets": [\n', 2, 1],
    ['nothing at all', '', 1, 1],
  ])('gets the place of the mistake: %s', async (_, text, line, column) => {
    expect((await complaint(text)).message).toContain(`look at line ${line}, column ${column}.`);
  });

  test('never has its text in the error, nor in its cause', async () => {
    expect(inspect(await complaint('{ "password": "hunter2", }'))).not.toContain('hunter2');
  });

  test('is pointed at where a stray character was put, wherever that was', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue(), { minLength: 1 }), async (values) => {
        const before = values.map((value) => `${JSON.stringify(value)},`).join('');
        expect((await complaint(`[${before}]`)).message).toContain(`column ${before.length + 2}.`);
      }),
      { numRuns: 50 },
    );
  });
});

test('a file with a byte order mark is read', async () => {
  await writeFile(file, '\uFEFF{"targets":[]}');
  expect(readIt()).toEqual({ targets: [] });
});
