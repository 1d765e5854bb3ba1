// Runs of the function with a configuration in S3 or SSM: what they follow, and what people are notified of.

import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { bodyFor } from '../../lab/aws.ts';
import { rdsSecret } from '../../lab/collector.ts';
import { type FunctionLab, type InvocationOutcome, startFunctionLab } from '../../lab/function-lab.ts';
import { healthyServer } from '../../lab/healthy-server.ts';
import { AUDITOR, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import type { ConfigInput } from '../../lambda/config/index.ts';
import type { Report } from '../../lambda/report/schema.ts';

/** About now, as the certificates are valid. */
const START = Math.floor(Date.now() / 1_000) * 1_000;
const HOUR = 3_600_000;

const KEY = 'audit/config.json';
const NAME = '/audit/config';

const ORDERS = { name: 'orders', secret: 'prod/orders' };
const GOOD = {
  defaults: { ca: { secret: 'shared/ca' }, timeoutSeconds: 5 },
  targets: [ORDERS],
} satisfies ConfigInput;
const WITH_NEW = { ...GOOD, targets: [ORDERS, { ...ORDERS, name: 'new' }, { name: 'newer', secret: '' }] };

let server: PostgresServer;
let lab: FunctionLab;

beforeAll(async () => {
  server = await startPostgres(healthyServer({ roles: [AUDITOR] }));
});

afterAll(() => server[Symbol.asyncDispose]());

beforeEach(async () => {
  lab = await startFunctionLab({ secrets: { 'prod/orders': rdsSecret(server), 'shared/ca': server.ca ?? '' } });
  await lab.useTable();
  lab.setEnvironment({ EVIDENCE_BUCKET: lab.aws.bucket });
  // What the deployment was made from: it names no target.
  await lab.configure({ deployment: { memoryMiB: 512 } });
});

afterEach(() => lab[Symbol.asyncDispose]());

/** The report is that of the archive: the answer of a run that failed has none. */
async function runAt(hours: number, event?: unknown): Promise<InvocationOutcome & { readonly archived: Report }> {
  const outcome = await lab.invoke({
    at: new Date(START + hours * HOUR),
    ...(event === undefined ? {} : { event }),
  });
  const last = lab.aws.objects.findLast(({ key }) => key.endsWith('.json.gz'));
  return { ...outcome, archived: last === undefined ? undefined : JSON.parse(gunzipSync(last.body).toString()) };
}

function mailOf({ published }: InvocationOutcome): string {
  return published.map((message) => bodyFor(message, 'email')).join('\n');
}

test('an object in S3 that breaks: the last good one is followed, people are notified, and it ends when it is repaired', async () => {
  lab.setEnvironment({ AUDITOR_CONFIG_LOCATION: `s3://${lab.aws.bucket}/${KEY}` });
  lab.aws.putObject(KEY, JSON.stringify(GOOD));
  const first = await runAt(0);
  expect(first.report?.targets.map(({ name, verdict }) => [name, verdict])).toEqual([['orders', 'clean']]);
  expect([first.report?.findings, first.report?.warnings]).toEqual([[], undefined]);

  lab.aws.putObject(KEY, JSON.stringify(WITH_NEW));
  // Another execution environment: it knows what the table has.
  await lab.restart();
  const broken = await runAt(2);
  expect(broken.error?.name).toBe('TargetSourceError');
  expect(broken.archived.targets.map(({ name, verdict }) => [name, verdict])).toEqual([['orders', 'clean']]);
  const what = expect.stringMatching(/audit\/config\.json .*targets\[2\]\.secret: must not be empty/);
  expect(broken.archived.findings).toMatchObject([
    {
      check: 'configuration-not-in-effect',
      severity: 'high',
      evidence: { what, lastGood: new Date(START).toISOString(), notAudited: 'new, newer' },
    },
  ]);
  expect(broken.archived.warnings).toMatchObject([{ id: 'targets-unknown', message: what }]);
  expect(mailOf(broken)).toMatch(/The configuration is not in effect/);
  expect(mailOf(broken)).toMatch(/new, newer/);

  const one = await runAt(2, { targets: ['orders'], notify: false });
  expect(one.report?.warnings).toMatchObject([{ id: 'targets-unknown', message: expect.stringMatching('new, newer') }]);
  const { refusal } = await runAt(2, { targets: ['new'], notify: false });
  expect(JSON.stringify(refusal)).toMatch(/It is not known whether there is a target named/);

  expect((await runAt(76)).archived.findings).toMatchObject([{ severity: 'critical' }]);

  lab.aws.putObject(KEY, JSON.stringify({ ...GOOD, targets: [ORDERS, { ...ORDERS, name: 'new' }] }));
  const repaired = await runAt(77);
  expect(repaired.report?.targets.map(({ name }) => name)).toEqual(['orders', 'new']);
  expect(repaired.report?.resolved).toMatchObject([{ check: 'configuration-not-in-effect' }]);
  expect(repaired.report?.warnings).toBeUndefined();
});

test('a parameter of SSM, and what only a deployment changes', async () => {
  lab.setEnvironment({
    AUDITOR_CONFIG_LOCATION: `ssm:${NAME}`,
    DEPLOYED_SETTINGS: '{"schedule":"rate(1 hour)","email":"dba@example.com"}',
  });
  const settings = {
    schedule: 'rate(5 minutes)',
    timezone: 'UTC',
    alerts: {
      email: ['dba@example.com'],
      routes: [{ name: 'shop', targets: ['orders'], email: ['shop@example.com'] }],
    },
    deployment: { memoryMiB: 512, state: 'none', securityHub: true },
  } satisfies Partial<ConfigInput>;
  lab.aws.ssm.set(NAME, JSON.stringify({ ...GOOD, ...settings }));
  const { report } = await runAt(0);
  expect(report?.targets.map(({ name, verdict }) => [name, verdict])).toEqual([['orders', 'clean']]);
  expect(report?.findings).toMatchObject([
    {
      check: 'configuration-not-in-effect',
      severity: 'medium',
      evidence: { settings: 'schedule, alerts.routes ("shop"), deployment.state, deployment.securityHub' },
    },
  ]);
  expect(lab.aws.count('BatchImportFindings')).toBe(0);
  expect(lab.aws.count('GetParameter')).toBe(1);
});

test('a configuration that was never good: the run fails, and says what to correct', async () => {
  lab.setEnvironment({ AUDITOR_CONFIG_LOCATION: `ssm:${NAME}` });
  lab.aws.ssm.set(NAME, JSON.stringify({ ...GOOD, policy: { minTlsVersion: 'TLSv1.1' } }));
  const { error, published } = await runAt(0);
  expect(error?.name).toBe('ConfigLocationError');
  expect(error?.message).toMatch(
    /No target was audited: .*policy\.minTlsVersion: must be one of .*; no earlier one is kept/,
  );
  expect(published).toEqual([]);
});
