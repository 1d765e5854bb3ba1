// Fuzzes the parsers of external input, and audits servers that mutate a real session.
// Exit 0: no fault; 1: a fault, with the command that shows it again; 2: bad usage.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempDisposable, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Options, readOptions, usage } from './options.ts';
import { TARGETS } from './targets.ts';
import type { Trial } from './trial.ts';
import type { Assignment } from './worker.ts';

/** For a run that is bounded by time. */
const MOST_RUNS = 100_000_000;
/**
 * Milliseconds for one input, beyond which it counts as hanging, and for what a target starts before the first. The
 * slowest take 12 s on a busy machine.
 */
const HANGING = 90_000;
/** MiB of JavaScript objects; what a Lambda function of 1 GB has. */
const HEAP = 700;

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof TypeError ? `${error.message}\n\n${usage(TARGETS)}` : error);
  process.exitCode = 2;
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2), TARGETS);
  if (options === undefined) {
    console.log(usage(TARGETS));
    return 0;
  }
  const { seed, seconds, runs, targets } = options;
  const bound = runs === undefined ? `${seconds} s` : `${runs} inputs each, ${seconds} s at most`;
  console.log(`seed ${seed}, ${targets.length} targets, ${bound}\n`);
  const trials = await tryAll(options);
  const faults = trials.filter(({ outcome }) => outcome === 'fault');
  const inputs = trials.reduce((sum, trial) => sum + trial.runs, 0);
  console.log(`\n${inputs} inputs, ${faults.length === 0 ? 'no fault' : `${faults.length} FAULTS`}, seed ${seed}`);
  return faults.length === 0 ? 0 : 1;
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
    const { seed, path, runs = MOST_RUNS } = options;
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
