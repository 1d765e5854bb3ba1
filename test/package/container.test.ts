// Builds the image of the Dockerfile from the packed package, and audits a real server with it, read-only.
// It needs Docker, a base image and the packed package: .ci/container-tests gives it all three.

import { execFile } from 'node:child_process';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { healthyServer } from '../../lab/healthy-server.ts';
import { startPostgres } from '../../lab/postgres.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { type Outcome, ROOT, temporaryFolder } from './install.ts';

const TARBALL = process.env.PG_TLS_AUDITOR_PACKAGE ?? 'build';
const BASE = process.env.PG_TLS_AUDITOR_TEST_BASE;
const isGiven = TARBALL !== 'build' && BASE !== undefined;
if (!isGiven) {
  process.stderr.write(
    'the Dockerfile is not tried: PG_TLS_AUDITOR_PACKAGE names no tarball, or PG_TLS_AUDITOR_TEST_BASE no image\n',
  );
}

const IMAGE = `pg-tls-auditor-tried:${process.pid}`;

function docker(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    // Docker without the plug-in that builds otherwise builds by itself.
    execFile('docker', args, { env: { ...process.env, ...env } }, (error, stdout, stderr) =>
      resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

/** As docs/ci.md runs it. */
const SAFELY = ['run', '--rm', '--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'];

describe.runIf(isGiven)('the image', () => {
  let temporary: Awaited<ReturnType<typeof temporaryFolder>>;
  let context: string;
  beforeAll(async () => {
    temporary = await temporaryFolder();
    context = join(temporary.path, 'context');
    await mkdir(context);
    for (const file of ['Dockerfile', '.dockerignore']) await copyFile(join(ROOT, file), join(context, file));
    await copyFile(TARBALL, join(context, basename(TARBALL)));
    await writeFile(join(context, 'auditor.config.json'), '{}');
    const built = await build(['--build-arg', `TARBALL=${basename(TARBALL)}`]);
    expect([built.exitCode, built.exitCode === 0 ? '' : built.stderr]).toEqual([0, '']);
  });
  afterAll(async () => {
    await docker(['image', 'rm', '--force', IMAGE]);
    await temporary?.[Symbol.asyncDispose]();
  });

  const build = (args: readonly string[]): Promise<Outcome> =>
    docker(['build', '--build-arg', `BASE=${BASE}`, ...args, '--tag', IMAGE, context], { DOCKER_BUILDKIT: '0' });

  test('is an ordinary user that needs to write nowhere', async () => {
    const { stdout } = await docker(['image', 'inspect', '--format', '{{.Config.User}}', IMAGE]);
    expect(stdout.trim()).toBe('65532:65532');
    expect(await docker([...SAFELY, '--network', 'none', IMAGE, '--version'])).toEqual({
      exitCode: 0,
      stdout: `${packageJson.version}\n`,
      stderr: '',
    });
  });

  test('audits a server', async () => {
    await using server = await startPostgres(healthyServer());
    const folder = join(temporary.path, 'audit');
    await mkdir(folder);
    await writeFile(join(folder, 'ca.pem'), server.ca ?? '');
    const url = `postgres://tls_auditor@${server.host}:${server.port}/postgres`;
    const mounted = ['--volume', `${folder}:/audit:ro`, '--network', 'host', '--env', 'PGPASSWORD'];
    const audit = await docker([...SAFELY, ...mounted, IMAGE, 'audit', '--url', url, '--ca', 'ca.pem'], {
      PGPASSWORD: server.connectionConfig('tls_auditor').password ?? '',
    });
    expect([audit.exitCode, audit.stderr]).toEqual([0, '']);
    const login = await docker([...SAFELY, ...mounted, IMAGE, 'audit', '--url', url, '--ca', 'ca.pem'], {
      PGPASSWORD: 'wrong',
    });
    expect(login.exitCode).toBe(2);
  });

  test('is not built without the name of a tarball', async () => {
    const { exitCode, stderr } = await build([]);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain('the-argument-TARBALL-is-missing');
  });
});
