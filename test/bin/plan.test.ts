// `plan`: made of what real audits of a real server keep.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rdsSecret } from '../../lab/collector.ts';
import { healthyServer, LOOPBACK_PLAINTEXT_HBA } from '../../lab/healthy-server.ts';
import { type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { openSession } from '../../lab/sessions.ts';
import { type PlanDocument, planJsonSchema, planSchema } from '../../lambda/enforcement/schema.ts';
import { command } from './command.ts';

let server: PostgresServer;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-plan-'));
  server = await startPostgres(
    healthyServer({ hba: [...LOOPBACK_PLAINTEXT_HBA, 'host all all 192.0.2.0/24 scram-sha-256'] }),
  );
  await writeFile(join(folder, 'ca.pem'), server.ca ?? '');
  await writeFile(join(folder, 'login.json'), rdsSecret(server), { mode: 0o600 });
  const target = { name: 'orders', credentials: { file: 'login.json' }, ca: { file: 'ca.pem' } };
  await writeFile(join(folder, 'auditor.config.json'), JSON.stringify({ targets: [target] }));
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function planAsJson(): Promise<PlanDocument> {
  const { stdout, stderr } = await command(['plan', '--state', 'state.json', '--format', 'json'], { cwd: folder });
  expect(stderr).toBe('');
  return planSchema.parse(JSON.parse(stdout));
}

test('audits keep clients, and the plan knows them, its rules, and what it does not know', async () => {
  {
    await using _ = await openSession(server, { kind: 'tlsv1.3', role: 'app', applicationName: 'psql' });
    const { exitCode, stderr } = await command(['audit', '--state', 'state.json'], { cwd: folder });
    expect([exitCode, stderr]).toEqual([expect.any(Number), expect.not.stringContaining('error')]);
  }
  const document = await planAsJson();
  const validate = new Ajv2020({ strict: false, formats: { 'date-time': true } }).compile(planJsonSchema());
  expect(validate(document), JSON.stringify(validate.errors)).toBe(true);
  const [target] = document.targets;
  expect(target).toMatchObject({
    name: 'orders',
    readiness: 'unknown',
    platform: 'self-managed',
    clients: [expect.objectContaining({ role: 'app', breaks: false, driver: expect.stringContaining('psql') })],
  });
  expect(target?.reasons.join()).toContain('snapshots only');
  const commands = target?.steps.flatMap((step) => step.commands).join('\n') ?? '';
  expect(commands).toContain('sed -E');
  expect(commands).toContain('hostssl');
});

test('in every format, with exit code 1 where a target is not ready', async () => {
  for (const format of ['table', 'markdown']) {
    const { exitCode, stdout } = await command(['plan', '--state', 'state.json', '--format', format], { cwd: folder });
    expect(exitCode).toBe(1);
    expect(stdout).toContain('orders');
    expect(stdout).toContain('snapshots only');
  }
});

test.each([
  [['plan'], /needs --state/],
  [['plan', '--state', 'other.json'], /no record of a run/],
  [['plan', '--state', 'state.json', '--target', 'billing'], /no target named "billing"/],
  [['plan', '--state', 'state.json', '--days', '0'], /1 to 90/],
] as const)('%j is refused', async (args, message) => {
  const { exitCode, stderr } = await command(args, { cwd: folder });
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(message);
});
