// Bundles the function for real, once for each choice of parts, and looks at what would be uploaded.

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
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
const ONE_MB = 1_000_000;

const DISCOVERY_RULE: NonNullable<ConfigInput['discovery']>[number] = {
  rds: { regions: ['eu-west-1'], accounts: [{ roleArn: 'arn:aws:iam::111122223333:role/reader' }] },
  credentials: 'iam',
  role: 'tls_auditor',
};

/** Each auditor with a target of its own, by which its bundle is found. */
const config = (target: string, deployment: ConfigInput['deployment'] = {}): ConfigInput => ({
  ...MINIMAL,
  deployment,
  targets: [
    { name: target, secret: `prod/${target}`, labels: { team: "it's ours" } },
    ...(target === 'on'
      ? [{ name: 'rds', credentials: 'iam', role: 'tls_auditor', host: 'rds.internal' } as const]
      : []),
  ],
  ...(target === 'on' ? { discovery: [DISCOVERY_RULE] } : {}),
});
const AUDITORS = {
  off: config('off', { state: 'none', evidence: 'none' }),
  default: config('default'),
  on: config('on', { securityHub: true }),
} as const;
type Choice = keyof typeof AUDITORS;
const CHOICES = Object.keys(AUDITORS) as Choice[];

/** The client in which each part speaks, as SDK schemas call its service. */
const CLIENTS = {
  state: { package: '@aws-sdk/client-dynamodb', service: 'com.amazonaws.dynamodb' },
  evidence: { package: '@aws-sdk/client-s3', service: 'com.amazonaws.s3' },
  securityHub: { package: '@aws-sdk/client-securityhub', service: 'com.amazonaws.securityhub' },
  discovery: { package: '@aws-sdk/client-rds', service: 'com.amazonaws.rds' },
  assumedRoles: { package: '@aws-sdk/client-sts', service: 'com.amazonaws.sts' },
  // It signs by itself and asks no service.
  iamLogin: { package: '@aws-sdk/rds-signer', service: undefined },
} as const satisfies Record<keyof typeof OPTIONAL_PARTS, object>;

/** Where the module of each part is. */
const FILES = {
  state: '/lambda/deliver/state/dynamodb.ts',
  evidence: '/lambda/deliver/evidence-archive.ts',
  securityHub: '/lambda/deliver/security-hub.ts',
  discovery: '/lambda/targets/rds/source.ts',
  assumedRoles: '/lambda/aws/assumed-role.ts',
  iamLogin: '/lambda/collect/secrets/rds-signer.ts',
} as const satisfies Record<keyof typeof OPTIONAL_PARTS, string>;

let folder: string;
/** The folder to upload of each auditor; all of them are in one app. */
let bundles: Readonly<Record<Choice, string>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-bundle-'));
  // A quote in the path, as a person's home folder may have one.
  const app = new App({ outdir: join(folder, "cdk's out") });
  const stack = new Stack(app, 'Databases');
  for (const choice of CHOICES) new PgTlsAuditor(stack, choice, { config: AUDITORS[choice] });
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
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

/** The files of which something is in the bundle. */
async function sources(choice: Choice): Promise<readonly string[]> {
  const map = JSON.parse(await readFile(join(bundles[choice], 'index.js.map'), 'utf8')) as { sources: string[] };
  return map.sources;
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

describe.each(CHOICES)('the bundle with parts: %s', (choice) => {
  test('is one script with a source map, beside its configuration as it was written', async () => {
    const bundle = bundles[choice];
    expect((await readdir(bundle)).sort()).toEqual(['auditor.config.json', 'index.js', 'index.js.map', 'package.json']);
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
    ['default', ['state', 'evidence']],
    ['on', ['state', 'evidence', 'securityHub', 'discovery', 'assumedRoles', 'iamLogin']],
  ] as const)('with parts %s holds the modules and clients of %j and no others', async (choice, parts) => {
    const files = await sources(choice);
    const held = (path: string): boolean => files.some((file) => file.includes(path));
    const script = await readFile(join(bundles[choice], 'index.js'), 'utf8');
    for (const part of Object.keys(OPTIONAL_PARTS) as (keyof typeof OPTIONAL_PARTS)[]) {
      const on = (parts as readonly string[]).includes(part);
      expect([part, held(FILES[part])]).toEqual([part, on]);
      const fromRuntime = 'runtimeClient' in OPTIONAL_PARTS[part];
      expect([part, held(`/node_modules/${CLIENTS[part].package}/`)]).toEqual([part, on && !fromRuntime]);
      expect([part, script.includes(`require("${CLIENTS[part].package}")`)]).toEqual([part, on && fromRuntime]);
    }
    // what every run needs: the paths are read as they are written
    expect(held('/node_modules/@aws-sdk/client-sns/') && held('/lambda/deliver/sns.ts')).toBe(true);
  });

  // The bar is for what is deployed by default: with every part on, their own code is beside it.
  test.each(CHOICES)('with parts %s is under 1 MB, and with all of them hardly more', async (choice) => {
    const most = choice === 'on' ? 1.05 * ONE_MB : ONE_MB;
    expect((await stat(join(bundles[choice], 'index.js'))).size).toBeLessThan(most);
  });

  test("leaves out how the SDK finds credentials on other machines than Lambda's", async () => {
    const files = await sources('on');
    expect(files.filter((file) => /credential-provider-(sso|ini|process|web-identity|http|imds)\//.test(file))).toEqual(
      [],
    );
    expect(files.some((file) => file.includes('credential-provider-env/'))).toBe(true);
  });
});

test('leaves out the event streams of the SDK, which no operation in the bundle uses', async () => {
  const files = await sources('on');
  expect(files.filter((file) => file.includes('/submodules/event-streams/'))).toEqual([]);
  const streams = async (client: string): Promise<boolean> =>
    (
      await readFile(join(ROOT, 'node_modules', '@aws-sdk', client, 'dist-es', 'schemas', 'schemas_0.js'), 'utf8')
    ).includes('"streaming"');
  expect(await streams('client-s3')).toBe(true);
  for (const client of ['client-sns', 'client-secrets-manager', 'client-dynamodb']) {
    expect([client, await streams(client)]).toEqual([client, false]);
  }
});

test('optional parts are imported by the very names that leave them out', async () => {
  const importers = ['services.ts', 'collect/secrets/sources.ts', 'targets/rds.ts', 'targets/rds/describe.ts'].map(
    (file) => join(ROOT, 'lambda', file),
  );
  const text = (await Promise.all(importers.map((file) => readFile(file, 'utf8')))).join('');
  for (const { module } of Object.values(OPTIONAL_PARTS)) expect(text).toContain(`await import('${module}')`);
});
