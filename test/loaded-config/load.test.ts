// Which configuration a run follows, whatever its location holds, and what is kept for the next run.

import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { processorClock } from '../../lab/processor-time.ts';
import { parseConfigText } from '../../lambda/config/file.ts';
import { type Config, type ConfigInput, parseConfig } from '../../lambda/config/index.ts';
import { createConfigLoader, type LoadedConfig } from '../../lambda/loaded-config/load.ts';
import type { KeptConfig, KeptConfigStore } from '../../lambda/model/kept-config.ts';

const START = Date.parse('2026-03-01T12:00:00Z');
const HOUR = 3_600_000;
const LOCATION = { is: 'ssm', name: '/audit/config' } as const;

const DEPLOYED = parseConfig({}, { use: 'deployment', targetsElsewhere: true });
const GOOD: ConfigInput = {
  policy: { minTlsVersion: 'TLSv1.3' },
  alerts: { minSeverity: 'low' },
  targets: [
    { name: 'orders', secret: 'prod/orders' },
    { name: 'shop', secret: 'prod/shop', port: 5433, labels: { team: 'shop' } },
  ],
};
const GOOD_TEXT = JSON.stringify(GOOD);
const GOOD_CONFIG = parseConfig(GOOD, { use: 'deployment' });

interface Lab {
  /** What the location holds; an error: it can't be read. */
  holds: string | Uint8Array | Error;
  readonly kept: KeptConfig[];
  storeFails: boolean;
  /** @param environment - One loader for each. */
  load(hours: number, environment?: string): Promise<LoadedConfig>;
}

function makeLab(holds: Lab['holds'] = GOOD_TEXT, { deployed = DEPLOYED }: { readonly deployed?: Config } = {}): Lab {
  const loaders = new Map<string, ReturnType<typeof createConfigLoader>>();
  const lab: Lab = {
    holds,
    kept: [],
    storeFails: false,
    async load(hours, environment = 'first') {
      const loader =
        loaders.get(environment) ??
        createConfigLoader({
          location: LOCATION,
          read: async () => {
            if (lab.holds instanceof Error) throw lab.holds;
            return Buffer.from(lab.holds);
          },
        });
      loaders.set(environment, loader);
      return await loader({ deployed, store, clock: () => new Date(START + hours * HOUR) });
    },
  };
  const store: KeptConfigStore = {
    async read() {
      if (lab.storeFails) throw new Error('password=hunter2');
      return lab.kept.at(-1);
    },
    async save(_, kept) {
      if (lab.storeFails) throw new Error('password=hunter2');
      lab.kept.push(kept);
    },
  };
  return lab;
}

const NAMES = { ThrottlingException: 'throttled', AccessDeniedException: 'denied', ParameterNotFound: 'gone' };
const failing = (name: string): Error => Object.assign(new Error('password=hunter2'), { name });

describe('a configuration that can be used', () => {
  test('is followed, with what the deployment fixed', async () => {
    const lab = makeLab();
    const { config, listed, errors } = await lab.load(0);
    expect(config).toEqual(GOOD_CONFIG);
    expect(listed).toEqual({
      name: 'configuration:ssm:/audit/config',
      facts: { is: 'configuration', added: { count: 0, names: [] }, notInEffect: [] },
    });
    expect(errors).toEqual([]);
  });

  test('is kept when it is new, and again each hour, not in every run', async () => {
    const lab = makeLab();
    for (const hours of [0, 0.25, 0.5, 0.75, 1, 1.25]) await lab.load(hours);
    expect(lab.kept.map(({ readAt }) => readAt)).toEqual(['2026-03-01T12:00:00.000Z', '2026-03-01T13:00:00.000Z']);
    lab.holds = `${GOOD_TEXT} `;
    await lab.load(1.5);
    expect(lab.kept.at(-1)).toEqual({ text: `${GOOD_TEXT} `, readAt: '2026-03-01T13:30:00.000Z' });
  });

  test('is followed where it could not be kept, and the run says that', async () => {
    const lab = makeLab();
    lab.storeFails = true;
    const { config, errors } = await lab.load(0);
    expect(config).toEqual(GOOD_CONFIG);
    expect(errors).toHaveLength(1);
    lab.storeFails = false;
    // It is not taken for saved.
    await lab.load(0.25);
    expect(lab.kept).toHaveLength(1);
  });
});

describe('a configuration that can not be used', () => {
  test.each([
    ...Object.keys(NAMES).map((name) => [name, failing(name), new RegExp(`can't be read \\(${name}\\)`)] as const),
    ['not JSON', '{"targets": [', /the parameter \/audit\/config is not JSON: look at line 1, column 14/],
    ['empty', '', /is not JSON/],
    ['null', 'null', /\(document\): must be an object/],
    ['a list', '[]', /\(document\): must be an object/],
    ['a list of targets that is there twice', `${GOOD_TEXT.slice(0, -1)},"targets":[]}`, /names "targets" twice/],
    ['no target', '{"targets":[]}', /targets: must name at least one target/],
    [
      'a file',
      '{"targets":[],"discovery":[{"file":"/etc/passwd"}]}',
      /discovery\[0\]\.file: is read on the command line/,
    ],
    ['a setting that is not one', JSON.stringify({ ...GOOD, polcy: {} }), /polcy: is not a setting/],
    ['no text', Uint8Array.of(0xff, 0xfe), /is not text in UTF-8/],
    ['compressed', gzipSync(GOOD_TEXT), /is not text in UTF-8/],
    ['UTF-16', Buffer.from(`\uFEFF${GOOD_TEXT}`, 'utf16le'), /is not text in UTF-8/],
    ['nested without end', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`, /more than 50 lists and objects/],
    ['__proto__', `{"__proto__":${GOOD_TEXT}}`, /names "__proto__"/],
    ['a report', '{"schemaVersion":1,"targets":[],"findings":[]}', /schemaVersion: is not a setting/],
    ['a text', '"s3://bucket/key"', /\(document\): must be an object/],
  ] as const)('%s: the last good one is followed', async (_, holds, what) => {
    const lab = makeLab();
    await lab.load(0);
    lab.holds = holds;
    for (const environment of ['first', 'second']) {
      const { config, listed } = await lab.load(2, environment);
      expect(config).toEqual(GOOD_CONFIG);
      expect(listed.facts.problem).toMatch(what);
      expect(listed.facts.problem).not.toMatch(/hunter2|\n/);
      expect(listed.facts.lastReadAt).toBe('2026-03-01T12:00:00.000Z');
    }
    expect(lab.kept).toHaveLength(1);
    lab.holds = GOOD_TEXT;
    expect((await lab.load(3)).listed.facts.problem).toBeUndefined();
  });

  test('a byte order mark before it does no harm', async () => {
    expect((await makeLab(`\uFEFF${GOOD_TEXT}`).load(0)).config).toEqual(GOOD_CONFIG);
  });

  test('says only the first of many problems, and no secret', async () => {
    const lab = makeLab();
    await lab.load(0);
    const targets = Array.from({ length: 2_000 }, (_, n) => ({ name: `t${n}`, secret: 'postgres://u:hunter2@h/d' }));
    lab.holds = JSON.stringify({ targets });
    const { listed } = await lab.load(1);
    expect(listed.facts.problem).toMatch(/targets\[0\]\.secret: .*; and 1995 more$/);
    expect(listed.facts.problem?.length).toBeLessThanOrEqual(1_000);
    expect(JSON.stringify(listed)).not.toContain('hunter2');
    expect(listed.facts.added).toEqual({ count: 2_000, names: ['t0', 't1', 't2', 't3', 't4'] });
  });

  test('much nonsense takes no time that a run would miss', async () => {
    const lab = makeLab();
    await lab.load(0);
    const spent = processorClock();
    for (const holds of [
      '['.repeat(100_000),
      JSON.stringify({ mutes: Array.from({ length: 40_000 }, () => 1) }),
      JSON.stringify(Object.fromEntries(Array.from({ length: 6_000 }, (_, n) => [`setting-${n}`, 1]))),
      JSON.stringify({ targets: Array.from({ length: 20_000 }, () => ({})) }),
    ]) {
      lab.holds = holds;
      const { config, listed } = await lab.load(1);
      expect(config).toEqual(GOOD_CONFIG);
      expect(listed.facts.problem).toBeDefined();
    }
    // A bound on the kind of work, not on its time: what grows with the square would take minutes.
    expect(spent()).toBeLessThan(20_000);
  });

  test('without a good one, and without a store that answers, fails and says so', async () => {
    await expect(makeLab('{').load(0)).rejects.toThrow(
      /^No target was audited: .* is not JSON.*; no earlier one is kept/,
    );
    const lab = makeLab('{');
    lab.storeFails = true;
    await expect(lab.load(0)).rejects.toThrow(/an earlier one could not be read/);
    await expect(lab.load(0)).rejects.not.toThrow(/hunter2/);
    const other = makeLab('{');
    other.kept.push({ text: '{"targets":"none"}', readAt: '2026-03-01T12:00:00.000Z' });
    await expect(other.load(0)).rejects.toThrow(/the last good one can't be used either: .*targets: must be a list/);
  });

  test('where the store does not answer, what this environment read last is followed', async () => {
    const lab = makeLab();
    await lab.load(0);
    [lab.holds, lab.storeFails] = ['{', true];
    expect((await lab.load(1)).config).toEqual(GOOD_CONFIG);
  });
});

test('a configuration that is put back is followed at once', async () => {
  const lab = makeLab();
  await lab.load(0);
  lab.holds = JSON.stringify({ ...GOOD, policy: {} });
  expect((await lab.load(0.25)).config.policy.minTlsVersion).toBe('TLSv1.2');
  lab.holds = GOOD_TEXT;
  expect((await lab.load(0.5)).config).toEqual(GOOD_CONFIG);
  expect(lab.kept.at(-1)?.text).toBe(GOOD_TEXT);
});

test('whatever is done to a good document: it is followed as it says, or the last good one is and the run says so', async () => {
  const edit = fc.record({
    at: fc.nat(GOOD_TEXT.length),
    removed: fc.integer({ min: 0, max: 12 }),
    added: fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom('"', '{', '}', ']', ',', '0', 'null', '\u0000')),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), async (edits) => {
      const text = edits.reduce(
        (before, { at, removed, added }) => before.slice(0, at) + added + before.slice(at + removed),
        GOOD_TEXT,
      );
      const lab = makeLab();
      await lab.load(0);
      lab.holds = text;
      const { config, listed } = await lab.load(1);
      const intended = configOf(text);
      if (intended === undefined) {
        expect(config).toEqual(GOOD_CONFIG);
        expect(listed.facts.problem).toBeTruthy();
        expect(listed.facts.lastReadAt).toBeDefined();
      } else {
        expect(listed.facts.problem).toBeUndefined();
        expect(config.targets).toEqual(intended.targets);
        expect(config.policy).toEqual(intended.policy);
      }
    }),
    { numRuns: 150 },
  );
});

/** Undefined where it can't be used. */
function configOf(text: string): Config | undefined {
  try {
    return parseConfig(parseConfigText(text, 'the text'), { use: 'deployment' });
  } catch {
    return undefined;
  }
}
