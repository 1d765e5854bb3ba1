// Runs fuzz targets in a process of its own, so that its parent sees crashes and hangs.
//
// Arguments: a file for the progress, then JSON with the seed and the targets. Writes a line of JSON for each trial.

import { openSync, writeSync } from 'node:fs';
import { TARGETS } from './targets.ts';
import { tryTarget } from './trial.ts';

export interface Assignment {
  readonly seed: number;
  readonly path: string | undefined;
  readonly runs: number;
  readonly targets: readonly { readonly name: string; readonly milliseconds: number }[];
}

const [, , progressFile = '', assignment = '{}'] = process.argv;
const { seed, path, runs, targets } = JSON.parse(assignment) as Assignment;
const progress = openSync(progressFile, 'w');

/** Written before each input: of a process that hangs or dies it is all that is left. */
function note(target: string, index: number): void {
  writeSync(progress, `${target} ${index}`.padEnd(64), 0);
}

for (const { name, milliseconds } of targets) {
  const target = TARGETS.find((one) => one.name === name);
  if (target === undefined) throw new TypeError(`there is no target ${name}`);
  note(name, -1);
  const trial = await tryTarget(target, { seed, path, runs, milliseconds, onRun: (index) => note(name, index) });
  process.stdout.write(`${JSON.stringify(trial)}\n`);
}
process.exit(0);
