// The bundle as it is deployed: its size, and how long it takes to load beside a handler that does nothing.

import { execFile } from 'node:child_process';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { App, Stack } from 'aws-cdk-lib';
import { PgTlsAuditor } from '../lib/pg-tls-auditor.ts';
import { labFolder } from '../test/support/lab-folder.ts';
import type { Benchmark } from './benchmark.ts';
import { alternated, atMost, median, megabytes, milliseconds } from './measure.ts';

const MOST_BYTES = 1_000_000;
const PAIRS = 21;
const WARM_UP = 3;

export const bundle: Benchmark = {
  name: 'bundle',
  title: 'The deployed bundle: size, and loading it against an empty handler',
  run: async () => {
    const folder = join(labFolder(), 'bundle');
    const file = await synthesised(folder);
    const empty = join(folder, 'empty.cjs');
    await writeFile(empty, 'exports.handler = async () => {};\n');
    const { ours, theirs } = await alternated(
      { pairs: PAIRS, warmUp: WARM_UP },
      () => loadTime(file),
      () => loadTime(empty),
    );
    const processes = await alternated(
      { pairs: PAIRS, warmUp: WARM_UP },
      () => processTime(file),
      () => processTime(empty),
    );
    return [
      atMost('size', (await stat(file)).size, MOST_BYTES, megabytes),
      atMost('uses of the network while loading', await networkUses(file), 0, String),
      { what: `loading it, median of ${PAIRS}`, value: milliseconds(median(ours)) },
      { what: 'loading an empty handler', value: milliseconds(median(theirs)) },
      { what: 'whole process that loads it', value: milliseconds(median(processes.ours)) },
      { what: 'whole process that loads an empty handler', value: milliseconds(median(processes.theirs)) },
      { what: 'ratio of the two processes', value: processes.ratio.toFixed(2) },
    ];
  },
};

/** Synthesises the stack and finds what it would upload. The lab's folder goes however this process ends. */
async function synthesised(folder: string): Promise<string> {
  await mkdir(folder);
  const app = new App({ outdir: join(folder, 'cdk.out'), analyticsReporting: false });
  const config = { alerts: { email: ['dba@example.com'] }, targets: [{ name: 'orders', secret: 'prod/orders' }] };
  new PgTlsAuditor(new Stack(app, 'Databases'), 'Auditor', { config });
  const { directory } = app.synth();
  const asset = (await readdir(directory)).find((name) => name.startsWith('asset.'));
  if (asset === undefined) throw new Error(`the stack in ${directory} has no bundle`);
  return join(directory, asset, 'index.js');
}

/** Milliseconds that a new process takes to load a module, as it says itself. */
async function loadTime(module: string): Promise<number> {
  const script = 'const start = performance.now(); require(process.argv[1]); console.log(performance.now() - start);';
  return Number(await inProcess(script, module));
}

/** Milliseconds from the start of a process that loads a module to its end. */
async function processTime(module: string): Promise<number> {
  const start = performance.now();
  await inProcess('require(process.argv[1])', module);
  return performance.now() - start;
}

/** How many sockets were made and names looked up. */
async function networkUses(module: string): Promise<number> {
  const script = `
    let uses = 0;
    const init = (id, type) => { if (/TCP|UDP|ADDRINFO|QUERYWRAP/.test(type)) uses += 1; };
    require('node:async_hooks').createHook({ init }).enable();
    require(process.argv[1]);
    setTimeout(() => console.log(uses), 200);`;
  return Number(await inProcess(script, module));
}

async function inProcess(script: string, module: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--enable-source-maps', '-e', script, module], {
    // What the function has, and nothing of this machine's.
    env: { AWS_REGION: 'eu-west-1', ALERT_TOPIC_ARN: 'arn:aws:sns:eu-west-1:123456789012:alerts' },
  });
  return stdout;
}
