// Bundles the function for real, once, and looks at what would be uploaded.

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { App, Stack } from 'aws-cdk-lib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../lambda/config.ts';
import { PgTlsAuditor } from '../../lib/pg-tls-auditor.ts';
import { MINIMAL } from './synthesis.ts';

const ONE_MB = 1_000_000;
const OTHER: ConfigInput = {
  ...MINIMAL,
  targets: [{ name: 'billing', secret: 'prod/billing', labels: { team: "it's ours" } }],
};

let folder: string;
/** The folders to upload, of two auditors in one app. */
let bundles: readonly string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-bundle-'));
  // A quote in the path, as a person's home folder may have one.
  const app = new App({ outdir: join(folder, "cdk's out") });
  const stack = new Stack(app, 'Databases');
  new PgTlsAuditor(stack, 'Orders', { config: MINIMAL });
  new PgTlsAuditor(stack, 'Billing', { config: OTHER });
  const { directory } = app.synth();
  bundles = (await readdir(directory)).filter((name) => name.startsWith('asset.')).map((name) => join(directory, name));
}, 60_000);
afterAll(() => rm(folder, { recursive: true }));

test('is one script under 1 MB with a source map, beside its configuration', async () => {
  for (const bundle of bundles) {
    expect((await readdir(bundle)).sort()).toEqual(['auditor.config.json', 'index.js', 'index.js.map', 'package.json']);
    expect((await stat(join(bundle, 'index.js'))).size).toBeLessThan(ONE_MB);
  }
});

test('holds the configuration as it was written, each auditor its own', async () => {
  const configs = await Promise.all(
    bundles.map(async (bundle) => JSON.parse(await readFile(join(bundle, 'auditor.config.json'), 'utf8'))),
  );
  expect(configs).toHaveLength(2);
  expect(configs).toEqual(expect.arrayContaining([MINIMAL, OTHER]));
});

test('loads without a socket, a name look-up or another file, and exports the handler', async () => {
  const guard = join(folder, 'no-network.cjs');
  await writeFile(
    guard,
    `for (const [module, names] of [
      [require('node:net'), ['connect', 'createConnection']],
      [require('node:dns'), ['lookup', 'resolve', 'resolve4', 'resolve6']],
      [require('node:dgram'), ['createSocket']],
      [require('node:child_process'), ['spawn', 'execFile', 'fork']],
    ]) for (const name of names) module[name] = () => { throw new Error(name + ' was called while loading'); };
    require('node:net').Socket.prototype.connect = () => { throw new Error('a socket was opened while loading'); };
    globalThis.fetch = () => { throw new Error('fetch was called while loading'); };`,
  );
  const script = `
    const loaded = await import(process.argv[1]);
    console.log(typeof loaded.handler);`;
  const [bundle = ''] = bundles;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--enable-source-maps', '--require', guard, '--input-type=module', '-e', script, join(bundle, 'index.js')],
    // As bare as it gets: no AWS variables, no other module within reach.
    { cwd: folder, env: { AWS_REGION: 'eu-west-1', ALERT_TOPIC_ARN: 'arn:aws:sns:eu-west-1:123456789012:alerts' } },
  );
  expect(stdout).toBe('function\n');
});
