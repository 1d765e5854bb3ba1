// The contract of sources of targets, and a second source in one file that is registered beside the configuration.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { startAwsEndpoint } from '../../lab/aws.ts';
import { rdsInstance } from '../../lab/aws-rds.ts';
import { type Config, parseConfig } from '../../lambda/config/index.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import { systemClock } from '../../lambda/model/time.ts';
import { listTargets, TARGET_SOURCES, type TargetSourceFactory } from '../../lambda/targets/index.ts';
import { listedByTags } from './listed-by-tags.ts';

const config: Config = parseConfig(
  { targets: ['orders', 'billing'].map((name) => ({ name, secret: name })) },
  { use: 'deployment' },
);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-sources-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** A configuration that names a file with these targets, and the file. */
async function withFile(document: unknown, more: object = {}): Promise<Config> {
  await writeFile(join(folder, 'targets.json'), typeof document === 'string' ? document : JSON.stringify(document));
  return parseConfig({ discovery: [{ file: 'targets.json' }], ...more }, { use: 'command-line' });
}

const context = () => ({ folder, clock: systemClock });
const names = (targets: readonly { readonly name: string }[]): string[] => targets.map(({ name }) => name);

const failing: TargetSourceFactory = () => async () => unknown('RDS could not be listed (AccessDenied)');
const broken: TargetSourceFactory = () => async () => {
  throw new TypeError('canary-Xq7');
};
const hanging: TargetSourceFactory = () => () => sleep(600_000, known([]), { ref: false });

describe('every source', () => {
  afterEach(() => void vi.unstubAllEnvs());

  test.each([...TARGET_SOURCES, listedByTags].map((source) => ({ name: source.name, source })))(
    '$name lists each of its targets once, complete with their settings',
    async ({ source }) => {
      await using aws = await startAwsEndpoint();
      aws.rds.set({ account: '123456789012', region: 'eu-west-1' }, { instances: [rdsInstance('shop')] });
      for (const [name, value] of Object.entries(aws.environment())) vi.stubEnv(name, value);
      const filled = await withFile([{ name: 'ledger', secret: 'ledger' }], {
        targets: ['orders', 'billing'].map((name) => ({ name, secret: name })),
        discovery: [
          { file: 'targets.json' },
          { rds: { regions: ['eu-west-1'] }, credentials: 'iam', role: 'tls_auditor' },
        ],
      });
      const list = await source(filled, context())(new AbortController().signal);
      if ('known' in list && !list.known) throw new Error(list.reason);
      const targets = 'known' in list ? list.value : list.targets;
      expect(targets).not.toEqual([]);
      expect(new Set(names(targets)).size).toBe(targets.length);
      for (const target of targets) expect(Object.keys(target)).toEqual(Object.keys(filled.targets[0] ?? {}));
    },
  );
});

describe('a file of targets', () => {
  const list = async (document: unknown, more: object = {}) =>
    await listTargets(TARGET_SOURCES, await withFile(document, more), undefined, context());

  test.each([
    ['a list', [{ name: 'ledger', secret: 'prod/ledger' }]],
    ['an object with targets', { targets: [{ name: 'ledger', secret: 'prod/ledger' }] }],
  ])('is %s, with the defaults of the configuration', async (_what, document) => {
    const { found, all, choices } = await list(document, { defaults: { timeoutSeconds: 7, ca: { secret: 'ca' } } });
    expect(found).toMatchObject([
      { name: 'ledger', credentials: { secret: 'prod/ledger' }, timeoutMs: 7000, ca: [{ secret: 'ca' }] },
    ]);
    // A file, and discovery as a whole, are places: what is found about them is about no database.
    const places = ['file:targets.json', 'discovery:all'].map((name) => ({ name, labels: {} }));
    expect(all).toEqual(known([...found, ...places]));
    expect(choices).toMatchObject([{ name: 'ledger', taken: true, reason: 'targets.json names it' }]);
  });

  test.each([
    [
      'wrong settings, each by its path',
      [{ name: 'ledger', secret: 'x', port: 70_000 }, { name: 'no credentials' }],
      /targets\.json has 3 problems: .*targets\[0\]\.port: must be .*got 70000; .*targets\[1\]/,
    ],
    ['other settings', { targets: [{ name: 'ledger', secret: 'x' }], mutes: [] }, /mutes: is not a setting/],
    ['no targets', [], /targets: must name at least one target/],
    ['something else than a list', 7, /targets: must be a list/],
    ['no JSON', '[{"name":', /targets\.json is not JSON: look at line 1/],
    ['a name that two targets have', ['a', 'a'].map((name) => ({ name, secret: 'x' })), /must be unique/],
  ])('with %s makes the list incomplete, and says why on one line', async (_what, document, reason) => {
    const { found, all } = await list(document, { targets: [{ name: 'orders', secret: 'orders' }] });
    expect(names(found)).toEqual(['orders']);
    expect(all).toMatchObject({ known: false, reason: expect.stringMatching(reason) });
    expect(all).toMatchObject({ reason: expect.not.stringContaining('\n') });
  });

  test('that does not exist makes the list incomplete: nothing is resolved because of it', async () => {
    const missing = parseConfig({ discovery: [{ file: 'missing.json' }] }, { use: 'command-line' });
    const { found, all } = await listTargets(TARGET_SOURCES, missing, undefined, context());
    expect(found).toEqual([]);
    expect(all).toMatchObject({ known: false, reason: expect.stringContaining("missing.json can't be read (ENOENT)") });
  });

  test('gives way to a target of the configuration with the same name, or the same endpoint', async () => {
    const { found, all, choices } = await list(
      [
        { name: 'orders', secret: 'other' },
        { name: 'orders-2', secret: 'other', host: 'Orders.example.com' },
        { name: 'ledger', secret: 'other', host: 'orders.example.com', port: 5433 },
      ],
      { targets: [{ name: 'orders', secret: 'orders', host: 'orders.example.com' }] },
    );
    expect(found.map(({ name, credentials }) => [name, credentials])).toEqual([
      ['orders', { secret: 'orders' }],
      ['ledger', { secret: 'other' }],
    ]);
    expect(all.known).toBe(true);
    expect(choices.filter(({ taken }) => !taken).map(({ name, reason }) => `${name}: ${reason}`)).toEqual([
      'orders: the configuration has a target with this name',
      'orders-2: the target orders of the configuration has this endpoint',
    ]);
  });

  test('wins over a rule that finds the same endpoint, or the same name', async () => {
    await using aws = await startAwsEndpoint();
    const place = { account: '123456789012', region: 'eu-west-1' };
    aws.rds.set(place, { instances: [rdsInstance('shop'), rdsInstance('ledger'), rdsInstance('crm')] });
    for (const [name, value] of Object.entries(aws.environment())) vi.stubEnv(name, value);
    const host = 'shop.abcdefghijkl.eu-west-1.rds.amazonaws.com';
    const filled = await withFile(
      [
        { name: 'mine', secret: 'mine', host },
        { name: 'ledger', secret: 'mine' },
      ],
      {
        discovery: [
          { file: 'targets.json' },
          { rds: { regions: ['eu-west-1'] }, credentials: 'iam', role: 'tls_auditor' },
        ],
      },
    );
    const { found, all, choices } = await listTargets(TARGET_SOURCES, filled, undefined, context());
    vi.unstubAllEnvs();
    expect(found.map(({ name, credentials }) => [name, credentials])).toEqual([
      ['mine', { secret: 'mine' }],
      ['ledger', { secret: 'mine' }],
      ['crm', { iam: { role: 'tls_auditor', region: 'eu-west-1' } }],
    ]);
    expect(all.known).toBe(true);
    expect(choices.filter(({ taken }) => !taken).map(({ name, reason }) => `${name}: ${reason}`)).toEqual([
      'ledger: the configuration has a target with this name',
      'shop: the target mine of the configuration has this endpoint',
    ]);
  });

  test('whose name another file has too is audited from the first, and the report says so', async () => {
    await writeFile(join(folder, 'more.json'), JSON.stringify([{ name: 'ledger', secret: 'second' }]));
    const two = await withFile([{ name: 'ledger', secret: 'first' }], {
      discovery: [{ file: 'targets.json' }, { file: 'more.json' }],
    });
    const { found, all } = await listTargets(TARGET_SOURCES, two, undefined, context());
    expect(found).toMatchObject([{ name: 'ledger', credentials: { secret: 'first' } }]);
    expect(all).toEqual(unknown('two sources name a target "ledger"'));
  });
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
