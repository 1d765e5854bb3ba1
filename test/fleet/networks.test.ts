// Workers of several networks: each audits what it reaches, what none reaches is a finding, and there is one digest.

import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { bodyFor, type PublishedMessage } from '../../lab/aws.ts';
import type { StoredObject } from '../../lab/aws-s3.ts';
import { rdsSecret } from '../../lab/collector.ts';
import { type FleetLab, startFleetLab } from '../../lab/fleet-lab.ts';
import { type FunctionLab, startFunctionLab } from '../../lab/function-lab.ts';
import { healthyServer } from '../../lab/healthy-server.ts';
import { HAS_NAMESPACES, startNetwork } from '../../lab/network-namespace.ts';
import { type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { type ConfigInput, parseConfig } from '../../lambda/config/index.ts';
import { assign } from '../../lambda/fleet/assignment.ts';
import { known } from '../../lambda/model/observed.ts';
import type { Target } from '../../lambda/model/target.ts';
import type { Report } from '../../lambda/report/schema.ts';
import type { TargetSourceFactory } from '../../lambda/targets/index.ts';

if (!HAS_NAMESPACES) process.stderr.write('network namespaces skipped: unshare and ip set none up here\n');

const CONFIG: ConfigInput = {
  alerts: { email: ['dba@example.com'], minSeverity: 'high' },
  defaults: { ca: { secret: 'ca' } },
  deployment: { fleet: { batch: 3 }, account: '123456789012', region: 'eu-west-1' },
  networks: { prod: {}, partners: {} },
  satellites: { emea: { account: '111122223333', region: 'eu-central-1' } },
  targets: [
    { name: 'orders', secret: 'prod/orders', network: 'prod' },
    { name: 'ledger', secret: 'partners/ledger', network: 'partners' },
    // Its address leads somewhere in another network only.
    { name: 'strayed', secret: 'prod/orders', network: 'partners' },
    { name: 'far', secret: 'prod/orders', network: 'emea' },
    { name: 'nameless', secret: 'prod/orders' },
  ],
};

let prod: PostgresServer;
let partners: PostgresServer;
let lab: FunctionLab;
let fleet: FleetLab;

beforeAll(async () => {
  const { write } = process.stdout;
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk: unknown, ...rest: unknown[]) =>
    String(chunk).startsWith('{') ? true : write.call(process.stdout, chunk as string, ...(rest as [])),
  );
  [prod, partners] = await Promise.all([startPostgres(healthyServer()), startPostgres(healthyServer())]);
  lab = await startFunctionLab({
    secrets: {
      'prod/orders': rdsSecret(prod),
      'partners/ledger': rdsSecret(partners),
      ca: `${prod.ca}\n${partners.ca}`,
    },
  });
  lab.setEnvironment({ EVIDENCE_BUCKET: lab.aws.bucket });
  await lab.configure(CONFIG);
  fleet = await startFleetLab(lab, CONFIG);
});
afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  await Promise.all([prod, partners].map((server) => server[Symbol.asyncDispose]()));
});
beforeEach(async () => {
  await lab.useTable();
});

/** The report of an execution, from the bucket. */
function reportOf(output: unknown): Report {
  const { report } = output as { readonly report: { readonly key: string } };
  const stored = lab.aws.objects.find(({ key }) => key === report.key);
  return JSON.parse(String(gunzipSync(stored?.body ?? ''))) as Report;
}

/** A target that discovery found, whose tag names a network that there is not. */
const discovered: TargetSourceFactory = (config) => async () =>
  known([{ ...(config.targets[0] as Target), name: 'tagged', network: 'dmz' }]);
const configured: TargetSourceFactory = (config) => async () => known(config.targets);

test('a target that no network reaches is a finding with the fix, and each other one is audited by its own worker', async () => {
  const { output, error, published, calls } = await fleet.execute({
    at: new Date(),
    sources: [configured, discovered],
  });
  expect(error).toBeUndefined();
  const batches = calls.filter(({ state }) => state.startsWith('Audit by')).map(({ state }) => state);
  expect(batches.sort()).toEqual(['Audit by emea', 'Audit by partners', 'Audit by prod']);
  const report = reportOf(output);
  expect(Object.fromEntries(report.targets.map(({ name, verdict }) => [name, verdict]))).toEqual({
    orders: 'clean',
    ledger: 'clean',
    strayed: 'clean',
    far: 'clean',
    nameless: 'not-audited',
    tagged: 'not-audited',
  });
  const causes = report.findings.map(({ target, evidence, remedy }) => [target, evidence?.cause, remedy]);
  expect(causes.sort()).toEqual([
    [
      'nameless',
      'network-unknown',
      expect.stringMatching(/"network".* "prod", "partners", "emea"; or set deployment\.vpc/),
    ],
    ['tagged', 'network-unknown', expect.stringMatching(/add the network under "networks"/)],
  ]);
  expect(published).toHaveLength(1);
  expect(bodyFor(published[0] as PublishedMessage, 'email')).toContain('nameless');
});

test('without a fleet, a target that its function does not reach is the same finding', async () => {
  const [orders] = CONFIG.targets ?? [];
  for (const networks of [{}, { prod: {} }]) {
    const { deployment: _, satellites: __, ...rest } = CONFIG;
    const target = { ...orders, name: 'orders', network: 'prod' in networks ? 'prod' : undefined };
    await lab.configure({ ...rest, networks, targets: [target] } as ConfigInput);
    await lab.useTable();
    const { report, published } = await lab.invoke({ at: new Date(), sources: [configured, discovered] });
    await lab.configure(CONFIG);
    expect(report?.targets.map(({ name, verdict }) => [name, verdict])).toEqual([
      ['orders', 'clean'],
      ['tagged', 'not-audited'],
    ]);
    expect(
      report?.findings.map(({ target: name, severity, evidence, remedy }) => [name, severity, evidence, remedy]),
    ).toEqual([
      [
        'tagged',
        'high',
        expect.objectContaining({
          cause: 'network-unknown',
          what: expect.stringContaining('It names the network "dmz", and there is none of that name'),
        }),
        expect.stringMatching(/dd the network under "networks"/),
      ],
    ]);
    expect(published).toHaveLength(1);
    expect(bodyFor(published[0] as PublishedMessage, 'email')).toContain('tagged');
  }
});

test('a worker is handed the targets of its own network only', () => {
  const config = parseConfig(CONFIG, { use: 'deployment' });
  const { slices, unassigned } = assign(config.targets, ['prod', 'partners', 'emea'], config);
  expect(slices.map(({ worker, targets }) => [worker, targets.map(({ name }) => name)])).toEqual([
    ['prod', ['orders']],
    ['partners', ['ledger', 'strayed']],
    ['emea', ['far']],
  ]);
  expect(unassigned.map(({ target }) => target.name)).toEqual(['nameless']);
});

test('a satellite logs in to databases of its own account itself', () => {
  const config = parseConfig(CONFIG, { use: 'deployment' });
  const [first] = config.targets;
  const withRole = (account: string): Target => ({
    ...(first as Target),
    network: 'emea',
    credentials: { iam: { role: 'a', assumedRole: { roleArn: `arn:aws:iam::${account}:role/reader` } } },
  });
  const { slices } = assign([withRole('111122223333'), withRole('999999999999')], ['emea'], config);
  expect(slices[0]?.targets.map(({ credentials }) => credentials)).toEqual([
    { iam: { role: 'a' } },
    { iam: { role: 'a', assumedRole: { roleArn: 'arn:aws:iam::999999999999:role/reader' } } },
  ]);
});

test('a satellite that answers for a target of another network speaks for none: its own is not audited', async () => {
  const { output } = await fleet.execute({
    at: new Date(),
    calls: {
      'Audit by emea': async (input) => {
        // It writes what another worker found, under its own name.
        const { run } = input as { readonly run: string };
        const other = `runs/prod/${run}/parts/0-1.json.gz`;
        const objects = lab.aws.objects as StoredObject[];
        await vi.waitFor(() => expect(objects.map(({ key }) => key)).toContain(other), 20_000);
        const part = objects.find(({ key }) => key === other) as StoredObject;
        objects.push({ ...part, key: `runs/emea/${run}/parts/0-1.json.gz` });
        return { targets: 1, notAudited: 0, findings: 0 };
      },
    },
  });
  const report = reportOf(output);
  const verdicts = Object.fromEntries(report.targets.map(({ name, verdict }) => [name, verdict]));
  expect(verdicts).toMatchObject({ orders: 'clean', far: 'not-audited' });
  const finding = report.findings.find(({ target }) => target === 'far');
  expect(finding?.evidence).toMatchObject({
    cause: 'worker-failed',
    what: expect.stringContaining('it is of other targets than its own'),
  });
});

test.runIf(HAS_NAMESPACES)(
  'two networks that do not see each other: two workers reach their own PostgreSQL only, and one digest says so',
  async () => {
    const aws = Number(new URL(lab.aws.url).port);
    const portOf = (server: PostgresServer): number => server.connectionConfig().port;
    await using inProd = await startNetwork([aws, portOf(prod)]);
    await using inPartners = await startNetwork([aws, portOf(partners)]);
    const variables = {
      ...lab.aws.environment(),
      AUDITOR_CONFIG_FILE: process.env.AUDITOR_CONFIG_FILE,
      EVIDENCE_BUCKET: lab.aws.bucket,
    };
    const { output, error, published } = await fleet.execute({
      at: new Date(),
      calls: {
        'Audit by prod': (input) => inProd.audit(input, variables),
        'Audit by partners': (input) => inPartners.audit(input, variables),
      },
    });
    expect(error).toBeUndefined();
    const report = reportOf(output);
    expect(Object.fromEntries(report.targets.map(({ name, verdict }) => [name, verdict]))).toMatchObject({
      orders: 'clean',
      ledger: 'clean',
      strayed: 'not-audited',
    });
    const strayed = report.findings.find(({ target }) => target === 'strayed');
    expect(strayed?.evidence).toMatchObject({ cause: 'connection-refused' });
    expect(published).toHaveLength(1);
  },
);
