// What the command line says on a Node.js that can't run it. The older Node.js is this one under another number.

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
const packageJson = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
const PROGRAM = join(ROOT, packageJson.bin['pg-tls-auditor']);

interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

function runOn(version: string | undefined): Promise<Outcome> {
  const script = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`;
  const older = version === undefined ? [] : ['--import', `data:text/javascript,${encodeURIComponent(script)}`];
  return new Promise((resolve) => {
    execFile(process.execPath, [...older, PROGRAM, '--version'], (error, stdout, stderr) =>
      resolve({ exitCode: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

test.each(['18.20.8', '20.20.2', '22.22.0'])(
  'Node.js %s is refused in one line that says what is needed',
  async (version) => {
    const { exitCode, stdout, stderr } = await runOn(version);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toBe(
      `error: pg-tls-auditor needs Node.js 24 or newer, and this is ${version}. After "npm ci", npx runs it on the Node.js that ` +
        'npm installed: npx pg-tls-auditor --help\n',
    );
  },
);

test('this Node.js runs it', async () => {
  expect(await runOn(undefined)).toEqual({ exitCode: 0, stdout: `${packageJson.version}\n`, stderr: '' });
});

test('what an older Node.js loads is plain JavaScript, and imports nothing before it has looked', async () => {
  const source = await readFile(PROGRAM, 'utf8');
  const imports = [...source.matchAll(/^import .* from '(.*)';$/gm)].map(([, name]) => name);
  expect(imports.filter((name) => !name?.startsWith('node:'))).toEqual([]);
  expect(source.indexOf("await import('./pg-tls-auditor.ts')")).toBeGreaterThan(source.indexOf('process.exit(2)'));
});
