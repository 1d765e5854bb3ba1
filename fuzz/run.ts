// Fuzzes the auditor: generated input into everything that reads what comes from outside, and a real audit beside servers
// that mutate an honest session. Exit 0: no fault; 1: a fault, with the command that shows it again; 2: bad usage.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempDisposable, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import type { FuzzTarget } from './fuzz-target.ts';
import { TARGETS } from './targets.ts';
import type { Trial } from './trial.ts';
import type { Assignment } from './worker.ts';

const DEFAULT_SECONDS = 60;
/** With `--runs` alone, so that something ends it in any case. */
const MOST_SECONDS = 3_600;
const MOST_RUNS = 100_000_000;
/** Milliseconds for one input, beyond which it counts as hanging. The slowest takes 12 s on a busy machine. */
const HANGING = 60_000;
/** MiB of JavaScript objects; what a Lambda function of 1 GB has. */
const HEAP = 700;

const USAGE = `Usage: npm run fuzz -- [--seconds N] [--runs N] [--seed S] [--only NAME]... [--path PATH]

Generates input for everything that reads what comes from outside, and checks what must
hold for all of it. Stops after N seconds (${DEFAULT_SECONDS} by default), shared among the targets, or
after N inputs for each target.

  --seconds N  time in all
  --runs N     inputs for each target
  --seed S     what inputs are made from; without it a random one, which is printed
  --only NAME  this target, and others so named
  --path PATH  begin at an input found before; with --seed and one --only
  --help       this text

${TARGETS.map(({ name, title }) => `  ${name.padEnd(16)}${title}`).join('\n')}

Exit code: 0 no fault, 1 a fault, 2 bad usage.`;

interface Options {
  readonly seed: number;
  readonly seconds: number;
  readonly runs: number;
  readonly path: string | undefined;
  readonly targets: readonly FuzzTarget[];
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof TypeError ? `${error.message}\n\n${USAGE}` : error);
  process.exitCode = 2;
}

async function main(): Promise<number> {
  const options = readOptions();
  if (options === undefined) {
    console.log(USAGE);
    return 0;
  }
  const { seed, seconds, runs, targets } = options;
  const bound = runs === MOST_RUNS ? `${seconds} s` : `${runs} inputs each, ${seconds} s at most`;
  console.log(`seed ${seed}, ${targets.length} targets, ${bound}\n`);
  const trials = await tryAll(options);
  const faults = trials.filter(({ outcome }) => outcome === 'fault');
  const inputs = trials.reduce((sum, trial) => sum + trial.runs, 0);
  console.log(`\n${inputs} inputs, ${faults.length === 0 ? 'no fault' : `${faults.length} FAULTS`}, seed ${seed}`);
  return faults.length === 0 ? 0 : 1;
}

function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string' },
      runs: { type: 'string' },
      seed: { type: 'string' },
      only: { type: 'string', multiple: true },
      path: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return undefined;
  const targets = values.only?.map(named) ?? TARGETS;
  if (values.path !== undefined && (targets.length !== 1 || values.seed === undefined)) {
    throw new TypeError('--path needs --seed and one --only: it is a place among the inputs of one target');
  }
  if (values.path !== undefined && !/^\d+(:\d+)*$/.test(values.path)) {
    throw new TypeError(`--path ${values.path}: numbers with colons between, as printed with a fault`);
  }
  const runs = whole('runs', values.runs, MOST_RUNS);
  return {
    targets,
    runs: runs ?? MOST_RUNS,
    seconds: whole('seconds', values.seconds, MOST_SECONDS) ?? (runs === undefined ? DEFAULT_SECONDS : MOST_SECONDS),
    seed: whole('seed', values.seed, 0x7fff_ffff) ?? randomInt(0x7fff_ffff),
    path: values.path,
  };
}

function whole(name: string, text: string | undefined, most: number): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,10}$/.test(text) || Number(text) > most || (name !== 'seed' && Number(text) === 0)) {
    throw new TypeError(`--${name} ${text}: a whole number up to ${most}`);
  }
  return Number(text);
}

function named(name: string): FuzzTarget {
  const found = TARGETS.find((target) => target.name === name);
  if (found !== undefined) return found;
  throw new TypeError(`--only ${name}: there is ${TARGETS.map((target) => target.name).join(', ')}`);
}

/** One process after the other: a target that ends its process, or hangs in it, costs the others nothing. */
async function tryAll(options: Options): Promise<readonly Trial[]> {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'pg-tls-fuzz-'));
  const shares = options.targets.reduce((sum, { share }) => sum + share, 0);
  const times = new Map(
    options.targets.map(({ name, share }) => [name, Math.round((options.seconds * 1000 * share) / shares)]),
  );
  const trials: Trial[] = [];
  for (;;) {
    const left = options.targets.filter(({ name }) => !trials.some(({ target }) => target === name));
    if (left.length === 0) return trials;
    const { seed, path, runs } = options;
    const assignment: Assignment = {
      seed,
      path,
      runs,
      targets: left.map(({ name }) => ({ name, milliseconds: times.get(name) ?? 0 })),
    };
    const before = trials.length;
    const died = await work(join(folder.path, 'progress'), assignment, (trial) => {
      trials.push(trial);
      show(trial, options);
    });
    const [current] = left.slice(trials.length - before);
    if (current === undefined) continue;
    const trial: Trial = { target: current.name, outcome: 'fault', milliseconds: 0, ...died };
    trials.push(trial);
    show(trial, options);
  }
}

/** @returns of the target that was being tried when the process ended */
async function work(
  progressFile: string,
  assignment: Assignment,
  onTrial: (trial: Trial) => void,
): Promise<Pick<Trial, 'runs' | 'path' | 'problem'>> {
  const worker = spawn(
    process.execPath,
    [
      `--max-old-space-size=${HEAP}`,
      '--no-warnings',
      join(import.meta.dirname, 'worker.ts'),
      progressFile,
      JSON.stringify(assignment),
    ],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  let complaint = '';
  worker.stderr.on('data', (chunk: Buffer) => {
    complaint = `${complaint}${chunk}`.slice(-4_000);
  });
  createInterface({ input: worker.stdout }).on('line', (line) => onTrial(JSON.parse(line) as Trial));
  const stop = (): void => void worker.kill('SIGKILL');
  process.once('exit', stop);
  let hung = false;
  const watch = watchForHanging(progressFile, worker, () => {
    hung = true;
  });
  const [code, signal] = (await once(worker, 'close')) as [number | null, string | null];
  clearInterval(watch);
  process.off('exit', stop);
  const index = Number(/ (\d+)/.exec(await readProgress(progressFile))?.[1] ?? 0);
  const how = hung ? `one input took longer than ${HANGING / 1000} s` : `the process ended (${signal ?? code})`;
  return { runs: index, path: String(index), problem: `${how}\n${complaint}`.trim() };
}

function watchForHanging(progressFile: string, worker: ChildProcess, onHang: () => void): NodeJS.Timeout {
  let last = '';
  let since = performance.now();
  return setInterval(async () => {
    const now = await readProgress(progressFile);
    if (now !== last) {
      last = now;
      since = performance.now();
    } else if (performance.now() - since > HANGING) {
      onHang();
      worker.kill('SIGKILL');
    }
  }, 1_000);
}

async function readProgress(progressFile: string): Promise<string> {
  return await readFile(progressFile, 'utf8').catch(() => '');
}

function show(trial: Trial, { seed }: Options): void {
  const { target, outcome, runs, milliseconds, path, input, problem } = trial;
  const seconds = (milliseconds / 1000).toFixed(1);
  const heading = `${target.padEnd(16)}${String(runs).padStart(9)} inputs in ${seconds.padStart(6)} s`;
  if (outcome === 'passed') {
    console.log(heading);
    return;
  }
  if (outcome === 'skipped') {
    console.log(`${heading}  skipped: ${problem}`);
    return;
  }
  console.log(`${heading}  FAULT\n`);
  console.log(`  ${(problem ?? '').replaceAll('\n', '\n  ')}\n`);
  if (input !== undefined) console.log(`  input: ${input}\n`);
  console.log(`  again: npm run fuzz -- --only ${target} --seed ${seed} --path ${path ?? 0} --runs 1\n`);
}
