// Runs one fuzz target for a limited time and returns the result.

import fc from 'fast-check';
import type { FuzzTarget } from './generators/fuzz-target.ts';

/** How long and from where. */
export interface TrialOptions {
  readonly seed: number;
  /** Milliseconds, at most. */
  readonly milliseconds: number;
  /** Inputs, at most. */
  readonly runs: number;
  /** Where fast-check begins again: of a fault found before. */
  readonly path: string | undefined;
  /** Called before each input, with how many came before it. */
  readonly onRun: (index: number) => void;
}

export interface Trial {
  readonly target: string;
  readonly outcome: 'passed' | 'fault' | 'skipped';
  readonly runs: number;
  readonly milliseconds: number;
  /** Of a fault: where fast-check finds it again, the smallest input it knows, and what is wrong. */
  readonly path?: string | undefined;
  readonly input?: string | undefined;
  readonly problem?: string | undefined;
}

const LONGEST_INPUT = 6_000;

export async function tryTarget(target: FuzzTarget, options: TrialOptions): Promise<Trial> {
  const started = performance.now();
  const trial = (rest: Omit<Trial, 'target' | 'milliseconds'>): Trial => ({
    target: target.name,
    milliseconds: Math.round(performance.now() - started),
    ...rest,
  });
  const prepared = await target.prepare();
  if ('unavailable' in prepared) return trial({ outcome: 'skipped', runs: 0, problem: prepared.unavailable });
  let runs = 0;
  const { property, dispose } = prepared;
  property.beforeEach(() => {
    options.onRun(runs);
    runs += 1;
  });
  try {
    const details = await fc.check(property as fc.IAsyncProperty<unknown>, {
      seed: options.seed,
      numRuns: options.runs,
      ...(options.path === undefined ? {} : { path: options.path }),
      interruptAfterTimeLimit: options.milliseconds,
      markInterruptAsFailure: false,
    });
    if (!details.failed) return trial({ outcome: 'passed', runs });
    const { errorInstance } = details;
    return trial({
      outcome: 'fault',
      runs,
      path: details.counterexamplePath ?? undefined,
      input: cut(fc.stringify(details.counterexample)),
      problem: cut(errorInstance instanceof Error ? (errorInstance.stack ?? errorInstance.message) : 'no error'),
    });
  } finally {
    await dispose?.();
  }
}

/** Long runs of one character say nothing. */
function cut(whole: string): string {
  const text = whole.replaceAll(/(.)\1{80,}/gs, (run, character: string) => `${character}(${run.length} times)`);
  return text.length <= LONGEST_INPUT ? text : `${text.slice(0, LONGEST_INPUT)}… (${text.length} characters)`;
}
