// Files with secrets that others can read are named, with what to do.

import { chmod, mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { looseFiles } from '../../bin/command-line/targets/loose-files.ts';
import { targetOf } from '../../lab/collector.ts';

test.each([
  [0o600, false],
  [0o400, false],
  [0o604, true],
  [0o644, true],
  [0o606, true],
])('a file of credentials with the mode %o', async (mode, isLoose) => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'loose-'));
  const file = join(folder.path, 'dsn');
  await writeFile(file, 'x');
  await chmod(file, mode);
  const target = targetOf({ credentials: { file }, clientCertificate: { certificateFile: '/', keyFile: file } });
  const expected = `warning: ${file} holds a secret, and others can read it (mode ${mode.toString(8)}): chmod 600 ${file}`;
  expect(looseFiles([target, target])).toEqual(isLoose ? [expected] : []);
});

test('certificates, secrets and files that are not there are no matter', () => {
  const certificate = targetOf({ clientCertificate: { certificateFile: import.meta.filename, keyFile: '/none' } });
  expect(looseFiles([certificate, targetOf({ credentials: { secret: 'x' } })])).toEqual([]);
});
