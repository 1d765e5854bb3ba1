// Bundles the function for real, once for each choice of parts, and looks at what would be uploaded.

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire, isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { App, Stack } from 'aws-cdk-lib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConfigInput } from '../../lambda/config/index.ts';
import { OPTIONAL_PARTS } from '../../lib/feature-modules.ts';
import { PgTlsAuditor } from '../../lib/pg-tls-auditor.ts';
import { MINIMAL } from './synthesis.ts';

const ROOT = join(import.meta.dirname, '..', '..');
/** What every run needs, which Lambda reads at each cold start, and all together (docs/adr/0013). */
const MOST_AT_START = 1_000_000;
const MOST_IN_ALL = 1_400_000;

const DISCOVERY_RULE: NonNullable<ConfigInput['discovery']>[number] = {
  rds: { regions: ['eu-west-1'], accounts: [{ roleArn: 'arn:aws:iam::111122223333:role/reader' }] },
  credentials: 'iam',
  role: 'tls_auditor',
};

/** Each auditor with a target of its own, by which its bundle is found. */
const config = (target: string, deployment: ConfigInput['deployment'] = {}, logs: Logs = 'none'): ConfigInput => ({
  ...MINIMAL,
  deployment,
  targets: [
    { name: target, secret: `prod/${target}`, labels: { team: "it's ours" }, logs },
    ...(target === 'on'
      ? [{ name: 'rds', credentials: 'iam', role: 'tls_auditor', host: 'rds.internal' } as const]
      : []),
  ],
  ...(target === 'on' ? { discovery: [DISCOVERY_RULE] } : {}),
});
type Logs = 'none' | { readonly logGroup: string };
const AUDITORS = {
  off: config('off', { state: 'none', evidence: 'none' }),
  default: config('default'),
  on: config('on', { securityHub: true, pageLink: 'presigned' }, { logGroup: '/aws/rds/instance/orders/postgresql' }),
  // Its own configuration needs none of these parts: the one that its runs read may.
  outside: config('outside', { evidence: 'none' }),
} as const;
type Choice = keyof typeof AUDITORS;
type Part = keyof typeof OPTIONAL_PARTS;
const CHOICES = Object.keys(AUDITORS) as Choice[];
/** Each is loaded many times: the parts of the fourth are those of the third. */
const LOADED = CHOICES.filter((choice) => choice !== 'outside');

/** The client in which each part speaks, as SDK schemas call its service. */
const CLIENTS = {
  state: { package: '@aws-sdk/client-dynamodb', service: 'com.amazonaws.dynamodb' },
  evidence: { package: '@aws-sdk/client-s3', service: 'com.amazonaws.s3' },
  // It renders, and stores by the client of the evidence.
  page: { package: 'hono', service: undefined },
  presignedLink: { package: '@aws-sdk/s3-request-presigner', service: undefined },
  configInS3: { package: '@aws-sdk/client-s3', service: 'com.amazonaws.s3' },
  configInSsm: { package: '@aws-sdk/client-ssm', service: 'com.amazonaws.ssm' },
  securityHub: { package: '@aws-sdk/client-securityhub', service: 'com.amazonaws.securityhub' },
  discovery: { package: '@aws-sdk/client-rds', service: 'com.amazonaws.rds' },
  assumedRoles: { package: '@aws-sdk/client-sts', service: 'com.amazonaws.sts' },
  // It signs by itself and asks no service.
  iamLogin: { package: '@aws-sdk/rds-signer', service: undefined },
  logGroups: { package: '@aws-sdk/client-cloudwatch-logs', service: 'com.amazonaws.cloudwatchlogs' },
} as const satisfies Record<keyof typeof OPTIONAL_PARTS, object>;

/** Where the module of each part is. */
const FILES = {
  state: '/lambda/deliver/state/dynamodb.ts',
  evidence: '/lambda/deliver/evidence-archive.ts',
  page: '/lambda/deliver/page-archive.ts',
  presignedLink: '/lambda/deliver/page-presigner.ts',
  configInS3: '/lambda/loaded-config/s3-document.ts',
  configInSsm: '/lambda/loaded-config/ssm-document.ts',
  securityHub: '/lambda/deliver/security-hub.ts',
  discovery: '/lambda/targets/rds/source.ts',
  assumedRoles: '/lambda/aws/assumed-role.ts',
  iamLogin: '/lambda/collect/secrets/rds-signer.ts',
  logGroups: '/lambda/collect/connection-log/cloudwatch.ts',
} as const satisfies Record<keyof typeof OPTIONAL_PARTS, string>;

const RUNTIME_CLIENTS = Object.values(OPTIONAL_PARTS).flatMap((part) =>
  'runtimeClient' in part ? [part.runtimeClient as string] : [],
);

let folder: string;
/** The folder to upload of each auditor; all of them are in one app. */
let bundles: Readonly<Record<Choice, string>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-bundle-'));
  // A quote in the path, as a person's home folder may have one.
  const app = new App({ outdir: join(folder, "cdk's out") });
  const stack = new Stack(app, 'Databases');
  for (const choice of CHOICES) {
    const location = choice === 'outside' ? { configLocation: 'ssm:/audit/config' } : {};
    new PgTlsAuditor(stack, choice, { config: AUDITORS[choice], ...location });
  }
  const { directory } = app.synth();
  const found = (await readdir(directory)).filter((name) => name.startsWith('asset.'));
  const named = await Promise.all(
    found.map(async (name): Promise<[string, string]> => {
      const bundle = join(directory, name);
      const { targets } = JSON.parse(await readFile(join(bundle, 'auditor.config.json'), 'utf8')) as ConfigInput;
      return [targets?.[0]?.name ?? '', bundle];
    }),
  );
  bundles = Object.fromEntries(named) as Record<Choice, string>;
});
afterAll(() => rm(folder, { recursive: true }));

async function filesOf(choice: Choice, extension: string): Promise<readonly string[]> {
  return (await readdir(bundles[choice])).filter((name) => name.endsWith(extension)).sort();
}

/** The files of which something is in the bundle. */
async function sources(choice: Choice): Promise<readonly string[]> {
  const maps = await Promise.all(
    (await filesOf(choice, '.js.map')).map(async (name) => {
      const map = JSON.parse(await readFile(join(bundles[choice], name), 'utf8')) as { sources: string[] };
      return map.sources;
    }),
  );
  return maps.flat();
}

/** Bytes of scripts. */
async function sizeOf(choice: Choice, names: readonly string[]): Promise<number> {
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(bundles[choice], name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** The scripts that are loaded with the handler; the others are loaded when a part is first used. */
async function loadedAtStart(choice: Choice): Promise<readonly string[]> {
  const script = `
    require(process.argv[1]);
    console.log(JSON.stringify(Object.keys(require.cache).map((file) => require('node:path').basename(file))));`;
  return JSON.parse(await inProcess(['-e', script, join(bundles[choice], 'index.js')])) as string[];
}

/** Runs a script in a new process that has what the function has and nothing of this machine's. */
async function inProcess(args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--enable-source-maps', ...args], {
    // As bare as it gets: no AWS variables, no other module within reach.
    cwd: folder,
    env: { AWS_REGION: 'eu-west-1', ALERT_TOPIC_ARN: 'arn:aws:sns:eu-west-1:123456789012:alerts' },
  });
  return stdout;
}

/** The services whose SDK schemas are evaluated while a module is loaded: each registers itself under its name. */
async function servicesEvaluated(module: string): Promise<readonly string[]> {
  const script = `
    const services = new Set();
    const { set } = Map.prototype;
    Map.prototype.set = function (key, value) {
      const service = /com\\.amazonaws\\.\\w+$/.exec(key)?.[0];
      if (service !== undefined) services.add(service);
      return set.call(this, key, value);
    };
    require(process.argv[1]);
    console.log(JSON.stringify([...services].sort()));`;
  return JSON.parse(await inProcess(['-e', script, module])) as string[];
}

describe.each(LOADED)('the bundle with parts: %s', (choice) => {
  test('is scripts with source maps, beside its configuration as it was written', async () => {
    const bundle = bundles[choice];
    const scripts = await filesOf(choice, '.js');
    expect(scripts).toContain('index.js');
    expect((await readdir(bundle)).sort()).toEqual(
      [...scripts, ...scripts.map((name) => `${name}.map`), 'auditor.config.json', 'package.json'].sort(),
    );
    for (const name of scripts) {
      expect((await readFile(join(bundle, name), 'utf8')).endsWith(`//# sourceMappingURL=${name}.map\n`)).toBe(true);
    }
    expect(JSON.parse(await readFile(join(bundle, 'auditor.config.json'), 'utf8'))).toEqual(AUDITORS[choice]);
  });

  test('loads without a socket, a name look-up or another file, and exports the handler', async () => {
    const guard = join(folder, `no-network-${choice}.cjs`);
    await writeFile(
      guard,
      `for (const [module, names] of [
        [require('node:net'), ['connect', 'createConnection']],
        [require('node:dns'), ['lookup', 'resolve', 'resolve4', 'resolve6']],
        [require('node:dgram'), ['createSocket']],
        [require('node:child_process'), ['spawn', 'execFile', 'fork']],
      ]) for (const name of names) module[name] = () => { throw new Error(name + ' was called while loading'); };
      require('node:net').Socket.prototype.connect = () => { throw new Error('a socket was opened while loading'); };
      globalThis.fetch = () => { throw new Error('fetch was called while loading'); };`,
    );
    const script = `
      const loaded = await import(process.argv[1]);
      console.log(typeof loaded.handler);`;
    const index = join(bundles[choice], 'index.js');
    expect(await inProcess(['--require', guard, '--input-type=module', '-e', script, index])).toBe('function\n');
  });

  test('evaluates no part while it loads, only what every run needs', async () => {
    expect(await servicesEvaluated(join(bundles[choice], 'index.js'))).toEqual([
      'com.amazonaws.secretsmanager',
      'com.amazonaws.sns',
    ]);
  });
});

test('a part would be noticed when it is evaluated', async () => {
  for (const { package: name, service } of Object.values(CLIENTS)) {
    const file = createRequire(import.meta.url).resolve(name);
    if (service !== undefined) expect(await servicesEvaluated(file)).toContain(service);
  }
});

describe('the bundle', () => {
  test.each([
    ['off', []],
    ['default', ['state', 'evidence', 'page']],
    [
      'on',
      [
        'state',
        'evidence',
        'page',
        'presignedLink',
        'securityHub',
        'discovery',
        'assumedRoles',
        'iamLogin',
        'logGroups',
      ],
    ],
    ['outside', ['state', 'discovery', 'assumedRoles', 'iamLogin', 'logGroups', 'configInS3', 'configInSsm']],
  ] as const)('with parts %s holds the modules and clients of %j and no others', async (choice, parts) => {
    const files = await sources(choice);
    const held = (path: string): boolean => files.some((file) => file.includes(path));
    const scripts = await Promise.all(
      (await filesOf(choice, '.js')).map((name) => readFile(join(bundles[choice], name), 'utf8')),
    );
    for (const part of Object.keys(OPTIONAL_PARTS) as (keyof typeof OPTIONAL_PARTS)[]) {
      const on = (parts as readonly string[]).includes(part);
      expect([part, held(FILES[part])]).toEqual([part, on]);
      const fromRuntime = 'runtimeClient' in OPTIONAL_PARTS[part];
      expect([part, held(`/node_modules/${CLIENTS[part].package}/`)]).toEqual([part, on && !fromRuntime]);
      const asksFor = scripts.some((script) => script.includes(`require("${CLIENTS[part].package}")`));
      // Two parts may ask for one client.
      const isAsked = (parts as readonly Part[]).some((each) => CLIENTS[each].package === CLIENTS[part].package);
      expect([part, asksFor]).toEqual([part, isAsked && fromRuntime]);
    }
    // what every run needs: the paths are read as they are written
    expect(held('/node_modules/@aws-sdk/client-sns/') && held('/lambda/deliver/sns.ts')).toBe(true);
  });

  test.each(LOADED)('with parts %s is under 1 MB at start', async (choice) => {
    expect(await sizeOf(choice, await loadedAtStart(choice))).toBeLessThan(MOST_AT_START);
  });

  test.each(CHOICES)('with parts %s is under 1.4 MB in all', async (choice) => {
    expect(await sizeOf(choice, await filesOf(choice, '.js'))).toBeLessThan(MOST_IN_ALL);
  });

  test('has the same files at start with all parts on as with all off, but for what they share', async () => {
    const [off, on] = [await loadedAtStart('off'), await loadedAtStart('on')];
    const more = (await sizeOf('on', on)) - (await sizeOf('off', off));
    expect(more).toBeLessThan(40_000);
  });

  test.each(LOADED)('with parts %s needs no module from elsewhere but those of the runtime', async (choice) => {
    const loadable: string[] = [];
    for (const name of await filesOf(choice, '.js')) {
      const text = await readFile(join(bundles[choice], name), 'utf8');
      const needed = [...text.matchAll(/\brequire\("([^"]+)"\)/g)].map(([, module = '']) => module);
      const elsewhere = needed.filter((module) => !module.startsWith('./') && !isBuiltin(module));
      if (!elsewhere.some((module) => RUNTIME_CLIENTS.includes(module))) loadable.push(join(bundles[choice], name));
    }
    expect(loadable.length).toBeGreaterThan(1);
    const loadAll = 'for (const file of process.argv.slice(1)) require(file)';
    await expect(inProcess(['-e', loadAll, ...loadable])).resolves.toBe('');
  });

  test("leaves out how the SDK finds credentials on other machines than Lambda's", async () => {
    const files = await sources('on');
    expect(files.filter((file) => /credential-provider-(sso|ini|process|web-identity|http|imds)\//.test(file))).toEqual(
      [],
    );
    expect(files.some((file) => file.includes('credential-provider-env/'))).toBe(true);
  });
});

test('holds the event streams of the SDK only where a client names them when it is loaded', async () => {
  const held = async (choice: Choice): Promise<boolean> =>
    (await sources(choice)).some((file) => file.includes('/submodules/event-streams/'));
  expect([await held('off'), await held('default'), await held('on')]).toEqual([false, false, true]);
});

test('optional parts are imported by the very names that leave them out', async () => {
  const importers = ['services.ts', 'collect/secrets/sources.ts', 'targets/rds.ts', 'aws/role-credentials.ts'].map(
    (file) => join(ROOT, 'lambda', file),
  );
  const text = (await Promise.all(importers.map((file) => readFile(file, 'utf8')))).join('');
  const imported = [...text.matchAll(/await import\(\s*'([^']+)',?\s*\)/g)].map(([, module]) => module);
  for (const { module } of Object.values(OPTIONAL_PARTS)) expect(imported).toContain(module);
});
