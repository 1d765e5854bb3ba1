// `audit --format`: every format comes out of the real program whole, with the exit code it always has.

import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asffFindingSchema } from '../../lab/aws-security-hub.ts';
import { blackHole, type FaultyServer } from '../../lab/faulty-servers.ts';
import { healthyServer, LOOPBACK_PLAINTEXT_HBA } from '../../lab/healthy-server.ts';
import { type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { type ClientSession, openSession } from '../../lab/sessions.ts';
import { readJunit } from '../report/exports/junit-schema.ts';
import { complianceFindingSchema } from '../report/exports/ocsf-schema.ts';
import { sarifLogSchema } from '../report/exports/sarif-schema.ts';
import { command, type Outcome } from './command.ts';

let server: PostgresServer;
let client: ClientSession;
let exclusion: FaultyServer;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-formats-'));
  server = await startPostgres(healthyServer({ hba: LOOPBACK_PLAINTEXT_HBA }));
  client = await openSession(server, { kind: 'plaintext', role: 'app', applicationName: 'checkout' });
  exclusion = await blackHole();
  await writeFile(join(folder, 'ca.pem'), server.ca ?? '');
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await exclusion[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8')) as {
  version: string;
};

function auditAs(
  format: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const url = `postgres://tls_auditor@${server.host}:${server.port}/postgres`;
  return command(['audit', '--url', url, '--ca', 'ca.pem', '--loopback', 'network', '--format', format, ...args], {
    env: { PGPASSWORD: server.connectionConfig('tls_auditor').password, ...env },
    cwd: folder,
  });
}

describe('--format', () => {
  test('ocsf is one compliance finding for each, of this auditor', async () => {
    const { exitCode, stdout, stderr } = await auditAs('ocsf');
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' });
    const events = JSON.parse(stdout) as { metadata: { product: { version: string } } }[];
    expect(events.length).toBeGreaterThan(0);
    for (const event of events) {
      expect(complianceFindingSchema.safeParse(event).error).toBeUndefined();
      expect(event.metadata.product.version).toBe(version);
    }
  });

  test('sarif is one log that names the findings by the ids of their checks', async () => {
    const { exitCode, stdout } = await auditAs('sarif');
    const [run] = sarifLogSchema.parse(JSON.parse(stdout)).runs;
    expect(exitCode).toBe(1);
    expect(run?.results.map(({ ruleId }) => ruleId)).toContain('plaintext-session');
  });

  test.each([
    ['medium', 1, true],
    ['critical', 0, false],
  ])('junit fails where --fail-on %s does', async (failOn, expected, fails) => {
    const { exitCode, stdout } = await auditAs('junit', ['--fail-on', failOn]);
    expect(exitCode).toBe(expected);
    expect(() => readJunit(stdout)).not.toThrow();
    expect(/<failure /.test(stdout)).toBe(fails);
  });

  test('markdown has the finding, and no escape of a terminal', async () => {
    const { exitCode, stdout } = await auditAs('markdown', [], { FORCE_COLOR: '1' });
    expect(exitCode).toBe(1);
    expect(stdout).toContain('plaintext-session');
    expect(stdout).not.toContain('\x1b');
  });

  test.each([
    ['--aws-account and AWS_REGION', ['--aws-account', '123456789012'], { AWS_REGION: 'eu-west-1' }],
    ['the environment', [], { AWS_ACCOUNT_ID: '123456789012', AWS_DEFAULT_REGION: 'eu-west-1' }],
    [
      '--aws-account rather than AWS_ACCOUNT_ID',
      ['--aws-account', '123456789012'],
      { AWS_ACCOUNT_ID: '999999999999', AWS_REGION: 'eu-west-1', AWS_DEFAULT_REGION: 'us-east-1' },
    ],
  ])('asff is a list of findings of the account and region that are given by %s', async (_, args, env) => {
    const { exitCode, stdout } = await auditAs('asff', args, env);
    const findings = JSON.parse(stdout) as { AwsAccountId: string; ProductArn: string }[];
    expect(exitCode).toBe(1);
    expect(findings.length).toBeGreaterThan(0);
    for (const finding of findings) {
      expect(asffFindingSchema.safeParse(finding).error).toBeUndefined();
      expect(finding.AwsAccountId).toBe('123456789012');
      expect(finding.ProductArn).toMatch(/^arn:aws:securityhub:eu-west-1:/);
    }
  });

  test.each(['ocsf', 'sarif', 'junit', 'markdown'])('%s of a server that was not seen exits with 2', async (format) => {
    const { exitCode, stdout } = await command(
      ['audit', '--url', `postgres://u@${exclusion.host}:${exclusion.port}`, '--timeout', '1', '--format', format],
      { env: { PGPASSWORD: 'x' }, cwd: folder },
    );
    expect(exitCode).toBe(2);
    expect(stdout).toMatch(/not-audited|not audited|timed-out/i);
  });

  test('that lacks what it needs, or is given what it does not use, is reported before anything is audited', async () => {
    const url = `postgres://u@${exclusion.host}:${exclusion.port}`;
    const before = exclusion.connections.length;
    const complain = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> =>
      command(['audit', '--url', url, ...args], { env: { PGPASSWORD: 'x', ...env }, cwd: folder });
    const outcomes = await Promise.all([
      complain(['--format', 'asff'], { AWS_REGION: 'eu-west-1', AWS_ACCOUNT_ID: '' }),
      complain(['--format', 'asff', '--aws-account', '123456789012']),
      complain(['--format', 'asff', '--aws-account', '1234'], { AWS_REGION: 'eu-west-1' }),
      complain(['--aws-account', '123456789012']),
    ]);
    const sources =
      'The account is taken from --aws-account or AWS_ACCOUNT_ID, the region from AWS_REGION or AWS_DEFAULT_REGION';
    expect(outcomes.map(({ exitCode, stdout }) => [exitCode, stdout])).toEqual(outcomes.map(() => [2, '']));
    expect(outcomes.map(({ stderr }) => stderr)).toEqual([
      `error: --format asff: the AWS account must be 12 digits, and none was given. ${sources}\n`,
      `error: --format asff: the AWS region must be one such as eu-west-1, and none was given. ${sources}\n`,
      `error: --format asff: the AWS account must be 12 digits, and "1234" was given. ${sources}\n`,
      'error: --aws-account can only be used with --format asff, which names the account, not with table\n',
    ]);
    expect(exclusion.connections).toHaveLength(before);
  });
});
