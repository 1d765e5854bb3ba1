// Runs the commands of the recipes as a pipeline or a cluster does: the packed package, real servers, an ordinary user.
// It needs the packed package, so it runs where that is given.

import { chmod, chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from 'sarif';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDynamoDb } from '../../lab/dynamodb.ts';
import { HEALTHY_HBA, healthyServer } from '../../lab/healthy-server.ts';
import { serverAccount } from '../../lab/lab-folder.ts';
import { type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { configMap, cronJob, gitlabScript, step } from '../examples/recipes.ts';
import { installed, type NodeVersion, nodeVersions, type Outcome, runAs, temporaryFolder } from './install.ts';

const TARBALL = process.env.PG_TLS_AUDITOR_PACKAGE ?? 'build';
const isGiven = TARBALL !== 'build';
if (!isGiven) process.stderr.write('recipes are not run: PG_TLS_AUDITOR_PACKAGE names no tarball\n');

const SCANNING = 'examples/ci/github-code-scanning.yml';
/** All may log in without TLS. */
const PLAINTEXT_HBA = ['host all,replication all all scram-sha-256', ...HEALTHY_HBA];

describe.runIf(isGiven)('a recipe', () => {
  let temporary: Awaited<ReturnType<typeof temporaryFolder>>;
  let node: NodeVersion;
  let folder: string;
  let healthy: PostgresServer;
  let insecure: PostgresServer;

  beforeAll(async () => {
    temporary = await temporaryFolder();
    [node] = (await nodeVersions(temporary.path, [])).found as [NodeVersion];
    folder = await installed(temporary.path, TARBALL);
    [healthy, insecure] = await Promise.all([
      startPostgres(healthyServer()),
      startPostgres(healthyServer({ hba: PLAINTEXT_HBA })),
    ]);
    await writeFile(join(folder, 'ca.pem'), healthy.ca ?? '');
    const target = { name: 'orders', credentials: { env: 'ORDERS' }, ca: { file: 'ca.pem' } };
    await writeFile(join(folder, 'auditor.config.json'), JSON.stringify({ targets: [target] }));
  });
  afterAll(async () => {
    await healthy?.[Symbol.asyncDispose]();
    await insecure?.[Symbol.asyncDispose]();
    await temporary?.[Symbol.asyncDispose]();
  });

  const password = (server: PostgresServer): string => server.connectionConfig('tls_auditor').password ?? '';
  const urlOf = ({ host, port }: PostgresServer): string => `postgres://tls_auditor@${host}:${port}/postgres`;
  const loginOf = (server: PostgresServer): string => urlOf(server).replace('@', `:${password(server)}@`);
  /** Servers by what the audit of each ends with. */
  const logins = (): readonly (readonly [code: string, login: string])[] => [
    ['0', loginOf(healthy)],
    ['1', loginOf(insecure)],
    ['2', loginOf(healthy).replace(/:\d+\//, ':1/')],
  ];

  /** As the runners of GitHub and GitLab start a script. */
  function shell(script: string, env: Readonly<Record<string, string>>): Promise<Outcome> {
    return runAs(node, ['bash', '-e', '-o', 'pipefail', '-c', script], { cwd: folder, env });
  }

  test('for code scanning uploads what was fully audited, and fails as the audit does', async () => {
    for (const [code, login] of logins()) {
      const output = join(folder, `output-${code}`);
      const audit = await shell(step(SCANNING, 'Audit').run ?? '', { GITHUB_OUTPUT: output, ORDERS: login });
      expect([code, audit.exitCode, await readFile(output, 'utf8')]).toEqual([code, 0, `code=${code}\n`]);
      const condition = step(SCANNING, 'Upload').if ?? '';
      const isUploaded = condition.split(' || ').includes(`steps.audit.outputs.code == '${code}'`);
      expect([code, isUploaded]).toEqual([code, code !== '2']);
      const [run] = (JSON.parse(await readFile(join(folder, 'pg-tls.sarif'), 'utf8')) as Log).runs;
      expect([code, run?.invocations?.[0]?.executionSuccessful]).toEqual([code, code !== '2']);
      const isFound = run?.results?.some(({ level }) => level === 'error' || level === 'warning');
      // What could not be audited is a result too.
      expect([code, isFound]).toEqual([code, code !== '0']);
      const result = await shell(step(SCANNING, 'Result').run ?? '', { CODE: code });
      expect(result.exitCode).toBe(Number(code));
    }
    // Where the step itself failed, it named no code.
    expect((await shell(step(SCANNING, 'Result').run ?? '', { CODE: '' })).exitCode).toBe(2);
  });

  test('before a merge writes a summary, and fails as the audit does', async () => {
    const summary = join(folder, 'summary.md');
    const { run = '' } = step('examples/ci/github-pre-merge.yml', 'Audit');
    for (const [code, server] of [
      [0, healthy],
      [1, insecure],
    ] as const) {
      const env = { GITHUB_STEP_SUMMARY: summary, STAGING_URL: urlOf(server), PGPASSWORD: password(server) };
      expect([(await shell(run, env)).exitCode, code]).toEqual([code, code]);
    }
    expect(await readFile(summary, 'utf8')).toContain('plaintext');
  });

  test('for GitLab has a report of each audit, and fails as the audit does', async () => {
    for (const [code, login] of logins()) {
      const { exitCode } = await shell(gitlabScript(), { ORDERS: login });
      expect(exitCode).toBe(Number(code));
      const report = await readFile(join(folder, 'pg-tls.xml'), 'utf8');
      expect([code, report.startsWith('<?xml'), /<(failure|error)/.test(report)]).toEqual([code, true, code !== '0']);
    }
  });

  test('for Kubernetes audits with its mounted files, and keeps its state in the table', async () => {
    const mounts = join(folder, 'mounts');
    await using dynamodb = await startDynamoDb({ tableName: 'pg-tls-auditor' });
    const mounted = (text: string): string =>
      text.replaceAll('/run/secrets', `${mounts}/secrets`).replaceAll('/etc/pg-tls-auditor', `${mounts}/config`);
    await mkdir(join(mounts, 'config'), { recursive: true });
    await mkdir(join(mounts, 'secrets', 'pg-tls-auditor'), { recursive: true });
    for (const [name, text] of Object.entries({ ...configMap(), 'ca.pem': healthy.ca ?? '' })) {
      await writeFile(join(mounts, 'config', name), mounted(text));
    }
    const secret = join(mounts, 'secrets', 'pg-tls-auditor', 'orders');
    await writeFile(secret, loginOf(healthy));
    // With fsGroup, the files of a secret are root's, and those of a group: only root can make such.
    await chmod(secret, serverAccount === undefined ? 0o400 : 0o440);
    if (serverAccount !== undefined) await chown(secret, 0, serverAccount.gid);

    const [container] = cronJob().spec.jobTemplate.spec.template.spec.containers;
    const args = (container?.args ?? []).map(mounted);
    for (const turn of ['first', 'second']) {
      const outcome = await runAs(node, ['node_modules/.bin/pg-tls-auditor', ...args, '--format', 'json'], {
        cwd: folder,
        env: dynamodb.environment(),
      });
      expect([turn, outcome.exitCode, outcome.stderr]).toEqual([turn, 0, '']);
      expect(JSON.parse(outcome.stdout)).toMatchObject({ state: 'kept', targets: [{ name: 'orders' }] });
    }
    expect(await dynamodb.items()).not.toEqual([]);
  });
});
