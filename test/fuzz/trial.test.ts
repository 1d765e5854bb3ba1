// The fuzzer itself: it finds what is planted, says how to find it again, and its invariants can fail.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { check, type FuzzTarget, type Property, throwingOnly } from '../../fuzz/generators/fuzz-target.ts';
import { readOptions, usage } from '../../fuzz/options.ts';
import { type Trial, tryTarget } from '../../fuzz/trial.ts';

const targetOf = (property: () => Property): FuzzTarget => ({
  name: 'planted',
  title: 'a target with a fault',
  share: 1,
  prepare: () => ({ property: property() }),
});

const planted = targetOf(() =>
  fc.property(fc.array(fc.nat()), (numbers) => check(numbers.length < 4, 'there are four numbers')),
);

function tryIt(target: FuzzTarget, options: { readonly path?: string; readonly runs?: number } = {}): Promise<Trial> {
  const { path, runs = 10_000 } = options;
  return tryTarget(target, { seed: 1, milliseconds: 20_000, runs, path, onRun: () => undefined });
}

describe('a trial', () => {
  test('finds a planted fault, makes it small, and finds it again by its path', async () => {
    const found = await tryIt(planted);
    expect(found).toMatchObject({ outcome: 'fault', input: '[[0,0,0,0]]' });
    expect(found.problem).toContain('there are four numbers');
    const again = await tryIt(planted, { runs: 1, ...(found.path === undefined ? {} : { path: found.path }) });
    expect(again).toMatchObject({ outcome: 'fault', input: found.input });
  });

  test('counts what it tried where nothing is wrong, and stops', async () => {
    const trial = await tryIt(
      targetOf(() => fc.property(fc.nat(), () => undefined)),
      { runs: 25 },
    );
    expect(trial).toMatchObject({ outcome: 'passed', runs: 25 });
  });

  test('says why a target can’t be tried', async () => {
    const target: FuzzTarget = { ...planted, prepare: () => ({ unavailable: 'no server' }) };
    expect(await tryIt(target)).toMatchObject({ outcome: 'skipped', problem: 'no server' });
  });
});

describe('throwingOnly', () => {
  test('lets documented errors pass, and no others', () => {
    const typeError = (): never => {
      throw new TypeError('x is undefined');
    };
    expect(throwingOnly(['TypeError'], typeError)).toBeUndefined();
    expect(() => throwingOnly(['ConfigError'], typeError)).toThrow('threw something else than ConfigError: TypeError');
  });
});

describe('the options', () => {
  test('name targets, seed and bounds', () => {
    const args = ['--only', 'planted', '--runs', '5', '--seed', '7', '--path', '3:0:1'];
    expect(readOptions(args, [planted])).toEqual({
      targets: [planted],
      runs: 5,
      seconds: 3600,
      seed: 7,
      path: '3:0:1',
    });
  });

  test('are a minute of every target where none are given, with a seed that is drawn', () => {
    const options = readOptions([], [planted]);
    expect(options).toMatchObject({ targets: [planted], runs: undefined, seconds: 60, path: undefined });
    expect(options?.seed).toBeGreaterThanOrEqual(0);
  });

  test('are explained', () => {
    expect(readOptions(['--help'], [planted])).toBeUndefined();
    expect(usage([planted])).toContain('planted         a target with a fault');
  });

  test.each([
    ['an unknown target', ['--only', 'nothing'], 'there is planted'],
    ['a path of no seed', ['--only', 'planted', '--path', '1:2'], '--path needs --seed'],
    ['a path that is none', ['--only', 'planted', '--seed', '1', '--path', 'x'], '--path x'],
    ['no number', ['--seconds', 'soon'], '--seconds soon'],
    ['no time', ['--seconds', '0'], '--seconds 0'],
    ['an unknown option', ['--sceonds', '3'], 'sceonds'],
  ])('refuse %s', (_what, args, problem) => {
    expect(() => readOptions(args, [planted])).toThrow(problem);
  });
});
