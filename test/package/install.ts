// Builds and packs the npm package, and installs it in empty folders, as a machine without this repository does.

import { execFile } from 'node:child_process';
import { chmod, chown, copyFile, cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { serverAccount } from '../../lab/lab-folder.ts';

export const ROOT = join(import.meta.dirname, '..', '..');
const DIST = join(ROOT, 'dist');

const run = promisify(execFile);

export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A Node.js in a folder of its own, which a command finds first. */
export interface NodeVersion {
  readonly version: string;
  readonly folder: string;
}

/** Builds the package. @returns the path of its tarball, in `folder` */
export async function pack(folder: string): Promise<string> {
  await run(process.execPath, [join(ROOT, 'scripts', 'build.ts')], { cwd: ROOT });
  const { stdout } = await run('npm', ['pack', '--silent', DIST, '--pack-destination', folder], { cwd: folder });
  return join(folder, stdout.trim());
}

/** A folder that an ordinary user owns, with the package installed. Offline: it needs no other package. */
export async function installed(parent: string, tarball: string): Promise<string> {
  const folder = await mkdtemp(join(parent, 'installed-'));
  await chmod(folder, 0o755);
  await writeFile(join(folder, 'package.json'), '{"name":"empty","private":true}');
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], {
    cwd: folder,
    env: { ...process.env, npm_config_cache: join(folder, '.npm') },
  });
  if (serverAccount !== undefined) await chown(folder, serverAccount.uid, serverAccount.gid);
  return folder;
}

/** The package in `node_modules` of a CDK app, beside the CDK of this checkout. */
export async function appFolder(parent: string, tarball: string, type: 'module' | 'commonjs'): Promise<string> {
  const folder = await mkdtemp(join(parent, `app-${type}-`));
  const modules = join(folder, 'node_modules');
  await mkdir(join(modules, '.unpacked'), { recursive: true });
  await run('tar', ['-xzf', tarball, '-C', join(modules, '.unpacked')]);
  await cp(join(modules, '.unpacked', 'package'), join(modules, 'pg-tls-auditor'), { recursive: true });
  for (const name of ['aws-cdk-lib', 'constructs', '@types', 'undici-types']) {
    await symlink(join(ROOT, 'node_modules', name), join(modules, name));
  }
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'app', private: true, type }));
  return folder;
}

/** Runs a program as an ordinary user, also where root runs the tests, with nothing of this process's environment. */
export function runAs(
  { folder: bin }: NodeVersion,
  [program, ...args]: readonly [string, ...string[]],
  { cwd, env = {} }: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<Outcome> {
  const path = [bin, '/usr/local/bin', '/usr/bin', '/bin', dirname(process.execPath)].join(delimiter);
  return new Promise((resolve) => {
    execFile(
      program,
      args,
      {
        cwd,
        env: { PATH: path, HOME: cwd, npm_config_offline: 'true', npm_config_update_notifier: 'false', ...env },
        maxBuffer: 64 * 1024 * 1024,
        ...serverAccount,
      },
      (error, stdout, stderr) => resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

/**
 * The Node.js of this process, and others from the registry.
 *
 * @returns those that can be had, and for each other one the reason why not
 */
export async function nodeVersions(
  parent: string,
  others: readonly string[],
): Promise<{ readonly found: readonly NodeVersion[]; readonly missing: readonly string[] }> {
  const own = join(parent, 'node-own');
  await mkdir(own);
  // A copy: an ordinary user may not pass through the folder of the checkout.
  await copyFile(process.execPath, join(own, 'node'));
  await chmod(join(own, 'node'), 0o755);
  const missing: string[] = [];
  const found: NodeVersion[] = [{ version: process.versions.node, folder: own }];
  for (const version of others) {
    const folder = await mkdtemp(join(parent, 'node-'));
    await chmod(folder, 0o755);
    try {
      const name = `node-${process.platform}-${process.arch}`;
      await run('npm', ['install', '--no-audit', '--no-fund', '--prefix', folder, `${name}@${version}`]);
      found.push({ version, folder: join(folder, 'node_modules', name, 'bin') });
    } catch (error) {
      missing.push(
        `Node.js ${version}: npm could not install it: ${String((error as Error).message)
          .split('\n')
          .at(-2)}`,
      );
    }
  }
  return { found, missing };
}

/** A new folder that everyone may pass through, and that is removed at the end. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-package-'));
  await chmod(path, 0o755);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

/** Every file in the folder, relative to it, sorted. */
export async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
    .sort();
}
