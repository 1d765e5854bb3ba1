// Installs the packed npm package in empty folders, and uses it there as others do: the command, the construct, types.
// It is built and packed first, so it runs where that is asked for.

import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startAwsEndpoint } from '../../lab/aws.ts';
import { rdsSecret } from '../../lab/collector.ts';
import { healthyServer } from '../../lab/healthy-server.ts';
import { type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { CHECKS } from '../../lambda/checks/registry.ts';
import { reportSchema } from '../../lambda/report/schema.ts';
import { PREBUILT_FOLDERS } from '../../lib/prebuilt-handler.ts';
import { packedPages } from '../../scripts/package/pages.ts';
import { appOf, compile, invoke, loads, modulesOf, READER, synthesize } from './app.ts';
import {
  appFolder,
  filesIn,
  installed,
  type NodeVersion,
  nodeVersions,
  pack,
  ROOT,
  runAs,
  temporaryFolder,
} from './install.ts';

/** `build`, or the path of a tarball that is built already. */
const PACKAGE = process.env.PG_TLS_AUDITOR_PACKAGE;
if (PACKAGE === undefined) {
  process.stderr.write('tests of the packed package skipped: PG_TLS_AUDITOR_PACKAGE=build builds it, and runs them\n');
}

/** The oldest that the package supports. */
const OLDEST_NODE = '22.15.0';
const MOST_BYTES = 15_000_000;
/** Processor time of `--version`, besides what Node.js takes to start. */
const MOST_START_MS = 300;

describe.runIf(PACKAGE !== undefined)('the packed package', () => {
  let temporary: Awaited<ReturnType<typeof temporaryFolder>>;
  let parent: string;
  let tarball: string;
  let server: PostgresServer;
  let nodes: readonly NodeVersion[];
  let node: NodeVersion;

  beforeAll(async () => {
    temporary = await temporaryFolder();
    parent = temporary.path;
    tarball = PACKAGE === undefined || PACKAGE === 'build' ? await pack(parent) : PACKAGE;
    const { found, missing } = await nodeVersions(parent, [OLDEST_NODE]);
    for (const reason of missing) process.stderr.write(`skipped: ${reason}\n`);
    nodes = found;
    [node] = nodes as [NodeVersion];
    server = await startPostgres(healthyServer());
  }, 400_000);
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await temporary?.[Symbol.asyncDispose]();
  });

  describe('as files', () => {
    test('is what is meant to be published, and nothing else', async () => {
      const folder = join(await appFolder(parent, tarball, 'module'), 'node_modules', 'pg-tls-auditor');
      // Hashes and the names of parts differ from version to version.
      const names = (await filesIn(folder)).map((file) =>
        file
          .replace(/[\w-]+-[A-Z0-9]{8}(?=\.m?js)/, '*')
          .replace(/^(docs\/api\/\w+\/).*/, '$1*')
          .replace(/[0-9a-f]{64}(?=\.zip$)/, '*'),
      );
      const scripts = (name: string) => [
        `handler/${name}/*.js`,
        `handler/${name}/*.js.map`,
        `handler/${name}/scripts.json`,
      ];
      expect([...new Set(names)]).toEqual(
        [
          'CHANGELOG.md',
          'Dockerfile',
          'LICENSE',
          'README.md',
          'THIRD-PARTY-LICENSES.txt',
          'auditor.config.example.json',
          'bin/command-line.mjs',
          'bin/pg-tls-auditor.mjs',
          'bin/scripts/*.mjs',
          'cloudformation/assets/*.zip',
          'cloudformation/pg-tls-auditor.template.json',
          'docs/api/lib/*',
          'docs/api/report/*',
          ...['README', ...CHECKS.map(({ id }) => id)].map((name) => `docs/checks/${name}.md`),
          ...packedPages(),
          'docs/reader-role.json',
          ...(await filesIn(join(ROOT, 'examples'))).map((name) => `examples/${name}`),
          'handler/package.json',
          ...Object.entries(PREBUILT_FOLDERS).flatMap(([name, entries]) => [
            ...scripts(name),
            ...entries.flatMap((entry) => [`handler/${name}/${entry}.js`, `handler/${name}/${entry}.js.map`]),
          ]),
          ...['lib', 'report'].flatMap((name) =>
            ['cjs', 'cjs.map', 'd.cts', 'd.ts', 'js'].map((extension) => `${name}/index.${extension}`),
          ),
          'package.json',
          'sbom.cdx.json',
          'schema.json',
          ...['discover', 'logs', 'plan', 'report'].map((name) => `schemas/${name}.json`),
        ].sort(),
      );
    });

    test('holds no key, no path of this machine, no test and nothing that runs when it is installed', async () => {
      const folder = join(await appFolder(parent, tarball, 'module'), 'node_modules', 'pg-tls-auditor');
      for (const file of await filesIn(folder)) {
        const text = await readFile(join(folder, file), 'utf8');
        const found =
          /-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[\w+/=]{16}|\/home\/|\/root\/|\/tmp\/|\/work\/|file:\/\/\/[a-z]/.exec(
            text,
          );
        expect([file, found?.[0]]).toEqual([file, undefined]);
        if (!file.endsWith('.map')) continue;
        const { sources } = JSON.parse(text) as { sources: readonly string[] };
        expect(
          sources.filter((source) =>
            /(^|\/)(test|lab|demo|bench|fuzz)\//.test(source.replace(/.*node_modules\/.*/, '')),
          ),
        ).toEqual([]);
      }
      const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
      for (const key of ['scripts', 'dependencies', 'devDependencies', 'optionalDependencies', 'private']) {
        expect([key, manifest[key]]).toEqual([key, undefined]);
      }
    });

    test('has every file that its pages link to, and its texts name', async () => {
      const folder = join(await appFolder(parent, tarball, 'module'), 'node_modules', 'pg-tls-auditor');
      const names = await filesIn(folder);
      const has = (path: string): boolean =>
        names.some((name) => name === path || name.startsWith(`${path.replace(/\/$/, '')}/`));
      for (const file of names.filter((name) => name.endsWith('.md') && !name.startsWith('docs/api/'))) {
        const links = [...(await readFile(join(folder, file), 'utf8')).matchAll(/\]\((?![a-z]+:|#)([^()\s#]+)/g)];
        const broken = links.map(([, link = '']) => posix.join(posix.dirname(file), link)).filter((path) => !has(path));
        expect([file, broken]).toEqual([file, []]);
      }
      for (const file of names.filter((name) => /^(bin|lib|handler)\/.*js$/.test(name))) {
        const named = (await readFile(join(folder, file), 'utf8')).matchAll(
          /(?<![\w/.])docs\/[a-z/-]+\.(?:md|json)\b/g,
        );
        expect([file, [...named].map(([path]) => path).filter((path) => !has(path))]).toEqual([file, []]);
      }
    });

    test('is clean to publint and to are-the-types-wrong', async () => {
      const folder = join(await appFolder(parent, tarball, 'module'), 'node_modules', 'pg-tls-auditor');
      const { messages } = await publint({ pkgDir: folder, strict: true, pack: false });
      expect(messages).toEqual([]);
      const result = await checkPackage(createPackageFromTarballData(new Uint8Array(await readFile(tarball))));
      expect('problems' in result && result.problems).toEqual([]);
    });

    test.runIf(PACKAGE === 'build')('has the same bytes when it is built again', async () => {
      const hash = async (file: string) =>
        createHash('sha256')
          .update(await readFile(file))
          .digest('hex');
      const again = join(parent, 'again');
      await mkdir(again);
      expect(await hash(await pack(again))).toBe(await hash(tarball));
    });
  });

  describe('as the command', () => {
    let folder: string;
    beforeAll(async () => {
      const started = performance.now();
      folder = await installed(parent, tarball);
      const sizes = await Promise.all(
        (await filesIn(join(folder, 'node_modules'))).map((file) => stat(join(folder, 'node_modules', file))),
      );
      const bytes = sizes.reduce((sum, { size }) => sum + size, 0);
      process.stdout.write(
        `npm install of the package: ${((performance.now() - started) / 1_000).toFixed(1)} s, ${(bytes / 1e6).toFixed(1)} MB\n`,
      );
      expect(bytes).toBeLessThan(MOST_BYTES);
    });

    test('is installed alone, without the network', async () => {
      expect((await readdir(join(folder, 'node_modules'))).filter((name) => !name.startsWith('.'))).toEqual([
        'pg-tls-auditor',
      ]);
    });

    test('says its version at once, on each supported Node.js', async () => {
      const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
      for (const each of nodes) {
        const { exitCode, stdout, stderr } = await runAs(each, ['npx', 'pg-tls-auditor', '--version'], { cwd: folder });
        expect([each.version, exitCode, stdout, stderr]).toEqual([each.version, 0, `${version}\n`, '']);
      }
      const program = join(folder, 'node_modules', 'pg-tls-auditor', 'bin', 'pg-tls-auditor.mjs');
      const own = (await processorMs([program, '--version'])) - (await processorMs(['--eval', '0']));
      process.stdout.write(`--version: ${own.toFixed(0)} ms of processor time of its own\n`);
      expect(own).toBeLessThan(MOST_START_MS);
    });

    /** The least of several runs. */
    async function processorMs(args: readonly string[]): Promise<number> {
      const hook = `process.on('exit', () => console.error(JSON.stringify(process.cpuUsage())))`;
      const times: number[] = [];
      for (let turn = 0; turn < 5; turn += 1) {
        const imported = `data:text/javascript,${encodeURIComponent(hook)}`;
        const { stderr } = await runAs(node, ['node', '--import', imported, ...args], { cwd: folder });
        const { user, system } = JSON.parse(stderr) as { user: number; system: number };
        times.push((user + system) / 1_000);
      }
      return Math.min(...times);
    }

    test.each(['18.20.8', '20.20.2', '22.14.0'])('says on Node.js %s which one it needs', async (version) => {
      const older = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`;
      const program = join(folder, 'node_modules', 'pg-tls-auditor', 'bin', 'pg-tls-auditor.mjs');
      const imported = `data:text/javascript,${encodeURIComponent(older)}`;
      expect(await runAs(node, ['node', '--import', imported, program, '--version'], { cwd: folder })).toEqual({
        exitCode: 2,
        stdout: '',
        stderr: `error: pg-tls-auditor needs Node.js 22.15 or newer, and this is ${version}\n`,
      });
    });

    test('audits a real server as an ordinary user, and keeps its state, on each supported Node.js', async () => {
      await writeFile(join(folder, 'ca.pem'), server.ca ?? '');
      const url = `postgres://tls_auditor@${server.host}:${server.port}/postgres`;
      const env = { PGPASSWORD: server.connectionConfig('tls_auditor').password };
      for (const each of nodes) {
        const file = `state-${each.version}.json`;
        const args = ['pg-tls-auditor', 'audit', '--url', url, '--ca', 'ca.pem', '--state', file] as const;
        const audit = await runAs(each, ['npx', ...args, '--format', 'json'], { cwd: folder, env });
        const { state, targets, findings } = reportSchema.parse(JSON.parse(audit.stdout));
        const unknown = targets[0]?.checks.filter(({ status }) => status === 'unknown');
        expect([each.version, state, unknown?.map(({ id }) => id), findings]).toEqual([each.version, 'kept', [], []]);
        expect([audit.stderr, audit.exitCode]).toEqual(['', 0]);
        // Each of these loads other scripts.
        for (const format of ['table', 'sarif', 'junit', 'ocsf', 'markdown']) {
          const { exitCode, stderr } = await runAs(each, ['npx', ...args, '--format', format], { cwd: folder, env });
          expect([each.version, format, exitCode, stderr]).toEqual([each.version, format, 0, '']);
        }
        const history = await runAs(each, ['npx', 'pg-tls-auditor', 'history', '--state', file], { cwd: folder });
        expect([history.exitCode, history.stderr]).toEqual([0, '']);
      }
    });

    test('names the example of a configuration that it brings', async () => {
      const { exitCode, stderr } = await runAs(node, ['npx', 'pg-tls-auditor', 'audit'], { cwd: folder });
      expect(exitCode).toBe(2);
      const [, path = ''] = /An example of such a file is (\S+)/.exec(stderr) ?? [];
      expect(JSON.parse(await readFile(join(folder, path), 'utf8'))).toHaveProperty('targets');
    });
  });

  describe('as the construct', () => {
    test('makes in a CommonJS app what it makes from the sources, and the function in it audits', async () => {
      const folder = await appFolder(parent, tarball, 'commonjs');
      await writeFile(join(folder, 'app.js'), appOf("require('pg-tls-auditor')", "require('aws-cdk-lib')"));
      const packed = await synthesize(folder, 'app.js');
      const sources = JSON.stringify(join(ROOT, 'api', 'construct.ts'));
      await writeFile(join(folder, 'sources.mjs'), appOf(`await import(${sources})`, "await import('aws-cdk-lib')"));
      const bundled = await synthesize(folder, 'sources.mjs');

      expect(packed.template).toEqual(bundled.template);
      expect([...packed.assets.keys()]).toEqual([...bundled.assets.keys()]);
      for (const [name, asset] of packed.assets) {
        const other = bundled.assets.get(name) ?? '';
        expect([name, await modulesOf(asset)]).toEqual([name, await modulesOf(other)]);
      }
      expect((await synthesize(folder, 'app.js')).hashes).toEqual(packed.hashes);

      await using aws = await startAwsEndpoint({
        secrets: { 'prod/orders': rdsSecret(server), 'shared/ca': server.ca ?? '' },
      });
      const report = await invoke(packed.assets.get('orders') ?? '', aws);
      expect(report.targets.map(({ name, verdict }) => [name, verdict])).toEqual([['orders', 'clean']]);
      expect(aws.published).toHaveLength(1);
      // The report, its page, the latest page and the index.
      expect(aws.objects.map(({ key }) => key.replace(/^reports.*\./, 'reports/*.'))).toEqual([
        'reports/*.gz',
        'reports/*.html',
        'pages/latest.html',
        'pages/index.html',
      ]);

      for (const entry of ['plan', 'worker', 'repair', 'digest']) {
        expect([entry, await loads(join(packed.assets.get('fleet') ?? '', `${entry}.js`))]).toEqual([entry, true]);
      }
    });

    test('makes the example app, in TypeScript and ESM', async () => {
      const folder = await appFolder(parent, tarball, 'module');
      await cp(join(ROOT, 'examples', 'app'), folder, { recursive: true });
      const { template, assets } = await synthesize(folder, 'app.ts');
      expect([...assets.keys()]).toEqual(['billing,archive', 'orders']);
      const resources = Object.values((template as { Resources: Record<string, { Type: string }> }).Resources);
      const count = (type: string): number => resources.filter(({ Type }) => Type === type).length;
      expect([count('AWS::Lambda::Function'), count('AWS::Scheduler::Schedule'), count('AWS::SNS::Topic')]).toEqual([
        2, 2, 1,
      ]);
    });
  });

  describe('as types', () => {
    test.each([
      ['module', { module: 'node16', moduleResolution: 'node16' }],
      ['commonjs', { module: 'node16', moduleResolution: 'node16' }],
      ['module', { module: 'esnext', moduleResolution: 'bundler' }],
    ] as const)('compiles in a package of type %s with %o', async (type, options) => {
      const folder = await appFolder(parent, tarball, type);
      await cp(join(ROOT, 'examples', 'app', 'app.ts'), join(folder, 'app.ts'));
      await writeFile(join(folder, 'reader.ts'), READER);
      // The app of the example is ESM.
      const files = type === 'module' ? ['app.ts', 'reader.ts'] : ['reader.ts'];
      expect(await compile(folder, files, options)).toEqual({ exitCode: 0, output: '' });
    });
  });
});
