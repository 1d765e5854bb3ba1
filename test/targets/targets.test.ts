// The contract of sources of targets, and a second source in one file that is registered beside the configuration.

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type Config, parseConfig } from '../../lambda/config/index.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import { listTargets, TARGET_SOURCES, type TargetSourceFactory } from '../../lambda/targets/index.ts';
import { listedByTags } from './listed-by-tags.ts';

const config: Config = parseConfig(
  { targets: ['orders', 'billing'].map((name) => ({ name, secret: name })) },
  { use: 'deployment' },
);
const names = (targets: readonly { readonly name: string }[]): string[] => targets.map(({ name }) => name);

const failing: TargetSourceFactory = () => async () => unknown('RDS could not be listed (AccessDenied)');
const broken: TargetSourceFactory = () => async () => {
  throw new TypeError('canary-Xq7');
};
const hanging: TargetSourceFactory = () => () => sleep(600_000, known([]), { ref: false });

describe('every source', () => {
  test.each([...TARGET_SOURCES, listedByTags].map((source) => ({ name: source.name, source })))(
    '$name lists each of its targets once, complete with their settings',
    async ({ source }) => {
      const list = await source(config)(new AbortController().signal);
      if (!list.known) throw new Error(list.reason);
      expect(list.value).not.toEqual([]);
      expect(new Set(names(list.value)).size).toBe(list.value.length);
      for (const target of list.value) expect(Object.keys(target)).toEqual(Object.keys(config.targets[0] ?? {}));
    },
  );
});

describe('the list of targets', () => {
  test('is the configuration', async () => {
    const { found, all } = await listTargets(TARGET_SOURCES, config);
    expect(names(found)).toEqual(['orders', 'billing']);
    expect(all).toEqual(known(found));
  });

  test('takes in a second source that is registered beside it', async () => {
    const { found, all } = await listTargets([...TARGET_SOURCES, listedByTags], config);
    expect(names(found)).toEqual(['orders', 'billing', 'crm']);
    expect(all.known).toBe(true);
  });

  test.each([
    ['says that it does not know', failing, 'RDS could not be listed (AccessDenied)'],
    ['throws', broken, 'a source of targets failed (TypeError)'],
  ])('is incomplete where a source %s, and keeps the targets of the others', async (_what, source, reason) => {
    const { found, all } = await listTargets([source, ...TARGET_SOURCES], config);
    expect(names(found)).toEqual(['orders', 'billing']);
    expect(all).toEqual(unknown(reason));
  });

  test('is incomplete where a source does not answer until the run has no time left', async () => {
    for (const signal of [AbortSignal.timeout(20), AbortSignal.abort()]) {
      const { found, all } = await listTargets([...TARGET_SOURCES, hanging], config, signal);
      expect(names(found)).toEqual(['orders', 'billing']);
      expect(all).toEqual(unknown('a source of targets did not answer in time'));
    }
  });

  test('is incomplete where two sources give a target the same name: one of them is not audited', async () => {
    const { found, all } = await listTargets([...TARGET_SOURCES, ...TARGET_SOURCES], config);
    expect(names(found)).toEqual(['orders', 'billing']);
    expect(all).toMatchObject({ known: false, reason: expect.stringContaining('two sources name a target "orders"') });
  });
});
