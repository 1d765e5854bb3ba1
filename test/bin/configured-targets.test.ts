// `audit --config`: the targets of a configuration file, with their secrets at a local AWS endpoint.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type AwsEndpoint, startAwsEndpoint } from '../../lab/aws.ts';
import { rdsSecret } from '../../lab/collector.ts';
import { blackHole } from '../../lab/faulty-servers.ts';
import { healthyServer, LOOPBACK_PLAINTEXT_HBA } from '../../lab/healthy-server.ts';
import { type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { openSession } from '../../lab/sessions.ts';
import type { ConfigInput } from '../../lambda/config/index.ts';
import { type Report, reportSchema } from '../../lambda/report/schema.ts';
import { type CommandOptions, command, type Outcome } from './command.ts';

let server: PostgresServer;
let aws: AwsEndpoint;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-config-'));
  server = await startPostgres(healthyServer({ hba: LOOPBACK_PLAINTEXT_HBA }));
  aws = await startAwsEndpoint({
    secrets: { 'prod/orders': rdsSecret(server), 'prod/billing': rdsSecret(server), 'shared/ca': server.ca ?? '' },
  });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await aws[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const FLEET: ConfigInput = {
  defaults: { ca: { secret: 'shared/ca' } },
  targets: [
    { name: 'orders', secret: 'prod/orders', labels: { team: 'shop' } },
    { name: 'billing', secret: 'prod/billing' },
    { name: 'ledger', secret: 'prod/ledger' },
  ],
};

async function auditWith(
  config: ConfigInput,
  args: readonly string[] = [],
  options: CommandOptions = {},
): Promise<Outcome & { readonly report: Report }> {
  const file = join(await mkdtemp(join(folder, 'run-')), 'auditor.config.json');
  await writeFile(file, JSON.stringify(config));
  const outcome = await command(['audit', '--config', file, '--format', 'json', ...args], {
    env: aws.environment(),
    ...options,
  });
  return { ...outcome, report: reportSchema.parse(JSON.parse(outcome.stdout)) };
}

const verdicts = ({ targets }: Report): Record<string, string> =>
  Object.fromEntries(targets.map(({ name, verdict }) => [name, verdict]));

describe('the targets of a configuration', () => {
  test('are all audited; one whose secret does not exist makes the exit code 2', async () => {
    const { exitCode, report, stderr } = await auditWith(FLEET);
    expect(exitCode).toBe(2);
    expect(verdicts(report)).toEqual({ orders: 'clean', billing: 'clean', ledger: 'not-audited' });
    expect(report.targets[0]?.labels).toEqual({ team: 'shop' });
    expect(report.targets[2]?.error?.cause).toBe('secret-not-found');
    expect(stderr).toBe('');
  });

  test('can be picked, each by its name', async () => {
    const before = aws.requests.length;
    const { exitCode, report } = await auditWith(FLEET, ['--target', 'billing', '--target', 'orders']);
    expect(exitCode).toBe(0);
    expect(verdicts(report)).toEqual({ orders: 'clean', billing: 'clean' });
    expect(aws.requests.slice(before).flatMap(({ secretIds }) => secretIds)).not.toContain('prod/ledger');
  });

  test('may have credentials in the environment, which PGPASSWORD does not touch', async () => {
    const { exitCode, report } = await auditWith(
      { ...FLEET, targets: [{ name: 'laptop', credentials: { env: 'LAPTOP_DSN' } }] },
      [],
      { env: { ...aws.environment(), LAPTOP_DSN: server.connectionString(), PGPASSWORD: 'wrong' } },
    );
    expect(report.targets[0]?.verdict).toBe('findings');
    expect(report.findings.map(({ check }) => check)).toEqual(['insecure-dsn-in-secret']);
    expect(exitCode).toBe(0);
  });

  test('are audited from here, whatever network they name; one that there is not is refused', async () => {
    const [orders, billing] = FLEET.targets ?? [];
    const networks = { prod: {}, partners: {} };
    const targets = [
      { ...orders, network: 'prod' },
      { ...billing, network: 'partners' },
    ] as ConfigInput['targets'];
    const config: ConfigInput = { ...FLEET, networks, deployment: { fleet: {} }, targets };
    const { exitCode, report } = await auditWith(config);
    expect(verdicts(report)).toEqual({ orders: 'clean', billing: 'clean' });
    expect(exitCode).toBe(0);
    const file = join(folder, 'no-network.json');
    await writeFile(file, JSON.stringify({ ...FLEET, targets: [{ ...orders, network: 'dmz' }] }));
    const refused = await command(['audit', '--config', file], { env: aws.environment() });
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain(
      'targets[0].network: there is none: add it under "networks", or remove the setting',
    );
  });

  test('may name files, which are found from where the configuration is', async () => {
    await mkdir(join(folder, 'conf', 'pki'), { recursive: true });
    await writeFile(join(folder, 'conf', 'pki', 'ca.pem'), server.ca ?? '');
    await writeFile(join(folder, 'conf', 'orders.json'), rdsSecret(server), { mode: 0o600 });
    const config: ConfigInput = {
      targets: [{ name: 'orders', credentials: { file: 'orders.json' }, ca: { file: './pki/ca.pem' } }],
    };
    await writeFile(join(folder, 'conf', 'auditor.config.json'), JSON.stringify(config));
    const fromElsewhere = await command(['audit', '--config', 'conf/auditor.config.json'], { cwd: folder });
    expect(fromElsewhere.stdout).toContain('all clear');
    const byDefault = await command(['audit'], { cwd: join(folder, 'conf') });
    expect(byDefault).toEqual(expect.objectContaining({ exitCode: 0, stderr: '' }));
  });

  test('are judged by the policy of the configuration, unless --loopback says otherwise', async () => {
    await using _client = await openSession(server, { kind: 'plaintext', role: 'app' });
    const config: ConfigInput = { ...FLEET, policy: { loopback: 'network' } };
    const [asConfigured, overridden] = await Promise.all([
      auditWith(config, ['--target', 'orders']),
      auditWith(config, ['--target', 'orders', '--loopback', 'ignore']),
    ]);
    expect([asConfigured.exitCode, overridden.exitCode]).toEqual([1, 0]);
    expect(overridden.report.policy.loopback).toBe('ignore');
  });

  test('are not audited without a region or credentials of AWS, and the report says what to set', async () => {
    const [noRegion, noCredentials] = await Promise.all([
      auditWith(FLEET, ['--target', 'orders'], { env: {} }),
      auditWith(FLEET, ['--target', 'orders'], { env: { AWS_REGION: 'eu-west-1', AWS_EC2_METADATA_DISABLED: 'true' } }),
    ]);
    expect([noRegion.exitCode, noCredentials.exitCode]).toEqual([2, 2]);
    expect(noRegion.report.targets[0]?.error?.remedy).toContain('AWS_REGION');
    expect(noCredentials.report.targets[0]?.error?.remedy).toContain('AWS_PROFILE');
  });
});

describe('an interrupted audit', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('reports at %s what it has, and exits with 2', async (signal) => {
    await using exclusion = await blackHole();
    const config: ConfigInput = {
      ...FLEET,
      // One after another: once the silent server has its connection, the first has been audited.
      concurrency: 1,
      targets: [
        { name: 'orders', secret: 'prod/orders' },
        { name: 'silent', secret: 'prod/billing', host: exclusion.host, port: exclusion.port, timeoutSeconds: 600 },
        { name: 'billing', secret: 'prod/billing' },
      ],
    };
    let pid = 0;
    const { exitCode, report, stderr } = await auditWith(config, [], {
      env: aws.environment(),
      onStart: (child) => {
        pid = child.pid ?? 0;
        void vi.waitFor(() => expect(exclusion.connections).toHaveLength(1), 20_000).then(() => child.kill(signal));
      },
    });
    expect(exitCode).toBe(2);
    expect(verdicts(report)).toEqual({ orders: 'clean', silent: 'not-audited', billing: 'not-audited' });
    expect(report.targets.map(({ error }) => error?.cause)).toEqual([undefined, 'interrupted', 'interrupted']);
    expect(stderr).toBe(
      `interrupted (${signal}): databases that are not done yet are reported as not audited; ` +
        'interrupt again to end at once\n',
    );
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});
