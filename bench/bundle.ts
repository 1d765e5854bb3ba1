// Measures the size of the deployed bundle, and its load time beside an empty handler.

import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { App, Stack } from 'aws-cdk-lib';
import { labFolder } from '../lab/lab-folder.ts';
import type { ConfigInput } from '../lambda/config/index.ts';
import { PgTlsAuditor } from '../lib/pg-tls-auditor.ts';
import type { Benchmark } from './benchmark.ts';
import { alternated, atMost, median, megabytes, milliseconds, type Row } from './measure.ts';

const MOST_BYTES = 1_000_000;
const PAIRS = 21;
const WARM_UP = 3;

/** What is built and loaded: the optional parts, by how a row calls the choice. */
const DEPLOYMENTS = {
  'parts off': { state: 'none', evidence: 'none', securityHub: false },
  default: {},
  'parts on': { securityHub: true },
} as const satisfies Record<string, ConfigInput['deployment']>;

export const bundle: Benchmark = {
  name: 'bundle',
  title: 'The deployed bundle: size, and loading it against an empty handler',
  run: async () => {
    const folder = join(labFolder(), 'bundle');
    const files = await synthesised(folder);
    const empty = join(folder, 'empty.cjs');
    await writeFile(empty, 'exports.handler = async () => {};\n');
    const rows: Row[] = [];
    for (const [choice, file] of files) {
      rows.push(
        atMost(`bytes read at start, ${choice}`, await sizeAtStart(file), MOST_BYTES, megabytes),
        atMost(`uses of the network while loading, ${choice}`, await networkUses(file), 0, String),
      );
    }
    const beside: number[] = [];
    for (const [choice, file] of files) {
      const { ours, theirs } = await alternated(
        { pairs: PAIRS, warmUp: WARM_UP },
        () => loadTime(file),
        () => loadTime(empty),
      );
      rows.push({ what: `loading it, ${choice}, median of ${PAIRS}`, value: milliseconds(median(ours)) });
      beside.push(...theirs);
    }
    rows.push({ what: 'loading an empty handler', value: milliseconds(median(beside)) });
    const processes = await alternated(
      { pairs: PAIRS, warmUp: WARM_UP },
      () => processTime(files.get('default') ?? empty),
      () => processTime(empty),
    );
    return [
      ...rows,
      { what: 'whole process that loads it, default', value: milliseconds(median(processes.ours)) },
      { what: 'whole process that loads an empty handler', value: milliseconds(median(processes.theirs)) },
      { what: 'ratio of the two processes', value: processes.ratio.toFixed(2) },
    ];
  },
};

/**
 * Synthesises a stack for each choice and finds what it would upload. The lab's folder goes however this process ends.
 */
async function synthesised(folder: string): Promise<ReadonlyMap<string, string>> {
  await mkdir(folder);
  const app = new App({ outdir: join(folder, 'cdk.out'), analyticsReporting: false });
  const stack = new Stack(app, 'Databases');
  // The name of the target tells the bundles apart.
  for (const [index, deployment] of Object.values(DEPLOYMENTS).entries()) {
    const config: ConfigInput = {
      alerts: { email: ['dba@example.com'] },
      deployment,
      targets: [{ name: `choice-${index}`, secret: 'prod/orders' }],
    };
    new PgTlsAuditor(stack, `Auditor${index}`, { config });
  }
  const { directory } = app.synth();
  const assets = (await readdir(directory)).filter((name) => name.startsWith('asset.'));
  const byTarget = new Map<string | undefined, string>();
  for (const asset of assets) {
    const config = await readFile(join(directory, asset, 'auditor.config.json'), 'utf8');
    byTarget.set((JSON.parse(config) as ConfigInput).targets?.[0]?.name, join(directory, asset, 'index.js'));
  }
  return new Map(
    Object.keys(DEPLOYMENTS).map((choice, index) => {
      const file = byTarget.get(`choice-${index}`);
      if (file === undefined) throw new Error(`the stack in ${directory} has no bundle for ${choice}`);
      return [choice, file];
    }),
  );
}

/** Bytes of the scripts that are loaded with a module. */
async function sizeAtStart(module: string): Promise<number> {
  const script = `
    require(process.argv[1]);
    const { statSync } = require('node:fs');
    console.log(Object.keys(require.cache).reduce((sum, file) => sum + statSync(file).size, 0));`;
  return Number(await inProcess(script, module));
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
