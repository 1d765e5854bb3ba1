// Parses the options of `npm run fuzz`.

import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import type { FuzzTarget } from './generators/fuzz-target.ts';

const DEFAULT_SECONDS = 60;
/** With `--runs` alone, so that something ends it in any case. */
const MOST_SECONDS = 3_600;
const MOST_RUNS = 100_000_000;

/** What `--help` shows. */
export function usage(targets: readonly FuzzTarget[]): string {
  return `Usage: npm run fuzz -- [--seconds N] [--runs N] [--seed S] [--only NAME]... [--path PATH]

Generates input for everything that reads what comes from outside, and checks what must
hold for all of it. Stops after N seconds (${DEFAULT_SECONDS} by default), shared among the targets, or
after N inputs for each target.

  --seconds N  time in all
  --runs N     inputs for each target
  --seed S     what inputs are made from; without it a random one, which is printed
  --only NAME  this target, and others so named
  --path PATH  begin at an input found before; with --seed and one --only
  --help       this text

${targets.map(({ name, title }) => `  ${name.padEnd(16)}${title}`).join('\n')}

Exit code: 0 no fault, 1 a fault, 2 bad usage.`;
}

export interface Options {
  readonly seed: number;
  readonly seconds: number;
  /** Of each target; undefined where only time bounds them. */
  readonly runs: number | undefined;
  readonly path: string | undefined;
  readonly targets: readonly FuzzTarget[];
}

/**
 * @returns undefined where help was asked for
 * @throws TypeError
 */
export function readOptions(args: readonly string[], all: readonly FuzzTarget[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
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
  const targets = values.only?.map((name) => named(name, all)) ?? all;
  if (values.path !== undefined && (targets.length !== 1 || values.seed === undefined)) {
    throw new TypeError('--path needs --seed and one --only: it is a place among the inputs of one target');
  }
  if (values.path !== undefined && !/^\d+(:\d+)*$/.test(values.path)) {
    throw new TypeError(`--path ${values.path}: numbers with colons between, as printed with a fault`);
  }
  const runs = whole('runs', values.runs, MOST_RUNS);
  return {
    targets,
    runs,
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

function named(name: string, all: readonly FuzzTarget[]): FuzzTarget {
  const found = all.find((target) => target.name === name);
  if (found !== undefined) return found;
  throw new TypeError(`--only ${name}: there is ${all.map((target) => target.name).join(', ')}`);
}
