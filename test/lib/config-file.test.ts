// The configuration file of a deployment: files of targets that it names are packed in.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ConfigError, parseConfig } from '../../lambda/config/index.ts';
import { ConfigFileError, readConfigFile } from '../../lib/config-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-config-file-'));
  await mkdir(join(folder, 'conf'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const read = async (document: unknown, targets?: unknown) => {
  await writeFile(join(folder, 'conf', 'own.json'), JSON.stringify(document));
  if (targets !== undefined) await writeFile(join(folder, 'conf', 'targets.json'), JSON.stringify(targets));
  return readConfigFile({ root: folder, cwd: folder, path: 'conf/own.json' }).document;
};

test('of a configuration that does not exist it says what to do', () => {
  expect(() => readConfigFile({ root: folder, cwd: join(folder, 'conf'), path: 'missing.json' })).toThrow(
    new ConfigFileError(
      "missing.json can't be read (ENOENT): copy the example and name your own targets: cp ../auditor.config.example.json missing.json",
    ),
  );
});

test('of one that is not JSON it says where, and quotes nothing', async () => {
  await writeFile(join(folder, 'broken.json'), '{\n  "targets": [\n    { "password": "hunter2", }\n  ]\n}\n');
  expect(() => readConfigFile({ root: folder, cwd: folder, path: 'broken.json' })).toThrow(
    new ConfigFileError(
      'broken.json is not JSON: look at line 3, column 30. Comments and trailing commas are not allowed',
    ),
  );
});

test('targets of a file take the place of the rule, relative to the configuration; its own targets win', async () => {
  const document = await read(
    { targets: [{ name: 'orders', secret: 'own' }], discovery: [{ file: 'targets.json' }] },
    [
      { name: 'orders', secret: 'of the file' },
      { name: 'ledger', secret: 'ledger' },
    ].map((target) => ({ ...target, secret: target.secret.replaceAll(' ', '-') })),
  );
  expect(document).toMatchObject({ discovery: [] });
  const { targets } = parseConfig(document, { use: 'deployment' });
  expect(targets.map(({ name, credentials }) => [name, credentials])).toEqual([
    ['orders', { secret: 'own' }],
    ['ledger', { secret: 'ledger' }],
  ]);
});

test.each([
  ['does not exist', undefined, ConfigFileError, /^targets\.json can't be read \(ENOENT\)/],
  [
    'is wrong',
    [{ name: 'ledger' }],
    ConfigError,
    /^targets\.json has a problem:\n {2}targets\[0\]: names no credentials/,
  ],
  ['names a local file', [{ name: 'a', credentials: { file: 'x' } }], ConfigError, /works on the command line only/],
])('a file of targets that %s is refused before anything is deployed', async (_what, targets, kind, message) => {
  const reading = read({ discovery: [{ file: 'targets.json' }] }, targets);
  await expect(reading).rejects.toThrow(kind);
  await expect(reading).rejects.toThrow(message);
});

test.each([[{ discovery: [{ file: 'targets.json', probe: true }] }], [{ discovery: 7 }], [[]], ['x']])(
  'what is wrong with the configuration is reported by its own check: %j',
  async (document) => {
    const unchanged = await read(document);
    expect(unchanged).toEqual(document);
    expect(() => parseConfig(unchanged, { use: 'deployment' })).toThrow(ConfigError);
  },
);
