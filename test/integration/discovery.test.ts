// One rule, no targets and no secret of a database: the function finds, audits and keeps apart what it knows.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, type MockInstance, test, vi } from 'vitest';
import { run } from '../../bin/command-line/run.ts';
import { rdsCluster, rdsInstance, rdsParameter } from '../../lab/aws-rds.ts';
import { type Authority, createAuthority } from '../../lab/certificates.ts';
import { rdsSecret } from '../../lab/collector.ts';
import { type FunctionLab, startFunctionLab } from '../../lab/function-lab.ts';
import { type IamServer, startIamServer } from '../../lab/iam-server.ts';
import { AUDITOR, majorsUnderTest, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import type { ConfigInput } from '../../lambda/config/index.ts';
import type { Report } from '../../lambda/report/schema.ts';

const [major = 18] = majorsUnderTest().toReversed();
const HERE = { account: '123456789012', region: 'eu-west-1' };
const START = Math.floor(Date.now() / 1_000) * 1_000;

let authority: Authority;
let server: PostgresServer;
let lab: FunctionLab;
let front: IamServer;
let logged: MockInstance<typeof console.log>;

beforeAll(async () => {
  authority = await createAuthority();
  server = await startPostgres({
    major,
    hba: ['local all tls_auditor trust', 'host all all all scram-sha-256'],
    roles: [{ name: 'tls_auditor', grants: ['pg_monitor'] }],
  });
});

afterAll(() => server[Symbol.asyncDispose]());

beforeEach(async () => {
  for (const stream of [process.stdout, process.stderr]) vi.spyOn(stream, 'write').mockReturnValue(true);
  logged = vi.spyOn(console, 'log').mockReturnValue();
  lab = await startFunctionLab({ secrets: { 'shared/rds-ca-eu-west-1': authority.certificatePem } });
  await lab.useTable();
  const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '' } = lab.aws.environment();
  const keys = { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY };
  front = await startIamServer(server, await authority.issue(), keys);
  const config: ConfigInput = {
    alerts: {
      email: ['dba@example.com'],
      resolveAfterHours: 0,
      routes: [
        { name: 'shop', labels: { team: 'shop' }, email: ['shop@example.com'] },
        { name: 'typo', targets: ['no-such-*'], email: ['typo@example.com'] },
      ],
    },
    discovery: [
      {
        rds: { regions: ['eu-west-1'] },
        credentials: 'iam',
        role: 'tls_auditor',
        ca: { secret: 'shared/rds-ca-${region}' },
        labels: { team: '${tag:team}' },
      },
    ],
  };
  await lab.configure(config);
  lab.setEnvironment({ ROUTE_TOPIC_ARN: lab.aws.topicArn });
});

afterEach(async () => {
  vi.restoreAllMocks();
  await front[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});

const endpoint = () => ({ Endpoint: { Address: front.host, Port: front.port } });
const orders = () => rdsInstance('orders', { ...endpoint(), tags: { team: 'shop' } });
const member = (id: string) =>
  rdsInstance(id, { ...endpoint(), Engine: 'aurora-postgresql', DBClusterIdentifier: 'shop' });
const invoke = async (hours: number) => await lab.invoke({ at: new Date(START + hours * 3_600_000) });
const audited = (report: Report | undefined): readonly string[] =>
  (report?.targets ?? []).filter(({ verdict }) => verdict !== 'not-audited').map(({ name }) => name);
const found = (report: Report | undefined, check: string): Report['findings'] =>
  (report?.findings ?? []).filter((finding) => finding.check === check);
const warning = (report: Report | undefined, id: string): string | undefined =>
  report?.warnings?.find((each) => each.id === id)?.message;

test('a tagged database is audited by IAM, a new one in the next run, and a member under its name in the cluster', async () => {
  lab.aws.rds.set(HERE, { instances: [orders()] });
  const first = await invoke(0);
  expect(first.error).toBeUndefined();
  expect(audited(first.report)).toEqual(['orders']);
  expect(first.report?.findings.map(({ check }) => check)).toContain('weak-ciphers-allowed');
  expect(front.logins.map(({ refusal }) => refusal)).toEqual([undefined]);
  expect(first.published.map(({ attributes }) => attributes.route?.value)).toContain('shop');
  // With discovery, what matches nothing is no reason to refuse a deployment. It is reported after a day.
  expect(warning(first.report, 'discovery')).toBeUndefined();

  const untagged = rdsInstance('legacy', { TagList: [] });
  lab.aws.rds.set(HERE, { instances: [orders(), member('shop-1'), untagged], clusters: [rdsCluster('shop')] });
  const second = await invoke(1);
  expect(second.error).toBeUndefined();
  expect(audited(second.report)).toEqual(['orders', 'shop/shop-1']);
  expect(found(first.report, 'database-not-covered')).toEqual([]);
  expect(found(second.report, 'database-not-covered')).toMatchObject([
    { target: 'rds:eu-west-1', severity: 'medium', evidence: { instance: 'legacy' }, lifecycle: { reason: 'new' } },
  ]);
  const fingerprints = (report: Report | undefined, target: string): readonly string[] =>
    (report?.findings ?? []).filter((finding) => finding.target === target).map(({ fingerprint }) => fingerprint);
  // After a failover the other member writes: each keeps its name and its findings.
  const third = await invoke(2);
  expect(fingerprints(third.report, 'shop/shop-1')).toEqual(fingerprints(second.report, 'shop/shop-1'));
  expect(fingerprints(second.report, 'shop/shop-1')).not.toEqual([]);
  const nextDay = await invoke(24);
  expect(warning(nextDay.report, 'discovery')).toContain('alerts.routes[1].targets[0] matches the name of no target');
});

test('several servers behind their endpoints: two of the own account by IAM, one of another by a secret there', async () => {
  await using second = await startPostgres({
    major,
    hba: ['local all tls_auditor trust', 'hostssl all all all scram-sha-256'],
    roles: [AUDITOR],
  });
  const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '' } = lab.aws.environment();
  const keys = { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY };
  await using otherFront = await startIamServer(second, await authority.issue(), keys);
  const shop = { account: '111122223333', region: 'eu-west-1' };
  const roleArn = `arn:aws:iam::${shop.account}:role/pg-tls-auditor-reader`;
  lab.aws.sts.roles = [{ arn: roleArn, externalId: 'auditor-7' }];
  lab.aws.setSecret('shared/rds-ca-eu-west-1', `${authority.certificatePem}\n${second.ca}`);
  lab.aws.setSecret('audit/crm', rdsSecret(second, 'tls_auditor'), shop);
  const rds = { regions: ['eu-west-1'] };
  const ca = { secret: 'shared/rds-ca-${region}' };
  await lab.configure({
    alerts: { email: ['dba@example.com'] },
    discovery: [
      { rds, credentials: 'iam', role: 'tls_auditor', ca },
      {
        rds: { ...rds, accounts: [{ roleArn, externalId: 'auditor-7' }] },
        credentials: { secret: 'audit/${instance}' },
        ca,
      },
    ],
  });
  const at = ({ host, port }: { readonly host: string; readonly port: number }) => ({
    Endpoint: { Address: host, Port: port },
  });
  lab.aws.rds.set(HERE, { instances: [orders(), rdsInstance('ledger', at(otherFront))] });
  lab.aws.rds.set(shop, { instances: [rdsInstance('crm', { ...shop, ...at(second) })] });
  const { report, error, published } = await invoke(0);
  expect(error).toBeUndefined();
  expect(audited(report).toSorted()).toEqual(['111122223333/crm', 'own/ledger', 'own/orders']);
  // A token is good for one endpoint: each server got its own.
  const tokens = [...front.logins, ...otherFront.logins];
  expect(tokens.map(({ refusal }) => refusal)).toEqual([undefined, undefined]);
  expect(new Set(tokens.map(({ token }) => token.split('/')[0])).size).toBe(2);
  // What was sent to servers, and the keys behind it, is in nothing that leaves the function.
  const shown = JSON.stringify([report, published, logged.mock.calls]);
  for (const { token } of tokens) {
    expect(shown).not.toContain(token);
    expect(shown).not.toContain(/X-Amz-Signature=(\w+)/.exec(token)?.[1]);
  }
  for (const secret of [second.connectionConfig('tls_auditor').password, 'not-a-token', 'not-a-secret']) {
    expect(shown).not.toContain(secret);
  }
  const readers = lab.aws.requests.filter(({ secretIds }) => secretIds.includes('audit/crm'));
  expect(new Set(readers.map(({ caller }) => caller.account))).toEqual(new Set([shop.account]));
});

test('what needs no login is found of a stopped database, and of one that does not answer, as the same findings', async () => {
  const group = { DBParameterGroupName: 'open', ParameterApplyStatus: 'in-sync' };
  const open = () => ({ ...orders(), DBParameterGroups: [group], PubliclyAccessible: true });
  const parameters = { open: [rdsParameter('rds.force_ssl', '0')] };
  const proxies = [{ DBProxyName: 'pool', EngineFamily: 'POSTGRESQL', RequireTLS: false }];
  lab.aws.rds.set(HERE, { instances: [{ ...open(), DBInstanceStatus: 'stopped' }], parameters, proxies });
  const stopped = await invoke(0);
  expect(stopped.report?.targets).toEqual([]);
  expect(found(stopped.report, 'plaintext-allowed')).toMatchObject([
    { target: 'orders', severity: 'high', evidence: { parameterGroup: 'open: 0 (user)', publiclyAccessible: true } },
  ]);
  expect(found(stopped.report, 'proxy-tls-not-required')).toMatchObject([{ target: 'rds:eu-west-1' }]);
  // The team of a database reads about it, and not about the proxies of the region.
  const toShop = stopped.published.filter(({ attributes }) => attributes.route?.value === 'shop');
  expect(toShop).toHaveLength(1);
  expect(JSON.stringify(toShop)).not.toContain('proxy-tls-not-required');

  // The server itself has no TLS: no login is tried.
  const nowhere = { ...open(), Endpoint: { Address: server.host, Port: server.port } };
  lab.aws.rds.set(HERE, { instances: [nowhere], parameters, proxies });
  const unreached = await invoke(1);
  expect(unreached.report?.targets).toMatchObject([{ name: 'orders', verdict: 'not-audited' }]);
  expect(found(unreached.report, 'plaintext-allowed')).toMatchObject([{ lifecycle: { reason: 'ongoing' } }]);
  expect(unreached.report?.resolved).toEqual([]);

  // The parameter group is read no more: what it said stays open.
  lab.aws.failNext('DescribeDBParameters', { code: 'AccessDenied', status: 403, times: 10 });
  const unread = await invoke(2);
  expect(unread.report?.resolved).toEqual([]);
  expect(unread.report?.carriedOver).toMatchObject([{ check: 'plaintext-allowed' }]);
});

test('a failed call resolves nothing: the list known before is audited for a day, and then nothing', async () => {
  lab.aws.rds.set(HERE, { instances: [orders(), member('shop-1')], clusters: [rdsCluster('shop')] });
  const before = await invoke(0);
  const open = before.report?.findings.length ?? 0;
  expect(open).toBeGreaterThan(0);

  lab.aws.rds.refuse(HERE, { code: 'AccessDenied', status: 403 });
  const refused = await invoke(12);
  expect(audited(refused.report)).toEqual([]);
  expect(refused.error?.message).toMatch(
    /Not all targets are known: the databases of eu-west-1 could not be listed \(AccessDenied\)/,
  );
  expect(front.logins).toHaveLength(4);

  const later = await invoke(40);
  expect(later.error?.message).toContain('is older than a day');
  expect(front.logins).toHaveLength(4);

  lab.aws.rds.refuse(HERE);
  const healed = await invoke(41);
  expect(healed.error).toBeUndefined();
  // A run that fails returns no report: the alert says it, once.
  expect(JSON.stringify(refused.published)).toMatch(/discovery-failed.*AccessDenied/);
  expect(JSON.stringify(later.published)).not.toMatch(/\d new/);
  expect(healed.report?.resolved).toMatchObject([{ check: 'discovery-failed', resolution: 'gone' }]);
  expect(healed.report?.findings.map(({ lifecycle }) => lifecycle?.reason)).not.toContain('new');
});

test('a stopped database keeps its findings, and one that is gone is closed as gone', async () => {
  lab.aws.rds.set(HERE, { instances: [orders()] });
  await invoke(0);
  lab.aws.rds.set(HERE, { instances: [{ ...orders(), DBInstanceStatus: 'stopped' }] });
  const stopped = await invoke(1);
  expect(stopped.error).toBeUndefined();
  expect(stopped.report?.targets).toEqual([]);
  expect(stopped.report?.resolved).toEqual([]);
  expect(stopped.report?.carriedOver).not.toEqual([]);
  lab.aws.rds.set(HERE, {});
  const gone = await invoke(2);
  expect(gone.error).toBeUndefined();
  expect(new Set(gone.report?.resolved?.map(({ resolution }) => resolution))).toEqual(new Set(['target-removed']));
});

test('audit --discover audits every PostgreSQL of a region without a configuration, by IAM', async () => {
  lab.aws.rds.set(HERE, { instances: [{ ...orders(), TagList: [] }] });
  const folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-discovery-'));
  const ca = join(folder, 'ca.pem');
  await writeFile(ca, authority.certificatePem);
  let output = '';
  vi.mocked(process.stdout.write).mockImplementation((text, ...rest) => {
    output += String(text);
    for (const done of rest) if (typeof done === 'function') (done as () => void)();
    return true;
  });
  try {
    await run(['audit', '--discover', '--region', 'eu-west-1', '--ca', ca, '--format', 'json']);
  } finally {
    await rm(folder, { recursive: true });
  }
  const report = JSON.parse(output) as Report;
  expect(audited(report)).toEqual(['orders']);
  // One to audit, and one to learn how its log is written.
  expect(front.logins.map(({ refusal }) => refusal)).toEqual([undefined, undefined]);
});
